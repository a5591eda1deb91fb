"""Who is enrolled in an app: whoever registered a device, or was added by its administrators (KM-19)."""

from collections.abc import Collection
from dataclasses import replace

from tocsin.application.ports import Clock, Members, Persons, Stale, Unavailable
from tocsin.domain.derivation import Derivation
from tocsin.domain.ids import AppId
from tocsin.domain.person import Person

_RACES = 8


class Membership:
    """The people whom an app may name in a send that goes to its own users only."""

    def __init__(self, members: Members, persons: Persons, derivation: Derivation, clock: Clock) -> None:
        self._members = members
        self._persons = persons
        self._derivation = derivation
        self._clock = clock

    def strangers(self, app: AppId, names: Collection[str]) -> frozenset[str]:
        """Those of these people who are not enrolled."""
        return frozenset(names) - self._members.among(app, names)

    def enrol(self, app: AppId, name: str) -> None:
        """Let a person be named before any device of theirs is there; again changes nothing."""
        for _ in range(_RACES):
            old, now = self._persons.get(app, name), int(self._clock.now())
            if old is not None and old.enrolled:
                return
            new = (
                Person(
                    app=app,
                    id=self._derivation.person_id(app, name),
                    external_id=name,
                    subscribed=False,
                    muted=False,
                    enrolled=True,
                    created_at=now,
                    updated_at=now,
                    # From the time on: who was erased and came back is not who somebody read before.
                    revision=int(self._clock.now() * 1000),
                )
                if old is None
                else replace(old, enrolled=True, updated_at=now, revision=old.revision + 1)
            )
            try:
                self._persons.put(new, old)
            except Stale:
                continue
            return
        raise Unavailable
