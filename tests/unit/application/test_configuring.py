"""Changing an app, rotating its VAPID keys, and the log of it."""

import json
from dataclasses import fields, replace
from typing import Any

import pytest

from tests import builders
from tests.builders import OPERATOR
from tests.engine import MemoryEngine
from tocsin.application.accounts import NewKey, VapidPair
from tocsin.application.configuring import Changes
from tocsin.application.ports import Stale, Unavailable
from tocsin.domain.api_key import KeyKind, Scope
from tocsin.domain.audit import Action, Actor, AuditEntry
from tocsin.domain.errors import Fault, Refused
from tocsin.domain.ids import AppId, KeyId
from tocsin.domain.quota import LIMITS_OF, Limits, Plan
from tocsin.domain.subscription import SubscriptionState
from tocsin.domain.tenancy import App, DialectName, IdentityMode

CLOUDSIGNAL = DialectName("cloudsignal")
NOTHING = AppId("00" * 12)
EVERYTHING = Changes(
    name="Store",
    site_url="https://store.example/",
    origins=("https://*.store.example",),
    contact="mailto:push@store.example.org",
    identity=IdentityMode.REQUIRED,
    icon="https://store.example/i.png",
    limits=Limits(None, 7, 70),
    dialects_on={CLOUDSIGNAL: False},
    statistics=False,
)


@pytest.fixture
def shop(engine: MemoryEngine) -> App:
    return builders.app(engine)


def log(engine: MemoryEngine, app: App) -> list[AuditEntry]:
    return list(engine.configuring.audit(app.id, 100, None).items)


def fault(attempt: Any, *arguments: Any) -> tuple[Fault, str | None]:
    with pytest.raises(Refused) as refused:
        attempt(*arguments)
    return refused.value.fault, refused.value.field


# --- settings ---


@pytest.mark.row("X-10")
def test_every_setting_can_be_changed_at_once_and_what_is_left_out_stays(engine: MemoryEngine, shop: App) -> None:
    changed = engine.configuring.change(shop.id, EVERYTHING, OPERATOR)
    assert engine.accounts.app(shop.id) == changed
    different = {one.name for one in fields(App) if getattr(changed, one.name) != getattr(shop, one.name)}
    assert different == {one.name for one in fields(Changes)} - {"dialects_on"} | {"dialects_off", "revision"}
    assert changed.dialects_off == {CLOUDSIGNAL}
    again = engine.configuring.change(shop.id, Changes(name="Other"), OPERATOR)
    assert again == replace(changed, name="Other", revision=changed.revision + 1)


def test_an_icon_is_taken_away_by_the_empty_text(engine: MemoryEngine) -> None:
    shop = builders.app(engine, icon="https://shop.example/i.png")
    assert engine.configuring.change(shop.id, Changes(name="x"), OPERATOR).icon is not None
    assert engine.configuring.change(shop.id, Changes(icon=""), OPERATOR).icon is None


@pytest.mark.row("X-1")
def test_a_dialect_is_switched_without_touching_the_others(engine: MemoryEngine, shop: App) -> None:
    def off_after(*switches: tuple[DialectName, bool]) -> set[str]:
        return set(engine.configuring.change(shop.id, Changes(dialects_on=dict(switches)), OPERATOR).dialects_off)

    assert off_after((CLOUDSIGNAL, False)) == {CLOUDSIGNAL}
    assert off_after((builders.DIALECT, False)) == {CLOUDSIGNAL, builders.DIALECT}
    assert off_after((CLOUDSIGNAL, True)) == {builders.DIALECT}


@pytest.mark.parametrize("changes", [Changes(), Changes(name="Shop"), Changes(icon=""), Changes(dialects_on={})])
def test_what_is_so_already_leaves_no_trace(engine: MemoryEngine, shop: App, changes: Changes) -> None:
    before = log(engine, shop)
    assert engine.configuring.change(shop.id, changes, OPERATOR) == shop
    assert log(engine, shop) == before


def test_a_contact_that_push_services_refuse_is_refused_and_nothing_changes(engine: MemoryEngine, shop: App) -> None:
    wrong = Changes(name="Store", contact="mailto:root@localhost")
    assert fault(engine.configuring.change, shop.id, wrong, OPERATOR) == (Fault.FIELD_INVALID, "contact")
    assert engine.accounts.app(shop.id) == shop


def test_two_changes_at_once_are_both_made(engine: MemoryEngine, shop: App, monkeypatch: pytest.MonkeyPatch) -> None:
    real = engine.registry.change_app
    others = iter([Changes(name="Other"), Changes(icon="https://shop.example/i.png")])

    def interrupted(*arguments: Any) -> None:
        other = next(others, None)
        if other is not None:
            engine.configuring.change(shop.id, other, OPERATOR)
        real(*arguments)

    monkeypatch.setattr(engine.registry, "change_app", interrupted)
    engine.configuring.change(shop.id, Changes(site_url="https://store.example/"), OPERATOR)
    made = engine.accounts.app(shop.id)
    assert (made.name, made.icon, made.site_url) == ("Other", "https://shop.example/i.png", "https://store.example/")
    assert made.revision == 3


def test_a_change_that_others_always_forestall_is_given_up(
    engine: MemoryEngine, shop: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    def always_late(*_: object) -> None:
        raise Stale

    monkeypatch.setattr(engine.registry, "change_app", always_late)
    with pytest.raises(Unavailable):
        engine.configuring.change(shop.id, Changes(name="Other"), OPERATOR)
    with pytest.raises(Unavailable):
        engine.configuring.rotate(shop.id, None, OPERATOR)


# --- VAPID keys ---


def rotated(engine: MemoryEngine, shop: App) -> str:
    """A second key, which is the present one now; the first one's id."""
    engine.clock.advance(10)
    engine.configuring.rotate(shop.id, None, OPERATOR)
    return shop.vapid_key


def test_new_subscriptions_take_the_new_key_and_old_ones_keep_theirs(engine: MemoryEngine, shop: App) -> None:
    first = builders.subscribe(engine, shop, 1)
    old = rotated(engine, shop)
    now = engine.accounts.app(shop.id)
    second = builders.subscribe(engine, now, 2)
    assert (first.vapid_key, second.vapid_key) == (old, now.vapid_key)
    assert now.vapid_key != old
    uses = engine.configuring.vapid_keys(shop.id)
    assert [(use.key.id, use.present, use.subscriptions) for use in uses] == [(now.vapid_key, True, 1), (old, False, 1)]


def test_a_key_is_retired_when_nobody_uses_it_and_not_before(engine: MemoryEngine, shop: App) -> None:
    subscription = builders.subscribe(engine, shop, 1)
    retire = engine.configuring.retire
    assert fault(retire, shop.id, shop.vapid_key, OPERATOR)[0] is Fault.CONFLICT  # it is the present one
    old = rotated(engine, shop)
    assert fault(retire, shop.id, old, OPERATOR)[0] is Fault.CONFLICT  # somebody uses it
    engine.subscribing.withdraw(shop, subscription.id)
    engine.clock.advance(10)
    retired = retire(shop.id, old, OPERATOR)
    assert retired.key.retired_at == int(engine.clock.now())
    engine.clock.advance(10)
    assert retire(shop.id, old, OPERATOR) == retired  # again changes nothing
    assert [entry.action for entry in log(engine, shop)].count(Action.VAPID_KEY_RETIRED) == 1


def test_the_present_key_is_not_retired_though_nobody_uses_it(engine: MemoryEngine, shop: App) -> None:
    assert fault(engine.configuring.retire, shop.id, shop.vapid_key, OPERATOR)[0] is Fault.CONFLICT
    rotated(engine, shop)
    present = engine.accounts.app(shop.id).vapid_key
    assert fault(engine.configuring.retire, shop.id, present, OPERATOR)[0] is Fault.CONFLICT


def test_a_retired_key_can_still_be_opened_for_what_is_on_its_way(engine: MemoryEngine, shop: App) -> None:
    old = rotated(engine, shop)
    before = engine.registry.vapid_key(shop.id, old)
    engine.configuring.retire(shop.id, old, OPERATOR)
    after = engine.registry.vapid_key(shop.id, old)
    assert before is not None
    assert after is not None
    assert after.ciphertext == before.ciphertext


def test_a_browser_under_a_retired_key_is_told_so(engine: MemoryEngine, shop: App) -> None:
    old = rotated(engine, shop)
    now = engine.accounts.app(shop.id)
    command = replace(builders.subscribe_command(now, 1), application_server_key=shop.vapid_public)
    assert engine.subscribing.subscribe(command).vapid_key == old
    engine.subscribing.withdraw(now, next(iter(engine.storage.subscriptions))[1])
    engine.configuring.retire(shop.id, old, OPERATOR)
    assert fault(engine.subscribing.subscribe, command) == (Fault.FIELD_INVALID, "key")
    assert {one.state for one in engine.storage.subscriptions.values()} == {SubscriptionState.INACTIVE}


def test_a_key_can_be_brought_along_but_only_once(engine: MemoryEngine) -> None:
    shop = builders.app(engine)
    assert fault(engine.configuring.rotate, shop.id, VapidPair(builders.VAPID_PRIVATE, None), OPERATOR) == (
        Fault.CONFLICT,
        "vapid",
    )
    assert fault(engine.configuring.rotate, shop.id, VapidPair("nonsense", None), OPERATOR) == (
        Fault.FIELD_INVALID,
        "vapid",
    )
    assert len(engine.configuring.vapid_keys(shop.id)) == 1


def test_the_keys_of_another_app_cannot_be_retired(engine: MemoryEngine, shop: App) -> None:
    old = rotated(engine, shop)
    other = builders.app(engine)
    engine.configuring.rotate(other.id, None, OPERATOR)
    assert fault(engine.configuring.retire, other.id, "unknown", OPERATOR)[0] is Fault.NOT_FOUND
    # All apps of the tests begin with the same pair: it is retired at one, and lives on at the other.
    engine.configuring.retire(other.id, old, OPERATOR)
    assert {use.key.retired_at for use in engine.configuring.vapid_keys(shop.id)} == {None}


def test_whoever_rotates_while_a_key_is_retired_wins(
    engine: MemoryEngine, shop: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The retirement is checked against the app that it read: when that changed, it has to look again."""
    old = rotated(engine, shop)
    real, rotations = engine.registry.retire_vapid_key, iter([True])

    def interrupted(*arguments: Any) -> bool:
        if next(rotations, False):
            engine.configuring.rotate(shop.id, None, OPERATOR)
        return real(*arguments)

    monkeypatch.setattr(engine.registry, "retire_vapid_key", interrupted)
    assert engine.configuring.retire(shop.id, old, OPERATOR).key.retired_at is not None
    assert len(engine.configuring.vapid_keys(shop.id)) == 3


# --- the log ---


@pytest.mark.row("X-10")
def test_every_change_is_logged_once_with_who_when_and_by_which_request(engine: MemoryEngine, shop: App) -> None:
    who = Actor("operator", "req-7")
    key = NewKey(builders.DIALECT, KeyKind.SECRET, "psk", frozenset({Scope.SEND}), "till", None)
    times = []

    def at_a_later_time(action: Any, *arguments: Any) -> Any:
        engine.clock.advance(1)
        times.append(int(engine.clock.now()))
        return action(*arguments)

    made, _ = at_a_later_time(engine.accounts.create_key, shop.id, key, who)
    at_a_later_time(engine.configuring.change, shop.id, EVERYTHING, who)
    at_a_later_time(engine.configuring.rotate, shop.id, None, who)
    at_a_later_time(engine.configuring.retire, shop.id, shop.vapid_key, who)
    at_a_later_time(engine.accounts.revoke_key, shop.id, KeyId(made.id), who)

    *entries, first = log(engine, shop)
    assert (first.action, first.actor) == (Action.APP_CREATED, OPERATOR)
    assert [(entry.action, entry.at) for entry in reversed(entries)] == list(
        zip(
            [
                Action.KEY_CREATED,
                Action.APP_CHANGED,
                Action.VAPID_KEY_ADDED,
                Action.VAPID_KEY_RETIRED,
                Action.KEY_REVOKED,
            ],
            times,
            strict=True,
        )
    )
    assert {(entry.actor, entry.app) for entry in entries} == {(who, shop.id)}
    assert len({entry.id for entry in entries}) == len(entries)


def test_a_change_is_logged_with_what_was_and_what_is_but_no_address(engine: MemoryEngine, shop: App) -> None:
    engine.clock.advance(1)
    engine.configuring.change(shop.id, EVERYTHING, OPERATOR)
    assert json.loads(json.dumps(log(engine, shop)[0].details)) == {
        "name": {"from": "Shop", "to": "Store"},
        "site_url": {"from": "https://shop.example/", "to": "https://store.example/"},
        "origins": {"from": ["https://shop.example"], "to": ["https://*.store.example"]},
        "contact": "changed",
        "identity": {"from": "off", "to": "required"},
        "icon": {"from": None, "to": "https://store.example/i.png"},
        "limits": {
            "from": {"hourly": LIMITS_OF[Plan.SCALE].hourly, "daily": LIMITS_OF[Plan.SCALE].daily, "monthly": None},
            "to": {"hourly": None, "daily": 7, "monthly": 70},
        },
        "dialects_off": {"from": [], "to": ["cloudsignal"]},
        "statistics": {"from": True, "to": False},
    }


def test_the_log_holds_no_secret(engine: MemoryEngine) -> None:
    shop = builders.app(engine)
    new = NewKey(builders.DIALECT, KeyKind.SECRET, "psk", frozenset({Scope.SEND}), "till", None)
    _, text = engine.accounts.create_key(shop.id, new, OPERATOR)
    engine.configuring.change(shop.id, EVERYTHING, OPERATOR)
    engine.configuring.rotate(shop.id, None, OPERATOR)
    written = repr(log(engine, shop))
    for secret in (text, text[12:55], builders.VAPID_PRIVATE, "push@store.example.org", "push@tocsin.example.org"):
        assert secret not in written
    assert engine.derivation.identity_secret(shop.id, 1).decode() not in written


def test_an_app_that_does_not_exist_is_not_found(engine: MemoryEngine) -> None:
    for attempt, arguments in (
        (engine.configuring.change, (NOTHING, Changes(), OPERATOR)),
        (engine.configuring.vapid_keys, (NOTHING,)),
        (engine.configuring.rotate, (NOTHING, None, OPERATOR)),
        (engine.configuring.retire, (NOTHING, "key", OPERATOR)),
        (engine.configuring.audit, (NOTHING, 1, None)),
        (engine.accounts.ledger, (NOTHING, 1, None)),
    ):
        assert fault(attempt, *arguments) == (Fault.NOT_FOUND, None)
