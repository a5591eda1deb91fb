"""What a browser's own headers say of the device: client hints where it sends them, else its User-Agent text.

Only browsers with a Push API ever register, and they are a closed set, so a table of their tokens will do: a library
that knows every crawler took 0.2 s of a cold start, and smaller ones knew neither Samsung's browser nor Apple's apps.
"""

import re
from dataclasses import dataclass, replace

from starlette.requests import Request

from tocsin.domain.subscription import Device

DESKTOP, MOBILE, TABLET = "desktop", "mobile", "tablet"
_COUNTRY = re.compile(r"[A-Z]{2}")
_MAX_HEADER, _MAX_NAME = 512, 64
_BRAND = re.compile(r'"([^"\\]{1,64})"\s*;\s*v="(\d{1,5})')
_FILLER = re.compile(r"not.{0,2}a.{0,2}brand", re.IGNORECASE)
"""What Chromium puts among the brands so that nobody relies on their order (GREASE)."""
_COMMON_NAMES = {"Google Chrome": "Chrome", "Microsoft Edge": "Edge", "Chromium OS": "Chrome OS"}

# In this order: each of them also claims to be those that follow it.
_BROWSERS = {
    name: re.compile(pattern)
    for name, pattern in {
        "Edge": r"\bEdg(?:A|iOS)?/(\d{1,5})",
        "Opera": r"\bOP[RTX]/(\d{1,5})",
        "Samsung Internet": r"\bSamsungBrowser/(\d{1,5})",
        "Yandex Browser": r"\bYaBrowser/(\d{1,5})",
        "Vivaldi": r"\bVivaldi/(\d{1,5})",
        "DuckDuckGo": r"\b(?:DuckDuckGo|Ddg)/(\d{1,5})",
        "Firefox": r"\b(?:Firefox|FxiOS)/(\d{1,5})",
        "Chrome": r"(?:\bCriOS|Chrome)/(\d{1,5})",
        "Safari": r"\bVersion/(\d{1,5})\S* (?:Mobile/\S+ )?Safari/",
    }.items()
}
# A web app on the Home Screen, where alone Apple's phones have push, names no browser; its version is the system's.
_HOME_SCREEN = re.compile(r"\((?:iPhone|iPad|iPod).* OS (\d{1,5})_.*\bAppleWebKit/")
_SYSTEMS = {
    "Windows": "Windows NT",
    "iOS": "like Mac OS X",
    "Android": "Android",
    "Chrome OS": "CrOS",
    "macOS": "Macintosh",
    "Linux": "Linux",
}


@dataclass(frozen=True, slots=True)
class _Seen:
    """What the headers say; None where they say nothing that we know."""

    browser: str | None
    version: str | None
    os: str | None
    kind: str | None


def device_of(request: Request, told: Device) -> Device:
    """What a page told of its device, completed by its request's headers; what it told is never replaced."""
    seen = _by_hints(request) or _by_text(request.headers.get("user-agent", "")[:_MAX_HEADER])
    if told.browser is not None:
        seen = replace(seen, version=None)  # of another browser than the page knows of
    return replace(
        told,
        browser=told.browser or seen.browser,
        browser_version=told.browser_version or seen.version,
        os=told.os or seen.os,
        kind=told.kind or seen.kind,
        country=_country(request),
    )


def _country(request: Request) -> str | None:
    """As CloudFront adds it, if it stands in front of us; whoever claims another country does so for one browser."""
    country = request.headers.get("cloudfront-viewer-country", "")
    return country if _COUNTRY.fullmatch(country) else None


def _by_hints(request: Request) -> _Seen | None:
    """By the client hints that Chromium sends with every request, at https only; None when there are none."""
    brands = {
        name: version
        for name, version in _BRAND.findall(request.headers.get("sec-ch-ua", "")[:_MAX_HEADER])
        if not _FILLER.search(name)
    }
    if not brands:
        return None
    name = next((brand for brand in brands if brand != "Chromium"), "Chromium")
    system = request.headers.get("sec-ch-ua-platform", "").strip(' "')[:_MAX_NAME]
    larger = TABLET if system == "Android" else DESKTOP
    kind = MOBILE if request.headers.get("sec-ch-ua-mobile") == "?1" else larger
    known = None if system in {"", "Unknown"} else _COMMON_NAMES.get(system, system)
    return _Seen(_COMMON_NAMES.get(name, name), brands[name], known, kind)


def _by_text(text: str) -> _Seen:
    found = ((name, pattern.search(text)) for name, pattern in _BROWSERS.items())
    name, version = next(((name, match[1]) for name, match in found if match is not None), (None, None))
    if name is None and (app := _HOME_SCREEN.search(text)) is not None:
        name, version = "Safari", app[1]
    system = next((system for system, token in _SYSTEMS.items() if token in text), None)
    return _Seen(name, version, system, _kind(text, system))


def _kind(text: str, system: str | None) -> str | None:
    if "iPad" in text or "Tablet" in text or (system == "Android" and "Mobile" not in text):
        return TABLET
    if system in {"iOS", "Android"}:
        return MOBILE
    return None if system is None else DESKTOP
