"""What is kept of a person: handed over, and erased."""

from dataclasses import replace
from typing import Any

import pytest

from tests import builders
from tests.builders import ANNA, BERT, OPERATOR, email, external
from tests.engine import MemoryEngine
from tocsin.application.people import Kept
from tocsin.application.ports import Stale, Unavailable
from tocsin.domain.audit import Action
from tocsin.domain.errors import Fault, Refused
from tocsin.domain.identity import IdentityKind
from tocsin.domain.subscription import Subscription, SubscriptionState
from tocsin.domain.tenancy import App

EMAIL, EXTERNAL = IdentityKind.EMAIL, IdentityKind.EXTERNAL


@pytest.fixture
def shop(engine: MemoryEngine) -> App:
    return builders.app(engine, credits_=10)


@pytest.fixture
def annas(engine: MemoryEngine, shop: App) -> list[Subscription]:
    """Anna's three browsers, one of which she withdrew; a fourth one is Bert's, and a fifth one nobody's."""
    made = [builders.subscribe(engine, shop, number, email(ANNA), external("u-17")) for number in (1, 2, 3)]
    engine.subscribing.withdraw(shop, made[0].id)
    builders.subscribe(engine, shop, 4, email(BERT))
    builders.subscribe(engine, shop, 5)
    return made


@pytest.mark.parametrize(("kind", "name"), [(EMAIL, f" {ANNA.upper()}"), (EXTERNAL, "u-17")])
def test_everything_under_a_name_is_handed_over_whatever_its_state(
    engine: MemoryEngine, shop: App, annas: list[Subscription], kind: IdentityKind, name: str
) -> None:
    views = engine.people.export(shop, kind, name, OPERATOR).subscriptions
    assert {view.subscription.id for view in views} == {one.id for one in annas}
    assert [view.subscription.state for view in views].count(SubscriptionState.INACTIVE) == 1


@pytest.mark.parametrize(("kind", "name"), [(EMAIL, ANNA), (EXTERNAL, "u-17")])
def test_nothing_is_left_of_who_was_erased_and_everything_of_the_others(
    engine: MemoryEngine, shop: App, annas: list[Subscription], kind: IdentityKind, name: str
) -> None:
    other = builders.app(engine)
    theirs = builders.subscribe(engine, other, 1, email(ANNA), external("u-17"))

    assert engine.people.erase(shop, kind, name, OPERATOR) == 3

    kept = {id_ for owner, id_ in engine.storage.subscriptions if owner == shop.id}
    assert len(kept) == 2
    assert not kept & {one.id for one in annas}
    for named in ((EMAIL, ANNA), (EXTERNAL, "u-17")):
        assert engine.people.export(shop, *named, OPERATOR) == Kept([])
    assert len(engine.people.export(shop, EMAIL, BERT, OPERATOR).subscriptions) == 1
    assert engine.subscriptions.get(other.id, theirs.id) == theirs
    counts = engine.subscriptions.counts(shop.id)
    assert (counts.active, counts.inactive) == (2, 0)
    assert engine.people.erase(shop, kind, name, OPERATOR) == 0


def test_who_was_erased_is_not_sent_to_and_may_come_back(
    engine: MemoryEngine, shop: App, annas: list[Subscription]
) -> None:
    engine.people.erase(shop, EMAIL, ANNA, OPERATOR)
    result = engine.sending.send(builders.send_command(shop, builders.audience(engine, shop, ANNA)))
    assert result.targets == 0
    assert engine.transport.requests == []
    again = builders.subscribe(engine, shop, 2, email(ANNA))
    assert (again.identities[0].kind, len(again.identities)) == (EMAIL, 1)  # her other name is forgotten


@pytest.mark.row("X-10")
def test_the_log_says_that_somebody_was_erased_and_not_who(
    engine: MemoryEngine, shop: App, annas: list[Subscription]
) -> None:
    engine.people.export(shop, EMAIL, ANNA, OPERATOR)
    engine.clock.advance(1)
    engine.people.erase(shop, EXTERNAL, "u-17", OPERATOR)
    erased, exported = engine.configuring.audit(shop.id, 2, None).items
    assert (erased.action, erased.details) == (Action.PERSON_ERASED, {"named_by": EXTERNAL, "subscriptions": 3})
    assert (exported.action, exported.details) == (Action.PERSON_EXPORTED, {"named_by": EMAIL, "subscriptions": 3})
    assert {erased.actor, exported.actor} == {OPERATOR}
    written = repr(engine.storage.audit)
    for name in ("u-17", ANNA, "anna", annas[0].identities[0].value, annas[0].id, annas[0].endpoint):
        assert name not in written


def test_who_moves_a_browser_to_somebody_else_meanwhile_keeps_it(
    engine: MemoryEngine, shop: App, annas: list[Subscription], monkeypatch: pytest.MonkeyPatch
) -> None:
    real, moves = engine.subscriptions.erase, iter([True])

    def interrupted(subscription: Subscription) -> None:
        if next(moves, False):
            builders.subscribe(engine, shop, 2, email(BERT))
        real(subscription)

    monkeypatch.setattr(engine.subscriptions, "erase", interrupted)
    assert engine.people.erase(shop, EMAIL, ANNA, OPERATOR) == 2
    kept = engine.subscriptions.get(shop.id, annas[1].id)
    assert kept is not None
    assert len(engine.people.export(shop, EMAIL, BERT, OPERATOR).subscriptions) == 2


def test_an_erasure_that_others_always_forestall_is_given_up(
    engine: MemoryEngine, shop: App, annas: list[Subscription], monkeypatch: pytest.MonkeyPatch
) -> None:
    def always_late(*_: Any) -> None:
        raise Stale

    monkeypatch.setattr(engine.subscriptions, "erase", always_late)
    with pytest.raises(Unavailable):
        engine.people.erase(shop, EMAIL, ANNA, OPERATOR)


def test_what_is_no_address_is_refused(engine: MemoryEngine, shop: App) -> None:
    for attempt in (engine.people.export, engine.people.erase):
        with pytest.raises(Refused) as refused:
            attempt(shop, EMAIL, "nobody", OPERATOR)
        assert (refused.value.fault, refused.value.field) == (Fault.FIELD_INVALID, "email")
    assert not [entry for entry in engine.storage.audit if entry.action.startswith("person.")]


def test_who_read_a_browser_before_it_was_erased_does_not_overwrite_the_one_that_came_back(
    engine: MemoryEngine, shop: App, annas: list[Subscription]
) -> None:
    """Found by a benchmark's stand-in for the store: both were of revision 0, and the counters drifted."""
    before = annas[1]
    engine.people.erase(shop, EMAIL, ANNA, OPERATOR)
    engine.clock.advance(1)
    builders.subscribe(engine, shop, 2, email(BERT))
    with pytest.raises(Stale):
        engine.subscriptions.put(replace(before, seen_at=before.seen_at + 1, revision=before.revision + 1), before)
