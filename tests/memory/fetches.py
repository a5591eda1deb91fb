"""Who fetched a message that was too long, in memory."""

from tests.memory.storage import Storage
from tocsin.domain.ids import AppId, SendId


class MemoryFetches:
    """The Fetches port; forgets nothing."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def first(self, app: AppId, send: SendId, chunk: int, index: int) -> bool:
        """Note that a recipient fetches it; False when that was noted before."""
        with self._storage.lock:
            noted = (app, send, chunk), index
            first = noted not in self._storage.fetches
            self._storage.fetches.add(noted)
            return first
