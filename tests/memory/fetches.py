"""Fetched messages in memory."""

from tests.memory.storage import Storage
from tocsin.domain.ids import AppId, SendId


class MemoryFetches:
    """The Fetches port; forgets nothing."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def first(self, app: AppId, send: SendId, chunk: int, index: int, expires_at: int) -> bool:
        """Note that a recipient fetches its message; False when it did before."""
        with self._storage.lock:
            place = ((app, send, chunk), index)
            first = place not in self._storage.fetched
            self._storage.fetched.add(place)
            return first
