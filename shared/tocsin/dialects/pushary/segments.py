"""Segments, an extension that `segmentId` needs: list, make, show, change, delete, and look whom one means (PU-24)."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import AfterValidator
from starlette.requests import Request
from starlette.status import HTTP_201_CREATED

from tocsin.application.engine import Engine
from tocsin.application.segments import SegmentChange
from tocsin.dialect_kit.bodies import ChangeModel, SparseModel, WireModel, json_body
from tocsin.dialect_kit.callers import actor
from tocsin.dialect_kit.dependencies import EngineDependency
from tocsin.dialect_kit.fields import Name, text
from tocsin.dialect_kit.identifiers import parse, render
from tocsin.dialect_kit.times import iso
from tocsin.dialects.pushary.callers import RuleWriter, Sender, SubscriberReader
from tocsin.dialects.pushary.paging import DEFAULT_LIMIT, MAX_LIMIT, Cursor, Limit, ListReply, listing, page_of
from tocsin.dialects.pushary.rules import Rules, from_rule, to_rule
from tocsin.dialects.pushary.subscribers import SubscriberReply
from tocsin.domain.errors import Fault, Refused
from tocsin.domain.ids import SegmentId
from tocsin.domain.keep import KEEP
from tocsin.domain.segment import Rule, Segment
from tocsin.domain.tenancy import App

router = APIRouter(prefix="/api/v1/server/segments")

PREVIEW_SECONDS = 5
"""How long a preview looks through subscribers; then it tells an estimate."""
Description = Annotated[str, AfterValidator(text(500))]


# One mode for both directions, or the document would name the rules of answers apart from those of bodies.
class SegmentReply(WireModel, json_schema_mode_override="validation"):
    """A segment."""

    id: str
    siteId: str
    name: str
    description: str | None
    rules: Rules
    createdAt: str
    updatedAt: str

    @classmethod
    def of(cls, segment: Segment) -> "SegmentReply":
        """The wire's form."""
        return cls(
            id=render("seg", segment.id),
            siteId=render("site", segment.app),
            name=segment.name,
            description=segment.description,
            rules=from_rule(segment.rule),
            createdAt=iso(segment.created_at),
            updatedAt=iso(segment.updated_at),
        )


class SegmentRequest(SparseModel):
    """A segment."""

    name: Name
    description: Description | None = None
    rules: Rules


class SegmentChangeRequest(ChangeModel):
    """What shall be otherwise: each member that is given replaces what was; null clears the description."""

    name: Name = ""
    description: Description | None = None
    rules: Rules = Rules({})

    def to_change(self) -> SegmentChange:
        """The core's form. Raises Refused: FIELD_INVALID."""
        given = self.model_fields_set
        return SegmentChange(
            name=self.name if "name" in given else KEEP,
            description=self.description if "description" in given else KEEP,
            rule=to_rule(self.rules) if "rules" in given else KEEP,
        )


class SegmentPreviewRequest(SparseModel):
    """The rules of a segment that need not be kept."""

    rules: Rules


class SegmentPreviewReply(WireModel):
    """How many can be sent to now, and up to ten of them. estimated: only a part of a large site was looked through."""

    count: int
    estimated: bool
    sample: list[SubscriberReply]

    @classmethod
    def of(cls, engine: Engine, app: App, rule: Rule) -> "SegmentPreviewReply":
        """Whom a rule means just now. Raises Refused: RATE_LIMITED."""
        engine.limiting.preview(app)
        size = engine.segments.size(app.id, rule, engine.clock.now() + PREVIEW_SECONDS)
        sample = [SubscriberReply.of(view) for view in engine.listing.views(app.id, size.some)]
        return cls(count=size.total, estimated=size.estimated, sample=sample)


def _segment(segment_id: str) -> SegmentId:
    id_ = parse("seg", segment_id)
    if id_ is None:
        raise Refused(Fault.NOT_FOUND, "Segment not found")
    return SegmentId(id_)


Named = Annotated[SegmentId, Depends(_segment)]


@router.get("")
def list_segments(
    caller: Sender, engine: EngineDependency, cursor: Cursor = None, limit: Limit = DEFAULT_LIMIT
) -> ListReply[SegmentReply]:
    """List segments, newest first."""
    app = caller.app.id
    return page_of(
        engine,
        app,
        listing("segments"),
        cursor,
        partial(engine.segments.listed, app, min(limit, MAX_LIMIT)),
        SegmentReply.of,
    )


@router.post("", status_code=HTTP_201_CREATED)
def create_segment(
    caller: RuleWriter,
    body: Annotated[SegmentRequest, json_body(SegmentRequest)],
    request: Request,
    engine: EngineDependency,
) -> SegmentReply:
    """Create a segment; needs both push:send and clients:read."""
    rule, by = to_rule(body.rules), actor(request, caller.key)
    return SegmentReply.of(engine.segments.create(caller.app.id, body.name, body.description, rule, by))


@router.post("/preview")
def preview_rules(
    caller: SubscriberReader,
    body: Annotated[SegmentPreviewRequest, json_body(SegmentPreviewRequest)],
    engine: EngineDependency,
) -> SegmentPreviewReply:
    """Preview whom rules mean just now; they are not kept. A site has ten previews of segments a minute."""
    return SegmentPreviewReply.of(engine, caller.app, to_rule(body.rules))


@router.get("/{segment_id}")
def get_segment(caller: Sender, segment: Named, engine: EngineDependency) -> SegmentReply:
    """Show a segment."""
    return SegmentReply.of(engine.segments.show(caller.app.id, segment))


@router.patch("/{segment_id}")
def change_segment(
    caller: RuleWriter,
    segment: Named,
    body: Annotated[SegmentChangeRequest, json_body(SegmentChangeRequest)],
    request: Request,
    engine: EngineDependency,
) -> SegmentReply:
    """Change a segment; campaigns not sent yet go by its new rules. Needs both scopes, too."""
    changed = engine.segments.change(caller.app.id, segment, body.to_change(), actor(request, caller.key))
    return SegmentReply.of(changed)


@router.delete("/{segment_id}")
def delete_segment(caller: Sender, segment: Named, request: Request, engine: EngineDependency) -> dict[str, bool]:
    """Delete a segment; a campaign that names it cannot be sent any more."""
    engine.segments.delete(caller.app.id, segment, actor(request, caller.key))
    return {"success": True}


@router.post("/{segment_id}/preview")
def preview_segment(caller: SubscriberReader, segment: Named, engine: EngineDependency) -> SegmentPreviewReply:
    """Preview whom a segment means just now."""
    return SegmentPreviewReply.of(engine, caller.app, engine.segments.show(caller.app.id, segment).rule)
