"""What the reference says of bNotify beyond its code."""

from tocsin.dialect_kit.reference import SECRET_KEY, Call, Example, Parameter, Reference, members
from tocsin.dialects.bnotify.subscribers import MAX_LIMIT
from tocsin.domain.api_key import KeyKind
from tocsin.domain.errors import Fault
from tocsin.domain.identity import MAX_EXTERNAL

_SERVER = (KeyKind.SECRET,)
_CHANNEL = Parameter("channel", "The channel's id.", {"type": "string", "pattern": "^[0-9a-fA-F]{24}$"})
_IUID = Parameter("iuid", "Your own id of the user.", {"type": "string", "minLength": 1, "maxLength": MAX_EXTERNAL})
_OF_A_CHANNEL = {
    **SECRET_KEY,
    Fault.FIELD_INVALID: "Channel id not valid",
    Fault.NOT_FOUND: "Channel not found",
    Fault.RATE_LIMITED: "ThrottlerException: Too Many Requests",
}
_OF_A_USER = {**_OF_A_CHANNEL, Fault.NOT_FOUND: "Subscription not found"}
_OF_A_PAGE = {
    Fault.ORIGIN_NOT_ALLOWED: "This origin is not on the app's list of allowed origins",
    Fault.NOT_FOUND: "Subscription not found",
    Fault.RATE_LIMITED: "Too many requests",
}
_AT = {"channel": "64a1b2c3d4e5f60718293a4b", "iuid": "your-internal-user-id"}
_OWN_ID = {"id": "sub_yuwwgtyfemdgmaugdnoq.Qm9vc3Q", "key": "Zk1..."}
_SUBSCRIPTION = {
    "channel": "64a1b2c3d4e5f60718293a4b",
    "subscriber": "62d0c4bdaf9d1da59f5326c8",
    "iuid": "your-internal-user-id",
    "mute": False,
    "createdAt": 1673889812,
    "updatedAt": 1673984274,
    "id": "63c5a3f1d2b3c49423bb3841",
}
_NOTIFICATION = {
    "subscription": "63c5a3f1d2b3c49423bb3841",
    "title": "Notification Title",
    "text": "This is notification text, I can write anything!",
    "readedAt": 0,
    "createdAt": 1674561843,
    "id": "63cfc7331b0d8e4e9184675d",
}
_CALLS = {
    "GET /channels/{channel}/subscriptions/{iuid}/code": Call(
        credentials=_SERVER,
        refusals=_OF_A_CHANNEL,
        parameters=(
            _CHANNEL,
            _IUID,
            Parameter("single_use", "A new code, for one device.", {"type": "boolean", "default": False}),
        ),
        examples=(
            Example(
                "A user's code",
                {
                    "code": "ds88cax...",
                    "qrcode": "data:image/gif;base64,R0...",
                    "deepLink": "https://push.example.com/qrcode/ds88cax...",
                    "appUrl": "https://push.example.com/mobile",
                },
                path=_AT,
            ),
        ),
    ),
    "DELETE /channels/{channel}/subscriptions/{iuid}/code": Call(
        credentials=_SERVER, refusals=_OF_A_CHANNEL, parameters=(_CHANNEL, _IUID)
    ),
    "GET /channels/{channel}/subscriptions": Call(
        credentials=_SERVER,
        refusals=_OF_A_CHANNEL,
        parameters=(
            _CHANNEL,
            Parameter(
                "limit",
                f"How many at most; cut to {MAX_LIMIT:,}.",
                {"type": "integer", "minimum": 1, "default": MAX_LIMIT},
            ),
            Parameter("cursor", "Where to go on: see the Link header of the page before."),
        ),
        examples=(Example("All subscriptions", [_SUBSCRIPTION], path={"channel": _AT["channel"]}),),
    ),
    "GET /channels/{channel}/subscriptions/{iuid}": Call(
        credentials=_SERVER,
        refusals=_OF_A_USER,
        parameters=(_CHANNEL, _IUID),
        examples=(Example("One subscription", _SUBSCRIPTION, path=_AT),),
    ),
    "POST /channels/{channel}/notifications/{iuid}": Call(
        credentials=_SERVER,
        refusals={**_OF_A_USER, Fault.QUOTA_EXCEEDED: "Notification quota exceeded for today"},
        sends=True,
        parameters=(_CHANNEL, _IUID),
        examples=(
            Example(
                "A notification",
                _NOTIFICATION,
                {"title": "Notification Title", "text": "This is notification text, I can write anything!"},
                path=_AT,
            ),
        ),
    ),
    "GET /channels/{channel}/notifications/{iuid}": Call(
        credentials=_SERVER,
        refusals=_OF_A_USER,
        parameters=(_CHANNEL, _IUID),
        examples=(Example("What was read", [{**_NOTIFICATION, "readedAt": 1674561900}], path=_AT),),
    ),
}
_PAGES = {
    "GET /qrcode/{code}": Call(
        refusals=_OF_A_PAGE,
        parameters=(Parameter("app", "Whose page it is, for who came by a code earlier."),),
        media_types={200: "text/html", 404: "text/html"},
    ),
    "POST /qrcode/{code}": Call(
        refusals=_OF_A_PAGE,
        examples=(
            Example("Let a browser in", {"externalId": "your-internal-user-id", "token": "eyJ...", "key": "Zk1..."}),
        ),
    ),
    "GET /qrcode/{code}/manifest.json": Call(
        refusals=_OF_A_PAGE,
        parameters=(Parameter("app", "Whose page it is."),),
        answer=members(
            id="string", name="string", short_name="string", start_url="string", scope="string", display="string"
        ),
    ),
    "POST /qrcode/{code}/mute": Call(
        refusals=_OF_A_PAGE,
        answer=members(muted="boolean"),
        examples=(Example("Mute", {"muted": True}, {**_OWN_ID, "muted": True}),),
    ),
    "POST /qrcode/{code}/inbox": Call(
        refusals=_OF_A_PAGE,
        examples=(Example("The inbox", {"muted": False, "notifications": []}, _OWN_ID),),
    ),
    "POST /qrcode/{code}/read": Call(
        refusals=_OF_A_PAGE,
        answer=members(ok="boolean"),
        examples=(Example("One was opened", {"ok": True}, {**_OWN_ID, "notification": "63cfc7331b0d8e4e9184675d"}),),
    ),
}

# The document has no base path, the vendor's site has /api: both are served.
REFERENCE = Reference(
    {
        f"{method} {base}{path}": call
        for name, call in _CALLS.items()
        for method, _, path in [name.partition(" ")]
        for base in ("", "/api")
    }
    | _PAGES
)
