"""What the reference says of pushService beyond its code."""

from tocsin.dialect_kit.reference import PUBLISHABLE_KEY, SECRET_KEY, Call, Example, Parameter, Reference
from tocsin.domain.api_key import KeyKind
from tocsin.domain.errors import Fault

_SERVER = (KeyKind.SECRET, KeyKind.SERVICE)
_TENANT = Parameter("X-Tenant-Id", "For whom the platform-wide service key acts: `app_...`.")
_NOT_STORED = {
    Fault.IDENTITY_REQUIRED: "This app asks for a proof of identity (exp and mac)",
    Fault.IDENTITY_INVALID: "The proof of identity is wrong or over",
}
_READER = "reader@example.com"
_SUBSCRIPTION = {
    "endpoint": "https://updates.push.services.mozilla.com/wpush/v2/gAAAAABm",
    "keys": {
        "p256dh": "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
        "auth": "BTBZMqHH6r4Tts7J_aSIgg",
    },
}

REFERENCE = Reference(
    {
        "POST /v1/send": Call(
            credentials=_SERVER,
            refusals={
                **SECRET_KEY,
                Fault.RATE_LIMITED: "Rate limit exceeded: more than 60 requests/minute for this API key",
                Fault.CREDITS_EXHAUSTED: "Insufficient credits",
                Fault.NO_SUBSCRIPTIONS: "No active subscriptions found for this email",
            },
            headers=(_TENANT,),
            sends=True,
            examples=(
                Example(
                    "A table is ready",
                    {"sent": 2, "failed": 0, "credits": 9998},
                    {
                        "email": _READER,
                        "title": "Your table is ready",
                        "body": "Head to the host stand: your party of 4 is up.",
                        "url": "https://your-site.com/reservation/abc123",
                    },
                ),
            ),
        ),
        "POST /v1/subscribe": Call(
            credentials=(*_SERVER, KeyKind.PUBLISHABLE),
            refusals={**SECRET_KEY, **PUBLISHABLE_KEY, **_NOT_STORED},
            headers=(_TENANT,),
            examples=(Example("A browser", {"ok": True}, {"email": _READER, "subscription": _SUBSCRIPTION}),),
        ),
        "POST /v1/unsubscribe": Call(
            credentials=_SERVER,
            refusals=SECRET_KEY,
            headers=(_TENANT,),
            examples=(Example("All browsers of an address", {"removed": 2}, {"email": _READER}),),
        ),
    }
)
