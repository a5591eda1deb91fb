"""What a route takes for a credential, and for a page."""

import pytest
from starlette.applications import Starlette
from starlette.requests import Request

from tocsin.dialect_kit.contract import Dialect, KeyForm, Rendered
from tocsin.dialect_kit.credentials import credential, credential_headers, from_browser, network_of
from tocsin.dialect_kit.origins import check_origin
from tocsin.domain.api_key import KeyKind
from tocsin.domain.errors import Fault, Refused
from tocsin.domain.ids import AppId, TenantId
from tocsin.domain.quota import LIMITS_OF, Plan
from tocsin.domain.tenancy import App, DialectName, IdentityMode

SHOP = App(
    id=AppId("0" * 24),
    tenant=TenantId("1" * 24),
    name="Shop",
    site_url="https://shop.example/",
    origins=("https://shop.example",),
    contact="mailto:push@example.com",
    identity=IdentityMode.OFF,
    identity_version=1,
    vapid_key="key",
    vapid_public="public",
    icon=None,
    limits=LIMITS_OF[Plan.SCALE],
    dialects_off=frozenset(),
    created_at=0,
)


OTHER = Dialect(
    DialectName("other"),
    ("/other",),
    {KeyKind.SECRET: KeyForm("o", "x-other-key", frozenset()), KeyKind.SERVICE: KeyForm("p", "x-api-key", frozenset())},
    lambda _: Rendered(500, {}),
)
APPLICATION = Starlette()
APPLICATION.state.credential_headers = credential_headers([OTHER])


def request(*headers: tuple[str, str], method: str = "POST", address: str = "203.0.113.9") -> Request:
    raw = [(name.encode(), value.encode()) for name, value in headers]
    client = (address, 1)
    return Request(
        {
            "type": "http",
            "method": method,
            "path": "/",
            "headers": raw,
            "client": client,
            "state": {},
            "app": APPLICATION,
        }
    )


def fault(*headers: tuple[str, str]) -> Fault:
    with pytest.raises(Refused) as refused:
        credential(request(*headers), "x-api-key")
    return refused.value.fault


def test_the_one_credential_is_taken_without_white_space() -> None:
    assert credential(request(("x-api-key", " psk_1 ")), "x-api-key") == "psk_1"


@pytest.mark.parametrize(
    "headers",
    [
        [("x-api-key", "psk_1"), ("authorization", "Bearer 2")],
        [("x-api-key", "psk_1"), ("x-other-key", "2")],
        [("x-api-key", "psk_1"), ("x-api-key", "psk_2")],
        [("x-api-key", "psk_1,psk_2")],  # how an HTTP API hands over a repeated header
    ],
)
def test_two_credentials_are_ambiguous(headers: list[tuple[str, str]]) -> None:
    assert fault(*headers) is Fault.CREDENTIAL_AMBIGUOUS


@pytest.mark.parametrize("headers", [[], [("x-api-key", "")], [("x-api-key", "  ")]])
def test_no_credential_is_missing(headers: list[tuple[str, str]]) -> None:
    assert fault(*headers) is Fault.CREDENTIAL_MISSING


@pytest.mark.parametrize(
    ("header", "page"),
    [("origin", True), ("sec-fetch-site", True), ("sec-fetch-mode", False), ("referer", False)],
)
def test_a_page_is_known_by_what_it_cannot_leave_out(header: str, *, page: bool) -> None:
    assert from_browser(request((header, "https://shop.example"))) is page


@pytest.mark.parametrize(
    ("method", "origin", "allowed"),
    [
        ("POST", "https://shop.example", True),
        ("POST", "https://other.example", False),
        ("POST", "https://shop.example.evil.example", False),
        ("POST", "null", False),
        ("POST", None, False),
        ("GET", "https://other.example", False),
        ("GET", None, True),
    ],
)
@pytest.mark.row("X-7")
def test_x_7_only_pages_of_allowed_origins_come_through(method: str, origin: str | None, *, allowed: bool) -> None:
    asked = request(*([] if origin is None else [("origin", origin)]), method=method)
    if allowed:
        check_origin(asked, SHOP)
        return
    with pytest.raises(Refused) as refused:
        check_origin(asked, SHOP)
    assert refused.value.fault is Fault.ORIGIN_NOT_ALLOWED


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.9", "203.0.113.0/24"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("not an address", "unknown"),
    ],
)
def test_callers_are_counted_by_their_network(address: str, network: str) -> None:
    assert network_of(request(address=address)) == network
