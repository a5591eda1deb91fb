"""What service workers report of messages: believed if the token proves it, then left to be counted."""

from collections.abc import Iterable
from dataclasses import dataclass

from tocsin.application.ports import Sightings
from tocsin.application.sightings import Sighted
from tocsin.domain.derivation import Derivation
from tocsin.domain.engagement import Act, Sighting
from tocsin.domain.ids import AppId, SendId
from tocsin.domain.place_token import place_in


@dataclass(frozen=True, slots=True)
class Beacon:
    """What a worker says: anybody can say it. at: Unix seconds, by the clock of the reader's device."""

    act: Act
    send: SendId
    token: str
    at: int


class Reporting:
    """Asks no table: whatever is forged costs no more than its request."""

    def __init__(self, sightings: Sightings, derivation: Derivation) -> None:
        self._sightings = sightings
        self._derivation = derivation

    def report(self, app: AppId, beacons: Iterable[Beacon]) -> int:
        """Have those counted whose tokens are of this app and send; how many these are. Raises Unavailable."""
        secret = self._derivation.event_secret(app)
        proved: dict[tuple[object, ...], Sighting] = {}
        for beacon in beacons:
            place = place_in(secret, beacon.send, beacon.token)
            if place is not None:
                proved.setdefault((beacon.act, beacon.send, place), Sighting(beacon.act, beacon.send, place, beacon.at))
        if proved:
            self._sightings.queue(Sighted(app, tuple(proved.values())))
        return len(proved)
