"""Credits at the deployed template: what is charged, what is not, and how they are bought."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.customer import Customer, PushServiceClient, expect
from tests.integration.deployed_api import DeployedApi, Simulator


def balance(available: int, spent: int) -> dict[str, int]:
    """Of a customer for whom nothing is under way."""
    return {"available": available, "reserved": 0, "spent": spent}


@pytest.mark.row("PS-10", "PS-11")
def test_ps_10_each_accepted_notification_costs_one_credit_and_no_other_does(
    customer: Customer, client: PushServiceClient, simulator: Simulator
) -> None:
    good, gone, refusing = (simulator.user_agent() for _ in range(3))
    for agent in (good, gone, refusing):
        client.subscribe(agent.subscription)
    gone.delete()
    refusing.behave(status=400)

    assert client.send().json == {"sent": 1, "failed": 2, "credits": 99}
    assert customer.credits() == balance(99, 1)
    assert len(good.messages(1)) == 1


@pytest.mark.row("PS-18")
def test_ps_18_a_balance_of_one_reaches_the_most_recently_seen_of_two_devices(
    api: DeployedApi, simulator: Simulator
) -> None:
    customer = Customer.sign_up(api, credits=1)
    client = customer.client()
    older, newer = simulator.user_agent(), simulator.user_agent()
    client.subscribe(newer.subscription)
    client.subscribe(older.subscription)
    time.sleep(1.0)  # times are kept in whole seconds
    client.subscribe(newer.subscription)  # seen again, after the other one

    assert client.send().json == {"sent": 1, "failed": 0, "credits": 0}
    assert len(newer.messages(1)) == 1
    assert older.messages() == []
    assert customer.credits() == balance(0, 1)
    assert client.send().status == 402


@pytest.mark.row("PS-10", "PS-18")
def test_ps_18_two_sends_that_race_for_the_last_credit_spend_it_once(api: DeployedApi, simulator: Simulator) -> None:
    customer = Customer.sign_up(api, credits=1)
    client, agents = customer.client(), [simulator.user_agent(), simulator.user_agent()]
    for number, agent in enumerate(agents):
        client.subscribe(agent.subscription, f"reader{number}@example.com")
        agent.behave(delay_ms=200)
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda number: client.send(f"reader{number}@example.com"), range(2)))
    assert sorted(answer.status for answer in answers) == [200, 402]
    assert sum(len(agent.messages()) for agent in agents) == 1
    assert customer.credits() == balance(0, 1)


@pytest.mark.row("PS-18")
def test_ps_18_what_was_reserved_and_not_accepted_comes_back(api: DeployedApi, simulator: Simulator) -> None:
    customer = Customer.sign_up(api, credits=2)
    client = customer.client()
    agents = [simulator.user_agent() for _ in range(2)]
    for agent in agents:
        client.subscribe(agent.subscription)
        agent.behave(status=403)
    assert client.send().json == {"sent": 0, "failed": 2, "credits": 2}
    assert customer.credits() == balance(2, 0)


@pytest.mark.row("PS-29")
def test_ps_29_without_credits_402_even_where_nobody_is_subscribed(api: DeployedApi, simulator: Simulator) -> None:
    client = Customer.sign_up(api, credits=0).client()
    agent = simulator.user_agent()
    client.subscribe(agent.subscription)
    answers = [client.send(), client.send("nobody@example.com")]
    assert [answer.status for answer in answers] == [402, 402]
    assert answers[0].json == {"error": "Insufficient credits: the tenant's credit balance is zero"}
    assert answers[0].headers["x-error-code"] == "CREDITS_EXHAUSTED"
    assert agent.messages() == []


@pytest.mark.row("PS-8")
def test_ps_8_a_service_key_sends_at_a_balance_of_zero_and_is_told_the_balance(
    api: DeployedApi, simulator: Simulator
) -> None:
    customer = Customer.sign_up(api, credits=0)
    service = customer.client("service")
    agent = simulator.user_agent()
    assert service.key.startswith("pss_")
    assert service.subscribe(agent.subscription).status == 201

    assert service.send().json == {"sent": 1, "failed": 0, "credits": 0}
    customer.grant(7)
    assert service.send().json == {"sent": 1, "failed": 0, "credits": 7}
    assert customer.credits() == balance(7, 0)
    assert len(agent.messages(2)) == 2
    assert service.send("nobody@example.com").status == 404


@pytest.mark.row("PS-8")
def test_ps_8_the_platforms_own_service_key_acts_for_the_tenant_that_it_names(
    customer: Customer, client: PushServiceClient, simulator: Simulator, platform_key: str
) -> None:
    agent = simulator.user_agent()
    client.subscribe(agent.subscription)
    platform = PushServiceClient(customer.api, platform_key)

    unnamed = platform.send()
    assert (unnamed.status, unnamed.json) == (400, {"error": "X-Tenant-Id is required with the service key"})
    unknown = platform.send(headers={"X-Tenant-Id": "app_aaaaaaaaaaaaaaaaaaaa"})
    assert (unknown.status, unknown.json) == (400, {"error": "X-Tenant-Id names no tenant"})
    assert platform.send(headers={"X-Tenant-Id": "../x"}).status == 400
    assert agent.messages() == []

    answer = platform.send(headers={"X-Tenant-Id": customer.app})
    assert (answer.status, answer.json) == (200, {"sent": 1, "failed": 0, "credits": 100})
    assert customer.credits() == balance(100, 0)
    assert len(agent.messages(1)) == 1


@pytest.mark.row("PS-8", "PS-28")
def test_ps_8_a_wrong_service_key_is_no_key(customer: Customer, platform_key: str) -> None:
    for wrong in (platform_key[:-1], platform_key + "x", platform_key.swapcase()):
        answer = PushServiceClient(customer.api, wrong).send(headers={"X-Tenant-Id": customer.app})
        assert answer.status == 401


@pytest.mark.row("PS-33", "PS-34")
def test_ps_33_a_purchase_counts_once_for_each_reference(api: DeployedApi) -> None:
    customer = Customer.sign_up(api, credits=0)
    order = {"amount": 500, "reference": "order-2026-0001"}

    first = expect(201, api.operator("POST", customer.at("/credits"), order))
    assert first == {"available": 500, "reserved": 0, "spent": 0, "added": True}
    again = expect(200, api.operator("POST", customer.at("/credits"), order))
    assert again == {"available": 500, "reserved": 0, "spent": 0, "added": False}
    expect(409, api.operator("POST", customer.at("/credits"), order | {"amount": 501}))
    expect(201, api.operator("POST", customer.at("/credits"), order | {"reference": "order-2026-0002"}))
    assert customer.credits() == balance(1000, 0)


@pytest.mark.row("PS-33")
@pytest.mark.parametrize("amount", [0, -5, 1.5, "5", True, None, 10**12])
def test_ps_33_an_amount_that_makes_no_sense_is_refused(amount: object, customer: Customer) -> None:
    order = {"amount": amount, "reference": "order"}
    expect(400, customer.api.operator("POST", customer.at("/credits"), order))
    assert customer.credits() == balance(100, 0)
