"""Field types: what is a URL, an origin, an id of ours."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.dialect_kit.fields import web_origin, web_url
from tocsin.dialect_kit.identifiers import parse, render

BAD_URLS = [
    "",
    "shop.example",
    "/path",
    "//shop.example",
    "javascript:alert(1)",
    "JAVASCRIPT:alert(1)",
    "data:text/html,x",
    "ftp://shop.example",
    "https://",
    "https:///path",
    "https://user@shop.example",
    "https://user:pass@shop.example",
    "https://shop.example:99999",
    "https://shop.example:port",
    "https://shop.example/a b",
    "https://shop.example/\n",
    " https://shop.example",
    "https://shop.example\\@evil.example",
    "https://[::1",
    "https://shop.example/" + "a" * 2048,
]


@pytest.mark.parametrize("url", BAD_URLS)
def test_a_tap_target_is_an_absolute_http_url(url: str) -> None:
    with pytest.raises(ValueError, match="must be an http or https URL"):
        web_url(url)


@pytest.mark.parametrize(
    "url", ["https://shop.example", "http://localhost:8787/demo/?a=b#c", "https://xn--bcher-kva.example/ü"]
)
def test_an_ordinary_url_is_kept_as_it_stands(url: str) -> None:
    assert web_url(url) == url


@pytest.mark.parametrize(
    "origin",
    [
        "https://shop.example/",
        "https://SHOP.example",
        "shop.example",
        "http://shop.example",
        "https://shop.example:443",
        "http://localhost:80",
        "*",
        "https://*",
        "https://*.",
        "https://*.example",
        "https://*.0.0.1",
        "https://*.shop.example/",
        "https://*.SHOP.example",
        "https://*.shop.example:443",
        "https://*.*.example",
        "https://a*.shop.example",
        "https://a.*.example",
        "http://*.shop.example",
        "http://*.localhost",
        "https://bücher.example",
        "https://a..b",
        "https://-a.example",
        "https://x.example:0",
        "null",
    ],
)
def test_an_origin_that_no_browser_sends_is_refused(origin: str) -> None:
    with pytest.raises(ValueError, match="must"):
        web_origin(origin)


@pytest.mark.parametrize(
    "origin", ["https://shop.example", "https://shop.example:8443", "http://localhost:8787", "https://127.0.0.1"]
)
def test_an_origin_is_kept_as_browsers_send_it(origin: str) -> None:
    assert web_origin(origin) == origin


@pytest.mark.parametrize("origin", ["https://*.shop.example", "https://*.shop.example:8443", "https://*.a.b.example"])
def test_all_subdomains_of_a_domain_are_named_by_a_star(origin: str) -> None:
    assert web_origin(origin) == origin


@given(st.binary(min_size=12, max_size=12))
def test_an_id_reads_back_as_it_was_shown(data: bytes) -> None:
    assert parse("app", render("app", data.hex())) == data.hex()


@given(st.text(max_size=30))
def test_no_other_text_is_an_id(text: str) -> None:
    id_ = parse("app", f"app_{text}")
    assert id_ is None or render("app", id_) == f"app_{text}"


def test_an_id_of_another_kind_is_none() -> None:
    assert parse("ten", render("app", "0" * 24)) is None
