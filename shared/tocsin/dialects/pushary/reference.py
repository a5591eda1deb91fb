"""What the reference says of Pushary beyond its code."""

from tocsin.dialect_kit.reference import SECRET_KEY, Call, Example, Parameter, Reference, members
from tocsin.domain.api_key import KeyKind
from tocsin.domain.errors import Fault

_BASE = "/api/v1/server"
_SERVER = (KeyKind.SECRET,)
_COUNTED = {
    **SECRET_KEY,
    Fault.RATE_LIMITED: "Rate limit exceeded. Please retry after 60 seconds.",
}
_OF_ONE = {**_COUNTED, Fault.NOT_FOUND: "Subscriber not found"}
_OF_A_CAMPAIGN = {**_COUNTED, Fault.NOT_FOUND: "Campaign not found"}
_ID = Parameter("subscriber_id", "As lists show it.", {"type": "string", "minLength": 1})
_CAMPAIGN_ID = Parameter("campaign_id", "As /send tells it.", {"type": "string", "minLength": 1})
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
_CAMPAIGN = {
    "id": "camp_abc123",
    "siteId": "site_xyz",
    "name": "Welcome!",
    "title": "Welcome!",
    "body": "Thanks for subscribing",
    "iconUrl": None,
    "imageUrl": None,
    "actionUrl": None,
    "segmentId": None,
    "scheduledAt": None,
    "status": "completed",
    "totalTargeted": 1000,
    "totalSent": 1000,
    "totalDelivered": 950,
    "totalClicked": 85,
    "createdAt": "2024-01-15T10:30:00Z",
    "updatedAt": "2024-01-15T10:30:00Z",
}
_SENT = {
    "success": True,
    "campaignId": "camp_abc123",
    "sent": 150,
    "limits": {"remaining": 9850, "limit": 10000},
    "status": "queued",
    "queued": 150,
    "duplicate": False,
}

REFERENCE = Reference(
    {
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
            ),
        ),
        f"GET {_BASE}/subscribers": Call(
            credentials=_SERVER,
            refusals=_COUNTED,
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
            refusals=_COUNTED,
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
            refusals=_OF_ONE,
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
            refusals=_OF_ONE,
            parameters=(_ID,),
            answer=members(success="boolean"),
            examples=(Example("Erase one", {"success": True}, path={"subscriber_id": "sub_abc123"}),),
        ),
        f"GET {_BASE}/campaigns": Call(
            credentials=_SERVER,
            refusals=_COUNTED,
            examples=(
                Example(
                    "What was sent by API",
                    {"data": [_CAMPAIGN], "hasMore": False, "nextCursor": None},
                    query={"source": "api", "limit": "20"},
                ),
            ),
        ),
        f"GET {_BASE}/campaigns/{{campaign_id}}": Call(
            credentials=_SERVER,
            refusals=_OF_A_CAMPAIGN,
            parameters=(_CAMPAIGN_ID,),
            examples=(Example("One campaign", _CAMPAIGN, path={"campaign_id": "camp_abc123"}),),
        ),
        f"GET {_BASE}/campaigns/{{campaign_id}}/stats": Call(
            credentials=_SERVER,
            refusals=_OF_A_CAMPAIGN,
            parameters=(_CAMPAIGN_ID,),
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
                    },
                    path={"campaign_id": "camp_abc123"},
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
