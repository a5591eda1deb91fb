"""A Firebase project for tests: the service account's file as Google's console gives it out, and tokens of phones."""

import json
from functools import cache

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests import builders
from tests.engine import MemoryEngine
from tests.memory.transport import Reply
from tocsin.application.subscribing import SubscribeCommand
from tocsin.domain.subscription import Platform, Subscription
from tocsin.domain.tenancy import App

PROJECT = "shop-12345"
SEND_URL = f"https://fcm.googleapis.com/v1/projects/{PROJECT}/messages:send"


@cache
def private_key() -> rsa.RSAPrivateKey:
    """The service account's key; making one takes a while."""
    return rsa.generate_private_key(65537, 2048)


def service_account(**changed: str) -> dict[str, str]:
    """Its file."""
    pem = private_key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return {
        "type": "service_account",
        "project_id": PROJECT,
        "private_key_id": "0123456789abcdef" * 2,
        "private_key": pem,
        "client_email": f"push@{PROJECT}.iam.gserviceaccount.com",
        "client_id": "113774264463038321964",
        "token_uri": "https://oauth2.googleapis.com/token",
        "universe_domain": "googleapis.com",
        **changed,
    }


def enroll(engine: MemoryEngine, owner: App) -> None:
    """Give an app the service account."""
    engine.fcm_accounts.put(owner.id, service_account(), builders.OPERATOR)


def token(number: int) -> str:
    """The registration token of a phone."""
    return f"dGhpcyBpcyBhIHBob25l{number:02d}:APA91b{'x' * 100}{number:04d}"


def phone(engine: MemoryEngine, owner: App, number: int = 1, platform: Platform = Platform.ANDROID) -> Subscription:
    """A registered phone."""
    endpoint = f"fcm:{token(number)}"
    return engine.subscribing.subscribe(SubscribeCommand(owner, endpoint, "", "", trusted=True, platform=platform))


def refusal(status: int, word: str, code: str = "", message: str = "", field: str = "") -> Reply:
    """An answer of FCM's as it writes them: indented JSON."""
    details: list[dict[str, object]] = []
    if code:
        details.append({"@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": code})
    if field:
        violations = [{"field": field, "description": f"Invalid value at '{field}'"}]
        details.append({"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": violations})
    error = {"code": status, "message": message, "status": word, "details": details}
    return Reply(status, body=json.dumps({"error": error}, indent=2).encode())
