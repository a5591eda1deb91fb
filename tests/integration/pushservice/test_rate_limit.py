"""60 sends a minute for each key, at the deployed template; the window's end is tested in virtual time."""

import time

import pytest

from tests.customer import Customer, PushServiceClient
from tests.integration.deployed_api import Simulator

WINDOW = 60


def wait_for_room(seconds: float) -> None:
    """Until the running window lasts at least that long; windows start at multiples of 60 s."""
    left = WINDOW - time.time() % WINDOW
    if left < seconds:
        time.sleep(left + 0.1)


@pytest.mark.row("PS-7", "PS-29", "PS-31")
def test_ps_7_the_61st_send_of_a_window_is_429_and_says_when_it_ends(
    customer: Customer, client: PushServiceClient, simulator: Simulator
) -> None:
    agent = simulator.user_agent()
    client.subscribe(agent.subscription)
    wait_for_room(10)

    answers = [client.call("/v1/send", {}).status for _ in range(60)]
    refused = client.send()

    assert answers == [400] * 60  # they count, whatever is wrong with them
    assert refused.status == 429
    assert refused.json == {"error": "Rate limit exceeded: more than 60 requests/minute for this API key"}
    left = WINDOW - time.time() % WINDOW
    assert left - 1 <= int(refused.headers["retry-after"]) <= left + 2
    assert client.call("/v1/send", b"not JSON").status == 429  # before the body is looked at
    assert agent.messages() == []
    assert customer.credits()["available"] == 100
    # Only sends count, and only this key's.
    assert client.unsubscribe("nobody@example.com").status == 200
    assert client.subscribe(agent.subscription).status == 201
    assert customer.client().send().status == 200


@pytest.mark.row("PS-7", "PS-8")
@pytest.mark.parametrize("kind", ["secret", "service"])
def test_ps_8_a_key_may_have_a_limit_of_its_own(kind: str, customer: Customer) -> None:
    client = PushServiceClient(customer.api, customer.key(kind, requests_per_minute=2)["key"])
    wait_for_room(5)
    assert [client.call("/v1/send", {}).status for _ in range(3)] == [400, 400, 429]


@pytest.mark.row("PS-20")
def test_ps_20_pages_of_one_network_may_subscribe_30_times_a_minute(customer: Customer) -> None:
    page = customer.client("publishable")
    wait_for_room(15)
    statuses = [page.call("/v1/subscribe", {}, {"Origin": "https://shop.example"}).status for _ in range(31)]
    assert statuses == [400] * 30 + [429]
