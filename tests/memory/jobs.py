"""Queues as lists."""

from collections.abc import Sequence
from dataclasses import dataclass

from tocsin.application.jobs import (
    DeliverChunk,
    FanOut,
    decode_deliver,
    decode_fan_out,
    encode_deliver,
    encode_fan_out,
)

MAX_DELAY = 900


@dataclass(frozen=True, slots=True)
class Delayed:
    """A queued chunk and the seconds until it can be seen."""

    job: DeliverChunk
    delay: int


class MemoryJobs:
    """What was queued, in order; each job went through its wire form, so what cannot travel fails here too."""

    def __init__(self) -> None:
        self.planned: list[FanOut] = []
        self.delayed: list[Delayed] = []

    @property
    def chunks(self) -> list[DeliverChunk]:
        """The queued chunks without their delays."""
        return [entry.job for entry in self.delayed]

    def fan_out(self, jobs: Sequence[FanOut]) -> None:
        """Queue the planning of these parts."""
        self.planned += [decode_fan_out(encode_fan_out(job)) for job in jobs]

    def deliver(self, jobs: Sequence[DeliverChunk], delay: int = 0) -> None:
        """Queue chunks, to be seen after `delay` seconds (at most 900)."""
        if not 0 <= delay <= MAX_DELAY:
            raise ValueError("SQS takes delays of 0 to 900 seconds")
        self.delayed += [Delayed(decode_deliver(encode_deliver(job)), delay) for job in jobs]
