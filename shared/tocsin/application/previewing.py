"""What a send would do, asked before: how many it is for, whether they fit the limits, how long it takes, its cost."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from tocsin.application.audience import WALKABLE, all_of, named
from tocsin.application.jobs import Recipient
from tocsin.application.measuring import Measuring
from tocsin.application.ports import Clock, Credits, Quotas, Sends, Subscriptions
from tocsin.application.segments import SAMPLE, Segments, Size
from tocsin.application.send_command import SendCommand
from tocsin.domain.campaign import Campaign
from tocsin.domain.chunk import Repeat
from tocsin.domain.cost import Cost, cost_of_looking
from tocsin.domain.estimate import Estimate, estimate, told_by
from tocsin.domain.ids import AppId, SendId
from tocsin.domain.parts import parted
from tocsin.domain.quota import Limits, QuotaWindow, Usage, without_room
from tocsin.domain.send import SYNC_RECIPIENTS, Charge, Chosen, Everyone, Matching, Origin, Send, SendState, Tally
from tocsin.domain.subscription import Counts, Subscription, SubscriptionState
from tocsin.domain.template import Renderer
from tocsin.domain.tenancy import App

LATEST = 20
"""Sends that an estimate is made of."""
SIFTING_SECONDS = 5
"""How long a preview looks through the members of a segment; then it tells about how many there are."""
_NOBODY = SendId("0" * 24)


@dataclass(frozen=True, slots=True)
class Lacking:
    """How many of some recipients lack a value that the texts name. names: how many of them, by name."""

    sampled: int
    lacking: int
    names: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Preview:
    """What a send would do now.

    estimated: the audience is about so many, or at most so many. quota, credits: what it would take of each.
    available: credits. lacking: None where the texts need no values of recipients. unused: variables that no text
    names. looked: how many subscriptions were looked at to find this out.
    """

    audience: int
    estimated: bool
    estimate: Estimate
    limits: Limits
    usage: Usage
    quota: int
    credits: int
    available: int
    lacking: Lacking | None
    unused: Collection[str]
    looked: int

    @property
    def own_cost(self) -> Cost:
        """What this preview itself took."""
        return cost_of_looking(self.looked)

    @property
    def without_room(self) -> QuotaWindow | None:
        """The longest window that it does not fit into."""
        return without_room(self.limits, self.usage, self.quota)

    @property
    def fits(self) -> bool:
        """Whether it would be accepted as it is; a send to nobody is not."""
        somebody = self.audience > 0 or self.estimated
        return somebody and self.without_room is None and self.credits <= self.available


class Previewing:
    """Looks at everything that decides about a send, and changes none of it."""

    def __init__(
        self,
        sends: Sends,
        measuring: Measuring,
        subscriptions: Subscriptions,
        segments: Segments,
        quotas: Quotas,
        credits: Credits,  # noqa: A002 - the domain's word
        clock: Clock,
    ) -> None:
        self._sends = sends
        self._measuring = measuring
        self._subscriptions = subscriptions
        self._segments = segments
        self._quotas = quotas
        self._credits = credits
        self._clock = clock

    def preview(self, command: SendCommand) -> Preview:
        """What this command would do now; its idempotency key is not looked at."""
        app, now = command.app, int(self._clock.now())
        counts = self._subscriptions.counts(app.id)
        sized = self._size(command, counts)
        latest = self._sends.listed(app.id, [command.dialect, Origin.CAMPAIGN], LATEST, None).items
        read = self._measuring.glances([one for one in latest if told_by(one, now)])
        renderer = None if command.variables is None else _renderer(command, command.variables)
        return Preview(
            sized.total,
            sized.estimated,
            estimate(_made_up(command, sized.total, counts, now), latest, read),
            app.limits,
            self._quotas.usage(app.id, now),
            quota=sized.total if command.charge is Charge.QUOTA else 0,
            credits=sized.total if command.charge is Charge.CREDITS else 0,
            available=self._credits.balance(app.id).available,
            lacking=None if renderer is None or renderer.alike else _lacking(renderer, sized.some),
            unused=() if renderer is None else renderer.unused,
            looked=sized.looked,
        )

    def campaign(self, app: App, campaign: Campaign) -> Preview:
        """What this campaign would do if it were sent now. Raises Refused: FIELD_INVALID (its segment is no more)."""
        to_segment = None if campaign.segment is None else self._segments.get(app.id, campaign.segment)
        command = SendCommand(
            app,
            campaign.dialect,
            Everyone() if to_segment is None else Matching(to_segment.rule),
            campaign.notification,
            Charge.QUOTA,
            queued=True,
            variables=campaign.variables,
        )
        return self.preview(command)

    def _size(self, command: SendCommand, counts: Counts) -> Size:
        app, store, until = command.app.id, self._subscriptions, self._clock.now() + SIFTING_SECONDS
        match command.audience:
            case Everyone():
                first = [] if command.variables is None else store.walk(app, None, SAMPLE).recipients
                return Size(counts.active, estimated=False, some=self._loaded(app, first))
            case Matching(rule):
                return self._segments.size(app, rule, until)
            case Chosen(labels=labels) as chosen:
                known = named(store, app, chosen)
                if not labels:
                    return Size(len(known), estimated=False, some=known[:SAMPLE])
                kept = counts.of(frozenset(SubscriptionState))
                if kept > WALKABLE:
                    most = min(counts.active, len(known) + store.labelled(app, labels))
                    return Size(most, estimated=most > 0, some=known[:SAMPLE])
                everybody = all_of(store, app, chosen)
                return Size(len(everybody), estimated=False, some=self._loaded(app, everybody[:SAMPLE]), looked=kept)

    def _loaded(self, app: AppId, recipients: Sequence[Recipient]) -> Sequence[Subscription]:
        return list(self._subscriptions.load(app, [one.id for one in recipients]).values()) if recipients else []


def _renderer(command: SendCommand, variables: Mapping[str, str]) -> Renderer:
    return Renderer(command.notification, variables, command.app.name)


def _lacking(renderer: Renderer, some: Sequence[Subscription]) -> Lacking:
    found = [renderer.lacking(one) for one in some]
    return Lacking(len(some), sum(map(bool, found)), dict(Counter(chain.from_iterable(found))))


def _made_up(command: SendCommand, total: int, counts: Counts, now: int) -> Send:
    """The send that would be, as far as its cost depends on it."""
    queued = command.queued or total > SYNC_RECIPIENTS
    everyone = isinstance(command.audience, Everyone)
    return Send(
        command.id or _NOBODY,
        command.app.id,
        command.app.tenant,
        command.dialect,
        command.audience,
        command.notification,
        command.app.site_url,
        command.app.contact,
        command.charge,
        Repeat.RESEND,
        reserved=total,
        chunks=0 if queued or not total else 1,
        state=SendState.PLANNED,
        counts=Tally(),
        created_at=now,
        expires_at=now,
        settled_at=None,
        parts=() if not queued else parted(counts.by_shard, total) if everyone else (total,),
        statistics=command.app.statistics,
    )
