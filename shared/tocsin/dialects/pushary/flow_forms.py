"""Flows on the wire: what is asked of them, and how they are told (PU-51 to PU-58)."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, Field, ValidationError, model_validator
from pydantic.config import JsonDict
from pydantic_core import InitErrorDetails

from tocsin.application.engine import Engine
from tocsin.application.flows import Draft, FlowChange, FlowView
from tocsin.dialect_kit.bodies import ChangeModel, SparseModel, WireModel
from tocsin.dialect_kit.fields import Name, text
from tocsin.dialect_kit.identifiers import parse, render
from tocsin.dialect_kit.times import iso
from tocsin.dialects.pushary.callers import NAME
from tocsin.dialects.pushary.own_names import FLOW, TEXTS, own_names
from tocsin.dialects.pushary.wordings import PictureUrl, Variables, WordedBody, WordedTitle, WordedUrl, worded
from tocsin.domain.errors import Fault, Refused
from tocsin.domain.flow import (
    MAX_DELAY,
    MAX_INTERVAL,
    MAX_STEPS,
    MIN_INTERVAL,
    DelayStep,
    DelayUnit,
    ExitStep,
    Flow,
    FlowStatus,
    SendStep,
    Step,
    Trigger,
)
from tocsin.domain.ids import AppId, CampaignId, FlowId, SendId
from tocsin.domain.keep import KEEP

MAX_TEXTS = 256 * 1024
"""Bytes of what all steps of a flow show, the texts of their templates included: a flow is one item of the table."""
MINUTE = 60

TriggerType = Literal[
    "notification_click", "notification_impression", "notification_dismiss", "subscription", "unsubscription"
]
Status = Literal["draft", "active", "paused", "archived"]
StepType = Literal["send_notification", "delay", "exit"]
Description = Annotated[str, AfterValidator(text(500))]
Interval = Annotated[int, Field(ge=MIN_INTERVAL // MINUTE, le=MAX_INTERVAL // MINUTE)]


class NotificationForm(SparseModel):
    """What a step shows. Placeholders such as {{name}} are filled in for each subscriber."""

    title: WordedTitle | None = None
    body: WordedBody | None = None
    iconUrl: PictureUrl | None = None
    imageUrl: PictureUrl | None = None
    actionUrl: WordedUrl | None = None

    _own_names = own_names(TEXTS)


class DelayForm(WireModel):
    """How long a step waits: a second at least, 365 days at most."""

    value: Annotated[int, Field(gt=0)]
    unit: Literal["seconds", "minutes", "hours", "days"]

    @model_validator(mode="after")
    def _possible(self) -> "DelayForm":
        if self.to_step().seconds > MAX_DELAY:
            raise ValueError("must be at most 365 days")
        return self

    def to_step(self) -> DelayStep:
        """The core's form."""
        return DelayStep(self.value, DelayUnit(self.unit))


WORDED_OR_TEMPLATE = JsonDict(
    anyOf=[{"properties": {"notification": {"required": ["title", "body"]}}}, {"required": ["templateId"]}]
)
"""JSON Schema of what a step needs that shows something."""


class ConfigForm(SparseModel, json_schema_extra=WORDED_OR_TEMPLATE):
    """What a step needs to know: nothing for an exit.

    With a templateId its texts are copied, and what notification gives takes their place. variables: values for
    placeholders, before the subscriber's own.
    """

    notification: NotificationForm | None = None
    templateId: str | None = None
    variables: Variables | None = None
    delay: DelayForm | None = None


_TAKES: dict[str, set[str]] = {
    "send_notification": {"notification", "templateId", "variables"},
    "delay": {"delay"},
    "exit": set(),
}


class StepForm(SparseModel):
    """A step."""

    stepType: StepType
    config: ConfigForm = ConfigForm()

    @model_validator(mode="after")
    def _fitting(self) -> "StepForm":
        config, shown = self.config, self.config.notification or NotificationForm()
        if unfit := sorted(config.model_fields_set - _TAKES[self.stepType]):
            raise ValueError(f"must have no config.{unfit[0]}, as a step of the type {self.stepType}")
        if self.stepType == "delay" and config.delay is None:
            raise _missing(type(self), ("config", "delay"))
        if self.stepType == "send_notification" and config.templateId is None:
            absent = [name for name in ("title", "body") if getattr(shown, name) is None]
            if absent:
                raise _missing(type(self), *(("config", "notification", name) for name in absent))
        return self

    def to_step(self, engine: Engine, app: AppId) -> Step:
        """The core's form. Raises Refused: FIELD_INVALID (an unknown template)."""
        config, shown = self.config, self.config.notification or NotificationForm()
        if config.delay is not None:
            return config.delay.to_step()
        if self.stepType == "exit":
            return ExitStep()
        notification = worded(
            engine,
            app,
            config.templateId,
            title=shown.title,
            body=shown.body,
            url=shown.actionUrl,
            icon=shown.iconUrl,
            image=shown.imageUrl,
        )
        return SendStep(notification, config.variables or {})


Steps = Annotated[list[StepForm], Field(max_length=MAX_STEPS, default_factory=list)]


class FlowRequest(SparseModel):
    """A flow. minIntervalMinutes: from the beginning of a subscriber's run to that of the next; an hour at least."""

    name: Name
    triggerType: TriggerType
    description: Description | None = None
    triggerCampaignId: str | None = None
    steps: Steps
    minIntervalMinutes: Interval = MIN_INTERVAL // MINUTE

    _own_names = own_names(FLOW)

    def to_draft(self, engine: Engine, app: AppId) -> Draft:
        """The core's form. Raises Refused: FIELD_INVALID (an unknown template or campaign)."""
        return Draft(
            self.name,
            self.description,
            Trigger(self.triggerType),
            _source(engine, app, self.triggerCampaignId),
            _steps(engine, app, self.steps),
            self.minIntervalMinutes * MINUTE,
        )


class FlowChangeRequest(ChangeModel):
    """What shall be otherwise: each member that is given replaces what was; null clears description and campaign.

    steps: all of them; runs under way keep those that they began with.
    """

    name: Name = ""
    description: Description | None = None
    triggerType: TriggerType = "subscription"
    triggerCampaignId: str | None = None
    status: Status = "draft"
    steps: Steps
    minIntervalMinutes: Interval = MIN_INTERVAL // MINUTE

    _own_names = own_names(FLOW)

    def to_change(self, engine: Engine, app: AppId, flow: FlowId) -> FlowChange:
        """The core's form. Raises Refused: FIELD_INVALID (an unknown template or campaign), NOT_FOUND."""
        given = self.model_fields_set
        return FlowChange(
            name=self.name if "name" in given else KEEP,
            description=self.description if "description" in given else KEEP,
            trigger=Trigger(self.triggerType) if "triggerType" in given else KEEP,
            source=_source(engine, app, self.triggerCampaignId, flow) if "triggerCampaignId" in given else KEEP,
            status=FlowStatus(self.status) if "status" in given else KEEP,
            steps=_steps(engine, app, self.steps) if "steps" in given else KEEP,
            interval=self.minIntervalMinutes * MINUTE if "minIntervalMinutes" in given else KEEP,
        )


class StepReply(WireModel):
    """A step; a template's texts are shown as they were copied. The times are those of the flow's steps together."""

    id: str
    flowId: str
    stepOrder: int
    stepType: StepType
    config: dict[str, Any]
    createdAt: str
    updatedAt: str


class RunsReply(WireModel):
    """Of a flow's executions: how many are under way, and how many ended.

    skippedSteps: how many of their steps reached nobody. missingVariables: values of subscribers that texts lacked.
    """

    live: int
    ended: int
    skippedSteps: int
    missingVariables: int


class FlowReply(WireModel):
    """A flow. executionCount: runs that began. triggerCampaignId and what follows steps are our additions."""

    id: str
    siteId: str
    name: str
    description: str | None
    triggerType: TriggerType
    triggerCampaignId: str | None
    status: Status
    executionCount: int
    createdAt: str
    updatedAt: str
    steps: list[StepReply]
    minIntervalMinutes: int
    createdBy: str
    runs: RunsReply

    @classmethod
    def of(cls, view: FlowView) -> "FlowReply":
        """The document's form."""
        flow, done = view.flow, view.executions
        return cls(
            id=render("flow", flow.id),
            siteId=render("site", flow.app),
            name=flow.name,
            description=flow.description,
            triggerType=flow.trigger.value,
            triggerCampaignId=None if flow.source is None else render("camp", flow.source),
            status=flow.status.value,
            executionCount=done.started,
            createdAt=iso(flow.created_at),
            updatedAt=iso(flow.updated_at),
            steps=[_told(flow, position, step) for position, step in enumerate(flow.steps)],
            minIntervalMinutes=flow.interval // MINUTE,
            createdBy=flow.created_by,
            runs=RunsReply(
                live=done.started - done.ended,
                ended=done.ended,
                skippedSteps=done.skipped,
                missingVariables=done.missing,
            ),
        )


def _steps(engine: Engine, app: AppId, forms: list[StepForm]) -> tuple[Step, ...]:
    steps = tuple(form.to_step(engine, app) for form in forms)
    if sum(len(str(_config(step)[1]).encode()) for step in steps) > MAX_TEXTS:
        message = f"steps must hold at most {MAX_TEXTS // 1024} KiB, with what their templates hold"
        raise Refused(Fault.FIELD_INVALID, message, field="steps")
    return steps


def _source(engine: Engine, app: AppId, name: str | None, flow: FlowId | None = None) -> SendId | None:
    """A campaign, or an API send; or what this flow has already, be it deleted. Raises Refused: FIELD_INVALID."""
    if name is None:
        return None
    id_ = parse("camp", name)
    if id_ is not None and (
        engine.campaigning.find(app, CampaignId(id_)) is not None
        or engine.measuring.api_send(app, NAME, SendId(id_)) is not None
        or (flow is not None and engine.flows.get(app, flow).flow.source == id_)
    ):
        return SendId(id_)
    raise Refused(Fault.FIELD_INVALID, "triggerCampaignId must name a campaign of this site", field="triggerCampaignId")


def _told(flow: Flow, position: int, step: Step) -> StepReply:
    type_, config = _config(step)
    at = iso(flow.steps_at)
    return StepReply(
        id=render("step", flow.step_id(position)),
        flowId=render("flow", flow.id),
        stepOrder=position,
        stepType=type_,
        config=config,
        createdAt=at,
        updatedAt=at,
    )


def _config(step: Step) -> tuple[StepType, dict[str, Any]]:
    match step:
        case SendStep(notification=shown):
            texts = {
                "title": shown.title,
                "body": shown.body,
                "iconUrl": shown.icon,
                "imageUrl": shown.image,
                "actionUrl": shown.url,
            }
            given = {name: value for name, value in texts.items() if value is not None}
            variables = {"variables": dict(step.variables)} if step.variables else {}
            return "send_notification", {"notification": given, **variables}
        case DelayStep():
            return "delay", {"delay": {"value": step.value, "unit": step.unit.value}}
        case ExitStep():
            return "exit", {}


def _missing(model: type[BaseModel], *locations: tuple[str, ...]) -> ValidationError:
    errors = [InitErrorDetails(type="missing", loc=location, input=None) for location in locations]
    return ValidationError.from_exception_data(model.__name__, errors)
