"""Flows: what a subscriber is sent, step by step, after something has happened to them (PU-50 to PU-63)."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import TypeAlias

from tocsin.domain.ids import ID_BYTES, AppId, FlowId, SendId
from tocsin.domain.notification import Notification
from tocsin.domain.tenancy import DialectName

RUN_SHARDS = 8
MAX_STEPS = 50
MAX_ACTIVE = 50
"""Active flows of an app for one trigger: what happens to a subscriber is told to each of them."""
DAY = 86_400
MAX_DELAY = 365 * DAY
MIN_INTERVAL, MAX_INTERVAL = 3600, 365 * DAY
"""Seconds from the beginning of a subscriber's run of a flow to that of the next one (PU-87)."""


class Trigger(StrEnum):
    """What may begin a run. The first three come from a notification, which a flow may name."""

    CLICKED = "notification_click"
    DISPLAYED = "notification_impression"
    DISMISSED = "notification_dismiss"
    SUBSCRIBED = "subscription"
    UNSUBSCRIBED = "unsubscription"

    @property
    def of_a_notification(self) -> bool:
        """Whether a notification is what it happens to."""
        return self in {Trigger.CLICKED, Trigger.DISPLAYED, Trigger.DISMISSED}

    @property
    def needs_statistics(self) -> bool:
        """Whether it is reported of sends with statistics only; a click may be reported of others, too."""
        return self in {Trigger.DISPLAYED, Trigger.DISMISSED}


class FlowStatus(StrEnum):
    """Only an ACTIVE flow begins runs, and only its runs go on: those of others are held when their time comes."""

    DRAFT = "draft"
    ACTIVE = "active"
    PAUSED = "paused"
    ARCHIVED = "archived"


TURNS: Mapping[FlowStatus, frozenset[FlowStatus]] = {
    FlowStatus.DRAFT: frozenset({FlowStatus.PAUSED, FlowStatus.ARCHIVED}),
    FlowStatus.ACTIVE: frozenset({FlowStatus.DRAFT, FlowStatus.PAUSED, FlowStatus.ARCHIVED}),
    FlowStatus.PAUSED: frozenset({FlowStatus.ACTIVE}),
    FlowStatus.ARCHIVED: frozenset({FlowStatus.DRAFT, FlowStatus.ACTIVE, FlowStatus.PAUSED}),
}
"""From which statuses each one can be entered (PU-60, PU-61)."""


class DelayUnit(StrEnum):
    """What a delay is counted in."""

    SECONDS = "seconds"
    MINUTES = "minutes"
    HOURS = "hours"
    DAYS = "days"

    @property
    def seconds(self) -> int:
        """How long one is."""
        return {DelayUnit.SECONDS: 1, DelayUnit.MINUTES: 60, DelayUnit.HOURS: 3600, DelayUnit.DAYS: DAY}[self]


@dataclass(frozen=True, slots=True)
class SendStep:
    """Send a notification, whose texts hold placeholders. variables: values for them, before the subscriber's own."""

    notification: Notification
    variables: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class DelayStep:
    """Wait; from one second to a year (PU-56)."""

    value: int
    unit: DelayUnit

    @property
    def seconds(self) -> int:
        """How long."""
        return self.value * self.unit.seconds


@dataclass(frozen=True, slots=True)
class ExitStep:
    """End the run; what follows is never reached (PU-57)."""


Step: TypeAlias = SendStep | DelayStep | ExitStep


@dataclass(frozen=True, slots=True)
class Flow:
    """The stored record.

    dialect: the API that it was made by, which its sends count for. source: only what happens to this send (a campaign,
    or an API send) begins a run; None: to any. steps_revision: counts replacements of the steps; runs keep to theirs.
    steps_at: of the last replacement (Unix seconds).
    interval: seconds between the beginnings of a subscriber's runs. created_by: the id of an API key.
    awaits_since: when it last became active, or came to wait for something else (Unix seconds); what happened before
    that begins no run.
    revision: counts changes; a write names the revision that it read.
    """

    id: FlowId
    app: AppId
    dialect: DialectName
    name: str
    description: str | None
    trigger: Trigger
    source: SendId | None
    status: FlowStatus
    steps: tuple[Step, ...]
    steps_revision: int
    steps_at: int
    interval: int
    created_by: str
    created_at: int
    updated_at: int
    revision: int = 0
    awaits_since: int = 0

    @property
    def awaits(self) -> tuple[Trigger, SendId | None] | None:
        """What begins its runs; None while nothing does."""
        return (self.trigger, self.source) if self.status is FlowStatus.ACTIVE else None

    def step_id(self, position: int) -> str:
        """The id of a step, 24 hex digits; what replaces it has another."""
        return _id(self.id, self.steps_revision, position)


@dataclass(frozen=True, slots=True)
class Executions:
    """What a flow has done.

    started: its runs (PU-63). skipped: send steps that reached nobody (PU-88). missing: values that texts lacked.
    """

    started: int = 0
    ended: int = 0
    skipped: int = 0
    missing: int = 0

    def __add__(self, other: "Executions") -> "Executions":
        return Executions(
            self.started + other.started,
            self.ended + other.ended,
            self.skipped + other.skipped,
            self.missing + other.missing,
        )


def send_of(run: str, position: int) -> SendId:
    """The id of the send that a step of a run makes: the same, however often it is tried."""
    return SendId(_id(run, position))


def _id(*parts: object) -> str:
    return sha256(":".join(map(str, parts)).encode()).hexdigest()[: 2 * ID_BYTES]
