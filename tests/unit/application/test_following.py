"""People follow their devices: subscribed with the first one, no more after the last."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests import builders
from tests.builders import ANNA, OPERATOR, email, external
from tests.engine import MemoryEngine
from tocsin.application.ports import Gone, Unavailable
from tocsin.domain.errors import Fault, Refused
from tocsin.domain.event import EventKind
from tocsin.domain.identity import IdentityKind
from tocsin.domain.ids import AppId
from tocsin.domain.person import Person
from tocsin.domain.subscription import Subscription
from tocsin.domain.tenancy import App, DialectName

NAME = "u-17"


@pytest.fixture
def shop(engine: MemoryEngine) -> App:
    """An app that is told of subscriptions."""
    return replace(builders.app(engine), hooks=frozenset({DialectName("bnotify")}))


def kept(engine: MemoryEngine, shop: App, name: str = NAME) -> Person | None:
    """The record as it stands, without anybody's looking after it."""
    return engine.persons.get(shop.id, name)


def subscribed(engine: MemoryEngine, shop: App, name: str = NAME) -> bool:
    found = kept(engine, shop, name)
    return found is not None and found.subscribed


def told(engine: MemoryEngine) -> list[tuple[EventKind, str | None]]:
    return [(event.kind, event.person) for event in engine.events.emitted]


def gone(engine: MemoryEngine, shop: App, one: Subscription) -> None:
    """A push service knows it no more, which is noted without a name."""
    engine.subscriptions.expire_all(shop.id, [Gone(one.id, one.endpoint, one.vapid_key)])


@pytest.mark.row("BN-13")
def test_the_first_device_subscribes_its_person_and_a_second_changes_nothing(engine: MemoryEngine, shop: App) -> None:
    builders.subscribe(engine, shop, 1, external(NAME))
    first = kept(engine, shop)
    assert first is not None
    assert (first.subscribed, first.muted, first.enrolled) == (True, False, False)
    assert first.created_at == first.updated_at == int(engine.clock.now())
    engine.clock.advance(10)
    builders.subscribe(engine, shop, 2, external(NAME))
    builders.subscribe(engine, shop, 1, external(NAME))
    assert kept(engine, shop) == first
    assert told(engine) == [(EventKind.SUBSCRIBED, NAME)]


def withdraw(engine: MemoryEngine, shop: App, one: Subscription) -> None:
    engine.subscribing.withdraw(shop, one.id)


def unregister(engine: MemoryEngine, shop: App, one: Subscription) -> None:
    engine.subscribing.unregister(shop, one.id, None, OPERATOR)


def forget_name(engine: MemoryEngine, shop: App, one: Subscription) -> None:
    engine.subscribing.identify(shop, one.id, None)


def hand_over(engine: MemoryEngine, shop: App, one: Subscription) -> None:
    engine.subscribing.identify(shop, one.id, external("somebody else"))


@pytest.mark.row("BN-27")
@pytest.mark.parametrize("end", [withdraw, unregister, forget_name, hand_over])
def test_the_last_device_takes_the_subscription_along_and_the_next_one_brings_the_same_back(
    engine: MemoryEngine, shop: App, end: Callable[[MemoryEngine, App, Subscription], None]
) -> None:
    devices = [builders.subscribe(engine, shop, number, external(NAME)) for number in (1, 2)]
    first = kept(engine, shop)
    assert first is not None
    end(engine, shop, devices[0])
    assert subscribed(engine, shop)
    engine.clock.advance(10)
    end(engine, shop, devices[1])
    assert not subscribed(engine, shop)
    assert engine.following.listed(shop.id, 10, None).items == [
        one for one in engine.storage.persons.values() if one.external_id != NAME
    ]
    engine.clock.advance(10)
    builders.subscribe(engine, shop, 3, external(NAME))
    again = kept(engine, shop)
    assert again is not None
    assert (again.id, again.created_at, again.updated_at) == (first.id, first.created_at, first.created_at + 20)
    mine = [event for event in engine.events.emitted if event.person == NAME]
    assert [event.kind for event in mine] == [
        EventKind.SUBSCRIBED,
        EventKind.UNSUBSCRIBED,
        EventKind.SUBSCRIBED,
    ]
    assert len({event.id for event in mine}) == 3


def test_who_has_expired_devices_only_is_found_out_by_who_asks(engine: MemoryEngine, shop: App) -> None:
    one = builders.subscribe(engine, shop, 1, external(NAME))
    gone(engine, shop, one)
    assert subscribed(engine, shop)
    with pytest.raises(Refused) as refused:
        engine.following.person(shop, NAME)
    assert (refused.value.fault, refused.value.message) == (Fault.NOT_FOUND, "Subscription not found")
    assert told(engine) == [(EventKind.SUBSCRIBED, NAME), (EventKind.UNSUBSCRIBED, NAME)]


@pytest.mark.row("X-2")
def test_who_came_before_anybody_kept_persons_is_known_when_somebody_asks(engine: MemoryEngine, shop: App) -> None:
    builders.subscribe(engine, shop, 1, external(NAME))
    engine.storage.persons.clear()
    assert engine.following.person(shop, NAME).subscribed
    assert subscribed(engine, shop)


def test_nobody_is_made_a_person_by_being_asked_for(engine: MemoryEngine, shop: App) -> None:
    builders.subscribe(engine, shop, 1, email(ANNA))
    assert engine.following.follow(shop, "nobody") is None
    assert engine.storage.persons == {}
    assert told(engine) == []


def test_an_app_without_a_webhook_is_told_nothing(engine: MemoryEngine) -> None:
    quiet = builders.app(engine)
    builders.subscribe(engine, quiet, 1, external(NAME))
    assert subscribed(engine, quiet)
    assert told(engine) == []


def test_a_device_that_comes_while_the_last_one_goes_keeps_the_person_subscribed(
    engine: MemoryEngine, shop: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It sees a subscribed person and writes nothing, so who writes must look once more."""
    one = builders.subscribe(engine, shop, 1, external(NAME))
    real = engine.persons.put

    def slow(new: Person, old: Person | None) -> None:
        monkeypatch.setattr(engine.persons, "put", real)
        builders.subscribe(engine, shop, 2, external(NAME))
        real(new, old)

    monkeypatch.setattr(engine.persons, "put", slow)
    engine.subscribing.withdraw(shop, one.id)
    assert subscribed(engine, shop)


def test_a_person_that_another_container_wrote_meanwhile_is_read_again(
    engine: MemoryEngine, shop: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    builders.subscribe(engine, shop, 1, external(NAME))
    real = engine.persons.put

    def late(new: Person, old: Person | None) -> None:
        monkeypatch.setattr(engine.persons, "put", real)
        assert old is not None
        real(replace(old, muted=True, revision=old.revision + 1), old)
        real(new, old)

    monkeypatch.setattr(engine.persons, "put", late)
    for one in list(engine.storage.subscriptions.values()):
        engine.subscribing.withdraw(shop, one.id)
    found = kept(engine, shop)
    assert found is not None
    assert (found.subscribed, found.muted) == (False, True)


def test_a_subscription_that_is_stored_is_no_error_because_its_person_cannot_be_written(
    engine: MemoryEngine, shop: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise Unavailable

    with monkeypatch.context() as broken:
        broken.setattr(engine.persons, "put", away)
        builders.subscribe(engine, shop, 1, external(NAME))
    assert kept(engine, shop) is None
    assert engine.following.person(shop, NAME).subscribed


@pytest.mark.row("BN-20")
def test_muting_is_kept_through_an_end_and_noted_once(engine: MemoryEngine, shop: App) -> None:
    one = builders.subscribe(engine, shop, 1, external(NAME))
    engine.clock.advance(5)
    muted = engine.following.mute(shop, NAME, muted=True)
    assert (muted.muted, muted.updated_at) == (True, int(engine.clock.now()))
    engine.clock.advance(5)
    assert engine.following.mute(shop, NAME, muted=True) == muted
    engine.subscribing.withdraw(shop, one.id)
    with pytest.raises(Refused):
        engine.following.mute(shop, NAME, muted=False)
    builders.subscribe(engine, shop, 1, external(NAME))
    assert engine.following.person(shop, NAME).muted


@pytest.mark.row("BN-13")
def test_a_subscriber_is_the_same_at_all_apps_of_a_tenant_and_nowhere_else(engine: MemoryEngine, shop: App) -> None:
    sister, stranger = replace(shop, id=AppId("ab" * 12)), builders.app(engine)
    people = {}
    for owner in (shop, sister, stranger):
        engine.subscribing.subscribe(builders.subscribe_command(owner, 1, external(NAME)))
        person = engine.following.person(owner, NAME)
        people[owner.id] = (person.id, engine.following.subscriber(owner, person))
    assert people[shop.id][1] == people[sister.id][1] != people[stranger.id][1]
    assert len({id_ for id_, _ in people.values()}) == 3
    assert all(len(bytes.fromhex(each)) == 12 for pair in people.values() for each in pair)


@pytest.mark.parametrize("kind", [IdentityKind.EXTERNAL, IdentityKind.EMAIL])
def test_nothing_is_left_of_a_person_who_was_erased(engine: MemoryEngine, shop: App, kind: IdentityKind) -> None:
    """Record, inbox and codes too, whatever name the erasure was asked under; and the app is told that they left."""
    builders.subscribe(engine, shop, 1, external(NAME), email(ANNA))
    engine.enrolling.code(shop.id, NAME)
    once = engine.enrolling.code(shop.id, NAME, once=True)
    name = NAME if kind is IdentityKind.EXTERNAL else ANNA
    exported = engine.people.export(shop, kind, name, OPERATOR)
    assert [one.external_id for one in exported.persons] == [NAME]
    assert engine.people.erase(shop, kind, name, OPERATOR) == 1
    assert (engine.storage.persons, engine.storage.codes, engine.storage.notes) == ({}, {}, {})
    assert told(engine)[-1] == (EventKind.UNSUBSCRIBED, NAME)
    with pytest.raises(Refused):
        engine.enrolling.redeem(once)


def test_an_erased_name_leaves_the_person_under_another_name_whose_browser_remains(
    engine: MemoryEngine, shop: App
) -> None:
    builders.subscribe(engine, shop, 1, external(NAME), email(ANNA))
    builders.subscribe(engine, shop, 2, external(NAME))
    assert engine.people.erase(shop, IdentityKind.EMAIL, ANNA, OPERATOR) == 1
    assert subscribed(engine, shop)


def test_a_change_that_could_not_be_told_is_told_by_who_asks_next(
    engine: MemoryEngine, shop: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_: object) -> None:
        raise Unavailable

    with monkeypatch.context() as patch:
        patch.setattr(engine.events, "emit", away)
        builders.subscribe(engine, shop, 1, builders.external(NAME))
    assert told(engine) == []
    assert engine.following.person(shop, NAME).subscribed
    assert [kind for kind, _ in told(engine)] == [EventKind.SUBSCRIBED]
