"""A chunk: up to 500 recipients of one send, and what became of each.

One record a chunk, never one a recipient: two bits of result and one of doubt each. The rules that keep money right:

- A POST starts only after its intent (`in_flight`) is stored.
- A write names the version it read (claim) or the epoch it holds (save); if that fails, another owns the chunk.
- Whatever a lost worker had in flight becomes *uncertain*: perhaps accepted, never charged.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import IntEnum, StrEnum

from tocsin.domain.ids import AppId, SendId

CHUNK_SIZE = 500
WINDOW = 100
"""POSTs in flight at most, and so the most that one lost worker leaves uncertain."""
SAVE_EVERY = 50
LEASE_SECONDS = 30
POST_SECONDS = 10
MAX_ROUNDS = 6
MAX_OWNERS = 30
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
class Chunk:
    """The stored record.

    digest: hex SHA-256 of the frozen recipient ids, in order. doubted: recipients that may have been accepted unseen.
    epoch counts owners, version counts writes. lease_until: Unix seconds; only saves work, safety is in the conditions.
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
    round: int
    gone: int
    state: ChunkState

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
    return Chunk(app, send, number, digest, pending, frozenset(), (), 0, 0, 0, 0, 0, ChunkState.OPEN)


def claimed(chunk: Chunk, now: int, repeat: Repeat) -> Chunk:
    """The record as its next owner writes it: the last owner's intents in doubt, a new epoch, the first window.

    The write must be conditional on the version that was read.
    """
    results = list(chunk.results)
    for index in chunk.in_flight:
        if results[index] is Result.PENDING:
            results[index] = Result.UNCERTAIN
    intents = tuple(waiting(results, 0, repeat, WINDOW))
    return replace(
        chunk,
        results=tuple(results),
        doubted=chunk.doubted | frozenset(chunk.in_flight),
        in_flight=intents,
        epoch=chunk.epoch + 1,
        version=chunk.version + 1,
        lease_until=now + LEASE_SECONDS,
        round=chunk.round + 1,
    )


def waiting(results: list[Result] | tuple[Result, ...], start: int, repeat: Repeat, limit: int) -> Iterator[int]:
    """The next recipients to try, from `start` on, at most `limit`."""
    found = 0
    for index in range(start, len(results)):
        if found == limit:
            return
        if results[index] in repeat.retried:
            found += 1
            yield index


def finished(chunk: Chunk) -> Chunk:
    """The record at its end: what is still pending failed."""
    results = tuple(Result.FAILED if result is Result.PENDING else result for result in chunk.results)
    return replace(chunk, results=results, in_flight=(), lease_until=0, state=ChunkState.DONE)
