"""POST /v1/send at the deployed template: who is reached, with what, and what is answered."""

import time

import pytest

from tests.customer import READER, SITE, Customer, PushServiceClient, expect
from tests.integration.deployed_api import DeployedApi, Simulator


@pytest.mark.row("PS-2", "PS-9", "PS-16")
def test_a_send_reaches_every_device_of_the_address_and_answers_with_its_counts(
    customer: Customer, client: PushServiceClient, simulator: Simulator
) -> None:
    phone, laptop, strangers = (simulator.user_agent() for _ in range(3))
    for agent in (phone, laptop):
        assert client.subscribe(agent.subscription).status == 201
    assert client.subscribe(strangers.subscription, "somebody@example.com").status == 201

    answer = client.send(title="Your table is ready", body="Party of 4", url=f"{SITE}/r/abc123")

    assert (answer.status, answer.json) == (200, {"sent": 2, "failed": 0, "credits": 98})
    assert answer.headers["content-type"] == "application/json"
    found = customer.api.operator("GET", customer.at(f"/sends/{answer.headers['x-send-id']}"))
    assert expect(200, found)["accepted"] == 2
    for agent in (phone, laptop):
        [message] = agent.messages(1)
        notification = message["json"]["notification"]
        assert message["json"]["web_push"] == 8030
        assert (notification["title"], notification["body"]) == ("Your table is ready", "Party of 4")
        assert notification["navigate"] == f"{SITE}/r/abc123"
        assert notification["tag"] == notification["data"]["id"]
    assert strangers.messages() == []
    assert customer.credits() == {"available": 98, "reserved": 0, "spent": 2}


@pytest.mark.row("PS-9")
@pytest.mark.parametrize("service", ["mozilla", "fcm", "apple", "wns"])
def test_ps_9_each_push_service_accepts_what_is_sent_and_its_user_agent_reads_it(
    service: str, customer: Customer, client: PushServiceClient, simulator: Simulator
) -> None:
    agent = simulator.user_agent(service, customer.vapid_public_key)
    client.subscribe(agent.subscription)

    answer = client.send(title="Grüße ✓", body="zwei\nZeilen")

    assert answer.json == {"sent": 1, "failed": 0, "credits": 99}
    [message] = agent.messages(1)
    assert message["error"] is None
    notification = message["json"]["notification"]
    assert (notification["title"], notification["body"]) == ("Grüße ✓", "zwei\nZeilen")
    claims = message["vapid"]
    assert claims["aud"] == "/".join(agent.endpoint.split("/")[:3])
    assert claims["sub"] == "mailto:push@tocsin.dev"
    assert claims["k"] == customer.vapid_public_key
    assert 3600 < claims["exp"] - time.time() <= 12 * 3600
    assert 86_390 <= int(message["headers"]["ttl"]) <= 86_400  # a day, less what has passed since


@pytest.mark.row("PS-15")
def test_ps_15_without_a_url_a_tap_leads_to_the_apps_site(client: PushServiceClient, simulator: Simulator) -> None:
    agent = simulator.user_agent()
    client.subscribe(agent.subscription)
    client.send()
    [message] = agent.messages(1)
    assert message["json"]["notification"]["navigate"] == f"{SITE}/"


@pytest.mark.row("PS-15", "PS-27")
@pytest.mark.parametrize("url", ["javascript:alert(1)", "ftp://x.example/", "/relative", "https://x/" + "a" * 2039, ""])
def test_ps_15_a_url_that_is_no_web_address_is_refused(
    url: str, customer: Customer, client: PushServiceClient, simulator: Simulator
) -> None:
    agent = simulator.user_agent()
    client.subscribe(agent.subscription)
    answer = client.send(url=url)
    assert answer.status == 400
    assert answer.json["error"].startswith("url must be an http or https URL")
    assert agent.messages() == []
    assert customer.credits()["available"] == 100


@pytest.mark.row("PS-14")
def test_ps_14_the_longest_title_is_shown_in_full_and_one_more_character_is_refused(
    client: PushServiceClient, simulator: Simulator
) -> None:
    agent = simulator.user_agent()
    client.subscribe(agent.subscription)
    assert client.send(title="é" * 256, body="b" * 3000).status == 200
    [message] = agent.messages(1)
    assert message["json"]["notification"]["title"] == "é" * 256
    assert len(message["json"]["notification"]["body"]) == 3000
    refused = client.send(title="é" * 257)
    assert (refused.status, refused.json) == (400, {"error": "title must be at most 256 characters"})


@pytest.mark.row("PS-1", "PS-3")
def test_any_content_type_and_any_case_of_the_header_name_will_do(
    client: PushServiceClient, simulator: Simulator, api: DeployedApi
) -> None:
    client.subscribe(simulator.user_agent().subscription)
    note = b'{"email": "' + READER.encode() + b'", "title": "t", "body": "b"}'
    for name in ("X-Api-Key", "x-api-key", "X-API-KEY"):
        answer = api.call("POST", "/v1/send", note, {name: client.key, "Content-Type": "text/plain"})
        assert answer.status == 200, answer.body


@pytest.mark.row("PS-12", "PS-13")
def test_ps_12_the_address_is_found_however_it_is_spelled(client: PushServiceClient, simulator: Simulator) -> None:
    agent = simulator.user_agent()
    client.subscribe(agent.subscription, "  Jos\u00e9@Example.COM ")
    answer = client.send("jose\u0301@example.com")  # the same letters, decomposed
    assert answer.json["sent"] == 1
    assert client.send("jose@example.com").status == 404
