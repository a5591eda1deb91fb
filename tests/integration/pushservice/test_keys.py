"""API keys at the deployed template: shown once, stored as hashes, revoked within a minute, refused in browsers."""

import re
import time

import pytest

from dev.stack import Stack
from tests.customer import SITE, Customer, PushServiceClient, expect
from tests.integration.deployed_api import DeployedApi, Simulator
from tests.integration.tables import everything_stored
from tocsin.domain.api_key import compose

INVALID = {"error": "Missing or invalid X-Api-Key header"}


@pytest.mark.row("PS-3", "PS-5", "PS-34")
def test_ps_5_a_key_is_shown_once_and_stored_as_its_hash_and_last_four(deployed: Stack, customer: Customer) -> None:
    made = customer.key(name="till 3")
    text = made["key"]
    assert re.fullmatch(r"psk_[0-9A-Za-z]{57}", text)

    [listed] = expect(200, customer.api.operator("GET", customer.at("/keys")))["keys"]
    assert listed == {name: value for name, value in made.items() if name != "key"}
    assert (listed["name"], listed["last_four"], listed["kind"]) == ("till 3", text[-4:], "secret")
    stored = [str(item) for _, item in everything_stored(deployed)]
    assert any(made["id"] in item for item in stored)
    assert not any(text in item or text[12:] in item for item in stored)


@pytest.mark.row("PS-6", "PS-28", "PS-34")
def test_ps_6_a_revoked_key_stops_within_60_seconds_and_the_others_go_on(
    customer: Customer, simulator: Simulator
) -> None:
    lost, kept = customer.key(), customer.client()
    client = PushServiceClient(customer.api, lost["key"])
    kept.subscribe(simulator.user_agent().subscription)
    assert client.unsubscribe("nobody@example.com").status == 200  # from now on a container remembers the key
    assert client.send().status == 200

    revoked = expect(200, customer.api.operator("DELETE", customer.at(f"/keys/{lost['id']}")))
    at = time.monotonic()
    assert revoked["revoked_at"] is not None
    while (answer := client.unsubscribe("nobody@example.com")).status == 200:
        assert time.monotonic() - at < 60
        time.sleep(0.5)

    assert (answer.status, answer.json) == (401, INVALID)
    # Another function remembers for itself; it read the key a moment later.
    while client.send().status == 200:
        assert time.monotonic() - at < 60
        time.sleep(0.5)
    assert kept.send().status == 200
    assert expect(200, customer.api.operator("DELETE", customer.at(f"/keys/{lost['id']}"))) == revoked


@pytest.mark.row("PS-6")
def test_ps_6_a_keys_last_use_is_noted(customer: Customer) -> None:
    made = customer.key()
    assert made["last_used_at"] is None
    PushServiceClient(customer.api, made["key"]).unsubscribe()
    [listed] = expect(200, customer.api.operator("GET", customer.at("/keys")))["keys"]
    assert listed["last_used_at"] >= made["created_at"]


@pytest.mark.row("PS-28")
@pytest.mark.parametrize("path", ["/v1/send", "/v1/subscribe", "/v1/unsubscribe"])
def test_ps_28_a_missing_or_wrong_key_is_401_in_one_wording(path: str, customer: Customer) -> None:
    text = customer.key()["key"]
    guessed = compose("psk", text[4:12], "0" * 43)  # a real key's id, and a checksum that is right
    for headers in (
        {},
        {"X-Api-Key": ""},
        {"X-Api-Key": "psk_x"},
        {"X-Api-Key": text[:-1] + "!"},
        {"X-Api-Key": guessed},
    ):
        answer = customer.api.call("POST", path, b"not even JSON", headers)
        assert (answer.status, answer.json) == (401, INVALID)
        assert answer.headers["x-error-code"] in {"CREDENTIAL_MISSING", "CREDENTIAL_INVALID"}


@pytest.mark.parametrize(
    "headers", [{"Authorization": "Bearer x"}, {"X-Secret-Key": "sk_x"}, {"X-Publishable-Key": "pk_x"}]
)
def test_two_credentials_at_once_are_refused(headers: dict[str, str], client: PushServiceClient) -> None:
    answer = client.send(headers=headers)
    assert (answer.status, answer.json) == (400, {"error": "Send exactly one credential"})


def test_a_comma_in_a_key_means_that_two_were_sent(client: PushServiceClient) -> None:
    doubled = PushServiceClient(client.api, f"{client.key},{client.key}")
    assert doubled.send().json == {"error": "Send exactly one credential"}


@pytest.mark.row("PS-20")
@pytest.mark.parametrize("headers", [{"Origin": SITE}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}])
@pytest.mark.parametrize("kind", ["secret", "service"])
def test_ps_20_a_secret_key_in_a_browser_is_refused(
    kind: str, headers: dict[str, str], customer: Customer, simulator: Simulator
) -> None:
    client = customer.client(kind)
    agent = simulator.user_agent()
    customer.client().subscribe(agent.subscription)
    answers = [client.send(headers=headers), client.subscribe(agent.subscription, headers=headers)]
    for answer in answers:
        assert answer.status == 401
        assert "web pages use /sdk.js, or a publishable key" in answer.json["error"]
        assert answer.headers["x-error-code"] == "SECRET_KEY_IN_BROWSER"
        assert "access-control-allow-origin" not in answer.headers
    assert agent.messages() == []


@pytest.mark.row("X-3")
def test_x_3_no_key_opens_another_dialect(api: DeployedApi, customer: Customer) -> None:
    for kind in ("secret", "publishable", "service"):
        text = customer.key(kind)["key"]
        for name, value in (("Authorization", f"Bearer {text}"), ("X-Api-Key", text)):
            answer = api.call("GET", "/admin/tenants", headers={name: value})
            assert answer.status == 401
            assert answer.json["error"]["code"] in {"credential_missing", "credential_invalid"}
    stranger = PushServiceClient(api, api.operator_key)
    assert [stranger.send().status, stranger.unsubscribe().status] == [401, 401]


@pytest.mark.row("X-3")
def test_x_3_a_key_made_for_another_dialect_is_no_key_here(deployed: Stack, customer: Customer) -> None:
    made = customer.key()
    [(table, item)] = [entry for entry in everything_stored(deployed) if entry[1]["pk"]["S"] == f"KEY#{made['id']}"]
    deployed.aws("dynamodb").put_item(TableName=table, Item=item | {"dialect": {"S": "cloudsignal"}})
    assert PushServiceClient(customer.api, made["key"]).unsubscribe().json == INVALID


@pytest.mark.row("PS-34", "PS-27")
@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"dialect": "telex"}, "dialect"),
        ({"dialect": "tocsin"}, "dialect"),
        ({"kind": "master"}, "kind"),
        ({"scopes": []}, "scopes"),
        ({"scopes": ["push:everything"]}, "scopes.0"),
        ({"kind": "publishable", "scopes": ["push:send"]}, "scopes"),
        ({"name": " "}, "name"),
    ],
)
def test_a_key_that_cannot_be_is_not_made(fields: dict[str, object], field: str, customer: Customer) -> None:
    answer = customer.api.operator("POST", customer.at("/keys"), {"dialect": "pushservice"} | fields)
    assert expect(400, answer)["error"]["field"] == field
    assert expect(200, customer.api.operator("GET", customer.at("/keys")))["keys"] == []


def test_a_key_without_a_scope_may_do_the_rest(customer: Customer, simulator: Simulator) -> None:
    client = PushServiceClient(customer.api, customer.key(scopes=["push:subscribe"])["key"])
    assert client.subscribe(simulator.user_agent().subscription).status == 201
    refused = client.send()
    assert (refused.status, refused.json) == (401, {"error": "This key lacks the scope push:send"})
    assert client.unsubscribe().status == 401
