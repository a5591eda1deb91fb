"""What the reference says of campaigns beyond their code."""

from collections.abc import Mapping

from tocsin.dialect_kit.reference import AHEAD, SECRET_KEY, Call, Example, Parameter, Refusals, members
from tocsin.domain.api_key import KeyKind
from tocsin.domain.campaign import CampaignStatus, Step, refusal
from tocsin.domain.errors import Fault

_BASE = "/api/v1/server/campaigns"
_SERVER = (KeyKind.SECRET,)
_COUNTED = {
    **SECRET_KEY,
    Fault.RATE_LIMITED: "Rate limit exceeded. Please retry after 60 seconds.",
}
_OF_ONE = {**_COUNTED, Fault.NOT_FOUND: "Campaign not found"}
_SENT = {
    Fault.NO_SUBSCRIPTIONS: "No subscribers found",
    Fault.QUOTA_EXCEEDED: "You've reached your monthly notification limit",
}
_ID = Parameter("campaign_id", "As lists and /send tell it.", {"type": "string", "minLength": 1})
_PATH = {"campaign_id": "camp_abc123"}
_ASKED: Mapping[str, object] = {
    "name": "Product Launch",
    "title": "New Feature Available!",
    "body": "Check out our latest update",
    "actionUrl": "https://example.com/new-feature",
}
_CAMPAIGN: Mapping[str, object] = {
    "id": "camp_abc123",
    "name": "Product Launch",
    "title": "New Feature Available!",
    "body": "Check out our latest update",
    "status": "draft",
    "totalTargeted": 0,
    "totalSent": 0,
    "totalDelivered": 0,
    "totalClicked": 0,
    "createdAt": "2024-01-15T10:30:00Z",
    "siteId": "site_xyz",
    "iconUrl": None,
    "imageUrl": None,
    "actionUrl": "https://example.com/new-feature",
    "segmentId": None,
    "scheduledAt": None,
    "templateId": None,
    "variables": {},
    "statusReason": None,
    "updatedAt": "2024-01-15T10:30:00Z",
}
PREVIEW: Mapping[str, object] = {
    "audience": 1500,
    "estimated": False,
    "fits": True,
    "minutes": 0.1,
    "pace": {"perMinute": 60000, "measured": False},
    "limits": {
        "needed": 1500,
        "hourly": {"remaining": None, "limit": None},
        "daily": {"remaining": None, "limit": None},
        "monthly": {"remaining": 9850, "limit": 10000},
        "exceeded": None,
    },
    "credits": {"needed": 0, "available": 0},
    "expectedGone": 12,
    "cost": {"dollars": 0.000112, "pricesOf": "2026-11-22"},
    "reports": {"expected": 1071, "measured": False, "cost": {"dollars": 0.002835, "pricesOf": "2026-11-22"}},
    "previewCost": {"dollars": 0.000004, "pricesOf": "2026-11-22"},
    "missing": None,
    "unusedVariables": [],
}
_TOTALS = {"totalTargeted": 1000, "totalSent": 1000, "totalDelivered": 950, "totalClicked": 85}
_API_SEND = {**_CAMPAIGN, "name": "Welcome!", "title": "Welcome!", "status": "completed", **_TOTALS}
_SCHEDULED = {
    **_CAMPAIGN,
    "status": "scheduled",
    "scheduledAt": f"{AHEAD}T09:00:00Z",
    "segmentId": "seg_abc123",
    "templateId": "tmpl_abc123",
    "variables": {"season": "winter"},
}


def _not_possible(status: CampaignStatus, step: Step) -> Refusals:
    return {**_OF_ONE, Fault.CONFLICT: refusal(status, step) or ""}


def _acted(status: str, name: str, refusals: Refusals, totals: Mapping[str, object] = {}) -> Call:
    return Call(
        credentials=_SERVER,
        refusals=refusals,
        parameters=(_ID,),
        examples=(Example(name, {**_CAMPAIGN, "status": status, **totals}, path=_PATH),),
    )


CAMPAIGNS: Mapping[str, Call] = {
    f"GET {_BASE}": Call(
        credentials=_SERVER,
        refusals=_COUNTED,
        examples=(
            Example("All of them", {"data": [_CAMPAIGN], "hasMore": False, "nextCursor": None}),
            Example(
                "What was sent by API",
                {"data": [_API_SEND], "hasMore": False, "nextCursor": None},
                query={"source": "api", "limit": "20"},
            ),
        ),
    ),
    f"POST {_BASE}": Call(
        credentials=_SERVER,
        refusals={**_COUNTED, Fault.FIELD_INVALID: "scheduledAt must be in the future, at most 365 days from now"},
        examples=(
            Example("A draft", _CAMPAIGN, _ASKED),
            Example(
                "For some, at a time",
                _SCHEDULED,
                {
                    "name": "Product Launch",
                    "templateId": "tmpl_abc123",
                    "variables": {"season": "winter"},
                    "segmentId": "seg_abc123",
                    "scheduledAt": f"{AHEAD}T10:00:00+01:00",
                },
            ),
        ),
    ),
    f"GET {_BASE}/{{campaign_id}}": Call(
        credentials=_SERVER,
        refusals=_OF_ONE,
        parameters=(_ID,),
        examples=(Example("One campaign", _CAMPAIGN, path=_PATH),),
    ),
    f"PATCH {_BASE}/{{campaign_id}}": Call(
        credentials=_SERVER,
        refusals=_not_possible(CampaignStatus.COMPLETED, Step.EDIT),
        parameters=(_ID,),
        examples=(
            Example(
                "Other texts",
                {**_CAMPAIGN, "title": "Updated Title", "body": "Updated body text"},
                {"title": "Updated Title", "body": "Updated body text"},
                path=_PATH,
            ),
            Example("Call it off", {**_CAMPAIGN, "status": "cancelled"}, {"status": "cancelled"}, path=_PATH),
        ),
    ),
    f"DELETE {_BASE}/{{campaign_id}}": Call(
        credentials=_SERVER,
        refusals=_not_possible(CampaignStatus.SENDING, Step.DELETE),
        parameters=(_ID,),
        answer=members(success="boolean"),
        examples=(Example("Delete one", {"success": True}, path=_PATH),),
    ),
    f"POST {_BASE}/{{campaign_id}}/preview": Call(
        credentials=_SERVER,
        refusals={**_OF_ONE, Fault.FIELD_INVALID: "Unknown segment"},
        parameters=(_ID,),
        examples=(Example("If it were sent now", PREVIEW, path=_PATH),),
    ),
    f"POST {_BASE}/{{campaign_id}}/send": _acted(
        "sending",
        "Send it now",
        {**_not_possible(CampaignStatus.PAUSED, Step.SEND), **_SENT},
        {"totalTargeted": 1000},
    ),
    f"POST {_BASE}/{{campaign_id}}/pause": _acted(
        "paused", "Let it rest", _not_possible(CampaignStatus.SCHEDULED, Step.PAUSE), _TOTALS
    ),
    f"POST {_BASE}/{{campaign_id}}/resume": _acted(
        "active", "Go on", {**_not_possible(CampaignStatus.DRAFT, Step.RESUME), **_SENT}, _TOTALS
    ),
    f"GET {_BASE}/{{campaign_id}}/stats": Call(
        credentials=_SERVER,
        refusals=_OF_ONE,
        parameters=(_ID,),
        examples=(
            Example(
                "What became of it",
                {
                    "totalSent": 1000,
                    "totalDelivered": 950,
                    "totalClicked": 85,
                    "totalFailed": 50,
                    "deliveryRate": 95.0,
                    "clickRate": 8.95,
                    "totalDisplayed": 720,
                    "totalDismissed": 130,
                    "hours": [{"hour": "2024-01-15T10:00:00Z", "displayed": 720, "clicked": 85, "dismissed": 130}],
                    "pushServices": {"fcm": {"displayed": 720, "clicked": 85, "dismissed": 130}},
                    "missingVariables": 0,
                },
                path=_PATH,
            ),
        ),
    ),
}
