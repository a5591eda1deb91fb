"""A chunk: up to 500 recipients of one send, and what became of each.

One record a chunk, never one a recipient: two bits of result and one of doubt each. The rules that keep money right:

- A POST starts only after its intent (`in_flight`) is stored.
- A write names the version it read (claim) or the epoch it holds (save); if that fails, another owns the chunk.
- Whatever a lost worker had in flight becomes *uncertain*: perhaps accepted, never charged.
"""

from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum, StrEnum
from itertools import islice

from tocsin.domain.ids import AppId, SendId
from tocsin.domain.report import Fate, Report

CHUNK_SIZE = 500
WINDOW = 100
"""POSTs of a chunk in flight at most, and so the most that a lost worker leaves uncertain of each of its chunks."""
SAVE_EVERY = 80
"""Room in the window that is worth a write: 5 saves a full chunk, while the last 20 keep the connection busy."""
LEASE_SECONDS = 30
POST_SECONDS = 10
MAX_TRIES = 12
"""How often a push service may put off recipients of a chunk until they are given up: an hour and a half at least."""
MAX_OWNERS = 60
"""After so many claims a chunk is given up: something in it kills its workers, or half an hour was not enough."""


class Result(IntEnum):
    """What is known of one recipient; two bits in the record. FAILED includes gone."""

    PENDING = 0
    ACCEPTED = 1
    FAILED = 2
    UNCERTAIN = 3


class Repeat(StrEnum):
    """What a takeover does with uncertain recipients: RESEND (the tag replaces a repeat) or SKIP (at most once)."""

    RESEND = "resend"
    SKIP = "skip"

    @property
    def retried(self) -> frozenset[Result]:
        """The results that are tried again."""
        return frozenset({Result.PENDING, Result.UNCERTAIN} if self is Repeat.RESEND else {Result.PENDING})


class ChunkState(StrEnum):
    """OPEN until every recipient has a final result, then DONE for good."""

    OPEN = "open"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Wait:
    """Recipients of a chunk were put off: how often so far, until when (Unix seconds), and why last.

    place: the push service, or `service/key` where it refuses that VAPID key.
    """

    place: str
    tries: int
    until: int
    reason: str


@dataclass(frozen=True, slots=True)
class Chunk:
    """The stored record.

    digest: hex SHA-256 of the frozen recipient ids, in order. doubted: recipients that may have been accepted unseen.
    epoch counts owners, version counts writes. lease_until: Unix seconds; only saves work, safety is in the conditions.
    put_off: who has to wait, by index, each for the wait of its place. report: what was answered, as of the results.
    """

    app: AppId
    send: SendId
    number: int
    digest: str
    results: tuple[Result, ...]
    doubted: frozenset[int]
    in_flight: tuple[int, ...]
    epoch: int
    version: int
    lease_until: int
    waits: tuple[Wait, ...]
    put_off: frozenset[int]
    report: Report
    state: ChunkState

    @property
    def gone(self) -> int:
        """How many subscriptions turned out to be dead; they are among the failed."""
        return self.report.count(Fate.GONE)

    def count(self, result: Result) -> int:
        """How many recipients have this result."""
        return self.results.count(result)

    def count_open(self) -> int:
        """How many recipients may still be tried: 0 once the chunk is done."""
        if self.state is ChunkState.DONE:
            return 0
        return self.count(Result.PENDING) + self.count(Result.UNCERTAIN)


def opened(app: AppId, send: SendId, number: int, size: int, digest: str) -> Chunk:
    """A chunk that nobody has claimed yet."""
    pending = (Result.PENDING,) * size
    return Chunk(
        app, send, number, digest, pending, frozenset(), (), 0, 0, 0, (), frozenset(), Report(), ChunkState.OPEN
    )


def claimed(chunk: Chunk, now: int, repeat: Repeat, skipped: Container[int] = ()) -> Chunk:
    """The record as its next owner writes it: the last owner's intents in doubt, a new epoch, the first window.

    skipped: recipients that must wait longer, by index. The write must be conditional on the version that was read.
    """
    results = list(chunk.results)
    for index in chunk.in_flight:
        if results[index] is Result.PENDING:
            results[index] = Result.UNCERTAIN
    open_ = (index for index in untried(results, repeat) if index not in skipped)
    return replace(
        chunk,
        results=tuple(results),
        doubted=chunk.doubted | frozenset(chunk.in_flight),
        in_flight=tuple(islice(open_, WINDOW)),
        epoch=chunk.epoch + 1,
        version=chunk.version + 1,
        lease_until=now + LEASE_SECONDS,
    )


def untried(results: Sequence[Result], repeat: Repeat) -> Iterator[int]:
    """The recipients that are still to be tried, by index, in order."""
    retried = repeat.retried
    return (index for index, result in enumerate(results) if result in retried)


def finished(chunk: Chunk) -> Chunk:
    """The record at its end: what is still pending failed."""
    results = tuple(Result.FAILED if result is Result.PENDING else result for result in chunk.results)
    return replace(
        chunk, results=results, in_flight=(), lease_until=0, waits=(), put_off=frozenset(), state=ChunkState.DONE
    )
