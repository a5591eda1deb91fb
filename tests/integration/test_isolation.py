"""Every route against every credential, at the deployed template: a new route is in the table by existing.

What a closed route is shown is a good request: only the credential is wrong. Nobody is let in, everybody is told so in
the dialect's own shape, no answer holds anything of another customer, and in the end the victim has what she had.
"""

import pytest

from dev.stack import Stack
from tests.customer import SITE
from tests.http_api import Answer
from tests.integration.deployed_api import DeployedApi, Simulator
from tests.integration.intruders import EVIL, INTRUDERS
from tests.integration.isolation import DOORS, OPEN, TWO_SCOPES, Door, World, is_refused_for
from tests.routes import KnownRoute, every_route
from tocsin.domain.api_key import KeyKind
from tocsin.domain.errors import Fault

ABOUT_THE_CREDENTIAL = (
    Fault.CREDENTIAL_MISSING,
    Fault.CREDENTIAL_INVALID,
    Fault.CREDENTIAL_AMBIGUOUS,
    Fault.SECRET_KEY_IN_BROWSER,
    Fault.SCOPE_MISSING,
    Fault.ORIGIN_NOT_ALLOWED,
    Fault.APP_DISABLED,
)
WITH_KEYS = [door for door in DOORS if door.kind is not None]
OPERATORS = [door for door in DOORS if door.kind is None]
OF_PAGES = [route for route in every_route() if route.path.startswith("/sdk/v1/")]


@pytest.fixture(scope="module")
def world(deployed: Stack, api: DeployedApi, simulator: Simulator, platform_key: str) -> World:
    return World(api, api.operator_key, platform_key, lambda: simulator.user_agent().subscription)


def tells_of_the_victim(world: World, answer: Answer) -> bool:
    """Whether anything that only she stored stands in an answer."""
    return world.canary in f"{answer.headers}{answer.body.decode()}"


def test_what_is_open_is_listed_with_its_reason() -> None:
    """What is not listed is tried as a closed door below."""
    assert OPEN.keys() <= {str(route) for route in every_route()}
    assert len(DOORS) > 35


@pytest.mark.row("X-3", "X-7", "PS-4", "PS-28", "CS-2", "CS-40")
@pytest.mark.parametrize("door", DOORS, ids=str)
def test_a_closed_door_opens_to_no_wrong_credential(door: Door, world: World) -> None:
    let_in, tried = {}, 0
    for intruder in INTRUDERS:
        headers = intruder.headers(world, door)
        if headers is None:
            continue
        tried += 1
        answer = world.call(door.route, headers)
        if not is_refused_for(answer, door, intruder.fault) or tells_of_the_victim(world, answer):
            let_in[intruder.name] = (answer.status, answer.body)
    assert let_in == {}
    assert tried >= 20


@pytest.mark.row("X-3", "PS-4")
@pytest.mark.parametrize("door", WITH_KEYS, ids=str)
def test_another_customers_key_opens_her_own_things_only(door: Door, world: World) -> None:
    assert door.kind is not None
    key, own = door.with_key(world.keys["stranger", door.route.dialect.name, door.kind]), None
    if "channel" in door.route.variables:
        assert is_refused_for(world.call(door.route, key), door, Fault.CREDENTIAL_INVALID)  # BN-24
        own = world.stranger
    answer = world.call(door.route, key, at=own)
    assert not tells_of_the_victim(world, answer)
    assert answer.status < 500
    # That she comes in is what makes the refusals above mean something.
    assert not any(is_refused_for(answer, door, fault) for fault in ABOUT_THE_CREDENTIAL)
    if door.route.variables and own is None:
        assert is_refused_for(answer, door, Fault.NOT_FOUND)


@pytest.mark.row("X-3")
@pytest.mark.parametrize("door", OPERATORS, ids=str)
def test_below_one_app_the_operator_reaches_nothing_of_another(door: Door, world: World) -> None:
    answer = world.call(door.route, door.with_key(world.operator_key), at=world.stranger)
    assert not tells_of_the_victim(world, answer)
    assert answer.status < 500
    assert not any(is_refused_for(answer, door, fault) for fault in ABOUT_THE_CREDENTIAL)
    if set(door.route.variables) - {"app", "tenant", "dialect"}:
        assert is_refused_for(answer, door, Fault.NOT_FOUND)


@pytest.mark.row("CS-2", "PS-20")
@pytest.mark.parametrize("door", WITH_KEYS, ids=str)
def test_one_scope_opens_a_door_or_two_together_and_no_other_does(door: Door, world: World) -> None:
    assert door.kind is not None
    name, opened = door.route.dialect.name, []
    for scope in sorted(door.route.dialect.keys[door.kind].scopes):
        answer = world.call(door.route, door.with_key(world.scoped[name, door.kind, scope]))
        if not is_refused_for(answer, door, Fault.SCOPE_MISSING):
            opened.append(scope)
    if str(door.route) in TWO_SCOPES:
        assert opened == []
        answer = world.call(door.route, door.with_key(world.sender_who_reads))
        assert not is_refused_for(answer, door, Fault.SCOPE_MISSING)
    else:
        assert len(opened) == 1


@pytest.mark.row("X-7")
@pytest.mark.parametrize("route", OF_PAGES, ids=str)
@pytest.mark.parametrize("origin", [EVIL, f"{SITE}.evil.example", "null", None])
def test_what_browsers_call_without_a_key_answers_allowed_pages_only(
    route: KnownRoute, origin: str | None, world: World
) -> None:
    path = route.at(world.ids | {"call": "identify"})
    body = (
        None if route.body is None else {"id": world.ids["registration_id"].replace("reg_", "sub_"), "identity": None}
    )
    answer = world.api.call(route.method, path, body, {} if origin is None else {"Origin": origin})
    assert not tells_of_the_victim(world, answer) or (origin is None and route.method == "GET")
    if route.method == "OPTIONS":
        assert "access-control-allow-origin" not in answer.headers
    elif origin is not None or route.method == "POST":
        assert is_refused_for(answer, Door(route, KeyKind.PUBLISHABLE), Fault.ORIGIN_NOT_ALLOWED)


def test_after_all_this_the_victim_has_what_she_had(world: World) -> None:
    assert world.state() == world.before
