"""Devices by the headers of their browsers: real ones, and ones that make no sense."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from tocsin.dialect_kit.user_agent import device_of
from tocsin.domain.subscription import Device

NOTHING = Device()
CHROME = '"Chromium";v="130", "Google Chrome";v="130", "Not?A_Brand";v="99"'
WEBKIT = "AppleWebKit/605.1.15 (KHTML, like Gecko)"
BLINK = "AppleWebKit/537.36 (KHTML, like Gecko)"


def seen(told: Device = NOTHING, **headers: str) -> tuple[str | None, str | None, str | None, str | None]:
    """Browser, version, system and kind, by these headers (named with underscores)."""
    raw = [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in headers.items()]
    device = device_of(Request({"type": "http", "headers": raw}), told)
    return device.browser, device.browser_version, device.os, device.kind


WINDOWS, ANDROID, MAC = "Windows NT 10.0; Win64; x64", "Linux; Android 10; K", "Macintosh; Intel Mac OS X 10_15_7"
IPHONE, IPAD = "iPhone; CPU iPhone OS 17_5 like Mac OS X", "iPad; CPU OS 16_6 like Mac OS X"
TEXTS = [
    (f"({WINDOWS}) {BLINK} Chrome/130.0.0.0 Safari/537.36", "Chrome 130 Windows desktop"),
    (f"(X11; Linux x86_64) {BLINK} HeadlessChrome/130.0.0.0 Safari/537.36", "Chrome 130 Linux desktop"),
    (f"(X11; CrOS x86_64 14541.0.0) {BLINK} Chrome/130.0.0.0 Safari/537.36", "Chrome 130 Chrome_OS desktop"),
    (f"({ANDROID}) {BLINK} Chrome/130.0.0.0 Mobile Safari/537.36", "Chrome 130 Android mobile"),
    (f"({ANDROID}) {BLINK} Chrome/130.0.0.0 Safari/537.36", "Chrome 130 Android tablet"),
    (f"({WINDOWS}) {BLINK} Chrome/130.0.0.0 Safari/537.36 Edg/131.0.0.0", "Edge 131 Windows desktop"),
    (f"({ANDROID}) {BLINK} Chrome/130.0 Mobile Safari/537.36 EdgA/129.0", "Edge 129 Android mobile"),
    (f"({WINDOWS}) {BLINK} Chrome/130.0.0.0 Safari/537.36 OPR/115.0.0.0", "Opera 115 Windows desktop"),
    (f"({ANDROID}) {BLINK} SamsungBrowser/25.0 Chrome/121.0.0.0 Safari/537.36", "Samsung_Internet 25 Android tablet"),
    ("(X11; Ubuntu; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0", "Firefox 132 Linux desktop"),
    ("(Macintosh; Intel Mac OS X 10.15; rv:132.0) Gecko/20100101 Firefox/132.0", "Firefox 132 macOS desktop"),
    ("(Android 14; Mobile; rv:132.0) Gecko/132.0 Firefox/132.0", "Firefox 132 Android mobile"),
    ("(Android 14; Tablet; rv:132.0) Gecko/132.0 Firefox/132.0", "Firefox 132 Android tablet"),
    (f"({MAC}) {WEBKIT} Version/17.4 Safari/605.1.15", "Safari 17 macOS desktop"),
    (f"({IPHONE}) {WEBKIT} Version/17.5 Mobile/15E148 Safari/604.1", "Safari 17 iOS mobile"),
    (f"({IPAD}) {WEBKIT} Version/16.6 Mobile/15E148 Safari/604.1", "Safari 16 iOS tablet"),
    (f"({IPHONE}) {WEBKIT} CriOS/125.0.6422.80 Mobile/15E148 Safari/604.1", "Chrome 125 iOS mobile"),
    (f"({IPHONE}) {WEBKIT} FxiOS/126.0 Mobile/15E148 Safari/605.1.15", "Firefox 126 iOS mobile"),
    # From the Home Screen, where alone these have push.
    (f"({IPHONE}) {WEBKIT} Mobile/15E148", "Safari 17 iOS mobile"),
    (f"({IPAD}) {WEBKIT} Mobile/15E148", "Safari 16 iOS tablet"),
    ("curl/8.5.0", "None None None None"),
    ("", "None None None None"),
]


@pytest.mark.parametrize(("text", "expected"), TEXTS)
def test_a_browser_is_known_by_its_user_agent_text(text: str, expected: str) -> None:
    found = seen(user_agent=f"Mozilla/5.0 {text}")
    assert " ".join(str(part).replace(" ", "_") for part in found) == expected


@pytest.mark.parametrize(
    ("brands", "platform", "mobile", "expected"),
    [
        (CHROME, '"Windows"', "?0", ("Chrome", "130", "Windows", "desktop")),
        (CHROME, '"Android"', "?1", ("Chrome", "130", "Android", "mobile")),
        (CHROME, '"Android"', "?0", ("Chrome", "130", "Android", "tablet")),
        (CHROME, '"Chromium OS"', "?0", ("Chrome", "130", "Chrome OS", "desktop")),
        (CHROME, '"Unknown"', "?0", ("Chrome", "130", None, "desktop")),
        ('" Not A;Brand";v="99", "Chromium";v="96"', '"Linux"', "?0", ("Chromium", "96", "Linux", "desktop")),
        (
            '"Not)A;Brand";v="8", "Chromium";v="138", "Microsoft Edge";v="138"',
            '"macOS"',
            "?0",
            ("Edge", "138", "macOS", "desktop"),
        ),
        ('"Brave";v="130", "Chromium";v="130"', '"Linux"', "?0", ("Brave", "130", "Linux", "desktop")),
    ],
)
def test_client_hints_are_believed_before_the_text(
    brands: str, platform: str, mobile: str, expected: tuple[str | None, ...]
) -> None:
    headers = {"sec_ch_ua": brands, "sec_ch_ua_platform": platform, "sec_ch_ua_mobile": mobile}
    assert seen(NOTHING, user_agent="Mozilla/5.0 (Android 14; Tablet; rv:132.0) Firefox/132.0", **headers) == expected


def test_hints_that_name_no_browser_leave_it_to_the_text() -> None:
    text = "Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0"
    for brands in ("", '"Not?A_Brand";v="99"', "nonsense"):
        assert seen(sec_ch_ua=brands, sec_ch_ua_mobile="?1", user_agent=text)[0] == "Firefox"


def test_what_the_page_tells_stays_as_it_is() -> None:
    told = Device(lang="de", timezone="Europe/Berlin", standalone=True, browser="Brave", os="Windows 11")
    raw = [(b"sec-ch-ua", CHROME.encode()), (b"sec-ch-ua-platform", b'"Windows"')]
    assert device_of(Request({"type": "http", "headers": raw}), told) == Device(
        "de", "Europe/Berlin", standalone=True, browser="Brave", browser_version=None, os="Windows 11", kind="desktop"
    )


ANY = st.text(st.characters(max_codepoint=255))


@given(ANY, ANY, ANY)
def test_no_header_is_too_odd(text: str, brands: str, platform: str) -> None:
    for part in seen(user_agent=text, sec_ch_ua=brands, sec_ch_ua_platform=platform):
        assert part is None or 0 < len(part) <= 64


@pytest.mark.parametrize(
    "part", ["(iPhone OS 1_", "Version/1", "Mobile/x ", '"a";v="', "like Mac OS X) ", "not a ", " "]
)
def test_a_long_header_takes_no_time(part: str) -> None:
    started = time.perf_counter()
    seen(user_agent=part * 10_000, sec_ch_ua=part * 10_000)
    assert time.perf_counter() - started < 0.1
