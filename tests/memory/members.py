"""Who is a user of an app, in memory."""

from collections.abc import Collection

from tests.memory.storage import Storage
from tocsin.domain.identity import IdentityKind
from tocsin.domain.ids import AppId


class MemoryMembers:
    """The Members port."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def among(self, app: AppId, names: Collection[str]) -> frozenset[str]:
        """Those of these names that a device goes by, in whatever state, or that a record is kept under."""
        with self._storage.lock:
            known = {name for owner, name in self._storage.persons if owner == app}
            for (owner, _), stored in self._storage.subscriptions.items():
                name = stored.identity(IdentityKind.EXTERNAL)
                if owner == app and name is not None:
                    known.add(name.value)
        return frozenset(known & set(names))
