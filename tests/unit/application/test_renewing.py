"""Browsers that report by themselves: what a person ended stays ended."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from tests import builders
from tests.engine import MemoryEngine
from tocsin.application.configuring import Configuring
from tocsin.application.ports import Change
from tocsin.application.subscribing import HEARTBEAT_SECONDS, SubscribeCommand
from tocsin.domain.audit import Action, AuditEntry
from tocsin.domain.errors import Fault, Refused
from tocsin.domain.identity import IdentityKind
from tocsin.domain.ids import SubscriptionId
from tocsin.domain.subscription import Subscription, SubscriptionState
from tocsin.domain.tenancy import App
from tocsin.webpush.vapid import VapidKey


@pytest.fixture
def shop(engine: MemoryEngine) -> App:
    return builders.app(engine)


def renewal(owner: App, number: int = 1, previous: int | None = None) -> SubscribeCommand:
    old = None if previous is None else builders.endpoint(previous)
    return replace(builders.subscribe_command(owner, number, trusted=False, previous=old), renew=True)


def state(engine: MemoryEngine, subscription: Subscription) -> SubscriptionState:
    found = engine.subscriptions.get(subscription.app, subscription.id)
    assert found is not None
    return found.state


def refused(engine: MemoryEngine, command: SubscribeCommand) -> Fault:
    with pytest.raises(Refused) as refusal:
        engine.subscribing.subscribe(command)
    return refusal.value.fault


def test_a_renewal_keeps_a_browser_active_and_moves_it_to_its_new_endpoint(engine: MemoryEngine, shop: App) -> None:
    first = builders.subscribe(engine, shop, 1, builders.external("anna"))
    assert engine.subscribing.subscribe(renewal(shop, 1)).id == first.id
    moved = engine.subscribing.subscribe(renewal(shop, 2, previous=1))
    assert (moved.identities, moved.created_at) == (first.identities, first.created_at)
    assert state(engine, first) is SubscriptionState.INACTIVE


def test_a_renewal_revives_what_a_push_service_gave_up_with_its_names(engine: MemoryEngine, shop: App) -> None:
    command = builders.subscribe_command(shop, 1, builders.email(), labels=("news",))
    first = engine.subscribing.subscribe(replace(command, keeps_address=True))
    engine.subscriptions.expire(shop.id, first.id, first.endpoint, first.vapid_key)
    revived = engine.subscribing.subscribe(renewal(shop, 1))
    assert (revived.state, revived.identities, revived.labels) == (first.state, first.identities, ("news",))
    assert _address(engine, revived) == builders.ANNA


def test_a_move_ends_the_old_endpoint_in_the_same_write_or_not_at_all(
    engine: MemoryEngine, shop: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = builders.subscribe(engine, shop, 1, builders.email())
    store = engine.subscriptions
    written: list[Sequence[Change]] = []

    def erased_meanwhile(changes: Sequence[Change], audit: AuditEntry | None = None) -> None:
        if not written:
            written.append(changes)
            found = store.get(shop.id, first.id)
            assert found is not None
            store.erase(found)
        put_all(changes, audit)

    put_all = store.put_all
    monkeypatch.setattr(store, "put_all", erased_meanwhile)
    assert refused(engine, renewal(shop, 2, previous=1)) is Fault.GONE
    assert engine.storage.subscriptions == {}


def test_a_renewal_does_not_bring_back_what_was_withdrawn(engine: MemoryEngine, shop: App) -> None:
    first = builders.subscribe(engine, shop, 1)
    engine.subscribing.withdraw(shop, first.id)
    assert refused(engine, renewal(shop, 1)) is Fault.GONE
    assert refused(engine, renewal(shop, 2, previous=1)) is Fault.GONE
    assert state(engine, first) is SubscriptionState.INACTIVE


@pytest.mark.row("CS-32")
def test_cs_32_a_renewal_does_not_bring_back_what_was_unregistered_but_a_person_may(
    engine: MemoryEngine, shop: App
) -> None:
    first = builders.subscribe(engine, shop, 1)
    engine.subscribing.unregister(shop, first.id, "user_requested", builders.OPERATOR)
    assert refused(engine, renewal(shop, 1)) is Fault.GONE
    assert refused(engine, renewal(shop, 2, previous=1)) is Fault.GONE
    builders.subscribe(engine, shop, 1)
    assert state(engine, first) is SubscriptionState.ACTIVE


def test_a_renewal_of_what_nobody_knows_is_refused(engine: MemoryEngine, shop: App) -> None:
    assert refused(engine, renewal(shop, 1)) is Fault.GONE
    assert refused(engine, renewal(shop, 1, previous=2)) is Fault.GONE


@pytest.mark.row("CS-32")
def test_cs_32_unregistering_again_changes_nothing_and_is_logged_once(engine: MemoryEngine, shop: App) -> None:
    first = builders.subscribe(engine, shop, 1)
    for _ in range(2):
        engine.subscribing.unregister(shop, first.id, "user_requested", builders.OPERATOR)
    assert state(engine, first) is SubscriptionState.UNREGISTERED
    logged = [entry for entry in engine.registry.audit(shop.id, 9, None).items if entry.action == _UNREGISTERED]
    assert [entry.details for entry in logged] == [{"subscription": first.id, "reason": "user_requested"}]


_UNREGISTERED = Action.CLIENT_UNREGISTERED


@pytest.mark.row("CS-32")
def test_cs_32_an_unknown_registration_is_not_found(engine: MemoryEngine, shop: App) -> None:
    with pytest.raises(Refused) as refusal:
        engine.subscribing.unregister(shop, SubscriptionId("0" * 24), None, builders.OPERATOR)
    assert refusal.value.fault is Fault.NOT_FOUND


@pytest.mark.row("CS-34")
def test_cs_34_a_heartbeat_is_noted_once_a_minute_at_most(engine: MemoryEngine, shop: App) -> None:
    first = builders.subscribe(engine, shop, 1)
    seen = []
    for _ in range(3):
        engine.clock.advance(HEARTBEAT_SECONDS - 1)
        engine.subscribing.heartbeat(shop, first.id)
        seen.append(engine.subscriptions.load(shop.id, [first.id])[first.id].seen_at - first.seen_at)
    assert seen == [0, 2 * HEARTBEAT_SECONDS - 2, 2 * HEARTBEAT_SECONDS - 2]


@pytest.mark.row("CS-34")
def test_cs_34_who_is_not_active_has_no_heartbeat(engine: MemoryEngine, shop: App) -> None:
    first = builders.subscribe(engine, shop, 1)
    engine.subscribing.withdraw(shop, first.id)
    for id_ in (first.id, SubscriptionId("0" * 24)):
        with pytest.raises(Refused) as refusal:
            engine.subscribing.heartbeat(shop, id_)
        assert refusal.value.fault is Fault.GONE


@pytest.mark.row("CS-5")
def test_cs_5_a_browser_that_names_its_key_is_kept_under_that_key(engine: MemoryEngine, shop: App) -> None:
    rotated = _rotated(engine, shop)
    present = builders.subscribe(engine, rotated, 1)
    old = engine.subscribing.subscribe(_under(rotated, 2, shop.vapid_public))
    padded = engine.subscribing.subscribe(_under(rotated, 3, rotated.vapid_public + "="))
    assert (present.vapid_key, old.vapid_key, padded.vapid_key) == (
        rotated.vapid_key,
        shop.vapid_key,
        rotated.vapid_key,
    )


@pytest.mark.row("CS-5")
def test_cs_5_an_endpoint_stays_under_its_key_where_nobody_names_one(engine: MemoryEngine, shop: App) -> None:
    first = builders.subscribe(engine, shop, 1)
    rotated = _rotated(engine, shop)
    again = builders.subscribe(engine, rotated, 1)
    assert again.vapid_key == first.vapid_key != rotated.vapid_key
    assert engine.subscriptions.counts(shop.id).by_key == {first.vapid_key: 1}


@pytest.mark.row("CS-5")
@pytest.mark.parametrize("key", ["", "?", "AAAA", VapidKey.generate().public])
def test_cs_5_a_key_that_is_not_the_apps_is_refused(engine: MemoryEngine, shop: App, key: str) -> None:
    assert refused(engine, _under(shop, 1, key)) is Fault.FIELD_INVALID


@pytest.mark.row("CS-5")
def test_cs_5_a_retired_key_is_refused(engine: MemoryEngine, shop: App) -> None:
    rotated = _rotated(engine, shop)
    engine.configuring.retire(shop.id, shop.vapid_key, builders.OPERATOR)
    assert refused(engine, _under(rotated, 1, shop.vapid_public)) is Fault.FIELD_INVALID


@pytest.mark.row("CS-5")
def test_cs_5_an_endpoint_of_a_retired_key_is_refused_though_nobody_names_the_key(
    engine: MemoryEngine, shop: App
) -> None:
    first = builders.subscribe(engine, shop, 1)
    rotated = _rotated(engine, shop)
    engine.subscribing.withdraw(shop, first.id)
    engine.configuring.retire(shop.id, shop.vapid_key, builders.OPERATOR)
    assert refused(engine, builders.subscribe_command(rotated, 1)) is Fault.FIELD_INVALID
    assert state(engine, first) is SubscriptionState.INACTIVE


@pytest.mark.row("CS-29")
def test_cs_29_an_address_is_shown_only_where_it_came_in_to_be_shown(engine: MemoryEngine, shop: App) -> None:
    hidden = builders.subscribe(engine, shop, 1, builders.email())
    command = builders.subscribe_command(shop, 2, builders.email(" Anna@Shop.Example "))
    shown = engine.subscribing.subscribe(replace(command, keeps_address=True))
    assert _address(engine, hidden) is None
    assert _address(engine, shown) == "Anna@Shop.Example"


@pytest.mark.row("CS-29")
def test_cs_29_the_address_goes_with_the_browser_and_leaves_with_the_person(engine: MemoryEngine, shop: App) -> None:
    command = builders.subscribe_command(shop, 1, builders.email())
    first = engine.subscribing.subscribe(replace(command, keeps_address=True))
    again = builders.subscribe(engine, shop, 1)
    moved = engine.subscribing.subscribe(renewal(shop, 2, previous=1))
    assert [_address(engine, one) for one in (first, again, moved)] == [builders.ANNA] * 3
    other = builders.subscribe(engine, shop, 2, builders.email(builders.BERT))
    assert _address(engine, other) is None


@pytest.mark.row("CS-29")
def test_cs_29_naming_nobody_forgets_the_address(engine: MemoryEngine, shop: App) -> None:
    command = builders.subscribe_command(shop, 1, builders.email())
    first = engine.subscribing.subscribe(replace(command, keeps_address=True))
    assert _address(engine, engine.subscribing.identify(shop, first.id, None)) is None


def _address(engine: MemoryEngine, subscription: Subscription) -> str | None:
    return engine.listing.get(subscription.app, subscription.id).address


def _under(owner: App, number: int, key: str) -> SubscribeCommand:
    return replace(builders.subscribe_command(owner, number), application_server_key=key)


def _rotated(engine: MemoryEngine, owner: App) -> App:
    configuring: Configuring = engine.configuring
    configuring.rotate(owner.id, None, builders.OPERATOR)
    found = engine.registry.app(owner.id)
    assert found is not None
    return found


def test_a_person_is_found_by_the_name_that_came_with_the_old_endpoint(engine: MemoryEngine, shop: App) -> None:
    builders.subscribe(engine, shop, 1, builders.email())
    moved = engine.subscribing.subscribe(renewal(shop, 2, previous=1))
    anna = engine.identifying.identity(shop, IdentityKind.EMAIL, builders.ANNA)
    assert [found.id for found in engine.subscriptions.of(shop.id, [anna])] == [moved.id]
