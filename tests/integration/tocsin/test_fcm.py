"""Phones at the deployed template: reached through FCM beside browsers, charged and counted the same."""

import base64
import secrets
from typing import Any

import pytest

from dev.stack import Stack
from tests.customer import Customer, expect
from tests.integration.crowd import stores_of
from tests.integration.deployed_api import DeployedApi, Phone, Simulator
from tests.integration.logs import everything_logged
from tests.integration.tables import everything_stored
from tests.integration.tocsin.sends import enrol, send, shown, when_settled
from tocsin.dialect_kit.identifiers import parse
from tocsin.domain.ids import AppId, SubscriptionId
from tocsin.domain.subscription import FCM_KEY, Device, Platform, Subscription, SubscriptionState


def account(customer: Customer, method: str = "GET", file: object = None) -> Any:
    """The service account of an app, by the operator's API."""
    return customer.api.operator(method, customer.at("/fcm"), file)


def register(deployed: Stack, customer: Customer, phone: Phone, platform: Platform = Platform.ANDROID) -> None:
    """Plant a registered phone where the product keeps it."""
    app, id_ = AppId(parse("app", customer.app) or ""), SubscriptionId(secrets.token_hex(12))
    stores_of(deployed).subscriptions.put(
        Subscription(
            id=id_,
            app=app,
            endpoint=f"fcm:{phone.token}",
            keys=None,
            vapid_key=FCM_KEY,
            state=SubscriptionState.ACTIVE,
            identities=(),
            labels=(),
            device=Device(),
            created_at=1_800_000_000,
            seen_at=1_800_000_000,
            revision=1,
            platform=platform,
        ),
        None,
    )


def counts(found: dict[str, Any]) -> tuple[int, int, int]:
    """How many accepted a send, how many failed, and how many of those were gone."""
    return found["accepted"], found["failed"], found["gone"]


@pytest.mark.row("KM-12")
def test_km_12_a_browser_and_phones_are_reached_by_one_send_and_each_is_paid(
    deployed: Stack, customer: Customer, simulator: Simulator
) -> None:
    project, browser = simulator.firebase_project(), simulator.user_agent()
    android, iphone = project.phone(), project.phone()
    enrol(customer, [browser])
    register(deployed, customer, android)
    register(deployed, customer, iphone, Platform.IOS)
    told = expect(200, account(customer, "PUT", project.account))
    assert (told["project_id"], told["devices"]) == (project.account["project_id"], 2)
    iphone.behave(status=503, headers={"Retry-After": "8"}, times=1)

    made = expect(202, send(customer))

    # The workers have access of their own: what has to wait is delivered by them.
    assert counts(when_settled(customer, made["id"])) == (3, 0, 0)
    assert customer.credits() == {"available": 97, "reserved": 0, "spent": 3}
    assert browser.titles() == ["Sale"]
    for phone in (android, iphone):
        (message,) = phone.messages(1)
        assert message["notification"] == {"title": "Sale", "body": "All day"}
    android.uninstall()
    assert counts(expect(200, send(customer))) == (2, 1, 1)
    assert expect(200, account(customer))["devices"] == 1


@pytest.mark.row("KM-12")
def test_km_12_without_a_service_account_a_phone_is_unsupported_and_costs_nothing(
    deployed: Stack, customer: Customer, simulator: Simulator
) -> None:
    phone = simulator.firebase_project().phone()
    register(deployed, customer, phone)
    made = expect(200, send(customer))
    assert counts(made) == (0, 1, 0)
    assert customer.credits()["spent"] == 0
    (answer,) = shown(customer, made["id"])["not_sent"]
    assert (answer["reason"], answer["count"]) == ("unsupported", 1)
    assert "PUT /admin/apps/{app}/fcm" in answer["cure"]
    assert phone.messages() == []


def test_a_service_account_is_kept_sealed_shown_without_its_key_and_taken_away(
    deployed: Stack, api: DeployedApi, customer: Customer, simulator: Simulator
) -> None:
    file, phone = (project := simulator.firebase_project()).account, project.phone()
    expect(404, account(customer))
    refused = expect(400, account(customer, "PUT", file | {"token_uri": "https://attacker.example/token"}))
    assert refused["error"]["field"] == "token_uri"
    register(deployed, customer, phone)
    told = account(customer, "PUT", file)
    assert expect(200, told)["client_email"] == file["client_email"]
    assert expect(200, account(customer)) == told.json
    expect(404, account(Customer.sign_up(api)))
    assert counts(expect(200, send(customer))) == (1, 0, 0)

    pem = file["private_key"].splitlines()[1:-1]
    der = base64.b64decode("".join(pem))
    kept, logged = [item for _, item in everything_stored(deployed)], " ".join(everything_logged(deployed))
    assert file["project_id"] in str(kept)
    assert str(der[100:130])[2:-1] not in str(kept)
    for line in pem:
        assert line not in f"{told.body!r} {kept} {logged}"
    assert phone.token not in logged
    assert "ya29." not in f"{kept} {logged}"

    assert account(customer, "DELETE").status == 204
    expect(404, account(customer))
    expect(404, account(customer, "DELETE"))
    log = expect(200, customer.api.operator("GET", customer.at("/audit")))
    assert {"fcm_account.set", "fcm_account.removed"} <= {entry["action"] for entry in log["entries"]}
