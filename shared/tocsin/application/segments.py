"""An app's segments: rules that are kept, and how many and whom a rule means just now (PU-24)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from tocsin.application.audience import known_by
from tocsin.application.ports import Catalogue, Clock, Page, Randomness, Stale, Subscriptions, Unavailable
from tocsin.domain.audit import Action, Actor, AuditEntry
from tocsin.domain.errors import Fault, Refused
from tocsin.domain.ids import AppId, SegmentId, SubscriptionId
from tocsin.domain.keep import KEEP, Keep, given_of
from tocsin.domain.segment import Rule, Segment
from tocsin.domain.subscription import Subscription

SAMPLE = 10
_AT_ONCE = 10_000
"""Members that a stretch may have: more than it looks at."""
_RACES = 8


@dataclass(frozen=True, slots=True)
class Counted:
    """How many active subscriptions a rule means, of how many that were looked at.

    after: where counting goes on; None: all were looked at. first: up to ten of those that are meant.
    """

    matched: int
    seen: int
    after: str | None
    first: tuple[SubscriptionId, ...] = ()


@dataclass(frozen=True, slots=True)
class Size:
    """How many a rule means in the whole app, and some of them.

    estimated: not all were looked at. looked: how many subscriptions of the app were, one by one.
    """

    total: int
    estimated: bool
    some: Sequence[Subscription]
    looked: int = 0


@dataclass(frozen=True, slots=True)
class SegmentChange:
    """What shall be otherwise. description None: it has none any more."""

    name: str | Keep = KEEP
    description: str | Keep | None = KEEP
    rule: Rule | Keep = KEEP

    def of(self, segment: Segment) -> Segment:
        """The segment as it shall be."""
        return replace(segment, **given_of(self, ("name", "description", "rule")))


class Segments:
    """The use cases. Each change is one conditional write with its audit entry."""

    def __init__(
        self, segments: Catalogue[Segment], subscriptions: Subscriptions, clock: Clock, randomness: Randomness
    ) -> None:
        self._segments = segments
        self._subscriptions = subscriptions
        self._clock = clock
        self._randomness = randomness

    def get(self, app: AppId, segment: SegmentId) -> Segment:
        """The segment that something else names. Raises Refused: FIELD_INVALID where it is none of this app's."""
        found = self._segments.get(app, segment)
        if found is None:
            raise Refused(Fault.FIELD_INVALID, "Unknown segment", field="segmentId")
        return found

    def show(self, app: AppId, segment: SegmentId) -> Segment:
        """One segment. Raises Refused: NOT_FOUND."""
        found = self._segments.get(app, segment)
        if found is None:
            raise Refused(Fault.NOT_FOUND, "Segment not found")
        return found

    def listed(self, app: AppId, limit: int, cursor: str | None) -> Page[Segment]:
        """The segments of an app, newest first; may lag a moment. Raises MalformedCursor."""
        return self._segments.listed(app, limit, cursor)

    def create(self, app: AppId, name: str, description: str | None, rule: Rule, actor: Actor) -> Segment:
        """Keep a new one."""
        now = int(self._clock.now())
        made = Segment(app, SegmentId(self._randomness.new_id()), name, description, rule, now, now)
        self._segments.put(made, self._entry(made, Action.SEGMENT_CREATED, actor))
        return made

    def change(self, app: AppId, segment: SegmentId, change: SegmentChange, actor: Actor) -> Segment:
        """The segment as it is then; who was sent to already stays so. Raises Refused: NOT_FOUND."""

        def put(found: Segment) -> Segment:
            new = change.of(found)
            if new == found:
                return found
            new = replace(new, updated_at=int(self._clock.now()), revision=found.revision + 1)
            self._segments.put(new, self._entry(new, Action.SEGMENT_CHANGED, actor))
            return new

        return self._try(app, segment, put)

    def delete(self, app: AppId, segment: SegmentId, actor: Actor) -> None:
        """Remove one; a campaign that names it cannot be sent any more. Raises Refused: NOT_FOUND."""

        def remove(found: Segment) -> Segment:
            self._segments.remove(found, self._entry(found, Action.SEGMENT_DELETED, actor))
            return found

        self._try(app, segment, remove)

    def count(self, app: AppId, rule: Rule, at: float, until: float, after: str | None = None) -> Counted:
        """How many active subscriptions a rule means, from a place on (None: from the start).

        at: Unix seconds from which its days count back; who subscribed later is not meant. until: Unix seconds to stop
        at, in the middle if need be; one stretch of about a second is always counted.
        """
        matched, seen, first = 0, 0, list[SubscriptionId]()
        while True:
            sifted = self._subscriptions.sift(app, rule, at, after, _AT_ONCE, known_by=known_by(at))
            matched, seen = matched + len(sifted.recipients), seen + sifted.seen
            first += [one.id for one in sifted.recipients[: SAMPLE - len(first)]]
            after = sifted.after
            if after is None or self._clock.now() >= until:
                return Counted(matched, seen, after, tuple(first))

    def size(self, app: AppId, rule: Rule, until: float) -> Size:
        """How many a rule means in the whole app, as far as can be counted by `until` (Unix seconds).

        Subscriptions are spread over the shards by a hash, so those that were looked at stand for the others.
        """
        counted = self.count(app, rule, self._clock.now(), until)
        some = tuple(self._subscriptions.load(app, counted.first).values()) if counted.first else ()
        if counted.after is None or not counted.seen:
            return Size(counted.matched, estimated=False, some=some, looked=counted.seen)
        active = max(counted.seen, self._subscriptions.counts(app).active)
        return Size(round(counted.matched / counted.seen * active), estimated=True, some=some, looked=counted.seen)

    def _try(self, app: AppId, segment: SegmentId, write: Callable[[Segment], Segment]) -> Segment:
        for _ in range(_RACES):
            try:
                return write(self.show(app, segment))
            except Stale:
                continue
        raise Unavailable

    def _entry(self, segment: Segment, action: Action, actor: Actor) -> AuditEntry:
        details = {"segment": segment.id}
        return AuditEntry(self._randomness.new_id(), segment.app, int(self._clock.now()), actor, action, details)
