"""The operator's API at the deployed template: tenants, apps, keys; lists; VAPID keys; secrets told once."""

import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from dev.stack import Stack
from tests.customer import SITE, Customer, expect
from tests.integration.deployed_api import DeployedApi, Simulator
from tests.integration.tables import everything_stored
from tocsin.webpush.encoding import to_base64url

NEW_APP = {"name": "Shop", "site_url": f"{SITE}/", "contact": "mailto:push@tocsin.dev"}


@pytest.mark.row("PS-34")
def test_what_was_made_can_be_read_and_its_secrets_cannot(api: DeployedApi) -> None:
    tenant = expect(201, api.operator("POST", "/admin/tenants", {"name": "Acme"}))
    app = expect(201, api.operator("POST", f"/admin/tenants/{tenant['id']}/apps", NEW_APP | {"origins": [SITE]}))
    secret = app.pop("identity_secret")
    key = expect(201, api.operator("POST", f"/admin/apps/{app['id']}/keys", {"dialect": "pushservice"}))
    text = key.pop("key")

    read = {
        path: expect(200, api.operator("GET", path))
        for path in (
            f"/admin/tenants/{tenant['id']}",
            f"/admin/tenants/{tenant['id']}/apps",
            f"/admin/apps/{app['id']}",
            f"/admin/apps/{app['id']}/keys",
            f"/admin/apps/{app['id']}/credits",
        )
    }

    assert list(read.values()) == [
        tenant,
        {"apps": [app], "next_cursor": None},
        app,
        {"keys": [key], "next_cursor": None},
        {"available": 0, "reserved": 0, "spent": 0},
    ]
    assert app["identity"] == "required"
    assert len(bytes.fromhex(secret)) == 32
    assert secret not in json.dumps(read)
    assert text not in json.dumps(read)


def test_lists_come_in_pages_newest_first_and_lose_nothing(api: DeployedApi) -> None:
    customer = Customer.sign_up(api, credits=0)
    made = [customer.key(name=f"key {number}")["id"] for number in range(5)]
    listed: list[str] = []
    cursor = None
    for _ in range(3):
        query = {"limit": "2"} | ({"cursor": cursor} if cursor else {})
        headers = {"Authorization": f"Bearer {api.operator_key}"}
        page = expect(200, api.call("GET", customer.at("/keys"), headers=headers, query=query))
        listed += [key["id"] for key in page["keys"]]
        cursor = page["next_cursor"]
    assert cursor is None
    assert sorted(listed) == sorted(made)
    tenants = expect(200, api.operator("GET", "/admin/tenants"))["tenants"]
    assert [tenant["created_at"] for tenant in tenants] == sorted((t["created_at"] for t in tenants), reverse=True)
    assert customer.tenant in [tenant["id"] for tenant in tenants]


@pytest.mark.parametrize("query", [{"limit": "0"}, {"limit": "501"}, {"limit": "x"}, {"cursor": "zzz"}, {"cursor": ""}])
def test_a_list_refuses_a_limit_or_cursor_that_is_none(query: dict[str, str], api: DeployedApi) -> None:
    answer = api.call("GET", "/admin/tenants", headers={"Authorization": f"Bearer {api.operator_key}"}, query=query)
    assert expect(400, answer)["error"]["field"] == next(iter(query))


def own_pair() -> tuple[dict[str, str], str]:
    """A P-256 key in each form that people have it in, and its public point."""
    key = ec.generate_private_key(ec.SECP256R1())
    numbers = key.private_numbers()
    point = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    raw = to_base64url(numbers.private_value.to_bytes(32, "big"))
    forms = {
        "pem": key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
        "sec1": key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode(),
        "raw": raw,
        "jwk": json.dumps(
            {"kty": "EC", "crv": "P-256", "x": to_base64url(point[1:33]), "y": to_base64url(point[33:]), "d": raw}
        ),
    }
    return forms, to_base64url(point)


@pytest.mark.parametrize("form", ["pem", "sec1", "raw", "jwk"])
def test_a_vapid_key_that_is_brought_along_signs_and_is_stored_encrypted(
    form: str, deployed: Stack, api: DeployedApi, simulator: Simulator
) -> None:
    forms, public = own_pair()
    customer = Customer.sign_up(api, vapid={"private_key": forms[form], "public_key": public})
    assert customer.vapid_public_key == public
    client, agent = customer.client(), simulator.user_agent("apple", public)
    client.subscribe(agent.subscription)

    assert client.send().json["sent"] == 1

    [message] = agent.messages(1)
    assert message["vapid"]["k"] == public
    assert not any(forms["raw"] in str(item) for _, item in everything_stored(deployed))


def test_a_pair_whose_halves_do_not_belong_together_is_refused(api: DeployedApi) -> None:
    tenant = expect(201, api.operator("POST", "/admin/tenants", {"name": "Acme"}))["id"]
    wrong = {"private_key": own_pair()[0]["raw"], "public_key": own_pair()[1]}
    answer = api.operator("POST", f"/admin/tenants/{tenant}/apps", NEW_APP | {"vapid": wrong})
    error = expect(400, answer)["error"]
    assert (error["code"], error["field"]) == ("field_invalid", "vapid")
    assert wrong["private_key"] not in answer.body.decode()
    assert expect(200, api.operator("GET", f"/admin/tenants/{tenant}/apps"))["apps"] == []


@pytest.mark.row("X-9")
def test_refusals_have_our_own_shape(api: DeployedApi) -> None:
    cases = {
        ("GET", "/nothing"): (404, "route_unknown"),
        ("GET", "/admin"): (404, "route_unknown"),
        ("POST", "/healthz"): (405, "method_not_allowed"),
        ("PATCH", "/admin/tenants"): (405, "method_not_allowed"),
        ("GET", "/admin/apps/app_aaaaaaaaaaaaaaaaaaaa"): (404, "not_found"),
        ("GET", "/admin/apps/../tenants"): (404, None),
        ("GET", "/admin/apps/nonsense/keys"): (404, "not_found"),
        ("POST", "/admin/tenants/ten_aaaaaaaaaaaaaaaaaaaa/apps"): (400, "field_missing"),
        ("POST", "/admin/tenants"): (400, "body_not_json"),
    }
    for (method, path), (status, code) in cases.items():
        answer = api.operator(method, path, b"{}" if path.endswith("/apps") else b"")
        error = expect(status, answer)["error"]
        assert code in {None, error["code"]}, path
        assert error["message"]
        assert answer.headers["x-request-id"]
        if status == 405:
            assert answer.headers["allow"]


@pytest.mark.row("X-3")
def test_the_operators_routes_are_closed_to_everybody_else(api: DeployedApi, customer: Customer) -> None:
    good = f"Bearer {api.operator_key}"
    for headers in (
        {},
        {"Authorization": api.operator_key},
        {"Authorization": f"Bearer {api.operator_key}x"},
        {"Authorization": f"Bearer {customer.key()['key']}"},
        {"X-Api-Key": api.operator_key},
    ):
        for method, path in (
            ("GET", "/admin/tenants"),
            ("POST", customer.at("/credits")),
            ("POST", customer.at("/sends")),
        ):
            assert api.call(method, path, {"amount": 5, "reference": "x"}, headers).status == 401
    both = api.call("GET", "/admin/tenants", headers={"Authorization": good, "X-Api-Key": "psk_x"})
    assert expect(400, both)["error"]["code"] == "credential_ambiguous"
    browser = api.call("GET", "/admin/tenants", headers={"Authorization": good, "Origin": SITE})
    assert expect(403, browser)["error"]["code"] == "secret_key_in_browser"
    assert "access-control-allow-origin" not in browser.headers
    assert customer.credits()["available"] == 100
