"""What the reference says of Keymaster push beyond its code."""

from tocsin.application.authenticating import from_a_browser
from tocsin.dialect_kit.contract import Rendered
from tocsin.dialect_kit.reference import Call, Example, Parameter, Reference, members
from tocsin.dialects.keymaster.subscribers import MAX_LIMIT
from tocsin.domain.errors import Fault

_TOKEN = {
    Fault.CREDENTIAL_MISSING: "Invalid token",
    Fault.CREDENTIAL_INVALID: "Invalid token",
    Fault.CREDENTIAL_AMBIGUOUS: "Send exactly one credential",
    Fault.SCOPE_MISSING: "Missing required scope",
}
_SERVER = {
    **_TOKEN,
    Fault.SECRET_KEY_IN_BROWSER: from_a_browser("server's token"),
    Fault.APP_DISABLED: "Push not enabled",
    Fault.RATE_LIMITED: "Rate limit exceeded: more than 600 requests/minute for this API key",
}
_SENDING = {
    **_SERVER,
    Fault.FIELD_INVALID: "User not enrolled",
    Fault.QUOTA_EXCEEDED: "Daily quota exceeded",
}
_ADMIN = {
    **_TOKEN,
    Fault.SCOPE_MISSING: "Insufficient permissions",
    Fault.SECRET_KEY_IN_BROWSER: "An administrator's token must never be used in a web page",
    Fault.NOT_FOUND: "App not found",
}
_PERSON = {
    **_TOKEN,
    Fault.ORIGIN_NOT_ALLOWED: "This origin is not on the app's list of allowed origins",
}
_APP, _DEVICE = "0b4e6d0a-6f0c-4f8e-9d5e-2c1f5a7b9e10", "5f1c2f43-5d8b-4f0e-8a35-6f7d0e9c1b22"
_USER, _OTHER = "7c9e6679-7425-40de-944b-e07fc1f90ae7", "9b2d1a77-3e4c-4b6f-8f0a-1c2d3e4f5a6b"
_NOTIFICATION = "e4eaaaf2-d142-41b3-b6fc-d0a1b2c3d4e5"
_SECOND = "c56a4180-65aa-42ec-a945-5fd21dec0538"
_OF_AN_APP = Parameter("app_id", "The app's UUID.", {"type": "string", "minLength": 1})
_CONFIG = {
    "enabled": True,
    "webhook_url": "https://yourapp.com/hooks/push-receipts",
    "webhook_secret": "whsec_abc123...",
    "daily_quota": 10000,
}


def _of_oauth(status: int, code: str, detail: str) -> Rendered:
    return Rendered(status, {"detail": detail, "error": code, "error_description": detail})


REFERENCE = Reference(
    {
        "POST /auth/token": Call(
            credentials=("client",),
            refusals={
                Fault.SECRET_KEY_IN_BROWSER: from_a_browser("secret key"),
                Fault.RATE_LIMITED: "Too many failed attempts for this client_id",
            },
            form={
                "type": "object",
                "required": ["grant_type"],
                "properties": {
                    "grant_type": {"type": "string", "const": "client_credentials"},
                    "client_id": {"type": "string"},
                    "client_secret": {"type": "string"},
                    "scope": {"type": "string"},
                },
            },
            answer=members(
                access_token="string",  # noqa: S106 - a type
                token_type="string",  # noqa: S106 - a type
                expires_in="integer",
                scope="string",
            ),
            others={
                "invalid_request": _of_oauth(400, "invalid_request", "A parameter must not be given twice"),
                "unsupported_grant_type": _of_oauth(
                    400, "unsupported_grant_type", "grant_type must be client_credentials"
                ),
                "invalid_scope": _of_oauth(400, "invalid_scope", "scope can be: push:send"),
                "invalid_client": _of_oauth(401, "invalid_client", "Invalid client credentials"),
            },
            examples=(
                Example(
                    "A service token",
                    {"access_token": "eyJ...", "token_type": "bearer", "expires_in": 900, "scope": "push:send"},
                    {
                        "grant_type": "client_credentials",
                        "client_id": "kmc_4fT9aB2c",
                        "client_secret": "9xY...",
                        "scope": "push:send",
                    },
                ),
            ),
        ),
        "GET /.well-known/jwks.json": Call(
            answer={
                "type": "object",
                "required": ["keys"],
                "properties": {
                    "keys": {
                        "type": "array",
                        "items": members(
                            kty="string",
                            crv="string",
                            x="string",
                            y="string",
                            alg="string",
                            use="string",
                            kid="string",
                        ),
                    }
                },
            },
        ),
        "PATCH /push/config/{app_id}": Call(
            credentials=("admin",),
            refusals=_ADMIN,
            parameters=(_OF_AN_APP,),
            examples=(
                Example(
                    "Enable push",
                    _CONFIG,
                    {
                        "enabled": True,
                        "webhook_url": "https://yourapp.com/hooks/push-receipts",
                        "daily_quota": 10000,
                    },
                    path={"app_id": _APP},
                ),
            ),
        ),
        "GET /push/config/{app_id}": Call(
            credentials=("admin",),
            refusals=_ADMIN,
            parameters=(_OF_AN_APP,),
            examples=(
                Example(
                    "The settings", {**_CONFIG, "device_count": 42, "notifications_today": 128}, path={"app_id": _APP}
                ),
            ),
        ),
        "PUT /push/apps/{app_id}/users/{user_id}": Call(
            credentials=("admin",),
            refusals={**_ADMIN, Fault.FIELD_INVALID: "user_id must not be empty"},
            parameters=(_OF_AN_APP,),
            answer=members(user_id="string", enrolled="boolean"),
            examples=(Example("Enrol", {"user_id": _USER, "enrolled": True}, path={"app_id": _APP, "user_id": _USER}),),
        ),
        "GET /push/devices/{id}": Call(
            credentials=("admin",),
            refusals={**_ADMIN, Fault.FIELD_INVALID: "limit must be a whole number, at least 1"},
            parameters=(
                Parameter("id", "The app's UUID.", {"type": "string", "minLength": 1}),
                Parameter(
                    "limit",
                    f"How many at most; cut to {MAX_LIMIT:,}.",
                    {"type": "integer", "minimum": 1, "default": MAX_LIMIT},
                ),
                Parameter("cursor", "Where to go on: next_cursor of the page before."),
            ),
            examples=(
                Example(
                    "All devices",
                    {
                        "devices": [
                            {
                                "device_id": _DEVICE,
                                "user_id": _USER,
                                "platform": "ios",
                                "last_seen_at": "2026-03-19T08:00:00Z",
                            }
                        ],
                        "total": 42,
                        "next_cursor": None,
                    },
                    path={"id": _APP},
                ),
            ),
        ),
        "POST /push/devices/register": Call(
            credentials=("user",),
            refusals={
                **_PERSON,
                Fault.APP_DISABLED: "Push not enabled",
                Fault.NOT_FOUND: "App not found",
                Fault.RATE_LIMITED: "Rate limit exceeded",
            },
            answer=members(device_id="string"),
            examples=(
                Example(
                    "A phone",
                    {"device_id": _DEVICE},
                    {"app_id": _APP, "platform": "android", "push_token": "fcm-token-or-web-push-subscription"},
                ),
            ),
        ),
        "DELETE /push/devices/{id}": Call(
            credentials=("user", "service"),
            refusals={
                **_PERSON,
                Fault.SECRET_KEY_IN_BROWSER: from_a_browser("server's token"),
                Fault.FIELD_MISSING: "app_id is required where the token is not for one app",
                Fault.FIELD_INVALID: "app_id must be given once",
                Fault.NOT_FOUND: "Device not found",
                Fault.RATE_LIMITED: "Rate limit exceeded: more than 600 requests/minute for this API key",
            },
            parameters=(
                Parameter("id", "The device's UUID.", {"type": "string", "minLength": 1}),
                Parameter("app_id", "Where a user's token is not for one app: which one."),
            ),
            answer=members(status="string"),
            examples=(Example("Remove one", {"status": "ok"}, path={"id": _DEVICE}),),
        ),
        "POST /push/send": Call(
            credentials=("service",),
            refusals=_SENDING,
            sends=True,
            examples=(
                Example(
                    "To one user",
                    {"notification_id": _NOTIFICATION},
                    {
                        "user_id": _USER,
                        "title": "Your shift starts in 30 min",
                        "body": "Open GymOps to view details.",
                        "data": {"route": "/schedule"},
                        "ttl": 3600,
                    },
                ),
            ),
        ),
        "POST /push/send/bulk": Call(
            credentials=("service",),
            refusals=_SENDING,
            sends=True,
            examples=(
                Example(
                    "The same to several users",
                    {"notification_ids": [_NOTIFICATION, _SECOND]},
                    {
                        "user_ids": [_USER, _OTHER],
                        "title": "Gym closes early today",
                        "body": "Closing at 6pm.",
                        "data": {},
                    },
                ),
            ),
        ),
        "POST /push/send/batch": Call(
            credentials=("service",),
            refusals=_SENDING,
            sends=True,
            examples=(
                Example(
                    "Something else to each",
                    {"notification_ids": [_NOTIFICATION, _SECOND]},
                    {
                        "notifications": [
                            {"user_id": _USER, "title": "Shift approved", "body": "Your request was approved."},
                            {"user_id": _OTHER, "title": "Time off denied", "body": "Please contact your manager."},
                        ]
                    },
                ),
            ),
        ),
    },
    schemes={
        "client": {"type": "http", "scheme": "basic", "x-form": "<client_id>:<client_secret>"},
        "service": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "x-form": "<service token>"},
        "user": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "x-form": "<user's token>"},
        "admin": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "x-form": "<administrator's token>"},
    },
)
