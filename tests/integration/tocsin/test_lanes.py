"""Broadcasts and everything else take turns with their own kind only, at the deployed template."""

from concurrent.futures import ThreadPoolExecutor

from dev.stack import Stack
from tests.customer import Customer, expect
from tests.integration.deployed_api import DeployedApi, Simulator, UserAgent
from tests.integration.queues import Queues
from tests.integration.tocsin.sends import enrol, send, shown, when, when_settled
from tocsin.domain.send import LARGE, SYNC_RECIPIENTS

AT_ONCE = 4
SERVICES = ("mozilla", "fcm", "apple", "wns")


def test_a_flood_does_not_delay_another_tenants_send_and_reaches_everybody_in_the_end(
    deployed: Stack, api: DeployedApi, simulator: Simulator
) -> None:
    queues, crowd = Queues(deployed), LARGE + 1
    flooding, other = Customer.sign_up(api, credits=crowd), Customer.sign_up(api, credits=2 * (SYNC_RECIPIENTS + 1))
    client = flooding.client()

    def join(number: int) -> UserAgent:
        agent = simulator.user_agent(SERVICES[number % 4])
        expect(201, client.subscribe(agent.subscription, f"reader{number}@example.com"))
        return agent

    with ThreadPoolExecutor(AT_ONCE) as threads:
        agents = list(threads.map(join, range(crowd)))
    enrol(other, [simulator.user_agent() for _ in range(SYNC_RECIPIENTS + 1)])

    def others_are_reached() -> None:
        done = when_settled(other, expect(202, send(other))["id"])
        assert done["accepted"] == SYNC_RECIPIENTS + 1

    with queues.held("BulkDeliverQueue"):
        with queues.held("BulkFanoutQueue"):
            flood = expect(202, send(flooding))
            assert flood["targets"] == crowd
            assert queues.waiting("BulkFanoutQueue") > 0
            others_are_reached()
            assert shown(flooding, flood["id"])["status"] == "planned"
        when(flooding, flood["id"], lambda found: found["status"] == "sending")
        assert queues.waiting("BulkDeliverQueue") > 0
        others_are_reached()
        # Nobody holds DeliverQueue: a chunk of the flood would have been delivered from there by now.
        assert shown(flooding, flood["id"])["pending"] == crowd
        assert flooding.credits() == {"available": 0, "reserved": crowd, "spent": 0}
    done = when_settled(flooding, flood["id"], seconds=120)
    assert (done["accepted"], done["failed"]) == (crowd, 0)
    assert flooding.credits() == {"available": 0, "reserved": 0, "spent": crowd}
    assert {len(agent.messages()) for agent in agents} == {1}
