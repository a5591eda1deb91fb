"""Counting what push services answer: for the chunk's record, and for the people who run this."""

from collections import Counter
from dataclasses import replace

from tocsin.application.metrics import Metric
from tocsin.application.ports import Clock, Meter
from tocsin.domain.chunk import Chunk
from tocsin.domain.report import Report, Said
from tocsin.domain.tenancy import DialectName

ROOM = 260
"""Characters for the sorts of answers in a chunk's record, which has to stay below 1 KB: some 15 of them."""


class Tallying:
    """What happened since a chunk was last stored."""

    def __init__(self, clock: Clock, meter: Meter, dialect: DialectName) -> None:
        self._clock = clock
        self._meter = meter
        self._dialect = dialect
        self._measured: Counter[tuple[Metric, str]] = Counter()
        self.stored()

    def post(self) -> None:
        """A POST began."""
        self._posts += 1

    def said(self, said: Said) -> None:
        """An answer, or our own word, decided about a recipient for now or for good."""
        self._said[said] += 1

    def missing(self, number: int) -> None:
        """A text was accepted in which so many values were missing."""
        self._missing += number

    def measure(self, metric: Metric, service: str = "") -> None:
        """Count for the metrics; service: of which push service, if of one."""
        self._measured[metric, service] += 1

    def report(self, chunk: Chunk, version: int) -> Report:
        """The report of the chunk's next version."""
        cpu_ms = round((self._clock.cpu() - self._cpu) * 1000)
        report = chunk.report + Report(self._said, self._posts, 0, cpu_ms, self._missing)
        return replace(report.shortened(ROOM), writes=version)

    def stored(self) -> None:
        """The chunk was stored with all of it: count anew."""
        self._said: Counter[Said] = Counter()
        self._posts = self._missing = 0
        self._cpu = self._clock.cpu()

    def flush(self) -> None:
        """Hand the metrics on."""
        for (metric, service), number in self._measured.items():
            if service:
                self._meter.count(metric, number, dialect=self._dialect, push_service=service)
            else:
                self._meter.count(metric, number)
        self._measured.clear()
