"""Flows: list, make, show, change, delete, activate, pause (PU-50 to PU-63)."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.status import HTTP_201_CREATED

from tocsin.application.flows import FlowChange
from tocsin.dialect_kit.bodies import json_body
from tocsin.dialect_kit.callers import actor
from tocsin.dialect_kit.dependencies import EngineDependency
from tocsin.dialect_kit.identifiers import parse
from tocsin.dialects.pushary.callers import NAME, Sender
from tocsin.dialects.pushary.flow_forms import MAX_TEXTS, FlowChangeRequest, FlowReply, FlowRequest, Status
from tocsin.dialects.pushary.paging import DEFAULT_LIMIT, MAX_LIMIT, Cursor, Limit, ListReply, listing, page_of
from tocsin.domain.errors import Fault, Refused
from tocsin.domain.flow import FlowStatus
from tocsin.domain.ids import FlowId

router = APIRouter(prefix="/api/v1/server/flows")


def _flow(flow_id: str) -> FlowId:
    id_ = parse("flow", flow_id)
    if id_ is None:
        raise Refused(Fault.NOT_FOUND, "Flow not found")
    return FlowId(id_)


Named = Annotated[FlowId, Depends(_flow)]


@router.get("")
def list_flows(
    caller: Sender,
    engine: EngineDependency,
    cursor: Cursor = None,
    limit: Limit = DEFAULT_LIMIT,
    status: Annotated[Status | None, Query(description="Only flows in this status.")] = None,
) -> ListReply[FlowReply]:
    """List flows, newest first; with a status a page may be short, or empty."""
    app, most, name = caller.app.id, min(limit, MAX_LIMIT), listing("flows", status=status)
    asked = None if status is None else FlowStatus(status)
    return page_of(engine, app, name, cursor, partial(engine.flows.listed, app, asked, most), FlowReply.of)


@router.post("", status_code=HTTP_201_CREATED)
def create_flow(
    caller: Sender,
    body: Annotated[FlowRequest, json_body(FlowRequest, most=MAX_TEXTS)],
    request: Request,
    engine: EngineDependency,
) -> FlowReply:
    """Create a flow; it is a draft."""
    app = caller.app.id
    return FlowReply.of(engine.flows.create(app, NAME, body.to_draft(engine, app), actor(request, caller.key)))


@router.get("/{flow_id}")
def get_flow(caller: Sender, flow: Named, engine: EngineDependency) -> FlowReply:
    """Show a flow."""
    return FlowReply.of(engine.flows.get(caller.app.id, flow))


@router.patch("/{flow_id}")
def change_flow(
    caller: Sender,
    flow: Named,
    body: Annotated[FlowChangeRequest, json_body(FlowChangeRequest, most=MAX_TEXTS)],
    request: Request,
    engine: EngineDependency,
) -> FlowReply:
    """Change a flow; the status by the rules of activating and pausing."""
    app = caller.app.id
    change = body.to_change(engine, app, flow)
    return FlowReply.of(engine.flows.change(app, flow, change, actor(request, caller.key)))


@router.delete("/{flow_id}")
def delete_flow(caller: Sender, flow: Named, request: Request, engine: EngineDependency) -> dict[str, bool]:
    """Delete a flow; its runs end."""
    engine.flows.remove(caller.app.id, flow, actor(request, caller.key))
    return {"success": True}


@router.post("/{flow_id}/activate")
def activate_flow(caller: Sender, flow: Named, request: Request, engine: EngineDependency) -> FlowReply:
    """Activate a flow; it begins runs from now on, and those that were held go on."""
    change = FlowChange(status=FlowStatus.ACTIVE)
    return FlowReply.of(engine.flows.change(caller.app.id, flow, change, actor(request, caller.key)))


@router.post("/{flow_id}/pause")
def pause_flow(caller: Sender, flow: Named, request: Request, engine: EngineDependency) -> FlowReply:
    """Pause a flow; it begins no runs, and those under way are held when their next step is due."""
    change = FlowChange(status=FlowStatus.PAUSED)
    return FlowReply.of(engine.flows.change(caller.app.id, flow, change, actor(request, caller.key)))
