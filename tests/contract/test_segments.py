"""Sifting an app's subscriptions by a rule, and rules at rest: as segments, and as the audience of a send."""

from dataclasses import replace

import pytest

from tests.contract.records import APP, NOW, OTHER_APP, UNLIMITED, send, subscription
from tests.contract.stores import Stores
from tests.memory import subscriptions as in_memory
from tests.unit.domain.test_segment import ANNA, FALSE, NOBODY_KNOWN, TRUE
from tocsin.adapters.dynamodb import subscriptions as on_dynamodb
from tocsin.adapters.dynamodb.segment_record import SEGMENTS
from tocsin.application.jobs import Recipient
from tocsin.domain.ids import ALL_SHARDS, SegmentId
from tocsin.domain.matching import matches
from tocsin.domain.parts import shards_of
from tocsin.domain.segment import AllOf, Anybody, AnyOf, Condition, Field, Not, Operator, Rule, Segment
from tocsin.domain.send import Charge, Matching
from tocsin.domain.subscription import Device, Subscription, SubscriptionState

RULE: Rule = AllOf(
    (
        Condition(Field.LABELS, Operator.HAS_ANY, ("vip", "é")),
        AnyOf(
            (
                Condition(Field.CUSTOM, Operator.LESS_THAN, 0.1, ("a", "b")),
                Not(Condition(Field.SEEN_AT, Operator.WITHIN_DAYS, 30)),
                Condition(Field.OS, Operator.EXISTS),
            )
        ),
    )
)


FIREFOX = Condition(Field.BROWSER, Operator.EQUALS, "firefox")
NOBODY = Not(Condition(Field.CREATED_AT, Operator.WITHIN_DAYS, 1))


def sifted(
    stores: Stores, rule: Rule, stride: int, shards: range = ALL_SHARDS, now: float = NOW
) -> tuple[list[Recipient], int]:
    """Whom a sifting meets, stretch by stretch, and how many it looked at."""
    met, seen, after = list[Recipient](), 0, None
    while True:
        stretch = stores.subscriptions.sift(APP, rule, now, after, stride, shards)
        assert len(stretch.recipients) <= stride
        met += stretch.recipients
        seen += stretch.seen
        if (after := stretch.after) is None:
            return met, seen


@pytest.fixture
def everybody(stores: Stores) -> list[Subscription]:
    """Seventy who can be sent to, and others."""
    active = [
        replace(subscription(number), device=Device(browser="Chrome" if number % 3 else "Firefox"))
        for number in range(70)
    ]
    gone = [subscription(number, state=SubscriptionState.EXPIRED) for number in range(100, 110)]
    for one in (*active, *gone, replace(subscription(120), app=OTHER_APP)):
        stores.subscriptions.put(one, None)
    return active


@pytest.mark.parametrize("stride", [1, 7, 1000])
def test_a_sifting_finds_all_active_ones_that_are_meant_and_each_once(
    stores: Stores, everybody: list[Subscription], stride: int
) -> None:
    firefox = [Recipient.of(one) for one in everybody if one.device.browser == "Firefox"]
    met, seen = sifted(stores, FIREFOX, stride)
    assert sorted(met, key=lambda one: one.id) == sorted(firefox, key=lambda one: one.id)
    assert seen == len(everybody)


def test_a_sifting_keeps_to_its_shards_and_goes_in_the_order_of_a_walk(
    stores: Stores, everybody: list[Subscription]
) -> None:
    parts = [sifted(stores, Anybody(), 4, shards_of(part, 2))[0] for part in range(2)]
    walked = stores.subscriptions.walk(APP, None, 1000).recipients
    assert [one for part in parts for one in part] == list(walked)
    assert len(walked) == len(everybody)


@pytest.mark.usefixtures("everybody")
def test_a_stretch_ends_after_some_that_were_looked_at_though_nobody_is_meant(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (in_memory, on_dynamodb):
        monkeypatch.setattr(module, "LOOKED_AT", 30)
    first = stores.subscriptions.sift(APP, NOBODY, NOW, None, 5)
    assert (first.recipients, first.seen) == ([], 30)
    assert first.after is not None
    assert sifted(stores, NOBODY, 5) == ([], 70)


def test_a_condition_means_the_same_of_what_is_stored(stores: Stores) -> None:
    for one in (ANNA, NOBODY_KNOWN):
        stores.subscriptions.put(one, None)
    rules: list[Rule] = [*TRUE, *FALSE, *map(Not, TRUE), *map(Not, FALSE)]
    for rule in rules:
        meant = [one.id for one in (ANNA, NOBODY_KNOWN) if matches(rule, one, NOW)]
        assert [
            one.id for one in stores.subscriptions.sift(APP, rule, NOW, None, 9, range(1, 3)).recipients
        ] == meant, rule


def test_days_are_counted_from_the_time_that_is_given(stores: Stores) -> None:
    stores.subscriptions.put(subscription(1), None)
    assert [len(sifted(stores, NOBODY, 1, now=NOW + days * 86_400)[0]) for days in (0, 1, 2)] == [0, 0, 1]


def test_who_was_created_later_than_is_asked_for_is_passed_over(stores: Stores) -> None:
    for number in range(6):
        stores.subscriptions.put(subscription(number, created_at=NOW + number), None)
    known = [subscription(number).id for number in range(4)]
    store, by, after = stores.subscriptions, NOW + 3, None
    met = list(store.sift(APP, Anybody(), NOW, None, 9, known_by=by).recipients)
    assert [one.id for one in met] == known
    met = []
    while True:
        stretch = store.walk(APP, after, 2, known_by=by)
        met += stretch.recipients
        if (after := stretch.after) is None:
            break
    assert [one.id for one in met] == known


def test_a_segment_is_kept_with_its_rule_as_it_is(stores: Stores) -> None:
    segments = stores.catalogue(SEGMENTS)
    segment = Segment(APP, SegmentId("ab" * 12), "Customers", None, RULE, NOW, NOW)
    segments.put(segment)
    described = replace(segment, description="Who pays", updated_at=NOW + 5, revision=1)
    segments.put(described)
    assert segments.get(APP, segment.id) == described
    assert segments.listed(APP, 10, None).items == [described]


def test_a_send_keeps_the_rule_that_it_was_made_with(stores: Stores) -> None:
    to_members = replace(send(1, audience=Matching(RULE), charge=Charge.QUOTA), asked_at=NOW - 90)
    stores.sends.reserve(to_members, None, None, NOW + 60, UNLIMITED)
    assert stores.sends.get(APP, to_members.id) == to_members
