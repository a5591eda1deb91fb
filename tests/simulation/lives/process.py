"""Processes that come and go, and where everything is kept that outlives them."""

from collections.abc import Callable
from functools import cached_property
from typing import cast

from tests.engine import CountingMeter, MemoryEngine
from tests.memory.catalogue import MemoryCatalogue
from tests.memory.transport import ScriptedTransport
from tocsin.application.segments import Segments
from tocsin.domain.segment import Segment

STORES = (
    "sends",
    "chunks",
    "subscriptions",
    "persons",
    "credits",
    "windows",
    "campaigns",
    "segment_catalogue",
    "schedules",
    "flow_catalogue",
    "runs",
    "run_jobs",
    "jobs",
    "sightings",
    "engagement",
)
"""The ports that may not answer."""


class Process(MemoryEngine):
    """The use cases as a fresh process has them: nothing in memory, all storage shared and watched."""

    segment_catalogue: MemoryCatalogue[Segment]

    def __init__(self, home: "Home", transport: object, watched: Callable[[str, object], object]) -> None:
        self.__dict__.update({name: watched(name, port) for name, port in home.ports.items()})
        self.transport = cast(ScriptedTransport, watched("transport", transport))
        self.meter = CountingMeter()

    @cached_property
    def segments(self) -> Segments:
        """Segments, which outlive this process."""
        return Segments(self.segment_catalogue, self.subscriptions, self.clock, self.randomness)


class Home(MemoryEngine):
    """Where everything is kept; nothing fails here."""

    def __init__(self) -> None:
        super().__init__()
        self.segment_catalogue: MemoryCatalogue[Segment] = MemoryCatalogue(self.storage)
        self.ports = dict(vars(self))
