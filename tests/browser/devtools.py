"""Chromium's own automation protocol, DevTools: JSON over a pair of pipes. No driver binary and no port is needed."""

import json
import os
import selectors
import time
from contextlib import suppress
from typing import Any

from tests.browser.browser import BrowserError

Message = dict[str, Any]


class DevTools:
    """One connection over two pipes' ends; `timeout` (s) is how long a single answer may take."""

    def __init__(self, read_fd: int, write_fd: int, timeout: float = 60) -> None:
        self._read_fd = read_fd
        self._write = os.fdopen(write_fd, "wb")
        self._timeout = timeout
        # Not select(): this process may have over a thousand files open.
        self._readable = selectors.DefaultSelector()
        self._readable.register(read_fd, selectors.EVENT_READ)
        self._number = 0
        self._unread = b""
        self._events: list[Message] = []

    def command(self, method: str, session: str | None = None, **parameters: object) -> dict[str, Any]:
        """Run one command, in the session of a tab or of the whole browser; raises BrowserError when it is refused."""
        self._number += 1
        message: Message = {"id": self._number, "method": method, "params": parameters}
        if session is not None:
            message["sessionId"] = session
        self._write.write(json.dumps(message).encode() + b"\0")
        self._write.flush()
        end = time.monotonic() + self._timeout
        while (answer := self._receive(end)) is None or answer.get("id") != self._number:
            if answer is None:
                raise BrowserError(f"{method}: no answer within {self._timeout:g} s")
            self._note(answer)
        if "error" in answer:
            raise BrowserError(f"{method}: {answer['error']['message']}")
        result: dict[str, Any] = answer["result"]
        return result

    def events(self) -> list[Message]:
        """What has happened since `forget_events`, oldest first."""
        while (message := self._receive(0)) is not None:
            self._note(message)
        return list(self._events)

    def forget_events(self) -> None:
        """What has happened so far is of no interest any longer."""
        self.events()
        self._events.clear()

    def wait_for_event(self, method: str, **parameters: object) -> None:
        """Wait for an event with these parameters; one that is noted already will do."""
        end = time.monotonic() + self._timeout
        checked = 0
        while True:
            for event in self._events[checked:]:
                if event["method"] == method and parameters.items() <= event["params"].items():
                    return
            checked = len(self._events)
            message = self._receive(end)
            if message is None:
                raise BrowserError(f"no {method} within {self._timeout:g} s")
            self._note(message)

    def close(self) -> None:
        with suppress(OSError):
            self._write.close()
        self._readable.close()
        os.close(self._read_fd)

    def _note(self, message: Message) -> None:
        # Anything else is the late answer to a command that was given up.
        if "method" in message:
            self._events.append(message)

    def _receive(self, end: float) -> Message | None:
        """The next message; None when there is none before `end` on the monotonic clock."""
        while b"\0" not in self._unread:
            if not self._readable.select(max(0.0, end - time.monotonic())):
                return None
            received = os.read(self._read_fd, 65536)
            if not received:
                raise BrowserError("Chromium closed the connection")
            self._unread += received
        message, _, self._unread = self._unread.partition(b"\0")
        parsed: Message = json.loads(message)
        return parsed
