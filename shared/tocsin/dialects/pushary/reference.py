"""What the reference says of Pushary beyond its code."""

from tocsin.dialect_kit.reference import SECRET_KEY, Call, Example, Parameter, Reference, members
from tocsin.dialects.pushary.reference_campaigns import CAMPAIGNS, PREVIEW
from tocsin.dialects.pushary.reference_flows import FLOWS
from tocsin.domain.api_key import KeyKind
from tocsin.domain.errors import Fault

_BASE = "/api/v1/server"
_SERVER = (KeyKind.SECRET,)
_COUNTED = {
    **SECRET_KEY,
    Fault.RATE_LIMITED: "Rate limit exceeded. Please retry after 60 seconds.",
}
_READER = {Fault.SCOPE_MISSING: "This key lacks the scope clients:read"}
_READ = {**_COUNTED, **_READER}
_OF_ONE = {**_READ, Fault.NOT_FOUND: "Subscriber not found"}
_CHANGED = {**_OF_ONE, Fault.SCOPE_MISSING: "This key lacks the scope clients:write"}
_ID = Parameter("subscriber_id", "As lists show it.", {"type": "string", "minLength": 1})
_OF_A_TEMPLATE = {**_COUNTED, Fault.NOT_FOUND: "Template not found"}
_TEMPLATE_ID = Parameter("template_id", "As lists show it.", {"type": "string", "minLength": 1})
_TEMPLATE = {
    "id": "tmpl_abc123",
    "name": "Order Confirmation",
    "title": "Order Confirmed!",
    "body": "Your order #{{orderId}} has been confirmed",
    "iconUrl": None,
    "imageUrl": None,
    "actionUrl": "https://example.com/orders/{{orderId}}",
    "createdAt": "2024-01-15T10:30:00Z",
    "updatedAt": "2024-01-15T10:30:00Z",
}
_OF_A_SEGMENT = {**_COUNTED, Fault.NOT_FOUND: "Segment not found"}
_SEGMENT_ID = Parameter("segment_id", "As lists show it.", {"type": "string", "minLength": 1})
_RULES = {
    "all": [
        {"field": "tags", "operator": "has_any", "value": ["premium", "trial"]},
        {"field": "lastSeenAt", "operator": "within_days", "value": 30},
        {"not": {"field": "customData.plan", "operator": "equals", "value": "free"}},
    ]
}
_SEGMENT = {
    "id": "seg_abc123",
    "siteId": "site_xyz",
    "name": "Who pays and came by",
    "description": None,
    "rules": _RULES,
    "createdAt": "2024-01-15T10:30:00Z",
    "updatedAt": "2024-01-15T10:30:00Z",
}
_SUBSCRIBER = {
    "id": "sub_abc123",
    "siteId": "site_xyz",
    "status": "active",
    "externalId": "user_123",
    "tags": ["premium", "newsletter"],
    "browser": "Chrome",
    "os": "Windows",
    "country": "US",
    "createdAt": "2024-01-15T10:30:00Z",
    "updatedAt": "2024-01-15T10:30:00Z",
    "endpoint": "https://fcm.googleapis.com",
    "deviceType": "desktop",
    "timezone": "America/New_York",
    "language": "en-US",
    "lastActiveAt": "2024-01-15T10:30:00Z",
    "customData": {"plan": "pro"},
}
_SENT = {
    "success": True,
    "campaignId": "camp_abc123",
    "sent": 150,
    "limits": {"remaining": 9850, "limit": 10000},
    "status": "queued",
    "queued": 150,
    "duplicate": False,
    "missing": 0,
}

REFERENCE = Reference(
    {
        **CAMPAIGNS,
        **FLOWS,
        f"POST {_BASE}/send": Call(
            credentials=_SERVER,
            refusals={
                **_COUNTED,
                Fault.NO_SUBSCRIPTIONS: "No subscribers found",
                Fault.QUOTA_EXCEEDED: "You've reached your monthly notification limit",
            },
            sends=True,
            examples=(
                Example(
                    "To everyone",
                    _SENT,
                    {
                        "title": "New Message",
                        "body": "You have a new notification",
                        "url": "https://example.com/messages",
                    },
                ),
                Example(
                    "To some users",
                    {**_SENT, "sent": 2, "queued": 2},
                    {"title": "Welcome Back!", "body": "We missed you", "externalIds": ["user_123", "user_456"]},
                ),
                Example(
                    "A template",
                    {**_SENT, "sent": 1, "queued": 1},
                    {"templateId": "tmpl_abc123", "variables": {"orderId": 4711}, "externalIds": ["user_123"]},
                ),
            ),
        ),
        f"GET {_BASE}/subscribers": Call(
            credentials=_SERVER,
            refusals=_READ,
            examples=(
                Example(
                    "Who is active",
                    {"data": [_SUBSCRIBER], "hasMore": True, "nextCursor": "sub_def456"},
                    query={"status": "active", "limit": "50"},
                ),
            ),
        ),
        f"GET {_BASE}/subscribers/count": Call(
            credentials=_SERVER,
            refusals=_READ,
            examples=(
                Example("How many", {"total": 1500, "active": 1200, "unsubscribed": 300, "expired": 0, "bounced": 0}),
            ),
        ),
        f"GET {_BASE}/subscribers/{{subscriber_id}}": Call(
            credentials=_SERVER,
            refusals=_OF_ONE,
            parameters=(_ID,),
            examples=(Example("One subscriber", _SUBSCRIBER, path={"subscriber_id": "sub_abc123"}),),
        ),
        f"PATCH {_BASE}/subscribers/{{subscriber_id}}": Call(
            credentials=_SERVER,
            refusals=_CHANGED,
            parameters=(_ID,),
            examples=(
                Example(
                    "New tags",
                    {**_SUBSCRIBER, "tags": ["premium", "early-access"], "externalId": "user_456"},
                    {"tags": ["premium", "early-access"], "externalId": "user_456", "customData": {"plan": "pro"}},
                    path={"subscriber_id": "sub_abc123"},
                ),
            ),
        ),
        f"DELETE {_BASE}/subscribers/{{subscriber_id}}": Call(
            credentials=_SERVER,
            refusals=_CHANGED,
            parameters=(_ID,),
            answer=members(success="boolean"),
            examples=(Example("Erase one", {"success": True}, path={"subscriber_id": "sub_abc123"}),),
        ),
        f"GET {_BASE}/templates": Call(
            credentials=_SERVER,
            refusals=_COUNTED,
            examples=(Example("All of them", {"data": [_TEMPLATE], "hasMore": False, "nextCursor": None}),),
        ),
        f"POST {_BASE}/templates": Call(
            credentials=_SERVER,
            refusals=_COUNTED,
            examples=(
                Example(
                    "Keep one",
                    _TEMPLATE,
                    {name: _TEMPLATE[name] for name in ("name", "title", "body", "actionUrl")},
                ),
            ),
        ),
        f"GET {_BASE}/templates/{{template_id}}": Call(
            credentials=_SERVER,
            refusals=_OF_A_TEMPLATE,
            parameters=(_TEMPLATE_ID,),
            examples=(Example("One template", _TEMPLATE, path={"template_id": "tmpl_abc123"}),),
        ),
        f"PATCH {_BASE}/templates/{{template_id}}": Call(
            credentials=_SERVER,
            refusals=_OF_A_TEMPLATE,
            parameters=(_TEMPLATE_ID,),
            examples=(
                Example(
                    "Another title",
                    {**_TEMPLATE, "title": "Thank you, {{userName}}!"},
                    {"title": "Thank you, {{userName}}!"},
                    path={"template_id": "tmpl_abc123"},
                ),
            ),
        ),
        f"DELETE {_BASE}/templates/{{template_id}}": Call(
            credentials=_SERVER,
            refusals=_OF_A_TEMPLATE,
            parameters=(_TEMPLATE_ID,),
            answer=members(success="boolean"),
            examples=(Example("Delete one", {"success": True}, path={"template_id": "tmpl_abc123"}),),
        ),
        f"POST {_BASE}/send/preview": Call(
            credentials=_SERVER,
            refusals={**_COUNTED, Fault.NO_SUBSCRIPTIONS: "No subscribers found"},
            examples=(
                Example("To everyone", PREVIEW, {"title": "New Message", "body": "You have a new notification"}),
            ),
        ),
        f"GET {_BASE}/segments": Call(
            credentials=_SERVER,
            refusals=_COUNTED,
            examples=(Example("All of them", {"data": [_SEGMENT], "hasMore": False, "nextCursor": None}),),
        ),
        f"POST {_BASE}/segments": Call(
            credentials=_SERVER,
            refusals=_READ,
            examples=(Example("Keep one", _SEGMENT, {"name": _SEGMENT["name"], "rules": _RULES}),),
        ),
        f"POST {_BASE}/segments/preview": Call(
            credentials=_SERVER,
            refusals=_READ,
            examples=(
                Example(
                    "Whom rules mean", {"count": 1500, "estimated": False, "sample": [_SUBSCRIBER]}, {"rules": _RULES}
                ),
            ),
        ),
        f"GET {_BASE}/segments/{{segment_id}}": Call(
            credentials=_SERVER,
            refusals=_OF_A_SEGMENT,
            parameters=(_SEGMENT_ID,),
            examples=(Example("One segment", _SEGMENT, path={"segment_id": "seg_abc123"}),),
        ),
        f"PATCH {_BASE}/segments/{{segment_id}}": Call(
            credentials=_SERVER,
            refusals={**_OF_A_SEGMENT, **_READER},
            parameters=(_SEGMENT_ID,),
            examples=(
                Example(
                    "Another name",
                    {**_SEGMENT, "name": "Regulars"},
                    {"name": "Regulars"},
                    path={"segment_id": "seg_abc123"},
                ),
            ),
        ),
        f"DELETE {_BASE}/segments/{{segment_id}}": Call(
            credentials=_SERVER,
            refusals=_OF_A_SEGMENT,
            parameters=(_SEGMENT_ID,),
            answer=members(success="boolean"),
            examples=(Example("Delete one", {"success": True}, path={"segment_id": "seg_abc123"}),),
        ),
        f"POST {_BASE}/segments/{{segment_id}}/preview": Call(
            credentials=_SERVER,
            refusals={**_OF_A_SEGMENT, **_READER},
            parameters=(_SEGMENT_ID,),
            examples=(
                Example(
                    "Whom it means now",
                    {"count": 1500, "estimated": False, "sample": [_SUBSCRIBER]},
                    path={"segment_id": "seg_abc123"},
                ),
            ),
        ),
    },
    schemes={"secret": {"type": "http", "scheme": "bearer", "x-form": "pk_xxx.sk_xxx"}},
    rate_headers={
        "X-RateLimit-Limit": "Requests in a minute.",
        "X-RateLimit-Remaining": "What is left of them.",
        "X-RateLimit-Reset": "When they start anew, in Unix seconds.",
    },
)
