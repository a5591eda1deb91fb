"""FCM's HTTP v1 API and Google's token endpoint: Google's own client passes them, and so does the whole product."""

import copy
import json
import time
from collections.abc import Callable, Mapping
from typing import Any, cast

import google.auth.transport
import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from google.oauth2 import service_account

from dev.simulators import Simulators
from tests import builders
from tests.engine import MemoryEngine
from tests.integration.simulators.sender import Sender
from tests.memory.fcm import ScriptedOauth
from tests.memory.system import VirtualClock
from tests.memory.transport import ScriptedTransport
from tocsin.adapters.oauth_http import OauthHttp
from tocsin.adapters.push_http import PushHttp
from tocsin.adapters.system import SystemClock
from tocsin.application.fcm_access import signed_assertion
from tocsin.application.ports import SealedServiceAccount
from tocsin.application.subscribing import SubscribeCommand
from tocsin.domain.notification import Notification
from tocsin.domain.place_token import TOKEN_LENGTH
from tocsin.domain.service_account import parse_service_account
from tocsin.domain.subscription import Platform
from tocsin.domain.tenancy import App
from tocsin.webpush.fcm import SCOPE

pytestmark = pytest.mark.enable_socket

URI = "https://oauth2.googleapis.com/token"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
STRANGER = rsa.generate_private_key(65537, 2048)
Account = dict[str, str]
Claims = dict[str, Any]


@pytest.fixture(scope="module")
def account(sender: Sender) -> Account:
    file: Account = sender.control.post("/fcm/projects").json()
    return file


def device(sender: Sender, account: Account) -> dict[str, str]:
    made: dict[str, str] = sender.control.post(f"/fcm/projects/{account['project_id']}/devices").json()
    return made


def received(sender: Sender, device: Mapping[str, str]) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = sender.control.get(f"/fcm/devices/{device['id']}/messages").json()
    return messages


# --- the token endpoint -----------------------------------------------------------------------------------------------


class Through(google.auth.transport.Request):
    """How Google's client reaches the simulators."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def __call__(
        self, url: str, method: str = "GET", body: Any = None, headers: Any = None, timeout: Any = None, **_: Any
    ) -> Any:
        return _Response(self._client.request(method, url, content=body, headers=headers))


class _Response(google.auth.transport.Response):
    def __init__(self, answer: httpx.Response) -> None:
        self._answer = answer

    @property
    def status(self) -> int:
        return self._answer.status_code

    @property
    def headers(self) -> Any:
        return self._answer.headers

    @property
    def data(self) -> bytes:
        return self._answer.content


def credentials(account: Account) -> Any:
    return service_account.Credentials.from_service_account_info(account, scopes=[SCOPE])  # type: ignore[no-untyped-call]


def test_googles_own_client_gets_a_token(sender: Sender, account: Account) -> None:
    of_google = credentials(account)
    of_google.refresh(Through(sender.client))
    assert post(sender, account, of_google.token, good(device(sender, account)["token"])).status_code == 200


def test_our_assertion_says_what_googles_own_does(account: Account) -> None:
    theirs = credentials(account)._make_authorization_grant_assertion().decode()
    parsed = parse_service_account(account)
    sealed = SealedServiceAccount(parsed.project, parsed.email, parsed.key_id, b"", 0)
    ours = signed_assertion(sealed, parsed.private_key, int(time.time()))

    def said(assertion: str) -> tuple[dict[str, Any], Claims]:
        claims = jwt.decode(assertion, options={"verify_signature": False})
        times = {"iat": 0, "exp": claims["exp"] - claims["iat"]}
        return jwt.get_unverified_header(assertion), claims | times

    assert said(ours) == said(theirs)


def assertion(account: Account, change: Callable[[Claims], None], **header: str) -> str:
    now = int(time.time())
    claims = {"iss": account["client_email"], "scope": SCOPE, "aud": URI, "iat": now, "exp": now + 3600}
    change(claims)
    return jwt.encode(claims, account["private_key"], "RS256", {"kid": account["private_key_id"], **header})


def token_answer(sender: Sender, assertion: str, **form: str) -> httpx.Response:
    return sender.client.post(URI, data={"grant_type": GRANT, "assertion": assertion, **form})


def access_token(sender: Sender, account: Account) -> str:
    return str(token_answer(sender, assertion(account, lambda _: None)).json()["access_token"])


@pytest.mark.parametrize(
    ("claims", "error"),
    [
        ({"aud": "https://oauth2.googleapis.com/"}, "invalid_grant"),
        ({"iss": "nobody@example.iam.gserviceaccount.com"}, "invalid_grant"),
        ({"scope": "https://www.googleapis.com/auth/cloud-platform.read-only"}, "invalid_scope"),
        ({"exp": int(time.time()) + 7200}, "invalid_grant"),
        ({"iat": int(time.time()) - 7200, "exp": int(time.time()) - 3600}, "invalid_grant"),
        ({"iat": int(time.time()) + 600}, "invalid_grant"),
    ],
)
def test_an_assertion_that_claims_something_else_gets_no_token(
    sender: Sender, account: Account, claims: Claims, error: str
) -> None:
    answer = token_answer(sender, assertion(account, lambda all_: all_.update(claims)))
    assert (answer.status_code, answer.json()["error"]) == (400, error)


def test_an_assertion_that_somebody_else_signed_gets_no_token(sender: Sender, account: Account) -> None:
    now = int(time.time())
    claims = {"iss": account["client_email"], "scope": SCOPE, "aud": URI, "iat": now, "exp": now + 3600}
    kid = {"kid": account["private_key_id"]}
    forged = jwt.encode(claims, STRANGER, "RS256", kid)
    public = jwt.encode(claims, "x" * 32, "HS256", kid)
    for bad in (forged, public, assertion(account, lambda _: None, kid="other"), "x.y.z", ""):
        assert token_answer(sender, bad).json()["error"] == "invalid_grant"
    assert token_answer(sender, "", grant_type="password").json()["error"] == "unsupported_grant_type"


# --- messages ---------------------------------------------------------------------------------------------------------


def good(token: str) -> dict[str, Any]:
    return {
        "token": token,
        "notification": {"title": "Hello", "body": "World"},
        "data": {"order": "17"},
        "android": {"priority": "HIGH", "ttl": "60s", "notification": {"tag": "order"}},
        "apns": {"headers": {"apns-priority": "10"}, "payload": {"aps": {"sound": "default"}}},
    }


def post(sender: Sender, account: Account, token: str, message: Mapping[str, object]) -> httpx.Response:
    url = f"https://fcm.googleapis.com/v1/projects/{account['project_id']}/messages:send"
    return sender.client.post(url, json={"message": message}, headers={"Authorization": f"Bearer {token}"})


def test_a_message_arrives_as_it_was_sent(sender: Sender, account: Account) -> None:
    phone = device(sender, account)
    answer = post(sender, account, access_token(sender, account), good(phone["token"]))
    assert answer.status_code == 200
    assert answer.json()["name"].startswith(f"projects/{account['project_id']}/messages/")
    assert received(sender, phone) == [good(phone["token"])]


WRONG: Mapping[str, tuple[tuple[str, ...], object, str]] = {
    "a number in data": (("data", "n"), 12, "message.data"),
    "an object in data": (("data", "n"), {}, "message.data"),
    "a reserved name": (("data", "from"), "x", "message.data"),
    "a name of Google's": (("data", "google.x"), "x", "message.data"),
    "an unknown member": (("nope",), "x", "message"),
    "a ttl without its unit": (("android", "ttl"), "60", "message.android.ttl"),
    "a ttl over four weeks": (("android", "ttl"), "2419201s", "message.android.ttl"),
    "a web priority": (("android", "priority"), "normal", "message.android.priority"),
    "a number as header": (("apns", "headers", "apns-priority"), 10, "message.apns.headers"),
    "another priority": (("apns", "headers", "apns-priority"), "7", "message.apns.headers"),
    "a long collapse id": (("apns", "headers", "apns-collapse-id"), "x" * 65, "message.apns.headers"),
    "a payload without aps": (("apns", "payload"), {}, "message.apns.payload"),
    "an insecure link": (
        ("webpush",),
        {"fcm_options": {"link": "http://x.example"}},
        "message.webpush.fcm_options.link",
    ),
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG.keys())
def test_a_malformed_message_is_refused_by_the_name_of_its_field(
    sender: Sender, account: Account, wrong: tuple[tuple[str, ...], object, str]
) -> None:
    (*path, last), value, field = wrong
    phone = device(sender, account)
    message = copy.deepcopy(good(phone["token"]))
    place = message
    for name in path:
        place = place[name]
    place[last] = value
    answer = post(sender, account, access_token(sender, account), message)
    assert (answer.status_code, answer.json()["error"]["status"]) == (400, "INVALID_ARGUMENT")
    assert answer.json()["error"]["details"][0]["fieldViolations"][0]["field"] == field
    assert received(sender, phone) == []


def test_4096_bytes_of_payload_pass_and_one_more_is_refused_without_a_reason(sender: Sender, account: Account) -> None:
    phone, token = device(sender, account), access_token(sender, account)
    message = good(phone["token"])

    def sized(size: int) -> dict[str, Any]:
        counted = {name: message[name] for name in ("notification", "data")} | {"data": {"order": ""}}
        rest = size - len(json.dumps(counted, separators=(",", ":")))
        return message | {"data": {"order": "x" * rest}}

    assert post(sender, account, token, sized(4096)).status_code == 200
    refused = post(sender, account, token, sized(4097))
    assert refused.status_code == 400
    assert "details" not in refused.json()["error"]


def code(answer: httpx.Response) -> tuple[int, str]:
    error = answer.json()["error"]
    return answer.status_code, next((d["errorCode"] for d in error.get("details", []) if "errorCode" in d), "")


def test_tokens_and_devices_that_are_not_what_they_should_be(sender: Sender, account: Account) -> None:
    other: Account = sender.control.post("/fcm/projects").json()
    phone, token = device(sender, account), access_token(sender, account)
    assert code(post(sender, account, token, good("short"))) == (400, "INVALID_ARGUMENT")
    assert code(post(sender, account, token, good(device(sender, other)["token"]))) == (403, "SENDER_ID_MISMATCH")
    assert code(post(sender, other, token, good(phone["token"]))) == (403, "")
    assert code(post(sender, account, "ya29.x", good(phone["token"]))) == (401, "")
    sender.control.delete(f"/fcm/devices/{phone['id']}")
    assert code(post(sender, account, token, good(phone["token"]))) == (404, "UNREGISTERED")
    sender.control.delete(f"/fcm/projects/{account['project_id']}/access-tokens")
    assert code(post(sender, account, token, good(phone["token"]))) == (401, "")


# --- the product ------------------------------------------------------------------------------------------------------


class Shop:
    """An app of the product, whose use cases speak to the simulators over real HTTP; only the stores are memory."""

    def __init__(self, simulators: Simulators, sender: Sender) -> None:
        through = simulators.proxy_url, str(simulators.ca_bundle)
        self.engine = MemoryEngine()
        self.engine.clock = cast(VirtualClock, SystemClock())
        self.engine.transport = cast(ScriptedTransport, PushHttp(*through))
        self.engine.oauth = cast(ScriptedOauth, OauthHttp(*through))
        self.app: App = builders.app(self.engine, credits_=100)
        self.account: Account = sender.control.post("/fcm/projects").json()
        self.engine.fcm_accounts.put(self.app.id, self.account, builders.OPERATOR)

    def register(self, token: str, platform: Platform = Platform.ANDROID) -> None:
        self.engine.subscribing.subscribe(
            SubscribeCommand(self.app, f"fcm:{token}", "", "", trusted=True, platform=platform)
        )

    def send(self, notification: Notification) -> tuple[int, int, int]:
        """How many accepted it, how many failed, and how many of those were gone."""
        counts = self.engine.sending.send(builders.send_command(self.app, notification=notification)).counts
        return counts.accepted, counts.failed, counts.gone


@pytest.fixture
def shop(simulators: Simulators, sender: Sender) -> Shop:
    return Shop(simulators, sender)


FULL = Notification(
    "Order Shipped!",
    "It is on its way",
    url="https://shop.example/orders/17",
    icon="https://shop.example/icon.png",
    image="https://shop.example/shoes.png",
    data={"order": 17, "from": "us", "tags": ["a"]},
    tag="order-17",
    ttl=3600,
)


def test_everything_that_a_notification_can_have_passes_the_strict_api(shop: Shop, sender: Sender) -> None:
    phone = device(sender, shop.account)
    shop.register(phone["token"])
    assert shop.send(FULL) == (1, 0, 0)
    (message,) = received(sender, phone)
    assert message["notification"] == {
        "title": "Order Shipped!",
        "body": "It is on its way",
        "image": "https://shop.example/shoes.png",
    }
    own = {name: message["data"].pop(name) for name in ("tocsin_id", "tocsin_url", "tocsin_event")}
    assert own["tocsin_url"] == "https://shop.example/orders/17"
    assert len(own["tocsin_event"]) == TOKEN_LENGTH
    assert message["data"] == {"order": "17", "_from": "us", "tags": '["a"]'}


@pytest.mark.parametrize("letter", ["x", "é", "漢", "😀", '"', "\x01"])
def test_x_6_the_longest_notification_passes_as_a_preview(shop: Shop, sender: Sender, letter: str) -> None:
    phone = device(sender, shop.account)
    shop.register(phone["token"])
    assert shop.send(Notification(letter * 256, letter * 4096, data={"a": "b" * 4000})) == (1, 0, 0)
    (message,) = received(sender, phone)
    assert message["notification"]["title"] == letter * 256
    assert message["notification"]["body"].endswith("…")
    assert "tocsin_fetch" in message["data"]


def test_a_device_that_left_is_gone_and_one_with_a_broken_token_too(shop: Shop, sender: Sender) -> None:
    stays, leaves = device(sender, shop.account), device(sender, shop.account)
    for token in (stays["token"], leaves["token"], "apns-token-0123456789"):
        shop.register(token, Platform.IOS)
    sender.control.delete(f"/fcm/devices/{leaves['id']}")
    assert shop.send(FULL) == (1, 2, 2)
    assert shop.engine.subscriptions.counts(shop.app.id).active == 1


def test_an_access_token_that_ended_early_is_replaced_within_the_send(shop: Shop, sender: Sender) -> None:
    phone = device(sender, shop.account)
    shop.register(phone["token"])
    assert shop.send(FULL) == (1, 0, 0)
    sender.control.delete(f"/fcm/projects/{shop.account['project_id']}/access-tokens")
    assert shop.send(FULL) == (1, 0, 0)
    assert len(received(sender, phone)) == 2
