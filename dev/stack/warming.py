"""Waking the functions, since a cold one in the emulator unpacks its layers first (about two seconds)."""

import contextlib
import json
import threading
from collections.abc import Iterator

from botocore.exceptions import BotoCoreError, ClientError

from dev.stack.emulator import Emulator
from dev.stack.http_event import http_event
from dev.stack.routes import Route

FIRST_WANTED = "/v1/send"


@contextlib.contextmanager
def warm(emulator: Emulator, routes: list[Route]) -> Iterator[None]:
    """Wake the function that sends, then the other HTTP functions in the background while the block runs.

    One after the other: all at once they take five times as long. The end of the block waits for none of them.
    """
    first = next(route.function for route in routes if route.matches(FIRST_WANTED))
    others = [name for name in dict.fromkeys(route.function for route in routes) if name != first]
    enough = threading.Event()

    def wake_others() -> None:
        for name in others:
            if enough.is_set():
                return
            with contextlib.suppress(BotoCoreError, ClientError):  # the emulator may be ending
                _wake(emulator, name)

    _wake(emulator, first)
    threading.Thread(target=wake_others, name="warming", daemon=True).start()
    try:
        yield
    finally:
        enough.set()


def _wake(emulator: Emulator, function: str) -> None:
    emulator.client("lambda").invoke(FunctionName=function, Payload=json.dumps(http_event("GET", "/healthz")))
