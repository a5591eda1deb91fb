"""Canaries: nothing that a client sends stands in a log or a dead letter, and no table holds what it must not.

Notification texts, names, endpoints and their keys do stand in tables: they are the data that sends are made of.
"""

import hmac
import json
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from itertools import chain

import pytest

from dev.stack import Stack
from tests.customer import SITE, CloudSignalClient, Customer, expect
from tests.integration.canaries import Canaries, bodies, presented
from tests.integration.deployed_api import DeployedApi, Simulator, UserAgent
from tests.integration.logs import everything_logged, wait_for_line
from tests.integration.tables import everything_stored
from tests.routes import KnownRoute, every_route
from tocsin.application.jobs import DeliverChunk, Lane, Recipient, Route, encode_deliver
from tocsin.dialect_kit.credentials import credential_headers
from tocsin.dialect_kit.identifiers import parse
from tocsin.domain.ids import AppId, SendId, SubscriptionId, TenantId
from tocsin.entrypoints.registry import dialects
from tocsin.webpush.encoding import from_base64url, to_base64url
from tocsin.webpush.encryption import RecipientKeys

MESSAGE = 3
"""How many characters of a made-up key are known: what kind it is of."""


@pytest.fixture(scope="module")
def canaries(deployed: Stack, api: DeployedApi, simulator: Simulator) -> Canaries:
    """Everything planted: by a customer who does all right, by anybody at every route, by a job that cannot be done."""
    planted = Canaries()
    customer = a_customer(api, planted)
    a_subscriber_is_sent_to(customer, simulator, planted)
    a_browser_names_itself(customer, simulator, planted)
    a_client_registers(customer, simulator, planted)
    keys = keys_of_each_dialect(api, customer, planted)
    for route in every_route():
        strangers_call(api, route, planted)
        those_with_keys_call(api, route, customer, keys, planted)
    paths_that_nobody_serves(api, planted)
    a_job_dies(deployed, customer, simulator.user_agent(), planted)
    last = api.call("GET", "/healthz", headers=planted.headers())
    wait_for_line(deployed, last.headers["x-request-id"])
    return planted


def a_customer(api: DeployedApi, planted: Canaries) -> Customer:
    """An app with a VAPID key of its own, and a key of each kind in each dialect."""
    private = to_base64url(secrets.token_bytes(32))
    planted.hidden("VAPID private key", private)
    customer = Customer.sign_up(api, name=planted.text("app name"), identity="required", vapid={"private_key": private})
    planted.hidden("identity secret", customer.identity_secret)
    planted.hidden("operator key", api.operator_key)
    return customer


def a_subscriber_is_sent_to(customer: Customer, simulator: Simulator, planted: Canaries) -> None:
    """Through an application server: enrolled, sent to, refused by the push service, sent to again, removed."""
    key = customer.client()
    planted.hidden("pushService key", key.key[MESSAGE:])
    agent = simulator.user_agent("mozilla", customer.vapid_public_key)
    known_endpoint(agent, planted)
    address = planted.address("subscriber's address")
    expect(201, key.subscribe(agent.subscription, address, planted.headers()))
    agent.behave(status=400, times=1)
    words = {
        "title": planted.text("title"),
        "body": planted.text("text"),
        "url": f"{SITE}/{planted.text('target')}",
    }
    for attempt in ("refused", "accepted"):
        headers = planted.headers() | {"Idempotency-Key": planted.hidden(f"idempotency key, {attempt}")}
        assert key.send(address, headers, **words).status == 200
        assert key.send(address, headers, **words).headers["idempotency-replayed"] == "true"
    expect(200, key.unsubscribe(address))


def a_browser_names_itself(customer: Customer, simulator: Simulator, planted: Canaries) -> None:
    """A page subscribes, proves who its person is, and the operator sends to that person."""
    agent = simulator.user_agent("fcm", customer.vapid_public_key)
    known_endpoint(agent, planted)
    page = planted.headers() | {"Origin": SITE}
    body = {"subscription": agent.subscription, "lang": "de", "tags": [planted.text("label")]}
    made = expect(201, customer.api.call("POST", f"/sdk/v1/{customer.app}/subscriptions", body, page))
    for kind, member, name in (
        ("email", "email", planted.address("named address")),
        ("external", "externalId", planted.text("external id")),
    ):
        proof = proof_of(customer, f"{kind}:{name}")
        planted.hidden(f"proof for {kind}", str(proof["mac"]))
        identity = {member: name, "proof": proof}
        named = {"id": made["id"], "identity": identity}
        expect(200, customer.api.call("POST", f"/sdk/v1/{customer.app}/identify", named, page))
        wrong = {"id": made["id"], "identity": identity | {"proof": proof | {"mac": planted.hidden("wrong proof")}}}
        expect(403, customer.api.call("POST", f"/sdk/v1/{customer.app}/identify", wrong, page))
    note = {"title": planted.text("operator's title"), "body": "Hello", "tag": planted.text("tag")}
    to = {"external_ids": [planted.text("external id")]}
    expect(200, customer.api.operator("POST", customer.at("/sends"), {"to": to, **note}))


def a_client_registers(customer: Customer, simulator: Simulator, planted: Canaries) -> None:
    """Through CloudSignal: registered by a page, listed and sent to by an address, removed with a reason."""
    page, secret = (
        CloudSignalClient(customer.api, customer.key(kind, dialect="cloudsignal")["key"])
        for kind in ("publishable", "secret")
    )
    planted.hidden("CloudSignal keys", page.key[MESSAGE:])
    planted.hidden("CloudSignal key", secret.key[MESSAGE:])
    agent = simulator.user_agent("wns", customer.vapid_public_key)
    known_endpoint(agent, planted)
    address = planted.address("client's address")
    proof = proof_of(customer, f"email:{address}")
    planted.hidden("client's proof", str(proof["mac"]))
    body = {"subscription": agent.subscription, "user_email": address, "identity": proof}
    headers = planted.headers() | {"Origin": SITE}
    made = expect(201, page.call("POST", "/clients/register", body, headers))["registration_id"]
    listed = expect(200, secret.call("GET", "/clients", headers=planted.headers(), query={"user_email": address}))
    assert listed["total"] == 1
    words = {"title": planted.text("client's title"), "data": {"order": planted.text("data")}}
    for fields in (words | {"target_user_emails": [address]}, {"target_registration_ids": [made]}):
        headers = planted.headers() | {"Idempotency-Key": planted.hidden(f"idempotency key, {len(fields)}")}
        assert expect(200, secret.send(headers, **fields))["successful_sends"] == 1
    reason = {"reason": planted.text("reason")}
    expect(200, secret.call("DELETE", f"/clients/{made}", headers=planted.headers(), query=reason))


def strangers_call(api: DeployedApi, route: KnownRoute, planted: Canaries) -> None:
    """Without a key and with made-up ones, canaries in the path."""
    path = route.at({name: planted.hidden("path") for name in route.variables})
    body = bodies(planted, route)[0] if route.body else None
    for credentials in ({}, *planted.credentials()):
        headers = planted.headers() | {"Origin": f"https://{planted.hidden('origin')}.example"} | credentials
        api.call(route.method, path, body, headers, query=queries(route, planted))


def those_with_keys_call(
    api: DeployedApi, route: KnownRoute, customer: Customer, keys: Mapping[str, Sequence[str]], planted: Canaries
) -> None:
    """With every key that could be right, ids that exist, and bodies good and bad."""
    real = {"app": customer.app, "tenant": customer.tenant}
    path = route.at({name: real.get(name) or planted.hidden("path") for name in route.variables})
    for credentials in credentials_for(route, keys):
        for body in bodies(planted, route) if route.body else [None]:
            headers = planted.headers() | credentials
            answer = api.call(route.method, path, body, headers, query=queries(route, planted))
            if answer.status == 401:
                break  # no header for this key: the other bodies would not be looked at


def credentials_for(route: KnownRoute, keys: Mapping[str, Sequence[str]]) -> Iterator[dict[str, str]]:
    """Each key of the route's dialect, in each header that could hold one."""
    for key in keys[route.dialect.name]:
        for header in credential_headers(dialects().values()):
            yield presented(key, header)


def keys_of_each_dialect(api: DeployedApi, customer: Customer, planted: Canaries) -> dict[str, list[str]]:
    """A new key of each kind, and for the dialect without any the operator's."""
    made: dict[str, list[str]] = {
        name: [customer.key(kind, dialect=name)["key"] for kind in dialect.keys] or [api.operator_key]
        for name, dialect in dialects().items()
    }
    for key in chain.from_iterable(made.values()):
        planted.hidden(f"key {len(planted.secret)}", key.rpartition(".")[2][MESSAGE:])  # the public half is no secret
    return made


def paths_that_nobody_serves(api: DeployedApi, planted: Canaries) -> None:
    """404, 405 and preflights, at each dialect and outside."""
    for prefix in ("", "/v1", "/v2/push", "/admin/apps", "/sdk/v1"):
        for method in ("GET", "PATCH", "OPTIONS"):
            path = f"{prefix}/{planted.hidden('unknown path')}"
            api.call(method, path, None, planted.headers(), query={planted.hidden("query"): planted.hidden("query")})


def a_job_dies(deployed: Stack, customer: Customer, agent: UserAgent, planted: Canaries) -> None:
    """A delivery that fails whenever it is tried, until SQS gives it up; its message carries a recipient at first."""
    known_endpoint(agent, planted)
    keys = agent.subscription["keys"]
    recipient = Recipient(
        SubscriptionId("0" * 24),
        agent.endpoint,
        RecipientKeys(from_base64url(keys["p256dh"]), from_base64url(keys["auth"])),
        "vapid",
        planted.text("external id"),
    )
    no_key_can_hold = "\ud800"  # half a character: the read fails each time
    app = AppId(f"{parse('app', customer.app)}{no_key_can_hold}")
    send = SendId(secrets.token_hex(12))
    route = Route(TenantId("0" * 24), Lane.DIRECT)
    job = DeliverChunk(app, send, 0, "digest", route, int(time.time()), (recipient,))
    queues = deployed.aws("sqs")
    working, letters = (one_queue(deployed, name) for name in ("DeliverQueue", "DeliverDeadLetters"))
    before = queues.get_queue_attributes(QueueUrl=working, AttributeNames=["VisibilityTimeout"])["Attributes"]
    queues.set_queue_attributes(QueueUrl=working, Attributes={"VisibilityTimeout": "1"})
    try:
        queues.send_message(QueueUrl=working, MessageBody=encode_deliver(job))
        deadline = time.monotonic() + 60
        while not any(send in letter for letter in all_letters(deployed, letters)):
            assert time.monotonic() < deadline, "the job is not given up"
            time.sleep(0.5)
    finally:
        queues.set_queue_attributes(QueueUrl=working, Attributes=before)


def known_endpoint(agent: UserAgent, planted: Canaries) -> None:
    """An endpoint and its keys are data, and just as little to be told."""
    number = len(planted.data)
    for what, text in {"endpoint": agent.endpoint.rpartition("/")[2], **agent.subscription["keys"]}.items():
        planted.data[f"{what} {number}"] = text


def proof_of(customer: Customer, name: str) -> dict[str, object]:
    """What the customer's server gives its page."""
    until = int(time.time()) + 600
    mac = hmac.new(customer.identity_secret.encode(), f"{name}.{until}".encode(), sha256).hexdigest()
    return {"exp": until, "mac": mac}


def queries(route: KnownRoute, planted: Canaries) -> dict[str, str]:
    """Its own parameters and one that it does not know."""
    return {name: planted.hidden("query") for name in (*route.query, "api_key")}


def one_queue(deployed: Stack, name: str) -> str:
    """The URL of the queue with this logical id."""
    (url,) = (url for url in deployed.aws("sqs").list_queues()["QueueUrls"] if f"-{name}-" in url)
    return str(url)


def all_letters(deployed: Stack, url: str) -> list[str]:
    """The bodies of all messages in a queue, which stay there."""
    queues, found = deployed.aws("sqs"), dict[str, str]()
    while True:
        batch = queues.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0).get("Messages", [])
        if not batch or {message["MessageId"] for message in batch} <= found.keys():
            return list(found.values())
        found |= {message["MessageId"]: json.dumps(message) for message in batch}


def test_no_log_line_holds_anything_that_was_sent(deployed: Stack, canaries: Canaries) -> None:
    logged = "\n".join(everything_logged(deployed))
    assert canaries.found([*canaries.data, *canaries.secret], logged) == []


def test_no_dead_letter_holds_anything_that_was_sent(deployed: Stack, canaries: Canaries) -> None:
    urls = [one_queue(deployed, name) for name in ("FanoutDeadLetters", "DeliverDeadLetters")]
    letters = [letter for url in urls for letter in all_letters(deployed, url)]
    assert letters
    assert canaries.found([*canaries.data, *canaries.secret], "\n".join(letters)) == []


def test_no_table_holds_a_key_an_address_or_a_proof(deployed: Stack, canaries: Canaries) -> None:
    stored = "\n".join(str(item) for _, item in everything_stored(deployed))
    assert canaries.found(canaries.secret, stored) == []


def test_what_was_planted_did_arrive(deployed: Stack, canaries: Canaries) -> None:
    """Else the others would find nothing for want of anything to find."""
    stored = "\n".join(str(item) for _, item in everything_stored(deployed))
    texts = {what: text for what, text in canaries.data.items() if text.startswith("cnry")}
    assert canaries.found(texts, stored) == list(texts)
