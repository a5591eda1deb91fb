"""The contract of Subscriptions."""

from dataclasses import replace

import pytest

from tests.contract.records import (
    ANNA,
    APP,
    BERT,
    NOW,
    OTHER_APP,
    UNLIMITED,
    changed,
    counted,
    entry,
    send,
    subscription,
)
from tests.contract.stores import Stores
from tocsin.application.jobs import Recipient
from tocsin.application.ports import Gone, Place, Stale
from tocsin.domain.identity import Identity, IdentityKind
from tocsin.domain.ids import ALL_SHARDS, SendId, SubscriptionId, shard_of
from tocsin.domain.parts import shards_of
from tocsin.domain.report import Report
from tocsin.domain.send import Charge, Chosen, Tally
from tocsin.domain.subscription import (
    FCM_KEY,
    Activity,
    Broadcasts,
    Counts,
    Device,
    Platform,
    Subscription,
    SubscriptionState,
    notified,
)

STATES = tuple(SubscriptionState)
ACTIVE, INACTIVE, EXPIRED, UNREGISTERED, BOUNCED = STATES
FIRST_SEND, SECOND_SEND = SendId("01" * 12), SendId("02" * 12)


def put_new(stores: Stores, *several: Subscription) -> None:
    for one in several:
        stores.subscriptions.put(one, None)


def gone_now(one: Subscription) -> Gone:
    return Gone(one.id, one.endpoint, one.vapid_key)


def place(one: Subscription) -> Place:
    return Place(one.created_at, one.id)


def stored(stores: Stores, one: Subscription) -> Subscription:
    found = stores.subscriptions.get(one.app, one.id)
    assert found is not None
    return found


def by_state_and_key(stores: Stores) -> Counts:
    return replace(stores.subscriptions.counts(APP), by_shard=())


def walked(stores: Stores, shards: range, stride: int) -> list[Recipient]:
    """Everyone whom a walk through these shards meets."""
    met: list[Recipient] = []
    after = None
    while True:
        stretch = stores.subscriptions.walk(APP, after, stride, shards)
        met += stretch.recipients
        if (after := stretch.after) is None:
            return met
        assert len(stretch.recipients) == stride


def broadcast(stores: Stores, number: int, at: int = NOW, *, reserved: int = 101) -> None:
    """Send to everyone, paid by nobody."""
    one = send(number, reserved, charge=Charge.NONE)
    stores.sends.reserve(one, None, None, NOW, UNLIMITED)
    assert stores.sends.settle(one, Tally(accepted=1), Report(), at)


def test_a_subscription_is_read_back_as_it_was(stores: Stores) -> None:
    full = replace(
        subscription(1, ANNA, BERT),
        labels=("a", "b"),
        device=Device("en", "Europe/Zurich", True, "Firefox", "141.0", "Linux", "desktop", "CH"),
        address=b"\x00sealed\xff",
        activity=Activity(-3, NOW, SendId("ab" * 12)),
        updated_at=NOW + 1,
        custom={"plan": "pro", "score": 0.1, "tags": [None, True, {"é": -7}]},
        rejections=2,
        replaced_by=subscription(7).id,
        subscribed_at=NOW + 2,
    )
    bare = replace(subscription(2), device=Device())
    put_new(stores, full, bare)
    assert stores.subscriptions.get(APP, full.id) == full
    assert stores.subscriptions.get(APP, bare.id) == bare


def test_a_phone_is_read_back_as_it_was_and_walked_with_the_others(stores: Stores) -> None:
    phone = replace(subscription(1), endpoint="fcm:a:b", keys=None, vapid_key=FCM_KEY, platform=Platform.IOS)
    browser = subscription(2)
    put_new(stores, phone, browser)
    assert stores.subscriptions.get(APP, phone.id) == phone
    assert stores.subscriptions.load(APP, [phone.id])[phone.id] == phone
    assert set(stores.subscriptions.walk(APP, None, 2).recipients) == {Recipient.of(phone), Recipient.of(browser)}
    assert stores.subscriptions.counts(APP).by_key == {FCM_KEY: 1, browser.vapid_key: 1}


def test_a_phone_that_is_gone_is_counted_out(stores: Stores) -> None:
    phone = replace(subscription(1), endpoint="fcm:a:b", keys=None, vapid_key=FCM_KEY, platform=Platform.ANDROID)
    put_new(stores, phone)
    stores.subscriptions.expire_all(APP, [Gone(phone.id, phone.endpoint, FCM_KEY)])
    counts = stores.subscriptions.counts(APP)
    assert (counts.active, counts.expired, counts.by_key) == (0, 1, {})


def test_a_foreign_app_sees_nothing(stores: Stores) -> None:
    mine = subscription(1, ANNA)
    put_new(stores, mine)
    assert stores.subscriptions.get(OTHER_APP, mine.id) is None
    assert stores.subscriptions.of(OTHER_APP, [ANNA]) == []
    assert stores.subscriptions.load(OTHER_APP, [mine.id]) == {}
    assert stores.subscriptions.walk(OTHER_APP, None, 10).recipients == []
    assert stores.subscriptions.counts(OTHER_APP) == counted()
    assert not stores.subscriptions.expire(OTHER_APP, mine.id, mine.endpoint, "vapid-1")
    assert stores.subscriptions.known(OTHER_APP, ANNA) == []
    assert stores.subscriptions.listed(OTHER_APP, STATES, None, 10) == []
    stores.subscriptions.note_accepted(OTHER_APP, SendId("ab" * 12), [mine.id], NOW)
    stores.subscriptions.mark(APP, "active", 1, place(mine))
    assert stores.subscriptions.marks(OTHER_APP, "active") == {}
    with pytest.raises(Stale):
        stores.subscriptions.erase(replace(mine, app=OTHER_APP))
    assert stores.subscriptions.get(APP, mine.id) == mine


def test_the_same_endpoint_at_two_apps_is_two_subscriptions(stores: Stores) -> None:
    mine, theirs = subscription(1, ANNA), subscription(1, ANNA, owner=OTHER_APP)
    put_new(stores, mine, theirs)
    assert stores.subscriptions.of(APP, [ANNA]) == [mine]
    assert stores.subscriptions.of(OTHER_APP, [ANNA]) == [theirs]


def test_a_second_first_put_is_stale_and_changes_nothing(stores: Stores) -> None:
    put_new(stores, subscription(1, ANNA))
    with pytest.raises(Stale):
        stores.subscriptions.put(subscription(1, BERT), None)
    assert stores.subscriptions.get(APP, subscription(1).id) == subscription(1, ANNA)
    assert stores.subscriptions.of(APP, [BERT]) == []
    assert stores.subscriptions.counts(APP) == counted(subscription(1))


def test_a_stale_put_changes_nothing_not_even_the_counters(stores: Stores) -> None:
    first = subscription(1, ANNA)
    second = changed(first, identities=(BERT,))
    put_new(stores, first)
    stores.subscriptions.put(second, first)
    with pytest.raises(Stale):
        stores.subscriptions.put(changed(first, state=INACTIVE), first)
    assert stores.subscriptions.get(APP, first.id) == second
    assert stores.subscriptions.counts(APP) == counted(second)


def test_a_stale_put_that_moves_no_counter_is_stale_too(stores: Stores) -> None:
    first = subscription(1)
    second = changed(first)
    put_new(stores, first)
    stores.subscriptions.put(second, first)
    with pytest.raises(Stale):
        stores.subscriptions.put(replace(second, labels=("late",)), first)
    assert stores.subscriptions.get(APP, first.id) == second


def test_a_put_over_nothing_is_stale(stores: Stores) -> None:
    missing = subscription(1)
    with pytest.raises(Stale):
        stores.subscriptions.put(changed(missing, state=INACTIVE), missing)
    assert stores.subscriptions.get(APP, missing.id) is None
    assert stores.subscriptions.counts(APP) == counted()


def test_a_put_over_an_older_record_than_was_read_is_stale(stores: Stores) -> None:
    first = subscription(1)
    never_stored = changed(first)
    put_new(stores, first)
    with pytest.raises(Stale):
        stores.subscriptions.put(changed(never_stored, state=INACTIVE), never_stored)
    assert stores.subscriptions.get(APP, first.id) == first


def test_a_moved_identity_finds_the_new_owner_only(stores: Stores) -> None:
    first = subscription(1, ANNA)
    moved = changed(first, identities=(BERT,))
    put_new(stores, first)
    stores.subscriptions.put(moved, first)
    assert stores.subscriptions.of(APP, [ANNA]) == []
    assert stores.subscriptions.of(APP, [BERT]) == [moved]


def test_people_get_each_active_subscription_once_most_recent_first(stores: Stores) -> None:
    both = subscription(1, ANNA, BERT, seen_at=NOW + 1)
    newer, older = subscription(2, ANNA, seen_at=NOW + 2), subscription(33, BERT, seen_at=NOW)
    dead = subscription(4, ANNA, state=EXPIRED, seen_at=NOW + 9)
    put_new(stores, both, newer, older, dead, subscription(5))
    assert stores.subscriptions.of(APP, [ANNA, BERT, ANNA]) == [newer, both, older]


def test_a_person_with_more_subscriptions_than_one_batch_reads_gets_all(stores: Stores) -> None:
    put_new(stores, *(subscription(number, ANNA) for number in range(101)))
    assert len(stores.subscriptions.of(APP, [ANNA])) == 101


def test_loading_leaves_out_what_does_not_exist(stores: Stores) -> None:
    active, dead = subscription(1), subscription(2, state=EXPIRED)
    put_new(stores, active, dead)
    wanted = [dead.id, SubscriptionId("ff" * 12), active.id, dead.id]
    assert stores.subscriptions.load(APP, wanted) == {active.id: active, dead.id: dead}
    assert stores.subscriptions.load(APP, []) == {}


@pytest.mark.parametrize("limit", [1, 3, 7, 50])
def test_a_walk_meets_every_active_one_once_whatever_the_stride(stores: Stores, limit: int) -> None:
    everyone = [subscription(number) for number in (*range(12), 32, 64, 33)]
    put_new(stores, *everyone, *(subscription(number, ANNA, state=EXPIRED) for number in (96, 13, 255)))
    met: list[Recipient] = []
    after, strides = None, 0
    while True:
        stretch = stores.subscriptions.walk(APP, after, limit)
        met += stretch.recipients
        strides += 1
        if (after := stretch.after) is None:
            break
        assert len(stretch.recipients) == limit
    assert sorted(met, key=lambda one: one.id) == sorted(map(Recipient.of, everyone), key=lambda one: one.id)
    assert len({one.id for one in met}) == len(met)
    assert strides == -(-len(everyone) // limit)


@pytest.mark.parametrize("parts", [1, 2, 4, 8, 16, 32])
@pytest.mark.parametrize("stride", [1, 4, 100])
def test_the_walks_of_all_parts_meet_every_active_one_once(stores: Stores, parts: int, stride: int) -> None:
    everyone = [subscription(number) for number in (*range(24), 32, 64, 33, 63, 95, 255)]
    put_new(stores, *everyone, *(subscription(number, state=EXPIRED) for number in (96, 31, 127)))
    met: list[Recipient] = []
    for part in range(parts):
        shards = shards_of(part, parts)
        found = walked(stores, shards, stride)
        assert all(shard_of(one.id) in shards for one in found)
        met += found
    assert [one.id for one in sorted(met, key=lambda one: one.id)] == sorted(one.id for one in everyone)


def test_a_walk_through_some_shards_never_leaves_them_wherever_it_goes_on(stores: Stores) -> None:
    put_new(stores, *(subscription(number) for number in range(8)))
    at_the_third = stores.subscriptions.walk(APP, None, 3).after
    assert [shard_of(one.id) for one in stores.subscriptions.walk(APP, at_the_third, 9, range(5, 7)).recipients] == [
        5,
        6,
    ]
    assert stores.subscriptions.walk(APP, at_the_third, 9, range(2)).recipients == []


def test_active_ones_are_counted_in_their_shards_as_a_walk_finds_them(stores: Stores) -> None:
    several = [subscription(number) for number in (0, 32, 64, 1, 31, 63, 17)]
    put_new(stores, *several, subscription(96, state=INACTIVE), subscription(5, state=EXPIRED))
    gone, moved, away = several[0], several[3], several[4]
    assert stores.subscriptions.expire(APP, gone.id, gone.endpoint, "vapid-1")
    stores.subscriptions.put(changed(moved, vapid_key="vapid-2"), moved)
    stores.subscriptions.put(changed(away, state=UNREGISTERED), away)
    by_shard = stores.subscriptions.counts(APP).by_shard
    assert by_shard == tuple(len(walked(stores, range(shard, shard + 1), 9)) for shard in ALL_SHARDS)
    assert {shard: number for shard, number in enumerate(by_shard) if number} == {0: 2, 1: 1, 17: 1, 31: 1}
    assert stores.subscriptions.counts(OTHER_APP).by_shard == (0,) * 32


def test_a_walk_keeps_its_order_when_somebody_arrives(stores: Stores) -> None:
    put_new(stores, *(subscription(number) for number in (1, 2, 3, 4)))
    first = stores.subscriptions.walk(APP, None, 2)
    put_new(stores, subscription(0), subscription(40))
    rest = stores.subscriptions.walk(APP, first.after, 10)
    assert [one.endpoint[-1] for one in first.recipients] == ["1", "2"]
    assert [one.endpoint.rsplit("/")[-1] for one in rest.recipients] == ["3", "4", "40"]


def test_expiring_marks_and_counts_once(stores: Stores) -> None:
    alive = subscription(1, ANNA)
    put_new(stores, alive)
    assert stores.subscriptions.expire(APP, alive.id, alive.endpoint, "vapid-1")
    assert not stores.subscriptions.expire(APP, alive.id, alive.endpoint, "vapid-1")
    assert stores.subscriptions.get(APP, alive.id) == changed(alive, state=EXPIRED)
    assert stores.subscriptions.counts(APP) == counted(changed(alive, state=EXPIRED))
    assert stores.subscriptions.of(APP, [ANNA]) == []


def test_a_late_report_does_not_expire_a_new_endpoint_or_a_withdrawn_one(stores: Stores) -> None:
    renewed, withdrawn = subscription(1), subscription(2, state=INACTIVE)
    put_new(stores, renewed, withdrawn)
    assert not stores.subscriptions.expire(APP, renewed.id, "https://push.example/old", "vapid-1")
    assert not stores.subscriptions.expire(APP, renewed.id, renewed.endpoint, "vapid-0")
    assert not stores.subscriptions.expire(APP, withdrawn.id, withdrawn.endpoint, "vapid-1")
    assert not stores.subscriptions.expire(APP, SubscriptionId("ff" * 12), "https://push.example/1", "vapid-1")
    assert stores.subscriptions.counts(APP) == counted(renewed, withdrawn)
    assert stores.subscriptions.get(APP, SubscriptionId("ff" * 12)) is None


@pytest.fixture
def _one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is played on one thread only cannot be asked side by side."""
    monkeypatch.setattr("tocsin.adapters.dynamodb.side_by_side.AT_ONCE", 1)


@pytest.mark.usefixtures("_one_after_the_other")
def test_several_that_are_gone_expire_together_and_late_reports_change_nothing(stores: Stores) -> None:
    several = [subscription(number, ANNA) for number in (1, 33, 65, 2, 3)]
    renewed, withdrawn, missing = subscription(97), subscription(34, state=INACTIVE), subscription(99)
    put_new(stores, *several, renewed, withdrawn)
    late = [replace(gone_now(renewed), endpoint="https://push.example/old"), gone_now(withdrawn), gone_now(missing)]
    stores.subscriptions.expire_all(APP, [*late, *map(gone_now, several), gone_now(several[0])])
    expired = [changed(one, state=EXPIRED) for one in several]
    assert stores.subscriptions.counts(APP) == counted(*expired, renewed, withdrawn)
    assert [stored(stores, one) for one in several] == expired
    assert (stored(stores, renewed), stored(stores, withdrawn)) == (renewed, withdrawn)
    assert stores.subscriptions.get(APP, missing.id) is None


@pytest.mark.usefixtures("_one_after_the_other")
def test_many_that_are_gone_expire_whatever_fits_one_write(stores: Stores) -> None:
    several = [subscription(32 * number) for number in range(120)]
    put_new(stores, *several)
    stores.subscriptions.expire_all(APP, [gone_now(one) for one in several])
    assert stores.subscriptions.counts(APP) == counted(*(changed(one, state=EXPIRED) for one in several))


@pytest.mark.usefixtures("_one_after_the_other")
def test_a_foreign_app_expires_nobody_and_nobody_is_no_work(stores: Stores) -> None:
    one = subscription(1)
    put_new(stores, one)
    stores.subscriptions.expire_all(OTHER_APP, [gone_now(one)])
    stores.subscriptions.expire_all(APP, [])
    assert stored(stores, one) == one
    assert stores.subscriptions.counts(OTHER_APP) == counted()


def test_a_put_that_read_before_an_expiry_is_stale(stores: Stores) -> None:
    alive = subscription(1)
    put_new(stores, alive)
    stores.subscriptions.expire(APP, alive.id, alive.endpoint, "vapid-1")
    with pytest.raises(Stale):
        stores.subscriptions.put(changed(alive), alive)


def test_counters_follow_every_change_of_state(stores: Stores) -> None:
    first = subscription(1, ANNA)
    withdrawn = changed(first, state=INACTIVE)
    back = changed(withdrawn, state=SubscriptionState.ACTIVE)
    put_new(stores, first, subscription(40), subscription(2))
    stores.subscriptions.put(withdrawn, first)
    assert stores.subscriptions.counts(APP) == counted(withdrawn, subscription(40), subscription(2))
    assert stores.subscriptions.of(APP, [ANNA]) == []
    stores.subscriptions.put(back, withdrawn)
    assert stores.subscriptions.counts(APP) == counted(back, subscription(40), subscription(2))
    assert stores.subscriptions.of(APP, [ANNA]) == [back]


def test_counters_by_key_hold_active_ones_only_and_follow_every_change(stores: Stores) -> None:
    first, second = subscription(1, vapid_key="Ab_-"), subscription(33, vapid_key="Ab_-")
    put_new(stores, first, second, subscription(2), subscription(3, state=INACTIVE, vapid_key="dead"))
    assert by_state_and_key(stores) == Counts(3, 1, 0, 0, {"Ab_-": 2, "vapid-1": 1}, ())
    renewed = changed(first, vapid_key="vapid-1")
    stores.subscriptions.put(renewed, first)
    assert by_state_and_key(stores) == Counts(3, 1, 0, 0, {"Ab_-": 1, "vapid-1": 2}, ())
    unregistered = changed(renewed, state=UNREGISTERED)
    stores.subscriptions.put(unregistered, renewed)
    assert by_state_and_key(stores) == Counts(2, 1, 0, 1, {"Ab_-": 1, "vapid-1": 1}, ())
    stores.subscriptions.put(changed(unregistered, state=ACTIVE, vapid_key="new"), unregistered)
    assert by_state_and_key(stores) == Counts(3, 1, 0, 0, {"Ab_-": 1, "vapid-1": 1, "new": 1}, ())
    assert stores.subscriptions.expire(APP, second.id, second.endpoint, "Ab_-")
    assert by_state_and_key(stores) == Counts(2, 1, 1, 0, {"vapid-1": 1, "new": 1}, ())
    assert stores.subscriptions.counts(APP).of([ACTIVE, EXPIRED]) == 3


def test_a_put_with_an_audit_entry_stores_both_or_neither(stores: Stores) -> None:
    first = subscription(1)
    second = changed(first)
    put_new(stores, first)
    stores.subscriptions.put(second, first, entry(1))
    with pytest.raises(Stale):
        stores.subscriptions.put(changed(first, state=INACTIVE), first, entry(2))
    assert stored(stores, first) == second
    assert [one.id for one in stores.registry.audit(APP, 10, None).items] == [entry(1).id]


def test_erasing_removes_the_subscription_its_names_and_its_count(stores: Stores) -> None:
    one, other = subscription(1, ANNA, BERT), subscription(33, ANNA)
    put_new(stores, one, other)
    stores.subscriptions.erase(one)
    assert stores.subscriptions.get(APP, one.id) is None
    assert stores.subscriptions.known(APP, ANNA) == [other]
    assert stores.subscriptions.known(APP, BERT) == []
    assert stores.subscriptions.listed(APP, STATES, None, 10) == [place(other)]
    assert stores.subscriptions.counts(APP) == counted(other)
    with pytest.raises(Stale):
        stores.subscriptions.erase(one)
    put_new(stores, one)
    assert stores.subscriptions.counts(APP) == counted(one, other)


def test_erasing_what_changed_since_it_was_read_is_stale(stores: Stores) -> None:
    first = subscription(1, ANNA)
    second = changed(first, identities=(BERT,))
    put_new(stores, first)
    stores.subscriptions.put(second, first)
    with pytest.raises(Stale):
        stores.subscriptions.erase(first)
    assert stored(stores, first) == second
    assert stores.subscriptions.counts(APP) == counted(second)
    assert stores.subscriptions.known(APP, BERT) == [second]


def test_known_lists_a_persons_subscriptions_in_whatever_state_newest_first(stores: Stores) -> None:
    oldest = subscription(1, ANNA, state=EXPIRED, created_at=NOW - 1)
    newest = subscription(2, ANNA, BERT, created_at=NOW + 1)
    same_time = subscription(3, ANNA, state=UNREGISTERED, created_at=NOW + 1)
    moved = subscription(4, ANNA)
    put_new(stores, newest, oldest, same_time, moved, subscription(5, BERT))
    stores.subscriptions.put(changed(moved, identities=()), moved)
    assert stores.subscriptions.known(APP, ANNA) == [same_time, newest, oldest]


def test_many_people_are_asked_for_side_by_side_and_nobody_is_missed(stores: Stores) -> None:
    people = [Identity(IdentityKind.EXTERNAL, f"user {number}") for number in range(70)]
    everybody = [subscription(number, person) for number, person in enumerate(people[:40])]
    put_new(stores, *everybody)
    assert {one.id for one in stores.subscriptions.of(APP, people)} == {one.id for one in everybody}


@pytest.mark.row("CS-27", "CS-28")
@pytest.mark.parametrize("limit", [1, 3, 8, 100])
def test_a_listing_meets_everyone_in_its_states_once_newest_first(stores: Stores, limit: int) -> None:
    several = [subscription(number, state=STATES[number % 4], created_at=NOW + number * 7 % 11) for number in range(40)]
    put_new(stores, *several)
    for states in ([ACTIVE], [INACTIVE, EXPIRED], STATES):
        met: list[Place] = []
        while stretch := stores.subscriptions.listed(APP, states, met[-1] if met else None, limit):
            assert len(stretch) <= limit
            met += stretch
        expected = [place(one) for one in several if one.state in states]
        assert met == sorted(expected, reverse=True)
    assert stores.subscriptions.listed(APP, [], None, limit) == []


def test_a_listing_of_one_shard_alone_is_whole(stores: Stores) -> None:
    """Ids that all fall into one index partition are read on until the page is full."""
    several = [subscription(4 * number) for number in range(40)]
    put_new(stores, *several)
    assert stores.subscriptions.listed(APP, [ACTIVE], None, 30) == sorted(map(place, several), reverse=True)[:30]


def test_a_listing_follows_every_change_of_state(stores: Stores) -> None:
    first, second = subscription(1), subscription(2)
    put_new(stores, first, second)
    stores.subscriptions.put(changed(first, state=UNREGISTERED), first)
    assert stores.subscriptions.expire(APP, second.id, second.endpoint, "vapid-1")
    by_state = {state: stores.subscriptions.listed(APP, [state], None, 10) for state in STATES}
    filled = {EXPIRED: [place(second)], UNREGISTERED: [place(first)]}
    assert by_state == {state: filled.get(state, []) for state in STATES}


def test_places_of_a_listing_are_kept_for_five_minutes(stores: Stores) -> None:
    first, second = place(subscription(1)), place(subscription(2))
    stores.subscriptions.mark(APP, "active", 1000, first)
    stores.clock.advance(200)
    stores.subscriptions.mark(APP, "active", 2000, second)
    stores.subscriptions.mark(APP, "active#2", 3000, second)
    assert stores.subscriptions.marks(APP, "active") == {1000: first, 2000: second}
    stores.clock.advance(100)
    assert stores.subscriptions.marks(APP, "active") == {2000: second}
    stores.subscriptions.mark(APP, "active", 2000, first)
    stores.clock.advance(299)
    assert stores.subscriptions.marks(APP, "active") == {2000: first}
    stores.clock.advance(1)
    assert stores.subscriptions.marks(APP, "active") == {}


@pytest.mark.row("CS-29")
def test_an_accepted_notification_counts_once_for_each_send(stores: Stores) -> None:
    one, two = subscription(1), subscription(2, state=EXPIRED)
    put_new(stores, one, two, subscription(3))
    both = [one.id, two.id, SubscriptionId("ff" * 12), one.id]
    stores.subscriptions.note_accepted(APP, FIRST_SEND, both, NOW + 5)
    stores.subscriptions.note_accepted(APP, FIRST_SEND, both, NOW + 6)
    assert stored(stores, one).activity == stored(stores, two).activity == Activity(1, NOW + 5, FIRST_SEND)
    stores.subscriptions.note_accepted(APP, SECOND_SEND, [one.id], NOW + 7)
    assert stored(stores, one) == replace(one, activity=Activity(2, NOW + 7, SECOND_SEND), revision=2)
    assert stored(stores, two).revision == 1
    assert stored(stores, subscription(3)) == subscription(3)
    assert stores.subscriptions.get(APP, SubscriptionId("ff" * 12)) is None
    stores.subscriptions.note_accepted(APP, SECOND_SEND, [], NOW)
    with pytest.raises(Stale):
        stores.subscriptions.put(changed(one), one)


@pytest.mark.row("CS-29")
def test_a_large_send_to_everyone_is_counted_once_for_the_app(stores: Stores) -> None:
    assert stores.subscriptions.broadcasts(APP) == Broadcasts()
    broadcast(stores, 1, NOW + 5)
    broadcast(stores, 2, NOW + 9)
    broadcast(stores, 3, NOW + 10, reserved=100)
    to_people = send(4, 101, charge=Charge.NONE, audience=Chosen((ANNA,)))
    stores.sends.reserve(to_people, None, None, NOW, UNLIMITED)
    stores.sends.settle(to_people, Tally(), Report(), NOW + 11)
    assert not stores.sends.settle(send(1, 101, charge=Charge.NONE), Tally(), Report(), NOW + 12)
    assert stores.subscriptions.broadcasts(APP) == Broadcasts(2, NOW + 9)
    assert stores.subscriptions.broadcasts(OTHER_APP) == Broadcasts()


def test_expiring_keeps_how_many_notifications_were_sent(stores: Stores) -> None:
    broadcast(stores, 1)
    one = replace(subscription(1), activity=Activity(-1))
    put_new(stores, one)
    broadcast(stores, 2)
    stores.subscriptions.note_accepted(APP, FIRST_SEND, [one.id], NOW)
    assert notified(stored(stores, one), stores.subscriptions.broadcasts(APP)) == 2
    assert stores.subscriptions.expire(APP, one.id, one.endpoint, "vapid-1")
    broadcast(stores, 3)
    assert notified(stored(stores, one), stores.subscriptions.broadcasts(APP)) == 2
    assert stored(stores, one).activity.notified == 2


def test_three_refusals_in_a_row_bounce_a_subscription_and_count_it_so(stores: Stores) -> None:
    one, other = subscription(1), subscription(2)
    put_new(stores, one, other)
    broadcast(stores, 1)
    for refusals in (1, 2):
        stores.subscriptions.note_rejected(APP, [gone_now(one)])
        assert stored(stores, one) == replace(one, rejections=refusals, revision=refusals)
    stores.clock.sleep(5)
    stores.subscriptions.note_rejected(APP, [gone_now(one), gone_now(other)])
    bounced = stored(stores, one)
    assert (bounced.state, bounced.updated_at, bounced.activity.notified) == (BOUNCED, NOW + 5, 1)
    assert by_state_and_key(stores) == Counts(active=1, bounced=1, by_key={"vapid-1": 1}, by_shard=())
    assert stores.subscriptions.listed(APP, [BOUNCED], None, 9) == [place(one)]
    stores.subscriptions.note_rejected(APP, [gone_now(one)])
    assert stored(stores, one) == bounced


def test_an_acceptance_ends_a_row_of_refusals(stores: Stores) -> None:
    one = subscription(1)
    put_new(stores, one)
    for number in (1, 2, 3):
        for _ in range(2):
            stores.subscriptions.note_rejected(APP, [gone_now(one)])
        stores.subscriptions.note_accepted(APP, send(number).id, [one.id], NOW)
    assert (stored(stores, one).state, stored(stores, one).rejections) == (ACTIVE, 0)


def test_a_late_refusal_of_what_has_changed_counts_nothing(stores: Stores) -> None:
    one = subscription(1)
    put_new(stores, one)
    late = Gone(one.id, "https://push.example/earlier", one.vapid_key), Gone(one.id, one.endpoint, "earlier")
    stores.subscriptions.note_rejected(APP, [*late, gone_now(subscription(9))])
    stores.subscriptions.note_rejected(OTHER_APP, [gone_now(one)])
    assert stored(stores, one) == one


@pytest.mark.parametrize("numbers", [(1, 2), (1, 33)], ids=["in two shards", "in one shard"])
def test_a_browser_moves_in_one_write_or_not_at_all(stores: Stores, numbers: tuple[int, int]) -> None:
    first, second = (subscription(number) for number in numbers)
    stores.subscriptions.put(first, None)
    ended = replace(first, state=SubscriptionState.INACTIVE, revision=first.revision + 1)
    stores.subscriptions.put_all([(second, None), (ended, first)])
    counts = stores.subscriptions.counts(APP)
    assert (counts.active, counts.inactive, counts.by_key) == (1, 1, {second.vapid_key: 1})
    third = subscription(3)
    with pytest.raises(Stale):
        stores.subscriptions.put_all([(third, None), (ended, first)])
    assert stores.subscriptions.get(APP, third.id) is None
    assert stores.subscriptions.counts(APP) == counts
