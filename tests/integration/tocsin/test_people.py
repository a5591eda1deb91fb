"""What is kept of a person, at the deployed template: handed over whole, erased without a trace."""

import pytest

from dev.stack import Stack
from tests.customer import SITE, Customer, expect
from tests.integration.deployed_api import DeployedApi, Simulator, UserAgent
from tests.integration.logs import everything_logged
from tests.integration.tables import everything_stored
from tocsin.dialect_kit.identifiers import parse

ANNA, PERSON = "anna.of.the.test@example.com", "person-of-the-test"
PAGE = {"Origin": SITE, "Content-Type": "text/plain"}


@pytest.fixture
def agent(customer: Customer, simulator: Simulator) -> UserAgent:
    """A browser of Anna's, known by both her names, that was sent a notification."""
    agent = simulator.user_agent("fcm", customer.vapid_public_key)
    body = {
        "subscription": agent.subscription,
        "identity": {"externalId": PERSON},
        "tags": ["vip"],
        "lang": "de",
        "tz": "Europe/Berlin",
        "standalone": True,
    }
    expect(201, customer.api.call("POST", f"/sdk/v1/{customer.app}/subscriptions", body, PAGE))
    registration = {"subscription": agent.subscription, "user_email": ANNA}
    page = customer.cloudsignal("publishable")
    expect(201, page.call("POST", "/clients/register", registration, {"Origin": SITE}))
    expect(200, customer.cloudsignal().send(target_user_emails=[ANNA]))
    return agent


def test_everything_stored_of_a_person_is_handed_over_but_the_browsers_secrets(
    deployed: Stack, customer: Customer, agent: UserAgent
) -> None:
    answer = customer.api.operator("POST", customer.at("/people/export"), {"email": f" {ANNA.upper()} "})
    [told] = expect(200, answer)["subscriptions"]
    assert told["endpoint"] == agent.endpoint
    assert (told["email"], told["identities"]["external"], told["tags"]) == (ANNA, PERSON, ["vip"])
    assert (told["state"], told["notifications"]) == ("active", 1)
    assert told["last_notification_at"] is not None
    keys = agent.subscription["keys"]
    assert keys["auth"] not in answer.body.decode()
    assert keys["p256dh"] not in answer.body.decode()
    [stored] = [item for _, item in everything_stored(deployed) if item.get("endpoint", {}).get("S") == agent.endpoint]
    # A new attribute in the table has to be handed over, or to be listed here with its reason.
    handed_over = {"id", "endpoint", "state", "vapid_key", "identities", "labels", "address", "created_at", "seen_at"}
    handed_over |= {"lang", "timezone", "standalone", "browser", "browser_version", "os", "kind"}
    handed_over |= {"notified", "accepted_at", "updated_at", "custom", "country", "platform", "imported_at"}
    handed_over |= {"subscribed_at", "replaced_by"}
    ours = {"pk", "sk", "app", "revision", "listed", "listed_at", "last_send", "p256dh", "auth"}
    assert stored.keys() - handed_over <= ours


NOTHING: dict[str, list[object]] = {"subscriptions": [], "persons": [], "notifications": []}


@pytest.mark.parametrize("name", [{"email": ANNA}, {"external_id": PERSON}])
def test_nothing_is_left_in_the_table_of_who_was_erased(
    name: dict[str, str], deployed: Stack, customer: Customer, agent: UserAgent, simulator: Simulator
) -> None:
    other = customer.client()
    kept = simulator.user_agent()
    expect(201, other.subscribe(kept.subscription, "bert@example.com"))
    [told] = expect(200, customer.api.operator("POST", customer.at("/people/export"), name))["subscriptions"]
    app, id_ = parse("app", customer.app), parse("sub", told["id"])
    assert app is not None
    assert id_ is not None
    traces = (id_, agent.endpoint, PERSON, told["identities"]["email"])

    def stored() -> list[str]:
        """What the table of subscriptions holds of her at this app."""
        items = [str(item) for table, item in everything_stored(deployed) if "ubscriptions" in table]
        return [item for item in items if app in item and any(trace in item for trace in traces)]

    assert len(stored()) == 4  # the subscription, both names that lead to it, and what is kept of the person
    erased = expect(200, customer.api.operator("POST", customer.at("/people/erase"), name))
    assert erased == {"erased": 1}
    assert stored() == []
    for left in ({"email": ANNA}, {"external_id": PERSON}):
        assert expect(200, customer.api.operator("POST", customer.at("/people/export"), left)) == NOTHING
    expect(404, customer.client().send(ANNA))
    assert expect(200, other.send("bert@example.com"))["sent"] == 1
    assert expect(200, customer.cloudsignal().call("GET", "/clients"))["total"] == 1
    assert expect(200, customer.api.operator("POST", customer.at("/people/erase"), name)) == {"erased": 0}


def test_one_customers_erasure_leaves_another_customers_people(
    api: DeployedApi, customer: Customer, agent: UserAgent
) -> None:
    stranger = Customer.sign_up(api)
    for name in ({"email": ANNA}, {"external_id": PERSON}):
        assert expect(200, api.operator("POST", stranger.at("/people/export"), name)) == NOTHING
        assert expect(200, api.operator("POST", stranger.at("/people/erase"), name)) == {"erased": 0}
    assert expect(200, customer.client().send(ANNA))["sent"] == 1


def test_no_name_of_a_person_is_logged(deployed: Stack, customer: Customer, agent: UserAgent) -> None:
    for call in ("export", "erase"):
        expect(200, customer.api.operator("POST", customer.at(f"/people/{call}"), {"email": ANNA}))
    logged = "".join(everything_logged(deployed))
    audit = customer.api.operator("GET", customer.at("/audit")).body.decode()
    for name in ("anna.of", PERSON, agent.endpoint[-20:]):
        assert name not in logged
        assert name not in audit


@pytest.mark.parametrize("call", ["export", "erase"])
@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "body"),
        ({"email": ANNA, "external_id": PERSON}, "body"),
        ({"email": "nobody"}, "email"),
        ({"external_id": ""}, "external_id"),
        ({"external_id": "x" * 257}, "external_id"),
        ({"email": None, "external_id": None}, "body"),
    ],
)
def test_a_person_has_one_name(call: str, body: dict[str, object], field: str, customer: Customer) -> None:
    answer = customer.api.operator("POST", customer.at(f"/people/{call}"), body)
    assert expect(400, answer)["error"]["field"] == field
