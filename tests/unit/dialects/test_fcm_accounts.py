"""The operator's routes of service accounts."""

import pytest

from tests import firebase
from tests.customer import Customer, expect
from tests.engine import MemoryEngine
from tests.http_api import HttpApi


@pytest.fixture
def customer(engine: MemoryEngine) -> Customer:
    return Customer.sign_up(HttpApi(engine))


def test_it_is_shown_without_its_key(customer: Customer) -> None:
    file, at = firebase.service_account(), customer.at("/fcm")
    told = expect(200, customer.api.operator("PUT", at, file))
    assert told == {
        "project_id": file["project_id"],
        "client_email": file["client_email"],
        "private_key_id": file["private_key_id"],
        "devices": 0,
        "created_at": told["created_at"],
    }
    assert expect(200, customer.api.operator("GET", at)) == told
    answer = customer.api.operator("DELETE", at)
    assert (answer.status, answer.body) == (204, b"")
    assert expect(404, customer.api.operator("GET", at))["error"]["message"] == "The app has no FCM service account"


@pytest.mark.parametrize(
    ("member", "value", "message"),
    [
        ("type", "authorized_user", 'type must be "service_account"'),
        ("token_uri", "https://x.example", "token_uri must be https://oauth2.googleapis.com/token"),
        ("project_id", "a/b", "project_id is malformed"),
        (
            "private_key",
            "secret",
            "private_key must be an RSA key of 2048 to 4096 bits in PEM, without a password",
        ),
        ("private_key", None, "private_key must be a string"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_by_its_member(
    customer: Customer, member: str, value: object, message: str
) -> None:
    answer = customer.api.operator("PUT", customer.at("/fcm"), {**firebase.service_account(), member: value})
    assert expect(400, answer)["error"] == {"code": "field_invalid", "message": message, "field": member}


def test_a_file_that_lacks_something_is_told_what(customer: Customer) -> None:
    file = firebase.service_account()
    del file["client_email"]
    error = expect(400, customer.api.operator("PUT", customer.at("/fcm"), file))["error"]
    assert error["message"] == "client_email is required"


def test_a_browsers_own_subscription_is_never_a_token(customer: Customer) -> None:
    keys = {"p256dh": "", "auth": ""}
    answer = customer.client().subscribe({"endpoint": "fcm:abc", "keys": keys})
    assert answer.status == 400
    assert "subscription.endpoint is not acceptable" in answer.json["error"]
