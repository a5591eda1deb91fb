"""The end of a send: count what was accepted, spend that, release the rest."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from tocsin.application.ports import Chunks, Clock, Sends
from tocsin.domain.chunk import Chunk, ChunkState, Wait
from tocsin.domain.report import Report, total
from tocsin.domain.send import Send, SendState, Tally, tally

ROOM = 1_600
"""Characters for the sorts of answers in a settled send's record: some 75 of them."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a send came. waits: by push service, the wait that ends first, for those that now keep us waiting."""

    send: Send
    counts: Tally
    report: Report
    waits: Mapping[str, Wait]


class Settling:
    """Settles sends whose chunks are all done; anybody may try at any time, and the first one does it."""

    def __init__(self, sends: Sends, chunks: Chunks, clock: Clock) -> None:
        self._sends = sends
        self._chunks = chunks
        self._clock = clock

    def progress(self, send: Send) -> Progress:
        """What became of the recipients so far, what push services answered, and which of them keep us waiting."""
        if send.state is SendState.SETTLED:
            return Progress(send, send.counts, send.report, {})
        chunks = self._chunks.of(send.app, send.id)
        counts, report = _sums(chunks)
        if send.state is SendState.PLANNED:  # who is in no chunk yet waits as well
            decided = counts.accepted + counts.failed + counts.uncertain
            counts = replace(counts, pending=max(counts.pending, send.reserved - decided))
        return Progress(send, counts, report, _waits(chunks, self._clock.now()))

    def settle(self, send: Send) -> bool:
        """Settle if every chunk is done; False when it is too early, or somebody else did."""
        if send.state is not SendState.SENDING:
            return False
        chunks = self._chunks.of(send.app, send.id)
        if len(chunks) != send.chunks or any(chunk.state is not ChunkState.DONE for chunk in chunks):
            return False
        return self._sends.settle(send, *_sums(chunks), int(self._clock.now()))


def _sums(chunks: Sequence[Chunk]) -> tuple[Tally, Report]:
    counts = sum(map(tally, chunks), Tally())
    return counts, total(chunk.report for chunk in chunks).shortened(ROOM)


def _waits(chunks: Sequence[Chunk], now: float) -> Mapping[str, Wait]:
    waits: dict[str, Wait] = {}
    for wait in (wait for chunk in chunks for wait in chunk.waits if wait.until > now):
        known = waits.get(wait.place.partition("/")[0])
        if known is None or wait.until < known.until:
            waits[wait.place.partition("/")[0]] = wait
    return waits
