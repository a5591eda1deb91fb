"""Every rule that a real push service enforces, broken once for each of the four."""

import time
from collections.abc import Callable, Mapping
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from tests.integration.simulators.sender import Sender, encrypt

pytestmark = pytest.mark.enable_socket

SERVICES = ("mozilla", "fcm", "apple", "wns")
OTHER_KEY = ec.generate_private_key(ec.SECP256R1())

Headers = Mapping[str, str | None]
Claims = Mapping[str, object]
Expected = Mapping[str, tuple[int, str]]

BAD_TTL: Expected = {"mozilla": (400, "114"), "fcm": (400, "TTL"), "apple": (400, "BadTtl"), "wns": (400, "TTL")}
BAD_TOPIC: Expected = {
    "mozilla": (400, "113"),
    "fcm": (400, "Topic"),
    "apple": (400, "BadWebPushTopic"),
    "wns": (400, "Topic"),
}
BAD_ENCRYPTION: Expected = {
    "mozilla": (400, "110"),
    "fcm": (400, "aes128gcm"),
    "apple": (400, "BadWebPushRequest"),
    "wns": (400, "aes128gcm"),
}
TOO_LARGE: Expected = {
    "mozilla": (413, "104"),
    "fcm": (413, "4096"),
    "apple": (413, "PayloadTooLarge"),
    "wns": (413, "4096"),
}
UNAUTHORIZED: Expected = {
    "mozilla": (401, "109"),
    "fcm": (401, "unauthorized"),
    "apple": (403, "BadAuthorizationHeader"),
    "wns": (401, "uthorization"),
}
MALFORMED: Expected = {
    "mozilla": (401, "109"),
    "fcm": (400, "UnauthorizedRegistration"),
    "apple": (403, "BadAuthorizationHeader"),
    "wns": (401, "parameters"),
}
BAD_TOKEN: Expected = {
    "mozilla": (401, "109"),
    "fcm": (403, "invalid JWT"),
    "apple": (403, "BadJwtToken"),
    "wns": (401, ""),
}
MISMATCH: Expected = {
    "mozilla": (401, "109"),
    "fcm": (403, "do not correspond"),
    "apple": (403, "VapidPkHashMismatch"),
    "wns": (403, "key"),
}

BROKEN_HEADERS: Mapping[str, tuple[Headers, Expected]] = {
    "no TTL": (
        {"TTL": None},
        {"mozilla": (400, "111"), "fcm": (400, "TTL"), "apple": (400, "BadTtl"), "wns": (400, "TTL")},
    ),
    "negative TTL": ({"TTL": "-1"}, BAD_TTL),
    "TTL that is no number": ({"TTL": "1.5"}, BAD_TTL),
    "unknown urgency": (
        {"Urgency": "urgent"},
        {"mozilla": (400, "111"), "fcm": (400, "Urgency"), "apple": (400, "BadUrgency"), "wns": (400, "Urgency")},
    ),
    "empty urgency": (
        {"Urgency": ""},
        {"mozilla": (400, "111"), "fcm": (400, "Urgency"), "apple": (400, "BadUrgency"), "wns": (400, "Urgency")},
    ),
    "topic of 33 characters": ({"Topic": "t" * 33}, BAD_TOPIC),
    "topic outside base64url": ({"Topic": "a+b="}, BAD_TOPIC),
    "empty topic": ({"Topic": ""}, BAD_TOPIC),
    "no content encoding": ({"Content-Encoding": None}, BAD_ENCRYPTION),
    "the older content encoding": ({"Content-Encoding": "aesgcm"}, BAD_ENCRYPTION),
    "a compressed body": ({"Content-Encoding": "gzip"}, BAD_ENCRYPTION),
    "no authorization": ({"Authorization": None}, UNAUTHORIZED),
    "another scheme": ({"Authorization": "WebPush abc"}, UNAUTHORIZED),
    "authorization without k": ({"Authorization": "vapid t=a.b.c"}, MALFORMED),
    "a parameter twice": ({"Authorization": "vapid t=a.b.c, t=a.b.c"}, MALFORMED),
    "a third parameter": ({"Authorization": "vapid t=a.b.c, k=BA, x=1"}, MALFORMED),
    "k off the curve": (
        {"Authorization": "vapid t=a.b.c, k=BA"},
        {
            "mozilla": (401, "109"),
            "fcm": (400, "UnauthorizedRegistration"),
            "apple": (403, "BadVapidPublicKey"),
            "wns": (401, "P-256"),
        },
    ),
}
BROKEN_CLAIMS: Mapping[str, Callable[[], Claims]] = {
    "no aud": lambda: {"aud": None},
    "aud of another service": lambda: {"aud": "https://push.example.com"},
    "aud with a path": lambda: {"aud": "https://fcm.googleapis.com/"},
    "aud as a list": lambda: {"aud": ["https://fcm.googleapis.com"]},
    "no exp": lambda: {"exp": None},
    "exp in the past": lambda: {"exp": int(time.time()) - 1},
    "exp more than a day ahead": lambda: {"exp": int(time.time()) + 24 * 3600 + 60},
    "exp as text": lambda: {"exp": str(int(time.time()) + 60)},
    "exp as true": lambda: {"exp": True},
    "exp that is no number": lambda: {"exp": float("nan")},
    "no sub": lambda: {"sub": None},
    "sub without a scheme": lambda: {"sub": "push@example.com"},
    "sub over http": lambda: {"sub": "http://example.com"},
}


def proof(reply: httpx.Response) -> str:
    """Where each service says what is wrong."""
    if "X-WNS-Error-Description" in reply.headers:
        assert reply.content == b""
        return str(reply.headers["X-WNS-Error-Description"])
    content: dict[str, Any] = reply.json() if reply.headers.get("Content-Type") == "application/json" else {}
    return str(content.get("errno") or content.get("reason") or reply.text)


def assert_refused(sender: Sender, agent: dict[str, Any], reply: httpx.Response, expected: tuple[int, str]) -> None:
    status, text = expected
    assert (reply.status_code, text in proof(reply)) == (status, True), proof(reply)
    assert sender.messages(agent) == []


@pytest.mark.parametrize("service", SERVICES)
def test_a_correct_message_is_accepted_and_decrypted(sender: Sender, service: str) -> None:
    agent = sender.subscribe(service)
    headers = {"Urgency": "high", "Topic": "A-_0" * 8, "TTL": "2419200"}
    reply = sender.post(agent["subscription"], '{"title": "Grüße 👋"}', headers=headers)
    assert reply.status_code == 201, proof(reply)
    (message,) = sender.messages(agent, wait=5)
    assert message["json"] == {"title": "Grüße 👋"}
    assert message["error"] is None
    assert message["headers"].items() >= {"urgency": "high", "topic": "A-_0" * 8, "ttl": "2419200"}.items()
    assert message["vapid"]["sub"] == "mailto:push@example.com"
    assert message["vapid"]["k"] == sender.public_key


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("case", BROKEN_HEADERS)
def test_a_broken_header_is_refused(sender: Sender, case: str, service: str) -> None:
    headers, expected = BROKEN_HEADERS[case]
    agent = sender.subscribe(service)
    assert_refused(sender, agent, sender.post(agent["subscription"], headers=headers), expected[service])


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("case", BROKEN_CLAIMS)
def test_a_broken_claim_is_refused(sender: Sender, case: str, service: str) -> None:
    agent = sender.subscribe(service)
    authorization = sender.authorization(agent["subscription"]["endpoint"], BROKEN_CLAIMS[case]())
    reply = sender.post(agent["subscription"], headers={"Authorization": authorization})
    assert_refused(sender, agent, reply, BAD_TOKEN[service])


@pytest.mark.parametrize("service", SERVICES)
def test_a_forged_signature_is_refused(sender: Sender, service: str) -> None:
    agent = sender.subscribe(service)
    authorization = sender.authorization(agent["subscription"]["endpoint"], signed_by=OTHER_KEY)
    reply = sender.post(agent["subscription"], headers={"Authorization": authorization})
    assert_refused(sender, agent, reply, BAD_TOKEN[service])


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("algorithm", ["none", "HS256"])
def test_another_algorithm_is_refused(sender: Sender, algorithm: str, service: str) -> None:
    agent = sender.subscribe(service)
    authorization = sender.authorization(agent["subscription"]["endpoint"], header={"alg": algorithm})
    reply = sender.post(agent["subscription"], headers={"Authorization": authorization})
    assert_refused(sender, agent, reply, BAD_TOKEN[service])


@pytest.mark.parametrize("service", SERVICES)
def test_a_bound_subscription_takes_its_own_key_only(sender: Sender, service: str) -> None:
    bound, unbound = sender.subscribe(service), sender.subscribe(service, bound=False)
    authorization = sender.authorization(bound["subscription"]["endpoint"], key=OTHER_KEY)
    reply = sender.post(bound["subscription"], headers={"Authorization": authorization})
    assert_refused(sender, bound, reply, MISMATCH[service])
    assert sender.post(unbound["subscription"], headers={"Authorization": authorization}).status_code == 201
    (message,) = sender.messages(unbound)
    assert message["vapid"]["k"] != sender.public_key


@pytest.mark.parametrize("service", SERVICES)
def test_4096_bytes_pass_and_one_more_does_not(sender: Sender, service: str) -> None:
    agent = sender.subscribe(service)
    reply = sender.post(agent["subscription"], "x" * 3994)
    assert_refused(sender, agent, reply, TOO_LARGE[service])
    assert sender.post(agent["subscription"], "x" * 3993).status_code == 201
    huge = sender.post(agent["subscription"], body=bytes(2 << 20))
    assert (huge.status_code, len(sender.messages(agent))) == (413, 1)


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("cut", [20, 85, 102])
def test_a_body_that_is_no_record_is_refused(sender: Sender, cut: int, service: str) -> None:
    agent = sender.subscribe(service)
    body = encrypt(b"hello", agent["subscription"]["keys"])
    reply = sender.post(agent["subscription"], body=body[:cut])
    assert_refused(sender, agent, reply, BAD_ENCRYPTION[service])


@pytest.mark.parametrize("service", SERVICES)
def test_a_record_size_smaller_than_the_record_is_refused(sender: Sender, service: str) -> None:
    agent = sender.subscribe(service)
    body = encrypt(b"hello" * 10, agent["subscription"]["keys"])
    reply = sender.post(agent["subscription"], body=body[:16] + (18).to_bytes(4, "big") + body[20:])
    assert_refused(sender, agent, reply, BAD_ENCRYPTION[service])


@pytest.mark.parametrize("service", SERVICES)
def test_no_body_is_an_empty_push(sender: Sender, service: str) -> None:
    agent = sender.subscribe(service)
    assert sender.post(agent["subscription"], body=b"", headers={"Content-Encoding": None}).status_code == 201
    (message,) = sender.messages(agent)
    assert (message["text"], message["error"]) == (None, None)


@pytest.mark.parametrize("service", SERVICES)
def test_a_message_for_other_keys_is_accepted_but_shows_as_an_error(sender: Sender, service: str) -> None:
    agent, other = sender.subscribe(service), sender.subscribe(service)
    reply = sender.post(agent["subscription"], body=encrypt(b"hello", other["subscription"]["keys"]))
    assert reply.status_code == 201
    (message,) = sender.messages(agent)
    assert message["text"] is None
    assert "cannot be decrypted" in message["error"]


@pytest.mark.parametrize("service", SERVICES)
def test_an_unknown_token_is_404_and_an_ended_subscription_410(sender: Sender, service: str) -> None:
    agent = sender.subscribe(service)
    endpoint = agent["subscription"]["endpoint"]
    unknown = {**agent["subscription"], "endpoint": endpoint[:-4] + "AAAA"}
    assert sender.post(unknown).status_code == 404
    assert sender.control.delete(f"/user-agents/{agent['id']}").status_code == 204
    assert sender.post(agent["subscription"]).status_code == 410


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_only_post_sends(sender: Sender, method: str, service: str) -> None:
    agent = sender.subscribe(service)
    assert sender.post(agent["subscription"], method=method).status_code == 405


def test_a_token_is_worth_nothing_at_another_service(sender: Sender) -> None:
    agent = sender.subscribe("mozilla")
    token = agent["subscription"]["endpoint"].rpartition("/")[2]
    for elsewhere in ("https://fcm.googleapis.com/fcm/send/", "https://web.push.apple.com/"):
        assert sender.post({**agent["subscription"], "endpoint": elsewhere + token}).status_code == 404


def test_fcm_takes_its_three_forms_of_an_endpoint(sender: Sender) -> None:
    agent = sender.subscribe("fcm")
    token = agent["subscription"]["endpoint"].rpartition("/")[2]
    for form in ("https://fcm.googleapis.com/wp/", "https://jmt17.google.com/fcm/send/"):
        assert sender.post({**agent["subscription"], "endpoint": form + token}).status_code == 201


def test_aud_is_the_host_of_the_endpoint_and_not_of_its_sibling(sender: Sender) -> None:
    agent = sender.subscribe("fcm")
    endpoint = agent["subscription"]["endpoint"]
    authorization = sender.authorization("https://jmt17.google.com/")
    assert sender.post(agent["subscription"], headers={"Authorization": authorization}).status_code == 403
    assert sender.post({**agent["subscription"], "endpoint": endpoint}).status_code == 201


@pytest.mark.parametrize(("service", "status"), [("mozilla", 201), ("fcm", 400), ("apple", 201), ("wns", 201)])
def test_only_fcm_refuses_more_than_four_weeks(sender: Sender, service: str, status: int) -> None:
    agent = sender.subscribe(service)
    assert sender.post(agent["subscription"], headers={"TTL": "2419201"}).status_code == status


def test_mozilla_answers_with_the_ttl_it_keeps(sender: Sender) -> None:
    agent = sender.subscribe("mozilla")
    assert sender.post(agent["subscription"], headers={"TTL": "9999999"}).headers["TTL"] == "2592000"


@pytest.mark.parametrize("length", [5, 9, 13, 29])
def test_apple_refuses_a_topic_that_is_not_decodable(sender: Sender, length: int) -> None:
    agent = sender.subscribe("apple")
    reply = sender.post(agent["subscription"], headers={"Topic": "t" * length})
    assert_refused(sender, agent, reply, (400, "BadWebPushTopic"))
    assert sender.post(agent["subscription"], headers={"Topic": "t" * (length - 1)}).status_code == 201


@pytest.mark.parametrize(
    "subject", ["mailto:a@localhost", "mailto:a@host.local", "https://x.invalid", "https://10.0.0.1"]
)
def test_only_apple_wants_a_subject_with_a_public_domain(sender: Sender, subject: str) -> None:
    statuses = {}
    for service in SERVICES:
        agent = sender.subscribe(service)
        authorization = sender.authorization(agent["subscription"]["endpoint"], {"sub": subject})
        reply = sender.post(agent["subscription"], headers={"Authorization": authorization})
        statuses[service] = (reply.status_code, "BadJwtToken" in reply.text)
    assert statuses == {"mozilla": (201, False), "fcm": (201, False), "apple": (403, True), "wns": (201, False)}


@pytest.mark.parametrize(
    ("ttl", "policy", "status"),
    [
        ("0", None, 400),
        ("0", "cache", 400),
        ("0", "no-cache", 201),
        ("60", None, 201),
        ("60", "cache", 201),
        ("60", "x", 400),
    ],
)
def test_wns_wants_ttl_zero_not_to_be_cached(sender: Sender, ttl: str, policy: str | None, status: int) -> None:
    agent = sender.subscribe("wns")
    reply = sender.post(agent["subscription"], headers={"TTL": ttl, "X-WNS-Cache-Policy": policy})
    assert reply.status_code == status
    assert status == 201 or proof(reply) == "Ttl value conflicts with X-WNS-Cache-Policy"


def test_each_service_names_an_accepted_message_in_its_own_way(sender: Sender) -> None:
    names = {"mozilla": "Location", "fcm": "Location", "apple": "apns-id", "wns": "X-WNS-Msg-Id"}
    for service, name in names.items():
        assert sender.post(sender.subscribe(service)["subscription"]).headers[name]
