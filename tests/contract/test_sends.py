"""The contract of Sends, with the money that goes with them."""

from dataclasses import replace

import pytest

from tests.contract.records import (
    ANNA,
    APP,
    BERT,
    EVERYONE,
    NOW,
    OTHER_APP,
    REPORT,
    REQUEST,
    UNLIMITED,
    chunk,
    only_chunk,
    send,
)
from tests.contract.stores import Stores
from tocsin.application.ports import (
    EarlierSend,
    Idempotency,
    IdempotencyKeyTaken,
    InsufficientCredits,
    MalformedCursor,
    Told,
)
from tocsin.domain.chunk import finished
from tocsin.domain.ids import SendId, SubscriptionId
from tocsin.domain.notification import Notification
from tocsin.domain.report import Report
from tocsin.domain.send import Balance, Charge, Chosen, Course, Send, SendState, Tally
from tocsin.domain.tenancy import DialectName
from tocsin.webpush.message import Urgency

DUE = NOW + 60
IDEMPOTENCY = Idempotency("/v1/send#1", "ab" * 32, "cd" * 32, NOW + 86_400)
PLANNED, SENDING, SETTLED = SendState


def grant(stores: Stores, amount: int = 10) -> None:
    stores.credits.grant(APP, amount, "start", NOW, REQUEST)


def due(stores: Stores, now: int = DUE) -> list[SendId]:
    return [name for _, name in stores.sends.due(now, 100)]


def test_a_send_is_read_back_as_it_was(stores: Stores) -> None:
    grant(stores)
    plain = send(1)
    full = replace(
        send(2, audience=Chosen((ANNA, BERT))),
        notification=Notification(
            "T",
            "",
            "https://x.example",
            "https://x.example/i",
            "https://x.example/b",
            "https://x.example/p",
            {"n": 0.5, "é": [None, {"deep": True}]},
            "tag",
            1,
            Urgency.HIGH,
        ),
        variables={},
        site_name="Shop",
    )
    ids = (SubscriptionId("ab" * 12), SubscriptionId("cd" * 12))
    listed = send(3, state=PLANNED, audience=Chosen((BERT,), ids, ("news", "sport")))
    listed = replace(listed, units=2, inbox="anna", traced=True, variables={"a.b": "é", "c": ""}, site_name="Shop")
    stores.sends.reserve(plain, None, None, DUE, UNLIMITED)
    stores.sends.reserve(full, None, None, DUE, UNLIMITED)
    stores.sends.reserve(listed, None, None, DUE, UNLIMITED)
    assert stores.sends.get(APP, plain.id) == plain
    assert stores.sends.get(APP, full.id) == full
    assert stores.sends.get(APP, listed.id) == listed
    assert plain.audience == EVERYONE


def test_a_foreign_app_sees_nothing(stores: Stores) -> None:
    grant(stores)
    mine = send()
    stores.sends.reserve(mine, only_chunk(mine), IDEMPOTENCY, DUE, UNLIMITED)
    assert stores.sends.get(OTHER_APP, mine.id) is None
    assert stores.sends.earlier(OTHER_APP, IDEMPOTENCY) is None
    assert stores.chunks.get(OTHER_APP, mine.id, 0) is None
    assert stores.chunks.frozen(OTHER_APP, mine.id, 0) is None
    assert stores.chunks.of(OTHER_APP, mine.id) == []
    assert not stores.sends.settle(replace(mine, app=OTHER_APP), Tally(accepted=1), Report(), NOW)
    assert stores.sends.steer(OTHER_APP, mine.id, Course.CANCELLED) is None
    stores.sends.postpone(OTHER_APP, mine.id, DUE)
    assert stores.credits.balance(APP) == Balance(7, 3, 0)
    assert list(stores.sends.due(DUE, 10)) == [(APP, mine.id)]


@pytest.mark.row("PS-10")
def test_reserving_holds_the_credits_and_stores_everything(stores: Stores) -> None:
    grant(stores)
    mine = send(reserved=3)
    record, frozen = only_chunk(mine)
    stores.sends.reserve(mine, (record, frozen), IDEMPOTENCY, DUE, UNLIMITED)
    assert stores.credits.balance(APP) == Balance(7, 3, 0)
    assert stores.chunks.get(APP, mine.id, 0) == record
    assert stores.chunks.frozen(APP, mine.id, 0) == frozen
    assert stores.sends.earlier(APP, IDEMPOTENCY) == EarlierSend(mine.id, IDEMPOTENCY.fingerprint, None)
    assert due(stores) == [mine.id]


@pytest.mark.parametrize("granted", [0, 2])
@pytest.mark.row("PS-29")
def test_a_reserve_with_too_little_leaves_nothing(stores: Stores, granted: int) -> None:
    if granted:
        grant(stores, granted)
    mine = send(reserved=3)
    with pytest.raises(InsufficientCredits):
        stores.sends.reserve(mine, only_chunk(mine), IDEMPOTENCY, DUE, UNLIMITED)
    assert stores.credits.balance(APP) == Balance(granted, 0, 0)
    assert stores.sends.get(APP, mine.id) is None
    assert stores.chunks.get(APP, mine.id, 0) is None
    assert stores.sends.earlier(APP, IDEMPOTENCY) is None
    assert due(stores) == []


def test_all_credits_can_be_reserved_and_not_one_more(stores: Stores) -> None:
    grant(stores, 3)
    stores.sends.reserve(send(1, reserved=3), None, None, DUE, UNLIMITED)
    with pytest.raises(InsufficientCredits):
        stores.sends.reserve(send(2, reserved=1), None, None, DUE, UNLIMITED)
    assert stores.credits.balance(APP) == Balance(0, 3, 0)


def test_reserving_again_after_a_lost_reply_changes_nothing(stores: Stores) -> None:
    grant(stores, 3)
    mine = send(reserved=3)
    stores.sends.reserve(mine, only_chunk(mine), IDEMPOTENCY, DUE, UNLIMITED)
    stores.sends.reserve(mine, only_chunk(mine), IDEMPOTENCY, DUE, UNLIMITED)
    assert stores.credits.balance(APP) == Balance(0, 3, 0)


def test_a_used_idempotency_key_is_told_before_the_lack_of_credits(stores: Stores) -> None:
    grant(stores, 3)
    stores.sends.reserve(send(1, reserved=3), None, IDEMPOTENCY, DUE, UNLIMITED)
    with pytest.raises(IdempotencyKeyTaken):
        stores.sends.reserve(send(2, reserved=3), None, IDEMPOTENCY, DUE, UNLIMITED)
    assert stores.sends.get(APP, send(2).id) is None
    assert stores.credits.balance(APP) == Balance(0, 3, 0)


def test_an_idempotency_key_is_of_one_route_and_one_app(stores: Stores) -> None:
    grant(stores, 10)
    stores.credits.grant(OTHER_APP, 10, "start", NOW, REQUEST)
    stores.sends.reserve(send(1), None, IDEMPOTENCY, DUE, UNLIMITED)
    stores.sends.reserve(send(2), None, replace(IDEMPOTENCY, route="/other"), DUE, UNLIMITED)
    stores.sends.reserve(send(3, owner=OTHER_APP), None, IDEMPOTENCY, DUE, UNLIMITED)
    assert stores.sends.get(APP, send(2).id) is not None
    assert stores.sends.get(OTHER_APP, send(3).id) is not None


def test_an_expired_idempotency_key_is_free_again(stores: Stores) -> None:
    grant(stores)
    stores.sends.reserve(send(1), None, IDEMPOTENCY, DUE, UNLIMITED)
    stores.clock.advance(86_400)
    later = replace(send(2), created_at=int(stores.clock.now()))
    again = replace(IDEMPOTENCY, fingerprint="ef" * 32, expires_at=later.created_at + 86_400)
    assert stores.sends.earlier(APP, again) is None
    stores.sends.reserve(later, None, again, DUE, UNLIMITED)
    assert stores.sends.earlier(APP, again) == EarlierSend(later.id, again.fingerprint, None)


def test_a_repeat_is_told_what_the_first_answer_told(stores: Stores) -> None:
    told = Told(0, (SubscriptionId("ab" * 12), SubscriptionId("cd" * 12)))
    grant(stores)
    stores.sends.reserve(send(1), None, IDEMPOTENCY, DUE, UNLIMITED)
    stores.sends.note_answer(APP, IDEMPOTENCY, told)
    stores.sends.note_answer(APP, IDEMPOTENCY, Told(9))
    assert stores.sends.earlier(APP, IDEMPOTENCY) == EarlierSend(send(1).id, IDEMPOTENCY.fingerprint, told)


def test_noting_an_answer_to_no_request_makes_no_record(stores: Stores) -> None:
    stores.sends.note_answer(APP, IDEMPOTENCY, Told(9))
    assert stores.sends.earlier(APP, IDEMPOTENCY) is None


def reserve_planned(stores: Stores, parts: tuple[int, ...] = (3,)) -> Send:
    """A planned send of these parts."""
    grant(stores)
    planned = replace(send(reserved=sum(parts), state=PLANNED), parts=parts)
    stores.sends.reserve(planned, None, None, DUE, UNLIMITED)
    return planned


def test_a_planned_send_is_opened_once(stores: Stores) -> None:
    planned = reserve_planned(stores)
    assert stores.sends.opened(planned, 0, 2)
    assert stores.sends.opened(planned, 0, 5)
    assert stores.sends.get(APP, planned.id) == replace(planned, state=SENDING, chunks=2)


def test_each_part_counts_once_and_the_last_one_opens_the_send(stores: Stores) -> None:
    planned = reserve_planned(stores, (4, 0, 2))
    assert not stores.sends.opened(planned, 2, 1)
    assert not stores.sends.opened(planned, 0, 2)
    assert not stores.sends.opened(planned, 0, 7)
    assert stores.sends.get(APP, planned.id) == planned
    assert stores.sends.opened(planned, 1, 0)
    assert stores.sends.get(APP, planned.id) == replace(planned, state=SENDING, chunks=3)


def test_a_send_without_a_single_chunk_is_opened_too(stores: Stores) -> None:
    planned = reserve_planned(stores)
    assert stores.sends.opened(planned, 0, 0)
    assert stores.sends.get(APP, planned.id) == replace(planned, state=SENDING, chunks=0)


def test_a_settled_send_is_not_opened_again(stores: Stores) -> None:
    planned = reserve_planned(stores)
    assert stores.sends.opened(planned, 0, 1)
    assert stores.sends.settle(replace(planned, state=SENDING), Tally(), Report(), NOW)
    assert stores.sends.opened(planned, 0, 5)
    found = stores.sends.get(APP, planned.id)
    assert found is not None
    assert (found.state, found.chunks) == (SETTLED, 1)


def test_finished_chunks_are_counted_apart_for_each_send_and_app(stores: Stores) -> None:
    planned = reserve_planned(stores)
    assert stores.sends.chunk_done(APP, planned.id) == 1
    assert stores.sends.opened(planned, 0, 3)
    assert [stores.sends.chunk_done(APP, planned.id) for _ in range(2)] == [2, 3]
    assert stores.sends.chunk_done(APP, send(2).id) == 1
    assert stores.sends.chunk_done(OTHER_APP, planned.id) == 1
    assert stores.sends.chunk_done(APP, planned.id) == 4


def test_a_chunk_of_no_send_makes_none(stores: Stores) -> None:
    assert stores.sends.chunk_done(APP, send().id) == 1
    stores.sends.opened(send(state=PLANNED), 0, 1)
    stores.sends.postpone(APP, send().id, DUE)
    assert stores.sends.steer(APP, send().id, Course.PAUSED) is None
    assert stores.sends.get(APP, send().id) is None
    assert due(stores) == []


@pytest.mark.parametrize("state", [PLANNED, SENDING])
def test_a_send_under_way_is_paused_resumed_and_cancelled(stores: Stores, state: SendState) -> None:
    grant(stores)
    mine = send(state=state)
    stores.sends.reserve(mine, None, None, DUE, UNLIMITED)
    for course in (Course.PAUSED, Course.PAUSED, Course.RUNNING, Course.CANCELLED):
        steered = replace(mine, course=course)
        assert stores.sends.steer(APP, mine.id, course) == steered
        assert stores.sends.get(APP, mine.id) == steered
    assert stores.credits.balance(APP) == Balance(7, 3, 0)
    assert due(stores) == [mine.id]


@pytest.mark.parametrize("course", Course)
def test_a_cancelled_send_stays_so(stores: Stores, course: Course) -> None:
    grant(stores)
    stores.sends.reserve(send(), None, None, DUE, UNLIMITED)
    stores.sends.steer(APP, send().id, Course.CANCELLED)
    assert stores.sends.steer(APP, send().id, course) is None
    assert stores.sends.get(APP, send().id) == replace(send(), course=Course.CANCELLED)


@pytest.mark.parametrize("course", Course)
def test_a_settled_send_is_no_longer_steered(stores: Stores, course: Course) -> None:
    grant(stores)
    stores.sends.reserve(send(), None, None, DUE, UNLIMITED)
    stores.sends.settle(send(), Tally(accepted=1), REPORT, NOW)
    settled = stores.sends.get(APP, send().id)
    assert stores.sends.steer(APP, send().id, course) is None
    assert stores.sends.get(APP, send().id) == settled


@pytest.mark.parametrize("course", [Course.PAUSED, Course.CANCELLED])
def test_a_send_that_rests_or_was_cancelled_is_planned_and_settled_all_the_same(stores: Stores, course: Course) -> None:
    planned = reserve_planned(stores)
    steered = stores.sends.steer(APP, planned.id, course)
    assert steered is not None
    assert stores.sends.opened(steered, 0, 1)
    assert stores.sends.settle(steered, Tally(accepted=1), REPORT, NOW)
    found = stores.sends.get(APP, planned.id)
    assert found is not None
    assert (found.state, found.course) == (SETTLED, course)
    assert stores.credits.balance(APP) == Balance(9, 0, 1)


def test_another_app_steers_and_opens_nothing(stores: Stores) -> None:
    planned = reserve_planned(stores)
    stores.credits.grant(OTHER_APP, 10, "start", NOW, REQUEST)
    stores.sends.reserve(replace(planned, app=OTHER_APP), None, None, DUE, UNLIMITED)
    assert stores.sends.steer(OTHER_APP, planned.id, Course.CANCELLED)
    assert stores.sends.opened(replace(planned, app=OTHER_APP), 0, 9)
    assert stores.sends.get(APP, planned.id) == planned
    assert stores.sends.opened(planned, 0, 2)
    assert stores.sends.get(APP, planned.id) == replace(planned, state=SENDING, chunks=2)


@pytest.mark.row("PS-11")
def test_settling_spends_what_was_accepted_and_releases_the_rest(stores: Stores) -> None:
    grant(stores)
    stores.sends.reserve(send(reserved=3), None, None, DUE, UNLIMITED)
    counts = Tally(accepted=1, failed=2, gone=1, uncertain=0, pending=0, doubted=1)
    assert stores.sends.settle(send(reserved=3), counts, REPORT, NOW + 5)
    assert stores.credits.balance(APP) == Balance(9, 0, 1)
    expected = replace(send(), state=SETTLED, counts=counts, report=REPORT, settled_at=NOW + 5)
    assert stores.sends.get(APP, send().id) == expected
    assert due(stores) == []


def test_settling_twice_pays_once(stores: Stores) -> None:
    grant(stores)
    stores.sends.reserve(send(reserved=3), None, None, DUE, UNLIMITED)
    assert stores.sends.settle(send(reserved=3), Tally(accepted=2), REPORT, NOW)
    settled = stores.sends.get(APP, send().id)
    assert not stores.sends.settle(send(reserved=3), Tally(accepted=2), REPORT, NOW)
    assert not stores.sends.settle(send(reserved=3), Tally(accepted=3), Report(), NOW + 1)
    assert stores.sends.get(APP, send().id) == settled
    assert stores.credits.balance(APP) == Balance(8, 0, 2)


def test_a_planned_or_unknown_send_is_not_settled(stores: Stores) -> None:
    grant(stores)
    assert not stores.sends.settle(send(), Tally(accepted=1), Report(), NOW)
    stores.sends.reserve(send(state=PLANNED), None, None, DUE, UNLIMITED)
    assert not stores.sends.settle(send(), Tally(accepted=1), Report(), NOW)
    assert stores.credits.balance(APP) == Balance(7, 3, 0)


@pytest.mark.parametrize("believed", [send(reserved=9), send(charge=Charge.NONE)])
def test_what_is_released_is_what_the_record_holds(stores: Stores, believed: object) -> None:
    grant(stores)
    stores.sends.reserve(send(reserved=3), None, None, DUE, UNLIMITED)
    assert isinstance(believed, type(send()))
    assert stores.sends.settle(believed, Tally(accepted=1), Report(), NOW)
    assert stores.credits.balance(APP) == Balance(9, 0, 1)


def test_nobody_pays_more_than_was_held(stores: Stores) -> None:
    grant(stores)
    stores.sends.reserve(send(reserved=3), None, None, DUE, UNLIMITED)
    assert stores.sends.settle(send(reserved=3), Tally(accepted=4), Report(), NOW)
    assert stores.credits.balance(APP) == Balance(7, 0, 3)


@pytest.mark.row("PS-8")
def test_a_send_without_charge_moves_no_credits(stores: Stores) -> None:
    free = send(charge=Charge.NONE)
    stores.sends.reserve(free, only_chunk(free), None, DUE, UNLIMITED)
    assert stores.credits.balance(APP) == Balance(0, 0, 0)
    assert stores.sends.settle(free, Tally(accepted=3), Report(), NOW)
    assert stores.credits.balance(APP) == Balance(0, 0, 0)
    found = stores.sends.get(APP, free.id)
    assert found is not None
    assert found.counts.accepted == 3


def test_due_sends_come_longest_waiting_first_from_all_partitions(stores: Stores) -> None:
    grant(stores, 100)
    for number in range(12):
        stores.sends.reserve(send(number, reserved=1), None, None, DUE + (7 * number) % 12, UNLIMITED)
    expected = sorted(range(12), key=lambda number: (7 * number) % 12)
    assert due(stores, DUE + 20) == [send(number).id for number in expected]
    assert due(stores, DUE + 3) == [send(number).id for number in expected[:4]]
    assert [name for _, name in stores.sends.due(DUE + 20, 5)] == [send(number).id for number in expected[:5]]


def test_a_postponed_send_is_looked_at_later(stores: Stores) -> None:
    grant(stores)
    stores.sends.reserve(send(), None, None, DUE, UNLIMITED)
    stores.sends.postpone(APP, send().id, DUE + 60)
    assert due(stores, DUE) == []
    assert due(stores, DUE + 60) == [send().id]


def test_a_settled_send_cannot_be_postponed(stores: Stores) -> None:
    grant(stores)
    stores.sends.reserve(send(), None, None, DUE, UNLIMITED)
    stores.sends.settle(send(), Tally(), Report(), NOW)
    stores.sends.postpone(APP, send().id, DUE)
    assert due(stores) == []


def test_reserving_does_not_touch_a_chunk_of_another_send(stores: Stores) -> None:
    grant(stores)
    first, second = send(1), send(2)
    stores.sends.reserve(first, only_chunk(first), None, DUE, UNLIMITED)
    stores.sends.reserve(second, None, None, DUE, UNLIMITED)
    stores.plan(*chunk(second, 0, size=2))
    done = finished(only_chunk(first)[0])
    stores.chunks.save(done)
    assert stores.chunks.get(APP, first.id, 0) == done
    assert stores.chunks.get(APP, second.id, 0) == chunk(second, 0, size=2)[0]


def test_sends_are_listed_by_api_newest_first(stores: Stores) -> None:
    pushservice, pushary = DialectName("pushservice"), DialectName("pushary")
    mine = [replace(send(number, created_at=NOW + number, charge=Charge.NONE)) for number in range(1, 6)]
    mine[3] = replace(mine[3], dialect=pushary)
    for one in (*mine, send(9, owner=OTHER_APP, charge=Charge.NONE)):
        stores.sends.reserve(one, None, None, DUE, UNLIMITED)
    first = stores.sends.listed(APP, [pushservice], 3, None)
    assert [one.id for one in first.items] == [mine[4].id, mine[2].id, mine[1].id]
    assert [one.id for one in stores.sends.listed(APP, [pushservice], 3, first.cursor).items] == [mine[0].id]
    both = stores.sends.listed(APP, [pushservice, pushary], 4, None)
    assert [one.id for one in both.items] == [one.id for one in reversed(mine[1:])]
    last = stores.sends.listed(APP, [pushservice, pushary], 4, both.cursor)
    assert ([one.id for one in last.items], last.cursor) == ([mine[0].id], None)
    with pytest.raises(MalformedCursor):
        stores.sends.listed(APP, [pushservice], 3, "APP#other")
