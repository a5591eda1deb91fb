"""Devices that are gone, that are busy, or that fail, at the deployed template."""

import time

import pytest

from dev.stack import Stack
from tests.customer import Customer, PushServiceClient
from tests.integration.deployed_api import Simulator
from tests.integration.tables import everything_stored


@pytest.mark.row("PS-11", "PS-17", "PS-25", "PS-30")
@pytest.mark.parametrize("service", ["mozilla", "fcm", "apple", "wns"])
def test_ps_17_the_send_that_finds_a_device_gone_marks_it_and_the_next_one_is_404(
    service: str, customer: Customer, client: PushServiceClient, simulator: Simulator
) -> None:
    agent = simulator.user_agent(service)
    client.subscribe(agent.subscription)
    agent.delete()

    assert client.send().json == {"sent": 0, "failed": 1, "credits": 100}
    answer = client.send()
    assert (answer.status, answer.json) == (404, {"error": "No active subscriptions found for this email"})
    assert answer.headers["x-error-code"] == "NO_SUBSCRIPTIONS"
    assert agent.statuses() == [410]  # a later send skips it
    assert customer.credits() == {"available": 100, "reserved": 0, "spent": 0}


@pytest.mark.row("PS-17")
def test_ps_17_a_404_of_the_push_service_is_gone_as_well_and_the_other_device_stays(
    client: PushServiceClient, simulator: Simulator
) -> None:
    gone, good = simulator.user_agent(), simulator.user_agent("fcm")
    for agent in (gone, good):
        client.subscribe(agent.subscription)
    gone.behave(status=404)
    assert client.send().json == {"sent": 1, "failed": 1, "credits": 99}
    assert client.send().json == {"sent": 1, "failed": 0, "credits": 98}
    assert gone.statuses() == [404]


@pytest.mark.row("PS-17")
def test_ps_17_a_gone_device_that_subscribes_again_is_reached_again(
    client: PushServiceClient, simulator: Simulator
) -> None:
    agent = simulator.user_agent()
    client.subscribe(agent.subscription)
    agent.behave(status=410, times=1)
    assert client.send().json["failed"] == 1
    client.subscribe(agent.subscription)
    assert client.send().json == {"sent": 1, "failed": 0, "credits": 99}


@pytest.mark.row("PS-10", "PS-11")
@pytest.mark.parametrize(("status", "headers"), [(429, {"Retry-After": "1"}), (503, {"Retry-After": "1"}), (503, {})])
def test_ps_10_a_busy_push_service_is_asked_again_in_the_request_and_charged_once(
    status: int, headers: dict[str, str], customer: Customer, client: PushServiceClient, simulator: Simulator
) -> None:
    agent = simulator.user_agent()
    client.subscribe(agent.subscription)
    agent.behave(status=status, headers=headers, times=1)

    started = time.monotonic()
    assert client.send().json == {"sent": 1, "failed": 0, "credits": 99}

    assert time.monotonic() - started >= 1
    assert agent.statuses() == [status, 201]
    assert len(agent.messages(1)) == 1
    assert customer.credits() == {"available": 99, "reserved": 0, "spent": 1}


@pytest.mark.row("PS-11", "PS-32")
@pytest.mark.parametrize("status", [400, 403, 413])
def test_ps_32_what_every_device_refuses_is_200_with_sent_0_and_stays_subscribed(
    status: int, customer: Customer, client: PushServiceClient, simulator: Simulator
) -> None:
    agents = [simulator.user_agent(), simulator.user_agent()]
    for agent in agents:
        client.subscribe(agent.subscription)
        agent.behave(status=status, times=1)
    assert client.send().json == {"sent": 0, "failed": 2, "credits": 100}
    assert client.send().json == {"sent": 2, "failed": 0, "credits": 98}
    assert customer.credits()["spent"] == 2


@pytest.mark.row("PS-32")
def test_ps_32_one_accepted_and_one_in_trouble_is_200_and_never_a_server_error(
    customer: Customer, client: PushServiceClient, simulator: Simulator
) -> None:
    good, broken = simulator.user_agent(), simulator.user_agent("fcm")
    for agent in (good, broken):
        client.subscribe(agent.subscription)
    broken.behave(status=500)

    answer = client.send()

    assert (answer.status, answer.json) == (200, {"sent": 1, "failed": 0, "credits": 98})
    assert len(good.messages(1)) == 1
    assert good.statuses() == [201]  # the rounds of the other one do not repeat it
    assert customer.credits() == {"available": 98, "reserved": 2, "spent": 0}  # until the other's fate is known


@pytest.mark.row("X-8")
def test_x_8_a_redirect_is_not_followed(client: PushServiceClient, simulator: Simulator) -> None:
    agent, target = simulator.user_agent(), simulator.user_agent()
    client.subscribe(agent.subscription)
    agent.behave(status=307, headers={"Location": target.endpoint})
    assert client.send().json == {"sent": 0, "failed": 1, "credits": 100}
    assert agent.statuses() == [307]
    assert target.statuses() == []


@pytest.mark.row("X-8")
def test_x_8_an_endpoint_that_got_into_the_table_is_checked_again_before_it_is_used(
    deployed: Stack, client: PushServiceClient, simulator: Simulator
) -> None:
    agent = simulator.user_agent()
    client.subscribe(agent.subscription)
    [(table, item)] = [(table, item) for table, item in everything_stored(deployed) if agent.endpoint in str(item)]
    spoilt = agent.endpoint.replace("https://", "https://user@")
    deployed.aws("dynamodb").put_item(TableName=table, Item=item | {"endpoint": {"S": spoilt}})

    assert client.send().json == {"sent": 0, "failed": 1, "credits": 100}
    assert agent.statuses() == []
