"""The end of a send: count what was accepted, spend that, release the rest."""

from collections.abc import Sequence

from tocsin.application.ports import Chunks, Clock, Sends
from tocsin.domain.chunk import Chunk, ChunkState
from tocsin.domain.report import Report, total
from tocsin.domain.send import Send, SendState, Tally, tally

ROOM = 1_600
"""Characters for the sorts of answers in a settled send's record: some 75 of them."""


class Settling:
    """Settles sends whose chunks are all done; anybody may try at any time, and the first one does it."""

    def __init__(self, sends: Sends, chunks: Chunks, clock: Clock) -> None:
        self._sends = sends
        self._chunks = chunks
        self._clock = clock

    def counts(self, send: Send) -> Tally:
        """What became of the recipients so far."""
        return self.so_far(send)[0]

    def so_far(self, send: Send) -> tuple[Tally, Report]:
        """What became of the recipients, and what push services answered, so far."""
        if send.state is SendState.SETTLED:
            return send.counts, send.report
        return _sums(self._chunks.of(send.app, send.id))

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
