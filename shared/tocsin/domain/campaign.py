"""A campaign: one notification to everybody or to a segment, planned, sent once in its life, paused and measured.

Once it is sent there is a send, which has the campaign's id; from then on the send says how far it is.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from tocsin.domain.ids import AppId, CampaignId, SegmentId, TemplateId
from tocsin.domain.notification import Notification
from tocsin.domain.send import Course, Send, SendState
from tocsin.domain.tenancy import DialectName

MAX_AHEAD = 365 * 86_400
"""Seconds from now that a campaign may be scheduled for."""
SEALED_AFTER = 88 * 86_400
"""Seconds from its sending until its figures are kept with the campaign: its send is removed two days later."""


class CampaignStatus(StrEnum):
    """Where a campaign is (PU-30). ACTIVE: it goes on after a pause."""

    DRAFT = "draft"
    SCHEDULED = "scheduled"
    SENDING = "sending"
    ACTIVE = "active"
    PAUSED = "paused"
    COMPLETED = "completed"
    CANCELLED = "cancelled"


class Step(StrEnum):
    """What can be done with a campaign; the word completes "it cannot be ..."."""

    EDIT = "changed"
    SCHEDULE = "scheduled"
    UNSCHEDULE = "made a draft again"
    SEND = "sent"
    PAUSE = "paused"
    RESUME = "resumed"
    CANCEL = "cancelled"
    DELETE = "deleted"


_DRAFT, _SCHEDULED, _SENDING, _ACTIVE, _PAUSED, _COMPLETED, _CANCELLED = CampaignStatus
AFTER: Mapping[Step, Mapping[CampaignStatus, CampaignStatus]] = {
    Step.EDIT: {_DRAFT: _DRAFT, _SCHEDULED: _SCHEDULED},
    Step.SCHEDULE: {_DRAFT: _SCHEDULED, _SCHEDULED: _SCHEDULED},
    Step.UNSCHEDULE: {_DRAFT: _DRAFT, _SCHEDULED: _DRAFT},
    Step.SEND: {_DRAFT: _SENDING, _SCHEDULED: _SENDING},
    Step.PAUSE: {_SENDING: _PAUSED, _ACTIVE: _PAUSED},
    Step.RESUME: {_PAUSED: _ACTIVE},
    Step.CANCEL: {_DRAFT: _CANCELLED, _SCHEDULED: _CANCELLED, _PAUSED: _CANCELLED},
    # What rests is cancelled first, so that nothing is left of it that could go on.
    Step.DELETE: {
        _DRAFT: _DRAFT,
        _SCHEDULED: _SCHEDULED,
        _PAUSED: _CANCELLED,
        _COMPLETED: _COMPLETED,
        _CANCELLED: _CANCELLED,
    },
}
"""The state machine: from which status each step is possible, and where it leads."""
_WAYS_OUT: Mapping[tuple[CampaignStatus, Step], str] = {
    (_PAUSED, Step.SEND): "resume it",
    (_SCHEDULED, Step.PAUSE): "cancel it, or take its time away to make it a draft again",
    (_SENDING, Step.CANCEL): "pause it first",
    (_ACTIVE, Step.CANCEL): "pause it first",
    (_SENDING, Step.DELETE): "pause or cancel it first",
    (_ACTIVE, Step.DELETE): "pause or cancel it first",
}
"""What to do instead, where there is something that leads on."""


@dataclass(frozen=True, slots=True)
class Totals:
    """What became of a campaign or a send. targeted: how many it was for. missing: values that a text lacked."""

    targeted: int = 0
    accepted: int = 0
    failed: int = 0
    displayed: int = 0
    clicked: int = 0
    dismissed: int = 0
    missing: int = 0

    @property
    def reports(self) -> int:
        """How much of what readers did was counted, in all."""
        return self.displayed + self.clicked + self.dismissed


@dataclass(frozen=True, slots=True)
class Counted:
    """How far the members of a segment are counted: so many, up to a place. revision: of that segment."""

    matched: int
    after: str
    revision: int


@dataclass(frozen=True, slots=True)
class Campaign:
    """The stored record.

    notification: its texts may hold placeholders, whose values come from `variables` first. template: where the texts
    were copied from. segment: None for everybody. status: until there is a send; then `status_of` knows better.
    scheduled_at: when it is to be sent, or was to be. sent_at: since when there is a send; None while it is under way:
    whom its segment means is still being counted. counted: how far that came. reason: why it rests unasked.
    due_at: when the sweep is to look at it. sealed: its figures for good, once its send is about to be removed.
    All times in Unix seconds.
    """

    id: CampaignId
    app: AppId
    dialect: DialectName
    name: str
    notification: Notification
    status: CampaignStatus
    created_at: int
    updated_at: int
    variables: Mapping[str, str] = field(default_factory=dict)
    template: TemplateId | None = None
    segment: SegmentId | None = None
    scheduled_at: int | None = None
    sent_at: int | None = None
    counted: Counted | None = None
    reason: str | None = None
    due_at: int | None = None
    sealed: Totals | None = None
    revision: int = 0


def counting(campaign: Campaign) -> bool:
    """Whether it has been sent, as far as its owner is concerned, and its segment is still being counted."""
    return campaign.sent_at is None and campaign.status in {CampaignStatus.SENDING, CampaignStatus.ACTIVE}


def status_of(campaign: Campaign, send: Send | None) -> CampaignStatus:
    """Where a campaign is, given its send. That one knows when it is over, and the operator may steer it, too."""
    if send is None:
        return campaign.status
    if send.course is Course.CANCELLED:
        return CampaignStatus.CANCELLED
    if send.state is SendState.SETTLED:
        return CampaignStatus.COMPLETED
    if send.course is Course.PAUSED:
        return CampaignStatus.PAUSED
    return CampaignStatus.SENDING if campaign.status is CampaignStatus.SENDING else CampaignStatus.ACTIVE


def refusal(status: CampaignStatus, step: Step) -> str | None:
    """Why a step is not possible, in words; None if it is."""
    possible = AFTER[step]
    if status in possible:
        return None
    way_out = _WAYS_OUT.get((status, step)) or f"it must be {_either(list(possible))}"
    return f"Campaign is {status} and cannot be {step}: {way_out}"


def _either(words: list[CampaignStatus]) -> str:
    *others, last = words
    return f"{', '.join(others)} or {last}" if others else str(last)
