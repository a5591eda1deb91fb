"""Push services."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from tocsin.webpush.outcome import PushResponse
from tocsin.webpush.request import PushRequest


@dataclass(frozen=True, slots=True)
class Answer:
    """How a POST ended. response None: no answer; `sent` False then says that surely nothing reached the service."""

    ticket: int
    response: PushResponse | None
    sent: bool


class PushTransport(Protocol):
    """Concurrent POSTs to push services, driven from one thread."""

    def start(self, ticket: int, request: PushRequest, timeout: float) -> None:
        """Begin a POST that ends within `timeout` seconds; never blocks."""

    def wait(self, timeout: float) -> Sequence[Answer]:
        """What ended, waiting at most `timeout` seconds for the first; empty if nothing did."""

    def cancel(self) -> None:
        """Abandon everything in flight; nothing of it is ever reported."""
