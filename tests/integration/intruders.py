"""Who comes to a door with a credential that must not open it: the columns of the isolation table."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.customer import SITE
from tests.integration.isolation import ANSWERS_WHILE_OFF, DOORS, KEYED, Door, World
from tocsin.dialect_kit.contract import Dialect
from tocsin.dialect_kit.credentials import credential_headers
from tocsin.domain.api_key import KeyKind
from tocsin.domain.errors import Fault
from tocsin.entrypoints.registry import dialects

EVIL = "https://evil.example"
HEADERS = credential_headers(dialects().values())


@dataclass(frozen=True, slots=True)
class Intruder:
    """Somebody who is refused. headers: None where there is no such credential for the door."""

    name: str
    fault: Fault
    headers: Callable[[World, Door], dict[str, str] | None]


def _right_key(world: World, door: Door) -> str:
    if door.kind is None:
        return world.operator_key
    return world.keys["victim", door.route.dialect.name, door.kind]


def _customer_key(whose: str) -> Callable[[World, Door], dict[str, str] | None]:
    def headers(world: World, door: Door) -> dict[str, str] | None:
        if door.kind is None or (whose == "off" and str(door.route) in ANSWERS_WHILE_OFF):
            return None
        return door.with_key(world.keys[whose, door.route.dialect.name, door.kind])

    return headers


def _foreign_key(dialect: Dialect, kind: KeyKind) -> Callable[[World, Door], dict[str, str] | None]:
    """A live key of the victim's, for another API than the door's."""

    def headers(world: World, door: Door) -> dict[str, str] | None:
        if door.route.dialect.name == dialect.name:
            return None
        return door.with_key(world.keys["victim", dialect.name, kind])

    return headers


def _key_of_kind(kind: KeyKind) -> Callable[[World, Door], dict[str, str] | None]:
    """A live key of the right API, of a kind that does not open the door."""

    def headers(world: World, door: Door) -> dict[str, str] | None:
        dialect = door.route.dialect
        if door.kind is None or kind not in dialect.keys or Door(door.route, kind) in DOORS:
            return None
        sent = door.with_key(world.keys["victim", dialect.name, kind])
        sent.pop("Origin", None)
        return sent

    return headers


def _in_header(header: str) -> Callable[[World, Door], dict[str, str] | None]:
    """The right key, where it does not belong."""

    def headers(world: World, door: Door) -> dict[str, str] | None:
        return None if header == door.header.lower() else door.with_key(_right_key(world, door), header)

    return headers


def _beside(header: str) -> Callable[[World, Door], dict[str, str] | None]:
    """The right key where it belongs, and another credential."""

    def headers(world: World, door: Door) -> dict[str, str] | None:
        if header == door.header.lower():
            return None
        other = world.keys["victim", "pushservice", KeyKind.SECRET]
        return door.with_key(_right_key(world, door)) | {header: other}

    return headers


def _twice(world: World, door: Door) -> dict[str, str]:
    key = _right_key(world, door)
    return door.with_key(f"{key}, {key}")


def _from_page(extra: dict[str, str]) -> Callable[[World, Door], dict[str, str] | None]:
    """The right secret key, from a page."""

    def headers(world: World, door: Door) -> dict[str, str] | None:
        return None if door.kind is KeyKind.PUBLISHABLE else door.with_key(_right_key(world, door)) | extra

    return headers


def _from_page_of(origin: str | None) -> Callable[[World, Door], dict[str, str] | None]:
    """The right publishable key, from a page that may not use it."""

    def headers(world: World, door: Door) -> dict[str, str] | None:
        if door.kind is not KeyKind.PUBLISHABLE:
            return None
        sent = door.with_key(_right_key(world, door))
        return {name: value for name, value in (sent | {"Origin": origin}).items() if value is not None}

    return headers


def _operators_key(world: World, door: Door) -> dict[str, str] | None:
    return None if door.kind is None else door.with_key(world.operator_key)


def _platforms_key(world: World, door: Door) -> dict[str, str] | None:
    # At pushService it is what opens: there it is a credential of its own (PS-8).
    return None if door.route.dialect.name == "pushservice" else door.with_key(world.platform_key)


INVALID, MISSING = Fault.CREDENTIAL_INVALID, Fault.CREDENTIAL_MISSING
INTRUDERS = [
    Intruder("no key", MISSING, lambda world, door: {}),
    Intruder("an empty key", MISSING, lambda world, door: door.with_key("") if door.kind else None),
    Intruder("a word", INVALID, lambda world, door: door.with_key("letmein")),
    Intruder("the right key cut short", INVALID, lambda world, door: door.with_key(_right_key(world, door)[:-1])),
    Intruder("the right key with more", INVALID, lambda world, door: door.with_key(_right_key(world, door) + "x")),
    Intruder(
        "a made-up key with a real id",
        INVALID,
        lambda world, door: None if door.kind is None else door.with_key(world.made_up_key(_right_key(world, door))),
    ),
    Intruder("a revoked key", INVALID, _customer_key("revoked")),
    Intruder("a key of an API that is off", Fault.APP_DISABLED, _customer_key("off")),
    Intruder("the operator's key", INVALID, _operators_key),
    Intruder("the platform's service key", INVALID, _platforms_key),
    *(
        Intruder(f"a {dialect.name} {kind} key", INVALID, _foreign_key(dialect, kind))
        for dialect in KEYED.values()
        for kind in dialect.keys
    ),
    *(Intruder(f"a {kind} key", Fault.SCOPE_MISSING, _key_of_kind(kind)) for kind in KeyKind),
    *(Intruder(f"the right key in {header}", MISSING, _in_header(header)) for header in HEADERS),
    *(Intruder(f"also {header}", Fault.CREDENTIAL_AMBIGUOUS, _beside(header)) for header in HEADERS),
    Intruder("the right key twice", Fault.CREDENTIAL_AMBIGUOUS, _twice),
    Intruder("from an allowed page", Fault.SECRET_KEY_IN_BROWSER, _from_page({"Origin": SITE})),
    Intruder("from any page", Fault.SECRET_KEY_IN_BROWSER, _from_page({"Origin": EVIL})),
    Intruder("from a page by GET", Fault.SECRET_KEY_IN_BROWSER, _from_page({"Sec-Fetch-Site": "same-origin"})),
    Intruder("from a foreign page", Fault.ORIGIN_NOT_ALLOWED, _from_page_of(EVIL)),
    Intruder("from no page", Fault.ORIGIN_NOT_ALLOWED, _from_page_of(None)),
]
