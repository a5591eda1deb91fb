"""No key reaches another tenant, and what is stored tells nobody's address, at the deployed template."""

from hashlib import md5, sha256

import pytest

from dev.stack import Stack
from tests.customer import SITE, Customer, PushServiceClient, expect
from tests.integration.deployed_api import DeployedApi, Simulator
from tests.integration.logs import everything_logged, wait_for_line
from tests.integration.tables import everything_stored
from tocsin.dialect_kit.identifiers import parse


@pytest.mark.row("PS-4")
def test_ps_4_a_key_neither_reads_nor_changes_another_tenants_subscribers(
    api: DeployedApi, simulator: Simulator
) -> None:
    victim, stranger = Customer.sign_up(api), Customer.sign_up(api)
    ours, theirs = victim.client(), stranger.client()
    agent = simulator.user_agent()
    ours.subscribe(agent.subscription)

    assert theirs.send().status == 404
    assert expect(200, theirs.unsubscribe()) == {"removed": 0}
    assert theirs.send(headers={"X-Tenant-Id": victim.app}).status == 404  # means nothing with an ordinary key
    assert ours.send(title="Ours").json == {"sent": 1, "failed": 0, "credits": 99}

    # The very same browser, at both: two devices that know nothing of each other.
    assert theirs.subscribe(agent.subscription, "other@example.com").status == 201
    assert expect(200, theirs.unsubscribe("other@example.com")) == {"removed": 1}
    assert ours.send(title="Still ours").json["sent"] == 1
    assert agent.titles() == ["Ours", "Still ours"]
    assert stranger.credits() == {"available": 100, "reserved": 0, "spent": 0}


@pytest.mark.row("PS-4")
def test_ps_4_a_publishable_key_enrols_at_its_own_tenant_only(api: DeployedApi, simulator: Simulator) -> None:
    victim, stranger = Customer.sign_up(api), Customer.sign_up(api)
    page = stranger.client("publishable")
    page.subscribe(simulator.user_agent().subscription, headers={"Origin": SITE})
    assert victim.client().send().status == 404
    assert stranger.client().send().json["sent"] == 1


@pytest.mark.row("PS-4", "PS-34")
def test_ps_4_a_tenants_keys_are_listed_and_revoked_under_its_own_app_only(api: DeployedApi) -> None:
    victim, stranger = Customer.sign_up(api), Customer.sign_up(api)
    key = victim.key()
    expect(404, api.operator("DELETE", stranger.at(f"/keys/{key['id']}")))
    assert expect(200, api.operator("GET", stranger.at("/keys")))["keys"] == []
    assert PushServiceClient(api, key["key"]).unsubscribe().status == 200


@pytest.mark.row("PS-5", "PS-13")
def test_ps_13_no_log_line_holds_an_address_a_key_an_endpoint_or_a_text(
    deployed: Stack, api: DeployedApi, simulator: Simulator
) -> None:
    client, agent = Customer.sign_up(api).client(), simulator.user_agent()
    address = "very.discreet.person@example.com"
    client.subscribe(agent.subscription, address)
    agent.behave(status=400, times=1)
    for title in ("discreet title", "discreet again"):
        client.send(address, title=title)
    refused = client.send(address, title=5, headers={"Idempotency-Key": "discreet-key"})
    wait_for_line(deployed, refused.headers["x-request-id"])

    logged = "".join(everything_logged(deployed))

    for secret in ("discreet", client.key[12:], agent.endpoint[-30:], agent.subscription["keys"]["auth"]):
        assert secret not in logged


@pytest.mark.row("PS-13")
def test_ps_13_no_table_holds_an_address_or_its_plain_hash(
    deployed: Stack, api: DeployedApi, simulator: Simulator
) -> None:
    address = "very.private.person@example.com"
    customers = [Customer.sign_up(api), Customer.sign_up(api)]
    for customer in customers:
        client = customer.client()
        client.subscribe(simulator.user_agent().subscription, address)
        assert client.send(address, headers={"Idempotency-Key": "k"}).status == 200
        client.unsubscribe(address)

    stored = [(str(item), item) for _, item in everything_stored(deployed)]
    assert any(customer.vapid_public_key in text for text, _ in stored for customer in customers)
    for trace in ("private.person", md5(address.encode()).hexdigest(), sha256(address.encode()).hexdigest()[:40]):
        assert not any(trace in text.lower() for text, _ in stored)
    # The hash that finds her is another one at each tenant.
    apps = [parse("app", customer.app) for customer in customers]
    hashes = [
        {identity["M"]["value"]["S"] for identity in item["identities"]["L"]}
        for app in apps
        for _, item in stored
        if item.get("app", {}).get("S") == app and "identities" in item
    ]
    assert len(hashes) == 2
    assert hashes[0].isdisjoint(hashes[1])
