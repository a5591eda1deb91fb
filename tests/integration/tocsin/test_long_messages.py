"""Messages that one push cannot carry, at the deployed template: pushed as previews, fetched by workers, once."""

import json
from typing import Any

import pytest

from dev.stack import Stack
from tests.customer import SITE, Customer, counts, expect
from tests.http_api import Answer
from tests.integration.cloudsignal.shop import Shop
from tests.integration.cloudsignal.test_requests import finished
from tests.integration.deployed_api import Simulator, UserAgent

PAGE = {"Origin": SITE}
ROOM, SMALLEST_ROOM = 3993, 2641
SERVICES = ("mozilla", "fcm", "apple", "wns")
BODY = "Zeile 😀\n" * 512


@pytest.fixture
def shop(customer: Customer, simulator: Simulator) -> Shop:
    return Shop.of(customer, simulator)


def send(customer: Customer, body: str, **fields: object) -> dict[str, Any]:
    """Send to everyone, as the operator."""
    note = {"to": {"everyone": True}, "title": "Long", "body": body, **fields}
    made: dict[str, Any] = expect(200, customer.api.operator("POST", customer.at("/sends"), note))
    return made


def fetch(customer: Customer, message: dict[str, Any]) -> Answer:
    """What the worker does with a preview."""
    data = message["json"]["notification"]["data"]
    body = json.dumps({"id": data["id"], "token": data["f"]}).encode()
    headers = {**PAGE, "Content-Type": "text/plain;charset=UTF-8"}
    return customer.api.call("POST", f"/sdk/v1/{customer.app}/message", body, headers)


def subscribed(shop: Shop) -> list[UserAgent]:
    """A browser at each push service."""
    return [shop.visitor(service).agent for service in SERVICES]


@pytest.mark.row("X-6", "PS-14")
def test_x_6_each_push_service_gets_what_fits_to_the_byte_and_a_preview_beyond(shop: Shop) -> None:
    agents = subscribed(shop)
    assert send(shop.customer, "x")["accepted"] == len(SERVICES)
    room = ROOM - len(agents[0].messages(1)[0]["text"]) + 1
    assert send(shop.customer, "x" * room)["accepted"] == len(SERVICES)
    assert send(shop.customer, "x" * (room + 1))["accepted"] == len(SERVICES)
    for agent in agents:
        _, whole, preview = agent.messages(3)
        assert len(whole["text"]) == ROOM
        assert whole["json"]["notification"]["body"] == "x" * room
        assert "f" not in whole["json"]["notification"]["data"]
        assert len(preview["text"].encode()) <= ROOM
        assert preview["json"]["notification"]["body"][-2:] == "x…"
        told = expect(200, fetch(shop.customer, preview))
        assert told["notification"]["body"] == "x" * (room + 1)


@pytest.mark.row("X-6", "PS-14", "CS-12")
def test_x_6_everything_that_a_document_allows_is_fetched_whole(shop: Shop) -> None:
    [agent, *_] = subscribed(shop)
    urls = {name: f"{SITE}/{name[0] * 2020}" for name in ("icon", "badge", "image")}
    data = {"list": ["é" * 2000], "url": f"{SITE}/{'x' * 20}"}
    assert (
        counts(shop.server.send(target_all=True, title="😀" * 100, body="é" * 255, tag="t", data=data, **urls))[3] == 0
    )
    expect(201, shop.customer.client().subscribe(agent.subscription, "a@example.com"))
    assert shop.customer.client().send("a@example.com", title="é" * 256, body=BODY, url=data["url"]).json["sent"] == 1
    first, second = agent.messages(2)
    for message in (first, second):
        assert len(message["text"].encode()) <= ROOM
    shown = first["json"]["notification"]
    assert (shown["title"], shown["body"], shown["navigate"]) == ("😀" * 100, "é" * 255, data["url"])
    told = expect(200, fetch(shop.customer, first))["notification"]
    assert {name: told[name] for name in urls} == urls
    assert (told["data"]["d"], told["tag"], told["navigate"]) == (data, "t", data["url"])
    told = expect(200, fetch(shop.customer, second))["notification"]
    assert (told["title"], told["body"], told["navigate"]) == ("é" * 256, BODY, data["url"])


@pytest.mark.row("X-6")
def test_x_6_each_recipient_is_given_the_message_once(shop: Shop, deployed: Stack) -> None:
    [agent, other, *_] = subscribed(shop)
    assert send(shop.customer, BODY)["accepted"] == len(SERVICES)
    [message], [others] = agent.messages(1), other.messages(1)
    given = fetch(shop.customer, message)
    assert expect(200, given)["notification"]["body"] == BODY
    assert given.headers["access-control-allow-origin"] == SITE  # or the worker could not read it
    for _ in range(2):
        assert expect(410, fetch(shop.customer, message))["error"]["code"] == "spent"
    assert expect(200, fetch(shop.customer, others))["notification"]["body"] == BODY
    assert deployed.log_lines(message["json"]["notification"]["data"]["f"]) == []


@pytest.mark.row("X-6")
def test_x_6_a_forged_token_a_strangers_app_and_a_foreign_page_get_nothing(shop: Shop, customer: Customer) -> None:
    [agent, *_] = subscribed(shop)
    send(shop.customer, BODY)
    [message] = agent.messages(1)
    stranger = Customer.sign_up(customer.api)
    data = message["json"]["notification"]["data"]
    other = "B" if data["f"][-2] == "A" else "A"
    forged = {"json": {"notification": {"data": data | {"f": data["f"][:-2] + other + data["f"][-1]}}}}
    expect(404, fetch(shop.customer, forged))
    expect(404, fetch(stranger, message))
    body = {"id": data["id"], "token": data["f"]}
    foreign = {"Origin": "https://evil.example"}
    expect(403, customer.api.call("POST", f"/sdk/v1/{customer.app}/message", body, foreign))
    expect(200, fetch(shop.customer, message))


@pytest.mark.row("X-6")
def test_x_6_a_service_that_takes_less_than_others_gets_a_shorter_preview(shop: Shop) -> None:
    agent = shop.visitor().agent
    agent.behave(most_bytes=2744)
    assert counts(shop.server.send(target_all=True, data={"x": "y" * 3000})) == ("completed", 1, 1, 0)
    assert agent.statuses() == [413, 201]
    [message] = agent.messages(1)
    assert len(message["text"].encode()) <= SMALLEST_ROOM
    assert message["json"]["notification"]["body"] == "It is on its way"
    told = expect(200, fetch(shop.customer, message))
    assert told["notification"]["data"]["d"] == {"x": "y" * 3000}


@pytest.mark.row("X-6")
def test_x_6_what_goes_by_the_queue_is_fetched_too(shop: Shop) -> None:
    agents = subscribed(shop)
    queued = shop.server.send(target_all=True, data={"x": "y" * 4000}, async_mode=True)
    assert counts(queued)[0] == "queued"
    assert finished(shop.server, queued.json["request_id"], 90)["successful_sends"] == len(SERVICES)
    messages = [agent.messages(1)[0] for agent in agents]
    assert len({message["json"]["notification"]["data"]["f"] for message in messages}) == len(SERVICES)
    for message in messages:
        assert expect(200, fetch(shop.customer, message))["notification"]["data"]["d"] == {"x": "y" * 4000}
