"""What the reference says of CloudSignal beyond its code."""

from tocsin.dialect_kit.reference import PUBLISHABLE_KEY, SECRET_KEY, Call, Example, Parameter, Reference
from tocsin.dialects.cloudsignal.clients import NOT_FOUND, STATES
from tocsin.dialects.cloudsignal.subscribers import DEFAULT_LIMIT, MAX_LIMIT, MAX_REASON
from tocsin.domain.api_key import KeyKind
from tocsin.domain.errors import Fault

_SERVER = (KeyKind.SECRET,)
_LIMITED = {**SECRET_KEY, Fault.RATE_LIMITED: "Rate limit exceeded: more than 600 requests/minute for this API key"}
_NO_CLIENT = {**_LIMITED, Fault.NOT_FOUND: NOT_FOUND}
_BAD_QUERY = {Fault.FIELD_INVALID: "limit must be a whole number, at least 1"}
_SENDING = {**_LIMITED, Fault.QUOTA_EXCEEDED: "Notification quota exceeded for today"}
_CLIENT = {
    "registration_id": "reg_abc123",
    "organization_id": "org_xyz",
    "service_id": "svc_123",
    "status": "active",
    "is_active": True,
    "is_online": False,
    "is_installed": True,
    "is_subscribed": True,
    "user_email": "user@example.com",
    "user_id": None,
    "last_active": "2024-01-15T10:30:00Z",
    "notification_count": 42,
    "device_info": {
        "browser_name": "Chrome",
        "browser_version": "120",
        "os_name": "Windows",
        "device_type": "desktop",
    },
    "created_at": "2024-01-01T00:00:00Z",
}
_COMPLETED = {
    "request_id": "req_abc123",
    "total_targets": 150,
    "successful_sends": 148,
    "failed_sends": 2,
    "invalid_registrations": ["uuid-expired-device"],
    "message": "Notifications sent successfully",
    "status": "completed",
}
_QUEUED = {
    "request_id": "req_xyz789",
    "total_targets": 5000,
    "successful_sends": 0,
    "failed_sends": 0,
    "invalid_registrations": [],
    "message": "Notifications queued for processing",
    "status": "queued",
}
_SUBSCRIPTION = {
    "endpoint": "https://updates.push.services.mozilla.com/wpush/v2/gAAAAABm",
    "keys": {
        "p256dh": "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
        "auth": "BTBZMqHH6r4Tts7J_aSIgg",
    },
}
_ABC = {"registration_id": "reg_abc123"}
_ONE = Parameter("registration_id", "As lists and answers show it.", {"type": "string", "minLength": 1})

REFERENCE = Reference(
    {
        "POST /v2/push/send": Call(
            credentials=_SERVER,
            refusals=_SENDING,
            sends=True,
            examples=(
                Example(
                    "To people",
                    {**_COMPLETED, "total_targets": 2, "successful_sends": 2, "failed_sends": 0},
                    {
                        "title": "Order Shipped!",
                        "body": "Your order #12345 is on its way",
                        "target_user_emails": ["customer@example.com"],
                        "data": {"orderId": "12345", "trackingUrl": "https://shop.example/orders/12345"},
                        "urgency": "high",
                    },
                ),
                Example(
                    "To everyone",
                    _QUEUED,
                    {"title": "Hello!", "body": "This is your first push notification", "target_all": True},
                ),
            ),
        ),
        "POST /v2/push/broadcast": Call(
            credentials=_SERVER,
            refusals=_SENDING,
            sends=True,
            examples=(
                Example(
                    "News",
                    _QUEUED,
                    {"title": "System Update", "body": "We've released exciting new features!", "urgency": "normal"},
                ),
            ),
        ),
        "GET /v2/push/requests/{request_id}": Call(
            credentials=_SERVER,
            refusals={**_LIMITED, Fault.NOT_FOUND: "Request not found"},
            examples=(Example("A large one", _COMPLETED, path={"request_id": "req_abc123"}),),
        ),
        "GET /v2/push/quota": Call(
            credentials=_SERVER,
            refusals=_LIMITED,
            examples=(
                Example(
                    "The Professional plan",
                    {
                        "organization_id": "org_abc123",
                        "service_id": "svc_xyz789",
                        "hourly_limit": 1000,
                        "daily_limit": 10000,
                        "hourly_remaining": 850,
                        "daily_remaining": 9200,
                        "reset_hourly_at": "2024-01-15T15:00:00Z",
                        "reset_daily_at": "2024-01-16T00:00:00Z",
                    },
                ),
            ),
        ),
        "GET /v2/push/clients": Call(
            credentials=_SERVER,
            refusals={**_LIMITED, **_BAD_QUERY},
            parameters=(
                Parameter("status", "Only clients in this state.", {"type": "string", "enum": [*STATES]}),
                Parameter("user_email", "Only clients of this address."),
                Parameter(
                    "limit",
                    f"How many at most; cut to {MAX_LIMIT:,}.",
                    {"type": "integer", "minimum": 1, "default": DEFAULT_LIMIT},
                ),
                Parameter("offset", "How many to skip.", {"type": "integer", "minimum": 0, "default": 0}),
                Parameter("cursor", "Where to go on, instead of an offset: the last page's next_cursor."),
            ),
            examples=(
                Example(
                    "Who is active",
                    {"clients": [_CLIENT], "total": 150, "limit": 100, "offset": 0, "next_cursor": None},
                    query={"status": "active"},
                ),
            ),
        ),
        "GET /v2/push/clients/{registration_id}": Call(
            credentials=_SERVER,
            refusals=_NO_CLIENT,
            parameters=(_ONE,),
            examples=(Example("One client", _CLIENT, path=_ABC),),
        ),
        "DELETE /v2/push/clients/{registration_id}": Call(
            credentials=_SERVER,
            refusals={**_NO_CLIENT, Fault.FIELD_INVALID: f"reason must be at most {MAX_REASON} characters"},
            parameters=(
                _ONE,
                Parameter("reason", "Kept in the audit log.", {"type": "string", "maxLength": MAX_REASON}),
            ),
            examples=(
                Example(
                    "Who asked to be removed",
                    {"success": True, **_ABC, "message": "Client deregistered successfully"},
                    path=_ABC,
                    query={"reason": "user_requested"},
                ),
            ),
        ),
        "GET /v2/push/clients/{registration_id}/doctor": Call(
            credentials=_SERVER,
            refusals=_NO_CLIENT,
            parameters=(_ONE,),
        ),
        "GET /v2/push/service": Call(
            credentials=_SERVER,
            refusals={fault: message for fault, message in _LIMITED.items() if fault is not Fault.APP_DISABLED},
            examples=(
                Example(
                    "The service",
                    {
                        "service_id": "svc_abc123",
                        "organization_id": "org_xyz",
                        "service_identifier": "my-app",
                        "service_name": "My Application",
                        "vapid_public_key": "BKxxx...",
                        "contact_email": "admin@example.com",
                        "notifications_enabled": True,
                        "is_active": True,
                        "hourly_notification_limit": 1000,
                        "daily_notification_limit": 10000,
                        "active_registrations": 1500,
                        "push_subscribers": 1200,
                    },
                ),
            ),
        ),
        "POST /v2/push/clients/register": Call(
            credentials=(KeyKind.PUBLISHABLE,),
            refusals={
                **PUBLISHABLE_KEY,
                Fault.IDENTITY_REQUIRED: "This app asks for a proof of identity (exp and mac)",
                Fault.IDENTITY_INVALID: "The proof of identity is wrong or over",
                Fault.NOT_FOUND: NOT_FOUND,
            },
            examples=(
                Example(
                    "A browser",
                    {name: value for name, value in _CLIENT.items() if name not in {"user_email", "user_id"}},
                    {"subscription": _SUBSCRIPTION, "is_installed": True},
                ),
            ),
        ),
        "POST /v2/push/clients/heartbeat": Call(
            credentials=(KeyKind.PUBLISHABLE,),
            refusals={**PUBLISHABLE_KEY, Fault.NOT_FOUND: NOT_FOUND},
            examples=(Example("A page that is open", {"success": True, **_ABC}, _ABC),),
        ),
    }
)
