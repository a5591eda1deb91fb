"""How fast each push service takes messages, as far as this process knows: places, pauses, and refused keys."""

import threading
from collections import defaultdict
from dataclasses import dataclass
from math import ceil

from tocsin.webpush.outcome import Outcome

FIRST_PLACES, MOST_PLACES = 50, 400
"""In flight at one origin: at first, so that one that hangs holds up little, and at most. Each good answer adds one."""
TROUBLES = 5
"""So many bad answers with no good one between them, and an origin is left alone for a while."""
FIRST_PAUSE, LONGEST_PAUSE = 1, 60
REFUSALS = 3
"""So many refusals of a key with no acceptance between them open its circuit."""
FIRST_CIRCUIT, LONGEST_CIRCUIT = 60, 3600
_TROUBLE = frozenset({Outcome.THROTTLED, Outcome.UNAVAILABLE})


@dataclass(frozen=True, slots=True)
class Hold:
    """Nothing may be sent there until then (Unix seconds), for this reason. of_key: under this VAPID key only."""

    until: int
    reason: str
    of_key: bool = False


@dataclass(slots=True)
class _Breaker:
    """Opens after `limit` bad answers in a row, for longer each time; one good answer closes it."""

    limit: int
    pause: int
    longest: int
    of_key: bool = False
    bad: int = 0
    opened: int = 0
    hold: Hold | None = None

    def good(self) -> None:
        self.bad = self.opened = 0
        self.hold = None

    def trouble(self, reason: str, now: float, at_least: int = 0) -> bool:
        """Whether this one opened it. at_least: seconds, as far as `longest` allows."""
        self.bad += 1
        # After a pause the first bad answer is enough.
        if self.bad < self.limit and not self.opened:
            return False
        if self.hold is not None and self.hold.until > now:  # from before the pause began
            return False
        # One device may be told to wait for an hour where others are served: the rest tries again before.
        pause = min(self.longest, max(at_least, self.pause * 2**self.opened))
        self.hold = Hold(ceil(now) + pause, reason, self.of_key)
        self.opened += 1
        self.bad = 0
        return True


class _Origin:
    """One push service's host. Additive increase, multiplicative decrease, as TCP does it."""

    __slots__ = ("breaker", "halved_at", "in_flight", "places")

    def __init__(self) -> None:
        self.places = float(FIRST_PLACES)
        self.in_flight = 0
        self.halved_at = 0.0
        self.breaker = _Breaker(TROUBLES, FIRST_PAUSE, LONGEST_PAUSE)

    def slower(self, now: float) -> None:
        # What was in flight together tells one thing, not a hundred.
        if now - self.halved_at >= 1:
            self.places = max(1.0, self.places / 2)
            self.halved_at = now


class Pacing:
    """For all threads of a process; others learn by themselves, within a few messages."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._origins: defaultdict[str, _Origin] = defaultdict(_Origin)
        self._keys: defaultdict[tuple[str, str], _Breaker] = defaultdict(
            lambda: _Breaker(REFUSALS, FIRST_CIRCUIT, LONGEST_CIRCUIT, of_key=True)
        )

    def admission(self, now: float) -> "Admission":
        """What may go now, for a batch of recipients."""
        return Admission(self, now)

    def hold(self, origin: str, key: str, now: float) -> Hold | None:
        """Why and until when nothing may be sent to this origin under this VAPID key; None when it may."""
        with self._lock:
            breakers = (self._origins[origin].breaker, self._keys[origin, key])
            holds = [breaker.hold for breaker in breakers if breaker.hold is not None and breaker.hold.until > now]
            return max(holds, key=lambda hold: hold.until, default=None)

    def on_probation(self, origin: str, key: str) -> bool:
        """Whether this key was refused there and nothing has been accepted since."""
        with self._lock:
            return self._keys[origin, key].opened > 0

    def room(self, origin: str) -> int:
        """How many more messages may be in flight there."""
        with self._lock:
            state = self._origins[origin]
            return max(0, int(state.places) - state.in_flight)

    def begun(self, origin: str) -> None:
        """A message is in flight there now."""
        with self._lock:
            self._origins[origin].in_flight += 1

    def abandoned(self, origin: str) -> None:
        """A message in flight was given up by us; that says nothing of the origin."""
        with self._lock:
            self._origins[origin].in_flight -= 1

    def ended(
        self, origin: str, key: str, outcome: Outcome | None, reason: str, retry_after: int | None, now: float
    ) -> bool:
        """Learn from an answer; outcome None: there was none. True when it opened the circuit of this key."""
        with self._lock:
            state, circuit = self._origins[origin], self._keys[origin, key]
            state.in_flight -= 1
            if outcome is None or outcome in _TROUBLE:
                state.slower(now)
                if state.breaker.trouble(reason, now, retry_after or 0):
                    state.places = 1.0  # what comes after the pause tries it with one
                return False
            state.breaker.good()
            state.places = min(MOST_PLACES, state.places + 1)
            if outcome is Outcome.ACCEPTED:
                circuit.good()
            return outcome is Outcome.FORBIDDEN and circuit.trouble(reason, now)


class Admission:
    """What a Pacing lets go at one instant, asked once for each origin and key."""

    def __init__(self, pacing: Pacing, now: float) -> None:
        self._pacing = pacing
        self._now = now
        self._holds: dict[tuple[str, str], Hold | None] = {}
        self._rooms: dict[str, int] = {}
        self._probation: dict[tuple[str, str], bool] = {}
        self._tried: set[tuple[str, str]] = set()

    def hold(self, origin: str, key: str) -> Hold | None:
        """Why and until when nothing may be sent there under this key; None when it may."""
        place = origin, key
        if place not in self._holds:
            self._holds[place] = self._pacing.hold(origin, key, self._now)
            self._probation[place] = self._pacing.on_probation(origin, key)
        return self._holds[place]

    def takes(self, origin: str, key: str) -> bool:
        """Whether there is a place for one more; it is then counted as taken. A refused key is tried with one."""
        room = self._rooms.get(origin)
        if room is None:
            room = self._pacing.room(origin)
        if (origin, key) in self._tried:
            return False
        if room and self._probation.get((origin, key)):
            self._tried.add((origin, key))
        self._rooms[origin] = max(0, room - 1)
        return room > 0
