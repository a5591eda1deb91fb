"""Campaigns: list, make, show, change, delete, send, pause, resume, measure (PU-22 to PU-32); API sends, too (PU-13).

The function serves what campaigns are made of as well, so its other routes are gathered here.
"""

from dataclasses import replace
from functools import partial
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.status import HTTP_201_CREATED

from tocsin.application.engine import Engine
from tocsin.application.measuring import CampaignView, SendView
from tocsin.dialect_kit.bodies import json_body
from tocsin.dialect_kit.callers import actor
from tocsin.dialect_kit.dependencies import EngineDependency
from tocsin.dialect_kit.identifiers import parse
from tocsin.dialects.pushary import flows, previews, segments, templates
from tocsin.dialects.pushary.callers import NAME, Sender
from tocsin.dialects.pushary.campaign_forms import (
    CampaignChangeRequest,
    CampaignReply,
    CampaignRequest,
    StatsReply,
    Status,
)
from tocsin.dialects.pushary.paging import DEFAULT_LIMIT, MAX_LIMIT, Cursor, Limit, ListReply, listing, page_of
from tocsin.dialects.pushary.plan import beyond_the_plan
from tocsin.domain.campaign import Campaign, CampaignStatus
from tocsin.domain.errors import Fault, Refused
from tocsin.domain.ids import AppId, CampaignId, SendId

campaigns = APIRouter(prefix="/api/v1/server/campaigns")

_NOT_FOUND = "Campaign not found"


def _campaign(campaign_id: str) -> CampaignId:
    id_ = parse("camp", campaign_id)
    if id_ is None:
        raise Refused(Fault.NOT_FOUND, _NOT_FOUND)
    return CampaignId(id_)


Named = Annotated[CampaignId, Depends(_campaign)]


@campaigns.get("")
def list_campaigns(
    caller: Sender,
    engine: EngineDependency,
    cursor: Cursor = None,
    limit: Limit = DEFAULT_LIMIT,
    status: Annotated[Status | None, Query(description="Only campaigns in this status.")] = None,
    source: Annotated[Literal["api"] | None, Query(description="api: what /send has sent, instead.")] = None,
) -> ListReply[CampaignReply]:
    """List campaigns, newest first; with a status a page may be short, or empty. API sends are hidden unless asked for.

    Totals of those to more than 10,000 may be 20 seconds old, or a hundredth of the time since they were sent.
    """
    app, name, most = caller.app.id, listing("campaigns", source=source, status=status), min(limit, MAX_LIMIT)
    if source is not None and status is not None:
        raise Refused(Fault.FIELD_INVALID, "status goes with campaigns, not with source", field="status")
    measuring = engine.measuring
    if source is not None:
        sends = partial(measuring.api_sends, app, NAME, most)
        return page_of(engine, app, name, cursor, sends, CampaignReply.of_send)
    asked = None if status is None else CampaignStatus(status)
    return page_of(engine, app, name, cursor, partial(measuring.campaigns, app, asked, most), CampaignReply.of)


@campaigns.post("", status_code=HTTP_201_CREATED)
def create_campaign(
    caller: Sender,
    body: Annotated[CampaignRequest, json_body(CampaignRequest)],
    request: Request,
    engine: EngineDependency,
) -> CampaignReply:
    """Create a campaign: a draft, or scheduled if it has a scheduledAt."""
    app = caller.app.id
    made = engine.campaigning.create(app, NAME, body.to_campaign(engine, app), actor(request, caller.key))
    return _reply(engine, made)


@campaigns.get("/{campaign_id}")
def get_campaign(caller: Sender, campaign: Named, engine: EngineDependency) -> CampaignReply:
    """Show a campaign, or an API send."""
    found = _found(engine, caller.app.id, campaign)
    return CampaignReply.of(found) if isinstance(found, CampaignView) else CampaignReply.of_send(found)


@campaigns.patch("/{campaign_id}")
def change_campaign(
    caller: Sender,
    campaign: Named,
    body: Annotated[CampaignChangeRequest, json_body(CampaignChangeRequest)],
    request: Request,
    engine: EngineDependency,
) -> CampaignReply:
    """Change a campaign: a draft or a scheduled one; or its status, by the rules of pause and of cancelling."""
    app = caller.app.id
    _own(engine, app, campaign)
    edit = body.to_edit(engine, app)
    if not edit.steps:
        return get_campaign(caller, campaign, engine)
    return _reply(engine, engine.campaigning.change(app, campaign, edit, actor(request, caller.key)))


@campaigns.delete("/{campaign_id}")
def delete_campaign(caller: Sender, campaign: Named, request: Request, engine: EngineDependency) -> dict[str, bool]:
    """Delete a campaign; not while it is under way, and one that is paused is cancelled with it."""
    _own(engine, caller.app.id, campaign)
    engine.campaigning.delete(caller.app.id, campaign, actor(request, caller.key))
    return {"success": True}


@campaigns.post("/{campaign_id}/send")
def send_campaign(caller: Sender, campaign: Named, request: Request, engine: EngineDependency) -> CampaignReply:
    """Send a campaign now: a draft or a scheduled one."""
    _own(engine, caller.app.id, campaign)
    with beyond_the_plan(engine):
        sent = engine.campaigning.send(caller.app, campaign, actor(request, caller.key))
    request.state.send = SendId(campaign)
    return _reply(engine, sent)


@campaigns.post("/{campaign_id}/pause")
def pause_campaign(caller: Sender, campaign: Named, request: Request, engine: EngineDependency) -> CampaignReply:
    """Pause a campaign that is under way; nothing goes out any more 12 seconds after the answer."""
    _own(engine, caller.app.id, campaign)
    return _reply(engine, engine.campaigning.pause(caller.app.id, campaign, actor(request, caller.key)))


@campaigns.post("/{campaign_id}/resume")
def resume_campaign(caller: Sender, campaign: Named, request: Request, engine: EngineDependency) -> CampaignReply:
    """Resume a paused campaign where it stopped."""
    _own(engine, caller.app.id, campaign)
    with beyond_the_plan(engine):
        resumed = engine.campaigning.resume(caller.app, campaign, actor(request, caller.key))
    request.state.send = SendId(campaign)
    return _reply(engine, resumed)


@campaigns.get("/{campaign_id}/stats")
def get_stats(caller: Sender, campaign: Named, engine: EngineDependency) -> StatsReply:
    """A campaign's statistics, or those of an API send."""
    return StatsReply.of(_found(engine, caller.app.id, campaign))


def _reply(engine: Engine, campaign: Campaign) -> CampaignReply:
    """As it was left: a small campaign may be over before it is looked at."""
    return CampaignReply.of(replace(engine.measuring.view(campaign), status=campaign.status))


def _found(engine: Engine, app: AppId, name: CampaignId) -> CampaignView | SendView:
    campaign = engine.campaigning.find(app, name)
    if campaign is not None:
        return engine.measuring.view(campaign)
    found = engine.measuring.api_send(app, NAME, SendId(name))
    if found is None:
        raise Refused(Fault.NOT_FOUND, _NOT_FOUND)
    return found


def _own(engine: Engine, app: AppId, name: CampaignId) -> None:
    """Raises Refused: CONFLICT for an API send, which is no campaign that anything could be done with."""
    if engine.campaigning.find(app, name) is None and engine.measuring.api_send(app, NAME, SendId(name)) is not None:
        raise Refused(Fault.CONFLICT, "This was sent by POST /send: it can only be looked at", field="campaign_id")


router = APIRouter()
for _routes in (campaigns, templates.router, segments.router, flows.router, previews.router):
    router.include_router(_routes)
