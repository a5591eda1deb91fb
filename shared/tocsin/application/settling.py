"""The end of a send: count what was accepted, spend that, release the rest."""

from tocsin.application.ports import Chunks, Clock, Sends
from tocsin.domain.chunk import ChunkState
from tocsin.domain.send import Send, SendState, Tally, tally


class Settling:
    """Settles sends whose chunks are all done; anybody may try at any time, and the first one does it."""

    def __init__(self, sends: Sends, chunks: Chunks, clock: Clock) -> None:
        self._sends = sends
        self._chunks = chunks
        self._clock = clock

    def counts(self, send: Send) -> Tally:
        """What became of the recipients so far."""
        if send.state is SendState.SETTLED:
            return send.counts
        return sum(map(tally, self._chunks.of(send.app, send.id)), Tally())

    def settle(self, send: Send) -> bool:
        """Settle if every chunk is done; False when it is too early, or somebody else did."""
        if send.state is not SendState.SENDING:
            return False
        chunks = self._chunks.of(send.app, send.id)
        if len(chunks) != send.chunks or any(chunk.state is not ChunkState.DONE for chunk in chunks):
            return False
        return self._sends.settle(send, sum(map(tally, chunks), Tally()), int(self._clock.now()))
