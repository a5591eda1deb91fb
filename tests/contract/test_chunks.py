"""The contract of Chunks."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.contract.records import APP, NOW, OTHER_APP, REPORT, REQUEST, UNLIMITED, chunk, only_chunk, send
from tests.contract.stores import Stores
from tocsin.adapters.dynamodb import chunk_record, report_record
from tocsin.adapters.dynamodb.marshalling import MalformedRecord, Record, to_attributes
from tocsin.application.ports import Frozen, LeaseLost
from tocsin.application.tallying import ROOM
from tocsin.application.waits import LONGEST
from tocsin.domain.chunk import (
    CHUNK_SIZE,
    MAX_OWNERS,
    MAX_TRIES,
    Chunk,
    ChunkState,
    Repeat,
    Result,
    Wait,
    claimed,
    finished,
    opened,
)
from tocsin.domain.ids import SubscriptionId
from tocsin.domain.report import NOBODY, OTHER, Fate, Report, Said
from tocsin.domain.send import Balance, SendState, Tally
from tocsin.webpush.origins import PushService

SEND = send()
DUE = NOW + 60


def claim(stored: Chunk) -> Chunk:
    return claimed(stored, NOW, Repeat.RESEND)


def next_save(stored: Chunk, *results: Result) -> Chunk:
    return replace(stored, results=results, version=stored.version + 1)


def reserve(stores: Stores) -> Chunk:
    """A send with its only chunk, claimed."""
    stores.credits.grant(APP, 10, "start", NOW, REQUEST)
    record, frozen = only_chunk(SEND)
    stores.sends.reserve(SEND, (record, frozen), None, DUE, UNLIMITED)
    return record


def test_a_chunk_is_stored_with_its_recipients(stores: Stores) -> None:
    record, frozen = chunk(SEND, 3)
    frozen = replace(frozen, after="07:SUB#x")
    assert stores.chunks.freeze(APP, SEND.id, 3, frozen) == frozen
    assert stores.chunks.get(APP, SEND.id, 3) is None
    stores.chunks.open(record)
    assert stores.chunks.get(APP, SEND.id, 3) == record
    assert stores.chunks.frozen(APP, SEND.id, 3) == frozen
    assert stores.chunks.get(APP, SEND.id, 4) is None
    assert stores.chunks.frozen(APP, SEND.id, 4) is None


def test_recipients_are_frozen_for_good_and_a_slower_planner_is_told_them(stores: Stores) -> None:
    first, slower = chunk(SEND)[1], replace(chunk(SEND, 1, size=2)[1], after="07:SUB#x")
    assert stores.chunks.freeze(APP, SEND.id, 0, first) == first
    assert stores.chunks.freeze(APP, SEND.id, 0, slower) == first
    assert stores.chunks.freeze(APP, SEND.id, 0, first) == first
    assert stores.chunks.frozen(APP, SEND.id, 0) == first


@pytest.mark.parametrize("after", [None, "07:SUB#x"])
def test_an_end_without_anybody_is_frozen_like_everything_else(stores: Stores, after: str | None) -> None:
    nobody = Frozen((), after)
    assert stores.chunks.freeze(APP, SEND.id, 0, nobody) == nobody
    assert stores.chunks.freeze(APP, SEND.id, 0, chunk(SEND)[1]) == nobody
    assert stores.chunks.frozen(APP, SEND.id, 0) == nobody
    empty = finished(chunk(SEND, size=0)[0])
    stores.chunks.open(empty)
    assert stores.chunks.get(APP, SEND.id, 0) == empty


def test_each_app_send_and_number_freezes_its_own(stores: Stores) -> None:
    for place, size in (((APP, SEND.id, 0), 1), ((OTHER_APP, SEND.id, 0), 2), ((APP, send(2).id, 0), 3)):
        mine = chunk(SEND, 0, size)[1]
        assert stores.chunks.freeze(*place, mine) == mine
    assert stores.chunks.frozen(APP, SEND.id, 0) == chunk(SEND, 0, 1)[1]


def test_a_chunk_that_is_there_is_not_opened_again(stores: Stores) -> None:
    record, frozen = chunk(SEND)
    stores.plan(record, frozen)
    stores.chunks.open(chunk(SEND, 0, size=2)[0])
    assert stores.chunks.get(APP, SEND.id, 0) == record
    stores.chunks.claim(claim(record))
    stores.chunks.open(record)
    assert stores.chunks.get(APP, SEND.id, 0) == claim(record)


def test_waits_and_reports_are_stored_with_each_write(stores: Stores) -> None:
    record, frozen = chunk(SEND)
    stores.plan(record, frozen)
    waits = (Wait("fcm", 6, NOW + 900, "status 429"), Wait("wns", 1, NOW, "word, (with) 'marks' - 1.5_x"))
    owned = replace(claim(record), waits=waits, report=REPORT)
    stores.chunks.claim(owned)
    assert stores.chunks.get(APP, SEND.id, 0) == owned
    saved = replace(next_save(owned, *owned.results), waits=(), report=REPORT + REPORT)
    stores.chunks.save(saved)
    assert stores.chunks.get(APP, SEND.id, 0) == saved


def test_chunks_are_listed_by_number(stores: Stores) -> None:
    for number in (11, 0, 2):
        stores.plan(*chunk(SEND, number))
    stores.plan(*chunk(send(2), 1))
    assert [one.number for one in stores.chunks.of(APP, SEND.id)] == [0, 2, 11]


def test_a_claim_is_stored(stores: Stores) -> None:
    record, frozen = chunk(SEND)
    stores.plan(record, frozen)
    stores.chunks.claim(claim(record))
    assert stores.chunks.get(APP, SEND.id, 0) == claim(record)


def test_a_claim_of_an_old_version_is_refused(stores: Stores) -> None:
    record, frozen = chunk(SEND)
    stores.plan(record, frozen)
    first = claim(record)
    stores.chunks.claim(first)
    with pytest.raises(LeaseLost):
        stores.chunks.claim(claim(record))
    assert stores.chunks.get(APP, SEND.id, 0) == first


def test_a_claim_of_a_version_that_was_never_stored_is_refused(stores: Stores) -> None:
    record, frozen = chunk(SEND)
    stores.plan(record, frozen)
    with pytest.raises(LeaseLost):
        stores.chunks.claim(claim(claim(record)))
    assert stores.chunks.get(APP, SEND.id, 0) == record


def test_a_claim_that_means_other_people_is_refused(stores: Stores) -> None:
    record, frozen = chunk(SEND)
    stores.plan(record, frozen)
    with pytest.raises(LeaseLost):
        stores.chunks.claim(claim(replace(record, digest="0f" * 32)))
    assert stores.chunks.get(APP, SEND.id, 0) == record


def test_a_claim_after_a_save_that_it_did_not_see_is_refused(stores: Stores) -> None:
    record, frozen = chunk(SEND)
    stores.plan(record, frozen)
    first = claim(record)
    stores.chunks.claim(first)
    saved = next_save(first, Result.ACCEPTED, Result.PENDING, Result.PENDING)
    stores.chunks.save(saved)
    with pytest.raises(LeaseLost):
        stores.chunks.claim(claim(first))
    assert stores.chunks.get(APP, SEND.id, 0) == saved


def test_a_save_of_a_former_owner_is_refused(stores: Stores) -> None:
    record, frozen = chunk(SEND)
    stores.plan(record, frozen)
    first = claim(record)
    second = claim(first)
    stores.chunks.claim(first)
    stores.chunks.claim(second)
    with pytest.raises(LeaseLost):
        stores.chunks.save(replace(first, version=9))
    assert stores.chunks.get(APP, SEND.id, 0) == second


def test_a_save_can_be_repeated_but_not_overtaken_by_an_older_one(stores: Stores) -> None:
    record, frozen = chunk(SEND)
    stores.plan(record, frozen)
    owned = claim(record)
    stores.chunks.claim(owned)
    older = next_save(owned, Result.ACCEPTED, Result.PENDING, Result.PENDING)
    newer = next_save(older, Result.ACCEPTED, Result.ACCEPTED, Result.PENDING)
    stores.chunks.save(older)
    stores.chunks.save(older)
    stores.chunks.save(newer)
    with pytest.raises(LeaseLost):
        stores.chunks.save(older)
    assert stores.chunks.get(APP, SEND.id, 0) == newer


def test_a_done_chunk_is_neither_claimed_nor_saved(stores: Stores) -> None:
    record, frozen = chunk(SEND)
    stores.plan(record, frozen)
    owned = claim(record)
    done = finished(replace(owned, version=owned.version + 1))
    stores.chunks.claim(owned)
    stores.chunks.save(done)
    with pytest.raises(LeaseLost):
        stores.chunks.save(next_save(done, *owned.results))
    with pytest.raises(LeaseLost):
        stores.chunks.claim(replace(claim(done), state=ChunkState.OPEN))
    assert stores.chunks.get(APP, SEND.id, 0) == done


def test_a_chunk_that_does_not_exist_is_not_made_by_writing(stores: Stores) -> None:
    record, _ = chunk(SEND)
    with pytest.raises(LeaseLost):
        stores.chunks.claim(claim(record))
    with pytest.raises(LeaseLost):
        stores.chunks.save(record)
    assert stores.chunks.get(APP, SEND.id, 0) is None
    assert stores.chunks.of(APP, SEND.id) == []


def test_the_only_chunk_and_the_send_end_together(stores: Stores) -> None:
    owned = reserve(stores)
    done = finished(replace(next_save(owned, Result.ACCEPTED, Result.ACCEPTED, Result.FAILED), report=REPORT))
    assert stores.chunks.finish_only(done, SEND, Tally(accepted=2, failed=1), NOW)
    assert stores.chunks.get(APP, SEND.id, 0) == done
    assert stores.credits.balance(APP) == Balance(8, 0, 2)
    settled = stores.sends.get(APP, SEND.id)
    counts = Tally(accepted=2, failed=1)
    assert settled == replace(SEND, state=SendState.SETTLED, counts=counts, report=REPORT, settled_at=NOW)
    assert list(stores.sends.due(DUE, 10)) == []


def test_finishing_twice_pays_once(stores: Stores) -> None:
    owned = reserve(stores)
    done = finished(next_save(owned, Result.ACCEPTED, Result.ACCEPTED, Result.FAILED))
    assert stores.chunks.finish_only(done, SEND, Tally(accepted=2, failed=1), NOW)
    assert not stores.chunks.finish_only(done, SEND, Tally(accepted=2, failed=1), NOW)
    assert stores.credits.balance(APP) == Balance(8, 0, 2)


def test_a_former_owner_finishes_nothing(stores: Stores) -> None:
    owned = reserve(stores)
    taken_over = claim(owned)
    stores.chunks.claim(taken_over)
    with pytest.raises(LeaseLost):
        stores.chunks.finish_only(finished(replace(owned, version=9)), SEND, Tally(accepted=3), NOW)
    assert stores.chunks.get(APP, SEND.id, 0) == taken_over
    assert stores.sends.get(APP, SEND.id) == SEND
    assert stores.credits.balance(APP) == Balance(7, 3, 0)


def test_the_chunk_of_a_settled_send_is_not_saved(stores: Stores) -> None:
    owned = reserve(stores)
    stores.sends.settle(SEND, Tally(accepted=1), Report(), NOW)
    assert not stores.chunks.finish_only(finished(replace(owned, version=9)), SEND, Tally(accepted=3), NOW)
    assert stores.chunks.get(APP, SEND.id, 0) == owned
    assert stores.credits.balance(APP) == Balance(9, 0, 1)


# A chunk of phones and browsers that all five put off at once may cost two.
SERVICES = tuple(str(service) for service in PushService if service is not PushService.FCM_V1)
REASON = st.text(st.characters(codec="ascii", categories=["L", "N", "P", "Zs"]), max_size=80)
NUMBERS = st.integers(0, 2**40)
SAID = st.builds(Said, st.sampled_from((*SERVICES, NOBODY)), st.sampled_from(Fate), REASON)
REPORTS = st.builds(
    Report, st.dictionaries(SAID, st.integers(1, 99_999), max_size=40), *[st.integers(0, 99_999) for _ in range(4)]
)


def full_chunk(report: Report) -> Chunk:
    """The largest record: everybody in doubt and in flight, and every push service has put us off."""
    empty = opened(APP, SEND.id, 9999, CHUNK_SIZE, "ff" * 32)
    return replace(
        empty,
        results=(Result.UNCERTAIN,) * CHUNK_SIZE,
        doubted=frozenset(range(CHUNK_SIZE)),
        in_flight=tuple(range(CHUNK_SIZE)),
        epoch=MAX_OWNERS,
        version=9999,
        lease_until=NOW,
        waits=tuple(Wait(service, MAX_TRIES, NOW, "x" * LONGEST) for service in SERVICES),
        report=report.shortened(ROOM),
    )


def stored_size(attributes: object) -> int:
    """Bytes that DynamoDB counts: names and texts in UTF-8, two digits of a number in one byte and two more."""
    match attributes:
        case {"B": bytes(binary)}:
            return len(binary)
        case {"S": str(text)}:
            return len(text.encode())
        case {"N": str(digits)}:
            return (len(digits) + 1) // 2 + 2
        case dict():
            return sum(len(name.encode()) + stored_size(value) for name, value in attributes.items())
    raise AssertionError(attributes)


def size_of(report: Report) -> int:
    return stored_size(to_attributes(chunk_record.to_item(full_chunk(report), NOW)))


def test_the_record_of_500_recipients_with_twelve_long_reasons_costs_one_write_unit() -> None:
    long = [f"{number:02} The cloud notification platform is unavailable." for number in range(12)]
    assert size_of(Report({Said("wns", Fate.FAILED, reason): 40 for reason in long}, 9_999, 9_999, 99_999)) <= 1024


def test_answers_of_all_sorts_that_fill_their_room_to_the_last_character_cost_one_write_unit() -> None:
    every = dict.fromkeys((Said(service, fate, OTHER) for service in (*SERVICES, NOBODY) for fate in Fate), 99_999)
    left = ROOM - sum(8 + len(said.reason) for said in every)
    full = Report({**every, Said("mozilla", Fate.FAILED, "y" * (left - 8)): 99_999}, 99_999, 9_999, 999_999, 75_000)
    assert full.shortened(ROOM) == full
    assert 1000 < size_of(full) <= 1024


@given(report=REPORTS)
def test_whatever_push_services_say_a_record_costs_one_write_unit(report: Report) -> None:
    assert size_of(report) <= 1024


def test_what_the_usual_push_services_usually_say_is_kept_word_for_word() -> None:
    usual = {
        Said("fcm", Fate.ACCEPTED, ""): 300,
        Said("fcm", Fate.GONE, "NotRegistered"): 20,
        Said("fcm", Fate.GONE, "UnauthorizedRegistration"): 2,
        Said("fcm", Fate.FAILED, "VapidKeyMismatch"): 1,
        Said("fcm", Fate.RETRIED, "status 429"): 9,
        Said("fcm", Fate.RETRIED, "status 503"): 9,
        Said("mozilla", Fate.ACCEPTED, ""): 100,
        Said("mozilla", Fate.GONE, "errno 106"): 9,
        Said("mozilla", Fate.GONE, "errno 103"): 1,
        Said("mozilla", Fate.RETRIED, "errno 201"): 1,
        Said("mozilla", Fate.RETRIED, "no answer"): 1,
        Said("apple", Fate.ACCEPTED, ""): 50,
        Said("apple", Fate.GONE, "Unregistered"): 5,
        Said("none", Fate.FAILED, "unsubscribed"): 3,
    }
    assert Report(usual).shortened(ROOM) == Report(usual)


@given(report=REPORTS)
def test_any_report_survives_its_packing(report: Report) -> None:
    assert report_record.from_record(Record({"report": report_record.to_text(report)}), "report") == report


@pytest.mark.parametrize(
    "text",
    ["", "1 2 3", "1 2 3 4 5", "1 2 3 x", *(f"1 2 3 4\nfcm\t{said}" for said in ("x5 ", "a", "", "aNaN "))],
)
def test_a_report_that_no_version_of_ours_wrote_is_malformed(text: str) -> None:
    with pytest.raises(MalformedRecord, match="report"):
        report_record.from_record(Record({"report": text}), "report")


@pytest.mark.parametrize("text", ["fcm", "fcm 1 2", "fcm x 2 y", "fcm 1 x y"])
def test_waits_that_no_version_of_ours_wrote_are_malformed(text: str) -> None:
    item = {**chunk_record.to_item(chunk(SEND)[0], NOW), "waits": text}
    with pytest.raises(MalformedRecord, match="waits"):
        chunk_record.from_record(APP, SEND.id, Record(item))


def test_500_recipient_ids_are_12_bytes_each() -> None:
    frozen = Frozen(tuple(SubscriptionId(f"{index:024x}") for index in range(CHUNK_SIZE)), None)
    item = chunk_record.frozen_item(APP, SEND.id, 9999, frozen, NOW)
    assert len(Record(item).binary("ids")) == 12 * CHUNK_SIZE
    assert chunk_record.frozen_from(Record(item)) == frozen


@given(
    results=st.lists(st.sampled_from(Result), max_size=40),
    picks=st.data(),
)
def test_any_record_survives_its_packing(results: list[Result], picks: st.DataObject) -> None:
    indexes = st.sets(st.integers(0, len(results) - 1)) if results else st.just(set[int]())
    record = replace(
        opened(APP, SEND.id, 7, len(results), "0f" * 32),
        results=tuple(results),
        doubted=frozenset(picks.draw(indexes)),
        in_flight=tuple(sorted(picks.draw(indexes))),
        waits=tuple(picks.draw(st.lists(st.builds(Wait, st.sampled_from(SERVICES), NUMBERS, NUMBERS, REASON)))),
        report=picks.draw(REPORTS),
    )
    item = chunk_record.to_item(record, NOW)
    assert chunk_record.from_record(APP, SEND.id, Record(item)) == record
