"""What an app's owner does with campaigns: make, change, send, pause, resume, cancel, delete (PU-22 to PU-32)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from tocsin.application.launching import Launching
from tocsin.application.measuring import Measuring
from tocsin.application.ports import (
    CampaignChange,
    Campaigns,
    Clock,
    Meter,
    Randomness,
    Schedules,
    Stale,
    Unavailable,
)
from tocsin.application.segments import Segments
from tocsin.application.steering import Steering
from tocsin.domain.audit import Action, Actor, AuditEntry
from tocsin.domain.campaign import AFTER, MAX_AHEAD, Campaign, CampaignStatus, Step, refusal, status_of
from tocsin.domain.errors import Fault, Refused
from tocsin.domain.ids import AppId, CampaignId, SegmentId, TemplateId
from tocsin.domain.keep import KEEP, Keep, given_of
from tocsin.domain.notification import Notification
from tocsin.domain.send import Course, Send
from tocsin.domain.tenancy import App, DialectName

_RACES = 8
_COURSES: Mapping[Step, Course] = {
    Step.PAUSE: Course.PAUSED,
    Step.RESUME: Course.RUNNING,
    Step.CANCEL: Course.CANCELLED,
}
_NOTED: Mapping[Step, Action] = {
    Step.PAUSE: Action.CAMPAIGN_PAUSED,
    Step.RESUME: Action.CAMPAIGN_RESUMED,
    Step.CANCEL: Action.CAMPAIGN_CANCELLED,
}
Done = TypeVar("Done")


@dataclass(frozen=True, slots=True)
class NewCampaign:
    """What a new campaign is to be. notification: its texts may hold placeholders. scheduled_at: Unix seconds."""

    name: str
    notification: Notification
    variables: Mapping[str, str] = field(default_factory=dict)
    template: TemplateId | None = None
    segment: SegmentId | None = None
    scheduled_at: int | None = None


@dataclass(frozen=True, slots=True)
class CampaignEdit:
    """What shall be otherwise. shown: the notification as it shall be, made of the one that was.

    scheduled_at None: it is a draft again. status: DRAFT, PAUSED or CANCELLED, by the rules of the actions (PU-25).
    """

    name: str | Keep = KEEP
    shown: Callable[[Notification], Notification] | Keep = KEEP
    variables: Mapping[str, str] | Keep = KEEP
    template: TemplateId | Keep | None = KEEP
    segment: SegmentId | Keep | None = KEEP
    scheduled_at: int | Keep | None = KEEP
    status: CampaignStatus | Keep = KEEP

    @property
    def steps(self) -> tuple[Step, ...]:
        """What is asked, in the order in which it is done."""
        contents = (self.name, self.shown, self.variables, self.template, self.segment)
        asked = [Step.EDIT] if any(value is not KEEP for value in contents) else []
        if self.scheduled_at is not KEEP:
            asked.append(Step.UNSCHEDULE if self.scheduled_at is None else Step.SCHEDULE)
        return (*asked, *([] if self.status is KEEP else [_ASKED[self.status]]))


_ASKED: Mapping[CampaignStatus, Step] = {
    CampaignStatus.DRAFT: Step.UNSCHEDULE,
    CampaignStatus.PAUSED: Step.PAUSE,
    CampaignStatus.CANCELLED: Step.CANCEL,
}


class Campaigning:
    """Each change is one conditional write with its audit entry; once there is a send, in one transaction with it."""

    def __init__(
        self,
        campaigns: Campaigns,
        launching: Launching,
        measuring: Measuring,
        steering: Steering,
        segments: Segments,
        schedules: Schedules,
        clock: Clock,
        randomness: Randomness,
        meter: Meter,
    ) -> None:
        self._campaigns = campaigns
        self._launching = launching
        self._measuring = measuring
        self._steering = steering
        self._segments = segments
        self._schedules = schedules
        self._clock = clock
        self._randomness = randomness
        self._meter = meter

    def find(self, app: AppId, name: CampaignId) -> Campaign | None:
        """A campaign of this app, or None."""
        return self._campaigns.get(app, name)

    def create(self, app: AppId, dialect: DialectName, new: NewCampaign, actor: Actor) -> Campaign:
        """Keep a new one: a draft, or scheduled. Raises Refused: FIELD_INVALID (scheduledAt, segmentId)."""
        now, at = self._now(), new.scheduled_at
        if new.segment is not None:
            self._segments.get(app, new.segment)
        made = Campaign(
            CampaignId(self._randomness.new_id()),
            app,
            dialect,
            new.name,
            new.notification,
            CampaignStatus.DRAFT,
            now,
            now,
            new.variables,
            new.template,
            new.segment,
        )
        if at is not None:
            made = replace(made, status=CampaignStatus.SCHEDULED, scheduled_at=self._ahead(at), due_at=at)
        self._campaigns.put(made, self._noted(made, Action.CAMPAIGN_CREATED, actor))
        self._call(None, made)
        return made

    def change(self, app: AppId, name: CampaignId, edit: CampaignEdit, actor: Actor) -> Campaign:
        """The campaign as it is then. Raises Refused: NOT_FOUND, CONFLICT (its status), FIELD_INVALID."""

        def change(found: Campaign, send: Send | None) -> Campaign:
            for step in edit.steps:
                _check(found, send, step)
            if edit.status in _COURSES_ASKED:
                return self._steered(found, send, _ASKED[edit.status], actor)
            new = self._edited(found, edit)
            if new == found:
                return found
            new = replace(new, updated_at=self._now(), revision=found.revision + 1)
            self._campaigns.put(new, self._noted(new, Action.CAMPAIGN_CHANGED, actor))
            self._call(found, new)
            return new

        if edit.status is CampaignStatus.DRAFT and edit.scheduled_at not in {KEEP, None}:
            raise Refused(Fault.FIELD_INVALID, "A draft has no scheduledAt: give one of the two", field="status")
        if edit.status in _COURSES_ASKED and len(edit.steps) > 1:
            message = f"status {edit.status} must be asked for by itself, without other changes"
            raise Refused(Fault.FIELD_INVALID, message, field="status")
        return self._try(app, name, change)

    def send(self, app: App, name: CampaignId, actor: Actor) -> Campaign:
        """Send it now. Raises as Launching.launch does, and Refused: NOT_FOUND, CONFLICT (its status)."""

        def send(found: Campaign, send: Send | None) -> Campaign:
            _check(found, send, Step.SEND)
            sent = self._launching.launch(found, app, Step.SEND, actor)
            self._call(found, sent)
            return sent

        return self._try(app.id, name, send)

    def pause(self, app: AppId, name: CampaignId, actor: Actor) -> Campaign:
        """No POST begins later than 12 s after this. Raises Refused: NOT_FOUND, CONFLICT (its status)."""
        return self._try(app, name, lambda found, send: self._steered(found, send, Step.PAUSE, actor))

    def resume(self, app: App, name: CampaignId, actor: Actor) -> Campaign:
        """Go on where it stopped; one that could not be sent is tried again. Raises as `send` does."""

        def resume(found: Campaign, send: Send | None) -> Campaign:
            _check(found, send, Step.RESUME)
            if send is None:
                return self._launching.launch(found, app, Step.RESUME, actor)
            return self._steered(found, send, Step.RESUME, actor)

        return self._try(app.id, name, resume)

    def delete(self, app: AppId, name: CampaignId, actor: Actor) -> None:
        """Remove it; one that rests is cancelled first. Raises Refused: NOT_FOUND, CONFLICT (it is under way)."""

        def delete(found: Campaign, send: Send | None) -> Campaign:
            _check(found, send, Step.DELETE)
            if send is not None and status_of(found, send) is CampaignStatus.PAUSED:
                found = self._steered(found, send, Step.CANCEL, actor)
            self._campaigns.remove(found, self._noted(found, Action.CAMPAIGN_DELETED, actor))
            self._call(found, None)
            return found

        self._try(app, name, delete)

    def _steered(self, found: Campaign, send: Send | None, step: Step, actor: Actor) -> Campaign:
        """Pause, resume or cancel. Raises Refused, Stale."""
        _check(found, send, step)
        status = AFTER[step][status_of(found, send)]
        new = replace(found, status=status, reason=None, updated_at=self._now(), revision=found.revision + 1)
        noted = self._noted(new, _NOTED[step], actor)
        if send is None:
            new = replace(new, due_at=None, counted=None)
            self._campaigns.put(new, noted)
            self._call(found, new)
        else:
            self._steering.turn(send, _COURSES[step], CampaignChange(new, noted))
        return new

    def _edited(self, found: Campaign, edit: CampaignEdit) -> Campaign:
        given = given_of(edit, ("name", "variables", "template", "segment"))
        if given.get("segment") is not None:
            self._segments.get(found.app, given["segment"])
        new = replace(found, **given)
        if not isinstance(edit.shown, Keep):
            new = replace(new, notification=edit.shown(found.notification))
        at = edit.scheduled_at
        if isinstance(at, int):
            return replace(new, status=CampaignStatus.SCHEDULED, reason=None, scheduled_at=self._ahead(at), due_at=at)
        if at is None or edit.status is CampaignStatus.DRAFT:
            return replace(new, status=CampaignStatus.DRAFT, reason=None, scheduled_at=None, due_at=None)
        return new

    def _ahead(self, at: int) -> int:
        """The time, if a campaign can be scheduled for it. Raises Refused: FIELD_INVALID."""
        now = self._now()
        if not now < at <= now + MAX_AHEAD:
            message = f"scheduledAt must be in the future, at most {MAX_AHEAD // 86_400} days from now"
            raise Refused(Fault.FIELD_INVALID, message, field="scheduledAt")
        return at

    def _call(self, old: Campaign | None, new: Campaign | None) -> None:
        """Have it called at its time, and at no other. The campaign is stored: what fails here, the sweep mends."""
        was = None if old is None or old.status is not CampaignStatus.SCHEDULED else old.scheduled_at
        is_ = None if new is None or new.status is not CampaignStatus.SCHEDULED else new.scheduled_at
        known = new or old
        if was == is_ or known is None:
            return
        try:
            if is_ is None:
                self._schedules.remove(known.app, known.id)
            else:
                self._schedules.put(known.app, known.id, is_)
        except Unavailable as error:
            self._meter.crash(error)

    def _try(self, app: AppId, name: CampaignId, act: Callable[[Campaign, Send | None], Done]) -> Done:
        """Act on a campaign and its send as they are; anew when somebody else was faster."""
        for _ in range(_RACES):
            found = self._campaigns.get(app, name)
            if found is None:
                raise Refused(Fault.NOT_FOUND, "Campaign not found")
            try:
                return act(found, self._measuring.send_of(found))
            except Stale:
                continue
        raise Unavailable

    def _noted(self, campaign: Campaign, action: Action, actor: Actor) -> AuditEntry:
        details = {"campaign": campaign.id}
        return AuditEntry(self._randomness.new_id(), campaign.app, self._now(), actor, action, details)

    def _now(self) -> int:
        return int(self._clock.now())


_COURSES_ASKED = {CampaignStatus.PAUSED, CampaignStatus.CANCELLED}
_MENDING = {Step.EDIT, Step.SCHEDULE, Step.UNSCHEDULE}


def _check(found: Campaign, send: Send | None, step: Step) -> None:
    """Raises Refused: CONFLICT."""
    if step in _MENDING and found.status is CampaignStatus.PAUSED and found.reason is not None:
        return  # nobody was sent anything: what kept it from being sent can be mended, and it can wait anew
    why = refusal(status_of(found, send), step)
    if why is not None:
        raise Refused(Fault.CONFLICT, why, field="status")
