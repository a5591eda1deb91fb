"""Codes that enrol a person's devices: handed out by the customer, brought by whoever scans or opens them."""

import re
from hashlib import sha256

from tocsin.application.ports import Clock, Codes, EnrolmentCode, Randomness, Stale, Unavailable
from tocsin.domain.derivation import Derivation
from tocsin.domain.errors import Fault, Refused
from tocsin.domain.ids import AppId
from tocsin.webpush.encoding import to_base64url

DAY = 86_400
_RACES = 8
_FORM = re.compile(r"[a-z2-7]{32}")


class Enrolling:
    """A code's text follows from its seed and the root secret, so it can be told again and is kept nowhere."""

    def __init__(self, codes: Codes, derivation: Derivation, clock: Clock, randomness: Randomness, days: int) -> None:
        """days: how long a code can be used."""
        self._codes = codes
        self._derivation = derivation
        self._clock = clock
        self._randomness = randomness
        self._life = days * DAY

    def code(self, app: AppId, person: str, *, once: bool = False) -> str:
        """The code of a person, the same each time until it expires or is revoked. once: a new one, for one device."""
        for _ in range(_RACES):
            live = None if once else self._codes.live(app, person)
            if live is not None:
                return self._derivation.enrolment_code(app, person, live.seed)
            seed = self._randomness.new_id()
            text = self._derivation.enrolment_code(app, person, seed)
            made = EnrolmentCode(app, person, _digest(text), seed, int(self._clock.now()) + self._life, once)
            try:
                self._codes.add(made)
            except Stale:
                continue  # somebody else made one: that is the person's
            return text
        raise Unavailable

    def inbox_key(self, app: AppId, person: str) -> str:
        """What a browser shows that came by a code of this person. A name alone may be anybody's claim."""
        return to_base64url(self._derivation.inbox_key(app, person))

    def revoke(self, app: AppId, person: str) -> int:
        """End all codes of a person; how many there were."""
        return self._codes.revoke(app, person)

    def find(self, text: str) -> EnrolmentCode:
        """What a code is for. Raises Refused: NOT_FOUND (none of ours, expired, revoked, or used up)."""
        found = self._codes.find(_digest(text)) if _FORM.fullmatch(text) else None
        if found is None or found.used:
            raise Refused(Fault.NOT_FOUND, "This code is not known, or can be used no more")
        return found

    def redeem(self, text: str) -> EnrolmentCode:
        """Use a code: whoever brings it may enrol a device under the person's name. Raises Refused: NOT_FOUND."""
        found = self.find(text)
        if found.once and not self._codes.use(found):
            raise Refused(Fault.NOT_FOUND, "This code is not known, or can be used no more")
        return found


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()
