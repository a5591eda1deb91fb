"""Subscriptions as lists: every one on exactly one page, exact totals, offsets by kept places, and figures of each."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import pytest

from tests.builders import ANNA, app, email, external, subscribe, subscribe_command
from tests.engine import MemoryEngine
from tests.memory.subscriptions import MemorySubscriptions
from tocsin.application.listing import EVERY_STATE, MAX_OFFSET, Listing, ListingPage, States
from tocsin.application.ports import Place
from tocsin.domain.errors import Fault, Refused
from tocsin.domain.identity import IdentityKind
from tocsin.domain.ids import AppId, SendId, SubscriptionId
from tocsin.domain.subscription import Broadcasts, Subscription, SubscriptionState
from tocsin.domain.tenancy import App

ACTIVE: States = frozenset({SubscriptionState.ACTIVE})
GONE: States = frozenset({SubscriptionState.EXPIRED, SubscriptionState.UNREGISTERED})


class CountedReads(MemorySubscriptions):
    """Notes how many index entries each call to `listed` asked for."""

    asked: list[int]

    def listed(
        self, app: AppId, states: Collection[SubscriptionState], after: Place | None, limit: int
    ) -> Sequence[Place]:
        """As ever."""
        self.asked.append(limit)
        return super().listed(app, states, after, limit)


@dataclass(frozen=True, slots=True)
class Scene:
    """An app with many subscriptions; `everybody` in the order of a list."""

    engine: MemoryEngine
    subscriptions: CountedReads
    listing: Listing
    app: App
    everybody: list[Subscription]

    def ids(self, *states: SubscriptionState) -> list[SubscriptionId]:
        """Those in these states, in the order of a list."""
        return [one.id for one in self.everybody if one.state in (states or EVERY_STATE)]

    def asked(self) -> list[int]:
        """How many entries the reads since the last call asked for."""
        asked, self.subscriptions.asked = self.subscriptions.asked, []
        return asked


def scene(count: int) -> Scene:
    """`count` subscriptions, seven created in each second, every third of them gone."""
    engine = MemoryEngine()
    subscriptions = CountedReads(engine.storage, engine.clock)
    subscriptions.asked = []
    owner = app(engine)
    pattern = subscribe(engine, owner)
    engine.subscriptions.erase(pattern)
    gone = sorted(GONE)
    everybody = [
        replace(
            pattern,
            id=SubscriptionId(engine.randomness.new_id()),
            created_at=1_700_000_000 + number // 7,
            state=gone[number % 2] if number % 3 == 0 else SubscriptionState.ACTIVE,
        )
        for number in range(count)
    ]
    for one in everybody:
        engine.subscriptions.put(one, None)
    everybody.sort(key=lambda one: (one.created_at, one.id), reverse=True)
    return Scene(engine, subscriptions, Listing(subscriptions, engine.derivation, engine.clock), owner, everybody)


def shown(page: ListingPage) -> list[SubscriptionId]:
    """The ids on a page."""
    return [view.subscription.id for view in page.views]


@pytest.mark.parametrize("states", [EVERY_STATE, ACTIVE, GONE])
def test_pages_by_place_hold_everyone_once_and_end_with_none(states: States) -> None:
    many = scene(60)
    expected = many.ids(*states)
    for limit in (1, 7, len(expected) - 1, len(expected), len(expected) + 1):
        found, after = [], None
        while True:
            page = many.listing.after(many.app.id, states, after, limit)
            found += shown(page)
            assert page.total == len(expected)
            if page.after is None:
                break
            after = page.after
        assert found == expected


def test_an_offset_passes_over_as_many_as_it_says() -> None:
    many = scene(3100)
    expected = many.ids(*ACTIVE)
    for offset in (0, 1, 998, 999, 1000, 1001, 1999, 2000, 2001, len(expected) - 1, len(expected), 5000):
        page = many.listing.page(many.app.id, ACTIVE, offset, 5)
        assert shown(page) == expected[offset : offset + 5]
        assert page.total == len(expected)
        assert (page.after is None) == (offset + 5 >= len(expected))


def test_a_kept_place_saves_the_walk_for_five_minutes_and_for_its_own_list() -> None:
    many = scene(2500)
    page = many.listing.page(many.app.id, EVERY_STATE, 2100, 10)
    assert many.asked() == [1000, 1000, 100, 11]
    assert shown(many.listing.page(many.app.id, EVERY_STATE, 2100, 10)) == shown(page)
    assert many.asked() == [100, 11]
    many.listing.page(many.app.id, EVERY_STATE, 1000, 10)
    assert many.asked() == [11]
    many.listing.page(many.app.id, ACTIVE, 1001, 10)
    assert many.asked() == [1000, 1, 11]
    many.engine.clock.advance(301)
    many.listing.page(many.app.id, EVERY_STATE, 2100, 10)
    assert many.asked() == [1000, 1000, 100, 11]


def test_who_pages_on_by_offset_reads_each_entry_about_once() -> None:
    many = scene(2500)
    found = [
        id_ for offset in range(0, 2500, 100) for id_ in shown(many.listing.page(many.app.id, EVERY_STATE, offset, 100))
    ]
    assert found == many.ids()
    assert max(many.asked()) == 1000  # never from the newest again


def test_an_offset_behind_the_end_walks_nowhere() -> None:
    many = scene(20)
    page = many.listing.page(many.app.id, EVERY_STATE, MAX_OFFSET, 10)
    assert (shown(page), page.total, page.after, many.asked()) == ([], 20, None, [])


@pytest.mark.parametrize("states", [EVERY_STATE, ACTIVE])
def test_an_offset_over_100000_is_refused_with_advice(states: States) -> None:
    many = scene(0)
    person = many.engine.identifying.identity(many.app, IdentityKind.EMAIL, ANNA)
    with pytest.raises(Refused, match="next_cursor") as refused:
        many.listing.page(many.app.id, states, MAX_OFFSET + 1, 10)
    assert (refused.value.fault, refused.value.field) == (Fault.FIELD_INVALID, "offset")
    with pytest.raises(Refused, match="next_cursor"):
        many.listing.of_person(many.app.id, person, states, MAX_OFFSET + 1, 10)


def test_what_left_its_state_since_the_index_was_written_is_not_shown() -> None:
    many = scene(4)

    class Lagging(CountedReads):
        def listed(
            self, app: AppId, states: Collection[SubscriptionState], after: Place | None, limit: int
        ) -> Sequence[Place]:
            return super().listed(app, EVERY_STATE, after, limit)

    lagging = Lagging(many.engine.storage, many.engine.clock)
    lagging.asked = []
    page = Listing(lagging, many.engine.derivation, many.engine.clock).after(many.app.id, ACTIVE, None, 10)
    assert shown(page) == many.ids(*ACTIVE)


def test_an_app_lists_its_own_only() -> None:
    engine = MemoryEngine()
    mine, other = app(engine), app(engine)
    subscribe(engine, mine, 1, email())
    stranger = subscribe(engine, other, 2, email())
    assert engine.listing.after(other.id, EVERY_STATE, None, 10).total == 1
    assert shown(engine.listing.after(other.id, EVERY_STATE, None, 10)) == [stranger.id]
    with pytest.raises(Refused) as refused:
        engine.listing.get(mine.id, stranger.id)
    assert refused.value.fault is Fault.NOT_FOUND


def test_a_persons_pages_hold_each_of_theirs_once_by_offset_and_by_place() -> None:
    engine = MemoryEngine()
    owner = app(engine)
    for number in range(1, 8):
        subscribe(engine, owner, number, email())
        engine.clock.advance(number % 2)
    subscribe(engine, owner, 8, email("bert@shop.example"))
    person = engine.identifying.identity(owner, IdentityKind.EMAIL, ANNA)
    everybody = shown(engine.listing.of_person(owner.id, person, ACTIVE, 0, 100))
    assert len(set(everybody)) == 7
    pages = [engine.listing.of_person(owner.id, person, ACTIVE, offset, 3) for offset in (0, 3, 6, 9)]
    assert [id_ for page in pages for id_ in shown(page)] == everybody
    assert [page.total for page in pages] == [7] * 4
    found, after = [], None
    while True:
        page = engine.listing.of_person(owner.id, person, ACTIVE, 0, 3, after=after)
        found += shown(page)
        after = page.after
        if after is None:
            break
    assert found == everybody


def test_an_address_is_shown_only_where_it_came_in_to_be_shown() -> None:
    engine = MemoryEngine()
    owner = app(engine)
    kept = engine.subscribing.subscribe(
        replace(subscribe_command(owner, 1, email(" Anna@shop.example ")), keeps_address=True)
    )
    hashed = subscribe(engine, owner, 2, email())
    named = subscribe(engine, owner, 3, external("u-17"))
    views = [engine.listing.get(owner.id, one.id) for one in (kept, hashed, named)]
    assert [view.address for view in views] == ["Anna@shop.example", None, None]


def test_a_client_is_online_within_five_minutes_of_being_heard_of_while_it_is_active() -> None:
    engine = MemoryEngine()
    owner = app(engine)
    one = subscribe(engine, owner)
    engine.clock.advance(299)
    assert engine.listing.get(owner.id, one.id).online
    engine.clock.advance(1)
    assert not engine.listing.get(owner.id, one.id).online
    again = subscribe(engine, owner)
    assert engine.listing.view(again).online
    engine.subscribing.withdraw(owner, one.id)
    assert not engine.listing.get(owner.id, one.id).online


def test_the_figures_of_a_client_move_with_its_own_notifications_and_with_broadcasts() -> None:
    engine = MemoryEngine()
    owner = app(engine)
    one = subscribe(engine, owner)
    start = int(engine.clock.now())
    engine.subscriptions.note_accepted(owner.id, SendId("1" * 24), [one.id], start + 10)
    view = engine.listing.get(owner.id, one.id)
    assert (view.notified, view.last_active) == (1, start + 10)
    engine.storage.broadcasts[owner.id] = Broadcasts(3, start + 20)
    view = engine.listing.get(owner.id, one.id)
    assert (view.notified, view.last_active) == (4, start + 20)
    engine.subscribing.withdraw(owner, one.id)
    engine.storage.broadcasts[owner.id] = Broadcasts(9, start + 90)
    view = engine.listing.get(owner.id, one.id)
    assert (view.notified, view.last_active) == (4, start + 10)


def test_a_broadcast_before_a_client_existed_is_none_of_its_figures() -> None:
    engine = MemoryEngine()
    owner = app(engine)
    engine.storage.broadcasts[owner.id] = Broadcasts(3, int(engine.clock.now()) - 10)
    one = subscribe(engine, owner)
    view = engine.listing.get(owner.id, one.id)
    assert (view.notified, view.last_active) == (0, one.seen_at)
