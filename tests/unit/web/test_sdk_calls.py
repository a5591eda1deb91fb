"""What the SDK's own reports mean to the server: proofs in both forms, renewals, keys."""

import pytest

from tests.customer import SITE, Customer, expect, new_subscription
from tests.engine import MemoryEngine
from tests.http_api import Answer, HttpApi
from tocsin.dialect_kit.identifiers import parse
from tocsin.domain.ids import AppId

PAGE = {"Origin": SITE}


@pytest.fixture
def api() -> HttpApi:
    return HttpApi(MemoryEngine())


def page(api: HttpApi, customer: Customer, call: str, body: object) -> Answer:
    """A page's call."""
    return api.call("POST", f"/sdk/v1/{customer.app}/{call}", body, PAGE)


def token(api: HttpApi, customer: Customer, person: str, seconds: int = 600) -> str:
    """A user token, as the customer's server hands it to its page."""
    app = api.engine.authenticating.app(AppId(str(parse("app", customer.app))))
    assert app is not None
    return api.engine.user_tokens.issue(app, person, seconds)[0].text


def test_a_user_token_proves_the_person_that_it_names(api: HttpApi) -> None:
    customer = Customer.sign_up(api, identity="required")
    identity = {"externalId": "u-17", "proof": token(api, customer, "u-17")}
    made = expect(201, page(api, customer, "subscriptions", {"subscription": new_subscription(), "identity": identity}))
    assert made["who"]
    other = {"externalId": "u-18", "proof": token(api, customer, "u-18")}
    answer = expect(200, page(api, customer, "identify", {"id": made["id"], "identity": other}))
    assert answer["externalId"] == "u-18"
    assert answer["who"] != made["who"]


def test_a_user_token_proves_nobody_else(api: HttpApi) -> None:
    customer, other = Customer.sign_up(api, identity="required"), Customer.sign_up(api)
    over = token(api, customer, "u-17", 10)
    api.engine.clock.advance(11)
    wrong = [token(api, customer, "u-18"), token(api, other, "u-17"), over, "nonsense", "a.b.c"]
    for proof in wrong:
        body = {"subscription": new_subscription(), "identity": {"externalId": "u-17", "proof": proof}}
        assert expect(403, page(api, customer, "subscriptions", body))["error"]["code"] == "identity_invalid"
    assert not api.engine.storage.subscriptions


@pytest.mark.parametrize("proof", [7, "", "x" * 4097, {"exp": 1}, {"exp": "1", "mac": "a"}, ["jwt"], True])
def test_a_proof_of_another_form_is_refused(proof: object, api: HttpApi) -> None:
    customer = Customer.sign_up(api)
    body = {"subscription": new_subscription(), "identity": {"externalId": "u-17", "proof": proof}}
    error = expect(400, page(api, customer, "subscriptions", body))["error"]
    message = "identity.proof must be an object with exp and mac, or a user token"
    assert error == {"code": "field_invalid", "message": message, "field": "identity.proof"}


def test_a_renewal_goes_on_and_never_begins_anew(api: HttpApi) -> None:
    customer = Customer.sign_up(api)
    subscription = new_subscription()
    renewal = {"subscription": subscription, "renew": True}
    assert expect(404, page(api, customer, "subscriptions", renewal))["error"]["code"] == "gone"
    made = expect(201, page(api, customer, "subscriptions", {"subscription": subscription}))
    assert expect(201, page(api, customer, "subscriptions", renewal))["id"] == made["id"]
    expect(200, page(api, customer, "unsubscribe", {"id": made["id"], "reason": "permission"}))
    assert expect(404, page(api, customer, "subscriptions", renewal))["error"]["code"] == "gone"
    # Neither under another endpoint: it would be the same browser.
    moved = {"subscription": new_subscription(), "previous": subscription["endpoint"], "renew": True}
    assert expect(404, page(api, customer, "subscriptions", moved))["error"]["code"] == "gone"
    # A press on the button may.
    assert expect(201, page(api, customer, "subscriptions", {"subscription": subscription}))["id"] == made["id"]


def test_a_renewal_under_another_endpoint_takes_the_person_along(api: HttpApi) -> None:
    customer = Customer.sign_up(api, identity="required")
    subscription = new_subscription()
    identity = {"externalId": "u-17", "proof": token(api, customer, "u-17")}
    made = expect(201, page(api, customer, "subscriptions", {"subscription": subscription, "identity": identity}))
    moved = {"subscription": new_subscription(), "previous": subscription["endpoint"], "renew": True}
    renewed = expect(201, page(api, customer, "subscriptions", moved))
    assert renewed["id"] != made["id"]
    assert renewed["who"] == made["who"]


def test_the_key_that_a_browser_subscribed_under_must_be_the_apps(api: HttpApi) -> None:
    customer, other = Customer.sign_up(api), Customer.sign_up(api)
    own = {"subscription": new_subscription(), "key": customer.vapid_public_key}
    expect(201, page(api, customer, "subscriptions", own))
    for key in (other.vapid_public_key, "nonsense", "x" * 129):
        body = {"subscription": new_subscription(), "key": key}
        assert expect(400, page(api, customer, "subscriptions", body))["error"]["field"] == "key"


def test_the_worker_is_told_all_that_it_needs_to_subscribe_by_itself(api: HttpApi) -> None:
    customer = Customer.sign_up(api)
    first = api.call("GET", "/sw.js", query={"app": customer.app}).body.decode().partition("\n")[0]
    assert f'"key":"{customer.vapid_public_key}"' in first
    assert f'"api":"{api.engine.public_url}"' in first
