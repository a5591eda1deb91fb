"""A send: one notification to an audience, and the money held for it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

from tocsin.domain.chunk import Chunk, Repeat, Result
from tocsin.domain.identity import Identity
from tocsin.domain.ids import AppId, SendId, SubscriptionId, TenantId
from tocsin.domain.note import Note
from tocsin.domain.notification import Notification
from tocsin.domain.report import Report
from tocsin.domain.segment import Rule
from tocsin.domain.subscription import Subscription
from tocsin.domain.tenancy import DialectName

SYNC_RECIPIENTS = 100
"""A send to this many is delivered in the request; a larger one is queued."""
LARGE = 1_000
"""A send to more than this many goes by the queues for broadcasts."""


class SendState(StrEnum):
    """PLANNED: reserved, chunks being opened. SENDING: every chunk is open. SETTLED: counted and paid."""

    PLANNED = "planned"
    SENDING = "sending"
    SETTLED = "settled"


class Course(StrEnum):
    """What the customer wants of a send that is not settled: to go on, to rest, or to end with whom it reached."""

    RUNNING = "running"
    PAUSED = "paused"
    CANCELLED = "cancelled"


class Origin(StrEnum):
    """What a send comes from. REQUEST: a caller's. CAMPAIGN: its id is the campaign's. FLOW: a step of a run."""

    REQUEST = "request"
    CAMPAIGN = "campaign"
    FLOW = "flow"


class Charge(StrEnum):
    """What a send is paid with. QUOTA: the app's hour and day. NONE: a trusted caller (PS-8)."""

    CREDITS = "credits"
    QUOTA = "quota"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Everyone:
    """All active subscriptions of the app."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """The active subscriptions of these people, these ones, and those with any of these labels: together, each once.

    Never empty, so nothing can widen it to everyone.
    """

    identities: tuple[Identity, ...] = ()
    subscriptions: tuple[SubscriptionId, ...] = ()
    labels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not (self.identities or self.subscriptions or self.labels):
            raise ValueError("an audience of nobody")

    def names(self, subscription: Subscription) -> bool:
        """Whether it is meant by its owner or by its id."""
        return subscription.id in self.subscriptions or not set(self.identities).isdisjoint(subscription.identities)

    def means(self, subscription: Subscription) -> bool:
        """Whether it is meant by anything."""
        return self.names(subscription) or not set(self.labels).isdisjoint(subscription.labels)


@dataclass(frozen=True, slots=True)
class Matching:
    """The active subscriptions that a segment's rule means at the time of the send, which keeps it as it was then."""

    rule: Rule


Audience = Everyone | Chosen | Matching
Source: TypeAlias = "DialectName | Origin"


@dataclass(frozen=True, slots=True)
class Tally:
    """What became of a send's recipients; `failed` includes `gone`, `doubted` counts what may have been accepted."""

    accepted: int = 0
    failed: int = 0
    gone: int = 0
    uncertain: int = 0
    pending: int = 0
    doubted: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            self.accepted + other.accepted,
            self.failed + other.failed,
            self.gone + other.gone,
            self.uncertain + other.uncertain,
            self.pending + other.pending,
            self.doubted + other.doubted,
        )


def tally(chunk: Chunk) -> Tally:
    """The counts of one chunk."""
    return Tally(
        chunk.count(Result.ACCEPTED),
        chunk.count(Result.FAILED),
        chunk.gone,
        chunk.count(Result.UNCERTAIN),
        chunk.count(Result.PENDING),
        len(chunk.doubted),
    )


@dataclass(frozen=True, slots=True)
class Send:
    """The stored record.

    reserved: the most recipients it may reach, and the credits held while it runs (if it is charged).
    parts: the most recipients of each part that is planned by itself; their sum is `reserved`.
    chunks: how many there are, final once the state is SENDING. expires_at: TTL's end (Unix seconds).
    counts, report: final at SETTLED, else empty. request_id: of the request that made it, for its logs (X-5).
    units: what a quota counts where that is not recipients (KM-24: people), None where it is.
    inbox: the external id of the person whose inbox keeps a note of it (BN-18). traced: its app is told by webhook what
    became of each recipient (KM-25). statistics: its messages report that they were displayed, clicked or dismissed.
    variables: not None where title, body and URL hold placeholders, which each recipient's own message has filled in;
    then site_name is the app's name. See domain/template.py.
    asked_at: when it was asked for (Unix seconds), where whom it means had to be counted first; None: when it was made.
    """

    id: SendId
    app: AppId
    tenant: TenantId
    dialect: DialectName
    audience: Audience
    notification: Notification
    site_url: str
    contact: str
    charge: Charge
    repeat: Repeat
    reserved: int
    chunks: int
    state: SendState
    counts: Tally
    created_at: int
    expires_at: int
    settled_at: int | None
    request_id: str = ""
    parts: tuple[int, ...] = ()
    course: Course = Course.RUNNING
    report: Report = field(default_factory=Report)
    units: int | None = None
    inbox: str | None = None
    traced: bool = False
    origin: Origin = Origin.REQUEST
    statistics: bool = False
    variables: Mapping[str, str] | None = None
    site_name: str = ""
    asked_at: int | None = None

    @property
    def meant_at(self) -> int:
        """As of when it is for whom it is for (Unix seconds): who subscribes later is not meant."""
        return self.created_at if self.asked_at is None else self.asked_at

    @property
    def source(self) -> Source:
        """Under what it is listed: the API that it came in through, or what made it."""
        return self.dialect if self.origin is Origin.REQUEST else self.origin

    @property
    def metered(self) -> int:
        """What a send on quota holds of its windows."""
        return self.reserved if self.units is None else self.units

    @property
    def reports_events(self) -> bool:
        """Whether somebody is to know what became of its messages: its statistics, its person's inbox, or its app."""
        return self.statistics or self.traced or self.inbox is not None

    @property
    def clicks_only(self) -> bool:
        """Whether clicks are all that is to be reported."""
        return self.reports_events and not self.statistics

    @property
    def large(self) -> bool:
        """Whether it is a broadcast, which must not delay what one person waits for."""
        return self.reserved > LARGE


def used_by(counts: Tally, report: Report) -> int:
    """What a finished send used: everyone it tried, except whom the push service no longer knew (CS-26)."""
    return max(0, counts.accepted + counts.failed - counts.gone + counts.uncertain - report.untried)


def note_of(send: Send) -> Note | None:
    """The note that a new send leaves, if somebody's inbox is to keep one."""
    if send.inbox is None:
        return None
    shown = send.notification
    return Note(send.app, send.inbox, send.id, shown.title, shown.body, send.created_at, read_at=0)


def unused_by(send: Send, counts: Tally, report: Report) -> int:
    """What a finished send on quota returns to its windows.

    Units of another kind are used by the request itself, whatever becomes of its recipients (KM-10).
    """
    return 0 if send.units is not None else max(0, send.reserved - used_by(counts, report))


@dataclass(frozen=True, slots=True)
class Balance:
    """An app's credits: available + reserved + spent is what was ever granted, and none is ever negative."""

    available: int
    reserved: int
    spent: int
