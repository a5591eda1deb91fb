"""What readers did with their messages, in memory."""

from tests.memory.storage import Storage
from tocsin.application.ports import Stale
from tocsin.application.sightings import Sighted, decode_sighted, encode_sighted
from tocsin.domain.engagement import Block, Engagement, engagement
from tocsin.domain.glance import Glance
from tocsin.domain.ids import AppId, SendId
from tocsin.domain.send import Send


class MemorySightings:
    """The Sightings port: a list of messages as they would travel."""

    def __init__(self) -> None:
        self.bodies: list[str] = []

    def queue(self, job: Sighted) -> None:
        """Keep it until somebody takes it."""
        self.bodies.append(encode_sighted(job))

    def take(self) -> list[Sighted]:
        """All that waits."""
        taken, self.bodies = self.bodies, []
        return [decode_sighted(body) for body in taken]


class MemoryEngagements:
    """The Engagements port; forgets nothing."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def block(self, app: AppId, send: SendId, number: int) -> Block:
        """A block as it is."""
        with self._storage.lock:
            return self._storage.seen.get((app, send, number), Block(app, send, number))

    def put(self, block: Block, created_at: int) -> None:
        """Store a block if the stored one is of the version before it. Raises Stale."""
        with self._storage.lock:
            if self.block(block.app, block.send, block.number).version != block.version - 1:
                raise Stale
            self._storage.seen[block.app, block.send, block.number] = block

    def of(self, app: AppId, send: SendId) -> Engagement:
        """The figures of a send."""
        with self._storage.lock:
            return engagement(block.figures for key, block in self._storage.seen.items() if key[:2] == (app, send))

    def glance(self, app: AppId, send: SendId) -> Glance | None:
        """The totals of a send as they were last kept."""
        return self._storage.glances.get((app, send))

    def keep(self, send: Send, glance: Glance) -> None:
        """Keep the totals of a send."""
        self._storage.glances[send.app, send.id] = glance
