"""Which pages an app lets in."""

from dataclasses import replace

import pytest

from tests import builders
from tests.engine import MemoryEngine
from tocsin.domain.tenancy import App


@pytest.fixture
def shop() -> App:
    return replace(builders.app(MemoryEngine()), origins=("https://shop.example:8443", "https://*.stores.example"))


@pytest.mark.row("CS-5")
@pytest.mark.parametrize(
    "origin", ["https://shop.example:8443", "https://north.stores.example", "https://a.b.stores.example"]
)
def test_cs_5_an_origin_is_allowed_exactly_or_as_a_subdomain(shop: App, origin: str) -> None:
    assert shop.allows(origin)


@pytest.mark.row("CS-5")
@pytest.mark.parametrize(
    "origin",
    [
        "https://shop.example",
        "http://shop.example:8443",
        "https://stores.example",
        "http://north.stores.example",
        "https://north.stores.example:8443",
        "https://evilstores.example",
        "https://stores.example.evil.example",
        "https://.stores.example",
        "null",
        "",
    ],
)
def test_cs_5_another_scheme_host_or_port_is_not(shop: App, origin: str) -> None:
    assert not shop.allows(origin)
