"""The messages that were tried too often."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Queue(StrEnum):
    """The queues that give up. Each has a dead-letter queue of its own, so a message can go back to where it was."""

    FANOUT = "fanout"
    DELIVER = "deliver"
    BULK_FANOUT = "bulk_fanout"
    BULK_DELIVER = "bulk_deliver"
    WEBHOOKS = "webhooks"
    EVENTS = "events"
    RUNS = "runs"


@dataclass(frozen=True, slots=True)
class Letter:
    """A message in a dead-letter queue.

    id: its own. handle: of this reading of it. group: the tenant it counts for, None if it names none.
    queued_at: Unix seconds. received: how often it was handed out so far, this reading included.
    """

    id: str
    handle: str
    body: str
    group: str | None
    queued_at: int
    received: int


class DeadLetters(Protocol):
    """The dead-letter queues."""

    def waiting(self, queue: Queue) -> int:
        """About how many messages there are."""

    def take(self, queue: Queue, seconds: int) -> Sequence[Letter]:
        """Some messages, which nobody else is handed meanwhile; empty when there is none."""

    def release(self, queue: Queue, letters: Sequence[Letter]) -> None:
        """Let others have them again."""

    def requeue(self, queue: Queue, letter: Letter) -> None:
        """Put it back into its queue, then remove it here: what fails in between is there twice, never lost."""
