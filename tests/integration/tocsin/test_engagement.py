"""What readers did, from the token in the message that a browser got to the figures, through all functions."""

import time
from typing import Any

from tests.customer import SITE, Customer, expect
from tests.integration.deployed_api import DeployedApi, Simulator, UserAgent
from tests.integration.tocsin.sends import enrol, send, shown, when

PATIENCE = 40
NOTHING: dict[str, Any] = {"displayed": 0, "clicked": 0, "dismissed": 0, "hours": [], "push_services": {}}


def event(agent: UserAgent, e: str) -> dict[str, Any]:
    """What the agent's worker reports of the message that came last."""
    data = agent.messages(2)[-1]["json"]["notification"]["data"]
    return {"e": e, "id": data["id"], "k": data["k"], "t": int(time.time())}


def when_counted(customer: Customer, name: str, **figures: int) -> dict[str, Any]:
    """What readers did, once these figures are reached."""
    found = when(customer, name, lambda found: figures.items() <= found["engagement"].items(), PATIENCE)
    counted: dict[str, Any] = found["engagement"]
    return counted


def test_what_browsers_report_is_counted_once_for_each_recipient_and_what_is_forged_is_not(
    api: DeployedApi, customer: Customer, simulator: Simulator
) -> None:
    agents = [simulator.user_agent("fcm"), simulator.user_agent("mozilla"), simulator.user_agent("wns")]
    enrol(customer, agents)
    name, other = (expect(200, send(customer))["id"] for _ in range(2))
    # The simulators keep the order in which messages came; the events below are of the second send.
    chromium, firefox, edge = agents
    clicked, displayed, dismissed = event(chromium, "clicked"), event(firefox, "displayed"), event(edge, "dismissed")

    def report(*events: dict[str, Any]) -> None:
        answer = api.call("POST", f"/sdk/v1/{customer.app}/events", list(events), {"Origin": SITE})
        assert (answer.status, answer.json) == (202, {})

    forged = [clicked | {"k": displayed["k"][:-1] + "x"}, displayed | {"id": "0" * 24}]
    report(clicked, dismissed)
    report(displayed, *forged)
    report(clicked, displayed, clicked)
    report({**clicked, "e": "displayed"}, dismissed)

    found = when_counted(customer, other, displayed=3, clicked=1, dismissed=1)
    assert sum(hour["displayed"] for hour in found["hours"]) == found["displayed"] == 3
    assert found["push_services"] == {
        "fcm": {"displayed": 1, "clicked": 1, "dismissed": 0},
        "mozilla": {"displayed": 1, "clicked": 0, "dismissed": 0},
        "wns": {"displayed": 1, "clicked": 0, "dismissed": 1},
    }
    assert shown(customer, name)["engagement"] == NOTHING
