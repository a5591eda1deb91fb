"""Firefox's own automation protocol, Marionette: JSON with a length in front, over TCP. No driver binary is needed."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from tests.browser.browser import BrowserError, ScriptError

# Wrapped round asynchronous scripts: `args` in front, the promise's result or its failure handed back.
_ASYNC = """
const args = Array.from(arguments);
const answer = args.pop();
(async () => { %s })().then(
  (value) => answer({value: value ?? null}),
  ({name, code = null, message}) => answer({error: {name, code, message}}),
);
"""


class Marionette:
    """One session. `timeout` (s) is how long a single answer may take."""

    def __init__(self, port: int, timeout: float = 60) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=timeout)
        self._unread = b""
        self._number = 0
        self._receive()  # it introduces itself first

    def command(self, name: str, **parameters: object) -> object:
        """Run one command; raises BrowserError when Firefox refuses it."""
        self._number += 1
        message = json.dumps([0, self._number, name, parameters]).encode()
        self._socket.sendall(b"%d:%s" % (len(message), message))
        while True:
            answer = self._receive()
            if isinstance(answer, list) and answer[1] == self._number:
                break
        _, _, error, result = answer
        if error:
            raise BrowserError(f"{name}: {error['error']}: {error['message']}")
        return result.get("value", result) if isinstance(result, dict) else result

    def open_session(self) -> None:
        """Begin; scripts and page loads may take 40 s each."""
        self.command("WebDriver:NewSession", capabilities={"alwaysMatch": {}})
        self.command("WebDriver:SetTimeouts", script=40_000, pageLoad=40_000, implicit=0)

    def visit(self, url: str) -> None:
        """Load a page in the current tab and wait for it."""
        self.command("WebDriver:Navigate", url=url)

    def run(self, script: str, *args: object, sandbox: str | None = None) -> object:
        """Run the body of a function; `arguments` holds `args`. The sandbox "system" has the browser's own rights."""
        return self.command("WebDriver:ExecuteScript", script=script, args=list(args), sandbox=sandbox)

    def run_async(self, script: str, *args: object) -> object:
        """Run the body of an async function, with `args` in scope; raises ScriptError when it throws."""
        result = self.command("WebDriver:ExecuteAsyncScript", script=_ASYNC % script, args=list(args), sandbox=None)
        assert isinstance(result, dict)
        if failure := result.get("error"):
            raise ScriptError(failure["name"], failure["code"], failure["message"])
        return result["value"]

    def click(self, selector: str) -> None:
        """Click an element as a person would: it counts as one for permissions and pop-ups."""
        found = self.command("WebDriver:FindElement", using="css selector", value=selector)
        assert isinstance(found, dict)
        self.command("WebDriver:ElementClick", id=next(iter(found.values())))

    @contextmanager
    def chrome(self) -> Iterator[None]:
        """Scripts inside run with the rights of the browser itself."""
        self.command("Marionette:SetContext", value="chrome")
        try:
            yield
        finally:
            self.command("Marionette:SetContext", value="content")

    def close(self) -> None:
        self._socket.close()

    def _receive(self) -> object:
        while b":" not in self._unread:
            self._read_more()
        length, _, self._unread = self._unread.partition(b":")
        while len(self._unread) < int(length):
            self._read_more()
        message, self._unread = self._unread[: int(length)], self._unread[int(length) :]
        return json.loads(message)

    def _read_more(self) -> None:
        received = self._socket.recv(65536)
        if not received:
            raise BrowserError("Firefox closed the connection")
        self._unread += received
