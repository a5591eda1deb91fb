"""What is asked of a send, and what its caller is told."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from tocsin.application.ports.campaigns import CampaignChange
from tocsin.domain.chunk import Repeat
from tocsin.domain.ids import SendId, SubscriptionId
from tocsin.domain.notification import Notification
from tocsin.domain.send import Audience, Charge, Origin, Tally
from tocsin.domain.tenancy import App, DialectName


class Shortage(StrEnum):
    """What to do when the credits cover only a part of the audience: send to none, or to the most recently seen."""

    REFUSE = "refuse"
    PARTIAL = "partial"


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """What a client sent to make a retry safe. request: the canonical form of its body, to know a repeat by."""

    route: str
    text: str
    request: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class SendCommand:
    """A request to send. most: the largest number of recipients to consider, the most recently seen first.

    queued: deliver after the answer, however few they are. keeps_empty: a send to nobody is stored like any other, so
    that it can be looked up and repeated. repeat: what becomes of those in doubt after a worker was lost.
    id: where the caller has chosen one. units, inbox, traced, origin, asked_at: as in Send. silent: kept, and sent to
    nobody (BN-20). variables: not None where title, body and URL are wordings (domain/template.py), to be filled in
    with these values first; None where braces are only braces. campaign: stored in the send's own transaction; needs
    `queued`.
    """

    app: App
    dialect: DialectName
    audience: Audience
    notification: Notification
    charge: Charge
    shortage: Shortage = Shortage.REFUSE
    most: int | None = None
    queued: bool = False
    keeps_empty: bool = False
    idempotency: IdempotencyKey | None = None
    request_id: str = ""
    repeat: Repeat = Repeat.RESEND
    id: SendId | None = None
    units: int | None = None
    inbox: str | None = None
    silent: bool = False
    traced: bool = False
    origin: Origin = Origin.REQUEST
    variables: Mapping[str, str] | None = None
    campaign: CampaignChange | None = None
    asked_at: int | None = None


@dataclass(frozen=True, slots=True)
class SendResult:
    """What a caller is told. send None: there was nobody to send to.

    queued: delivery goes on after the answer; the counts are those so far. balance: credits available afterwards; 0
    for a send on quota. unreachable: whom this very request found gone, or named though they were not active.
    missing: values that placeholders had not; None while that is not known.
    """

    send: SendId | None
    targets: int
    counts: Tally
    queued: bool
    balance: int
    unreachable: tuple[SubscriptionId, ...] = ()
    replayed: bool = False
    created_at: int = 0
    missing: int | None = 0
