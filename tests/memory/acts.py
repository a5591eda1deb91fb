"""What recipients did with their messages, in memory."""

from tests.memory.storage import Storage
from tocsin.application.ports import Act
from tocsin.domain.ids import AppId, SendId


class MemoryActs:
    """The Acts port; forgets nothing."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def first(self, app: AppId, send: SendId, chunk: int, index: int, act: Act) -> bool:
        """Note an act of a recipient; False when it was noted before."""
        with self._storage.lock:
            noted = ((app, send, chunk), index, act)
            first = noted not in self._storage.acts
            self._storage.acts.add(noted)
            return first
