"""Campaigns on the wire: what is asked of them, and how they and their figures are told (PU-22 to PU-32)."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from tocsin.application.campaigning import CampaignEdit, NewCampaign
from tocsin.application.engine import Engine
from tocsin.application.measuring import CampaignView, SendView
from tocsin.dialect_kit.bodies import ChangeModel, SparseModel, WireModel
from tocsin.dialect_kit.fields import Name
from tocsin.dialect_kit.identifiers import parse, render
from tocsin.dialect_kit.times import iso
from tocsin.dialects.pushary.own_names import CAMPAIGN, own_names
from tocsin.dialects.pushary.wordings import (
    TEXTS_OR_TEMPLATE,
    PictureUrl,
    Variables,
    WordedBody,
    WordedTitle,
    WordedUrl,
    require,
    worded,
)
from tocsin.domain.campaign import CampaignStatus, Totals
from tocsin.domain.errors import Fault, Refused
from tocsin.domain.ids import AppId, SegmentId, TemplateId
from tocsin.domain.keep import KEEP, Keep
from tocsin.domain.notification import Notification

Status = Literal["draft", "scheduled", "sending", "active", "paused", "completed", "cancelled"]


def _moment(text: str) -> int:
    """Unix seconds of an ISO 8601 time; one without a zone is UTC."""
    message = "must be an ISO 8601 time such as 2026-12-24T18:00:00Z"
    if "T" not in text.upper():
        raise ValueError(message)
    try:
        moment = datetime.fromisoformat(text)
        return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError):
        raise ValueError(message) from None


def _not_by_name(status: object) -> object:
    if status == "scheduled":
        raise ValueError("is made scheduled by a scheduledAt, not by this name")
    return status


Moment = Annotated[str, Field(json_schema_extra={"format": "date-time"}), AfterValidator(_moment)]
"""Read as Unix seconds."""


class CampaignReply(WireModel):
    """A campaign. name: an API send's is its title. totalDelivered: push services accepted it.

    From siteId on our additions. templateId: where its texts were copied from. statusReason: why it rests, if nobody
    paused it.
    """

    id: str
    name: str
    title: str
    body: str
    status: Status
    totalTargeted: int
    totalSent: int
    totalDelivered: int
    totalClicked: int
    createdAt: str
    siteId: str
    iconUrl: str | None
    imageUrl: str | None
    actionUrl: str | None
    segmentId: str | None
    scheduledAt: str | None
    templateId: str | None
    variables: dict[str, str]
    statusReason: str | None
    updatedAt: str

    @classmethod
    def of(cls, view: CampaignView) -> "CampaignReply":
        """The document's form of a campaign."""
        one, shown = view.campaign, view.campaign.notification
        return cls(
            id=render("camp", one.id),
            name=one.name,
            createdAt=iso(one.created_at),
            siteId=render("site", one.app),
            segmentId=None if one.segment is None else render("seg", one.segment),
            scheduledAt=None if one.scheduled_at is None else iso(one.scheduled_at),
            templateId=None if one.template is None else render("tmpl", one.template),
            variables=dict(one.variables),
            statusReason=one.reason,
            updatedAt=iso(one.updated_at),
            status=view.status.value,
            **_shown(shown),
            **_totals(view.totals),
        )

    @classmethod
    def of_send(cls, view: SendView) -> "CampaignReply":
        """The document's form of an API send."""
        one = view.send
        return cls(
            id=render("camp", one.id),
            name=one.notification.title,
            createdAt=iso(one.created_at),
            siteId=render("site", one.app),
            segmentId=None,
            scheduledAt=None,
            templateId=None,
            variables=dict(one.variables or {}),
            statusReason=None,
            updatedAt=iso(one.settled_at or one.created_at),
            status=view.status.value,
            **_shown(one.notification),
            **_totals(view.totals),
        )


class HourReply(WireModel):
    """What happened in an hour; hour: when it began."""

    hour: str
    displayed: int
    clicked: int
    dismissed: int


class PushServiceReply(WireModel):
    """What happened to those who are reached by a push service."""

    displayed: int
    clicked: int
    dismissed: int


class StatsReply(WireModel):
    """Sent is delivered and failed together; who is still tried is in neither. Rates in percent, to two decimals.

    From totalDisplayed on our additions. Each counts people, not events. hours: those in which something happened.
    missingVariables: values that texts lacked, in all messages together.
    """

    totalSent: int
    totalDelivered: int
    totalClicked: int
    totalFailed: int
    deliveryRate: float
    clickRate: float
    totalDisplayed: int
    totalDismissed: int
    hours: list[HourReply]
    pushServices: dict[str, PushServiceReply]
    missingVariables: int

    @classmethod
    def of(cls, view: CampaignView | SendView) -> "StatsReply":
        """The document's form."""
        totals, seen = view.totals, view.engagement
        sent = totals.accepted + totals.failed
        return cls(
            totalSent=sent,
            totalDelivered=totals.accepted,
            totalClicked=totals.clicked,
            totalFailed=totals.failed,
            deliveryRate=_rate(totals.accepted, sent),
            clickRate=_rate(totals.clicked, totals.accepted),
            totalDisplayed=totals.displayed,
            totalDismissed=totals.dismissed,
            hours=[
                HourReply(hour=iso(hour), displayed=one.displayed, clicked=one.clicked, dismissed=one.dismissed)
                for hour, one in seen.by_hour.items()
            ],
            pushServices={
                service.value: PushServiceReply(displayed=one.displayed, clicked=one.clicked, dismissed=one.dismissed)
                for service, one in seen.by_service.items()
            },
            missingVariables=totals.missing,
        )


class CampaignRequest(SparseModel, json_schema_extra=TEXTS_OR_TEMPLATE):
    """A campaign. Placeholders such as {{name}} are filled in for each subscriber, with variables first.

    title and body are required unless there is a templateId; what is given then takes the place of the template's.
    """

    name: Name
    title: WordedTitle | None = None
    body: WordedBody | None = None
    iconUrl: PictureUrl | None = None
    imageUrl: PictureUrl | None = None
    actionUrl: WordedUrl | None = None
    scheduledAt: Moment | None = None
    segmentId: str | None = None
    templateId: str | None = None
    variables: Variables | None = None

    _own_names = own_names(CAMPAIGN)

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, fields: dict[str, object]) -> dict[str, object]:
        require(cls, fields, "name", "title", "body")
        return fields

    def to_campaign(self, engine: Engine, app: AppId) -> NewCampaign:
        """The core's form. Raises Refused: FIELD_INVALID (an unknown template or segment)."""
        shown = worded(
            engine,
            app,
            self.templateId,
            title=self.title,
            body=self.body,
            url=self.actionUrl,
            icon=self.iconUrl,
            image=self.imageUrl,
        )
        return NewCampaign(
            self.name,
            shown,
            self.variables or {},
            _template(self.templateId),
            _segment(self.segmentId),
            _seconds(self.scheduledAt),
        )


class CampaignChangeRequest(ChangeModel):
    """What shall be otherwise: each member that is given replaces what was; null clears it, where that can be.

    With a templateId the texts are those of the template, but for what is given. scheduledAt null: a draft again.
    """

    name: Name = ""
    title: WordedTitle = ""
    body: WordedBody = ""
    iconUrl: PictureUrl | None = None
    imageUrl: PictureUrl | None = None
    actionUrl: WordedUrl | None = None
    scheduledAt: Moment | None = None
    segmentId: str | None = None
    templateId: str | None = None
    variables: Variables | None = None
    status: Annotated[Literal["draft", "paused", "cancelled"], BeforeValidator(_not_by_name)] = "draft"

    _own_names = own_names(CAMPAIGN)

    def to_edit(self, engine: Engine, app: AppId) -> CampaignEdit:
        """The core's form. Raises Refused: FIELD_INVALID (an unknown template or segment)."""
        given = self.model_fields_set
        return CampaignEdit(
            name=self.name if "name" in given else KEEP,
            shown=self._shown(engine, app),
            variables=self.variables or {} if "variables" in given else KEEP,
            template=_template(self.templateId) if "templateId" in given else KEEP,
            segment=_segment(self.segmentId) if "segmentId" in given else KEEP,
            scheduled_at=_seconds(self.scheduledAt) if "scheduledAt" in given else KEEP,
            status=CampaignStatus(self.status) if "status" in given else KEEP,
        )

    def _shown(self, engine: Engine, app: AppId) -> Callable[[Notification], Notification] | Keep:
        given = self.model_fields_set
        members = {"title": "title", "body": "body", "iconUrl": "icon", "imageUrl": "image", "actionUrl": "url"}
        changed: dict[str, Any] = {name: getattr(self, member) for member, name in members.items() if member in given}
        if self.templateId is not None:
            texts = worded(engine, app, self.templateId, title=None, body=None, url=None, icon=None, image=None)
            return lambda _: replace(texts, **changed)
        return (lambda shown: replace(shown, **changed)) if changed else KEEP


def _template(name: str | None) -> TemplateId | None:
    id_ = None if name is None else parse("tmpl", name)
    return None if id_ is None else TemplateId(id_)


def _segment(name: str | None) -> SegmentId | None:
    if name is None:
        return None
    id_ = parse("seg", name)
    if id_ is None:
        raise Refused(Fault.FIELD_INVALID, "Unknown segment", field="segmentId")
    return SegmentId(id_)


def _seconds(moment: object) -> int | None:
    return moment if isinstance(moment, int) else None


def _shown(notification: Notification) -> dict[str, Any]:
    return {
        "title": notification.title,
        "body": notification.body,
        "iconUrl": notification.icon,
        "imageUrl": notification.image,
        "actionUrl": notification.url,
    }


def _totals(totals: Totals) -> dict[str, Any]:
    return {
        "totalTargeted": totals.targeted,
        "totalSent": totals.accepted + totals.failed,
        "totalDelivered": totals.accepted,
        "totalClicked": totals.clicked,
    }


def _rate(part: int, whole: int) -> float:
    # Who clicks may be somebody of whom no push service said that it took the message.
    return min(100.0, round(100 * part / whole, 2)) if whole else 0.0
