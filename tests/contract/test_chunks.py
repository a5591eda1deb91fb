"""The contract of Chunks."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.contract.records import APP, NOW, REQUEST, UNLIMITED, chunk, only_chunk, send
from tests.contract.stores import Stores
from tocsin.adapters.dynamodb import chunk_record
from tocsin.adapters.dynamodb.marshalling import Record, to_attributes
from tocsin.application.ports import Frozen, LeaseLost
from tocsin.domain.chunk import CHUNK_SIZE, Chunk, ChunkState, Repeat, Result, claimed, finished, opened
from tocsin.domain.ids import SubscriptionId
from tocsin.domain.report import Report
from tocsin.domain.send import Balance, SendState, Tally

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
    assert add(stores, record, frozen)
    assert stores.chunks.get(APP, SEND.id, 3) == record
    assert stores.chunks.frozen(APP, SEND.id, 3) == frozen
    assert stores.chunks.get(APP, SEND.id, 4) is None
    assert stores.chunks.frozen(APP, SEND.id, 4) is None


def test_recipients_are_frozen_for_good(stores: Stores) -> None:
    record, frozen = chunk(SEND)
    add(stores, record, frozen)
    assert not add(stores, *chunk(SEND, 0, size=2))
    assert stores.chunks.get(APP, SEND.id, 0) == record
    assert stores.chunks.frozen(APP, SEND.id, 0) == frozen


def test_chunks_are_listed_by_number(stores: Stores) -> None:
    for number in (11, 0, 2):
        add(stores, *chunk(SEND, number))
    add(stores, *chunk(send(2), 1))
    assert [one.number for one in stores.chunks.of(APP, SEND.id)] == [0, 2, 11]


def test_a_claim_is_stored(stores: Stores) -> None:
    record, frozen = chunk(SEND)
    add(stores, record, frozen)
    stores.chunks.claim(claim(record))
    assert stores.chunks.get(APP, SEND.id, 0) == claim(record)


def test_a_claim_of_an_old_version_is_refused(stores: Stores) -> None:
    record, frozen = chunk(SEND)
    add(stores, record, frozen)
    first = claim(record)
    stores.chunks.claim(first)
    with pytest.raises(LeaseLost):
        stores.chunks.claim(claim(record))
    assert stores.chunks.get(APP, SEND.id, 0) == first


def test_a_claim_of_a_version_that_was_never_stored_is_refused(stores: Stores) -> None:
    record, frozen = chunk(SEND)
    add(stores, record, frozen)
    with pytest.raises(LeaseLost):
        stores.chunks.claim(claim(claim(record)))
    assert stores.chunks.get(APP, SEND.id, 0) == record


def test_a_claim_after_a_save_that_it_did_not_see_is_refused(stores: Stores) -> None:
    record, frozen = chunk(SEND)
    add(stores, record, frozen)
    first = claim(record)
    stores.chunks.claim(first)
    saved = next_save(first, Result.ACCEPTED, Result.PENDING, Result.PENDING)
    stores.chunks.save(saved)
    with pytest.raises(LeaseLost):
        stores.chunks.claim(claim(first))
    assert stores.chunks.get(APP, SEND.id, 0) == saved


def test_a_save_of_a_former_owner_is_refused(stores: Stores) -> None:
    record, frozen = chunk(SEND)
    add(stores, record, frozen)
    first = claim(record)
    second = claim(first)
    stores.chunks.claim(first)
    stores.chunks.claim(second)
    with pytest.raises(LeaseLost):
        stores.chunks.save(replace(first, version=9))
    assert stores.chunks.get(APP, SEND.id, 0) == second


def test_a_save_can_be_repeated_but_not_overtaken_by_an_older_one(stores: Stores) -> None:
    record, frozen = chunk(SEND)
    add(stores, record, frozen)
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
    add(stores, record, frozen)
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
    done = finished(next_save(owned, Result.ACCEPTED, Result.ACCEPTED, Result.FAILED))
    assert stores.chunks.finish_only(done, SEND, Tally(accepted=2, failed=1), NOW)
    assert stores.chunks.get(APP, SEND.id, 0) == done
    assert stores.credits.balance(APP) == Balance(8, 0, 2)
    settled = stores.sends.get(APP, SEND.id)
    assert settled == replace(SEND, state=SendState.SETTLED, counts=Tally(accepted=2, failed=1), settled_at=NOW)
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


def full_chunk() -> Chunk:
    empty = opened(APP, SEND.id, 9999, CHUNK_SIZE, "ff" * 32)
    return replace(
        empty,
        results=(Result.UNCERTAIN,) * CHUNK_SIZE,
        doubted=frozenset(range(CHUNK_SIZE)),
        in_flight=tuple(range(CHUNK_SIZE)),
        epoch=10**6,
        version=10**6,
        lease_until=NOW,
        round=6,
        gone=CHUNK_SIZE,
    )


def stored_size(attributes: object) -> int:
    """Bytes that DynamoDB counts, at most: names and values in UTF-8, a number as its digits and two more."""
    match attributes:
        case {"B": bytes(binary)}:
            return len(binary)
        case {"S": str(text)}:
            return len(text.encode())
        case {"N": str(digits)}:
            return len(digits) + 2
        case dict():
            return sum(len(name.encode()) + stored_size(value) for name, value in attributes.items())
    raise AssertionError(attributes)


def test_the_record_of_500_recipients_costs_one_write_unit() -> None:
    size = stored_size(to_attributes(chunk_record.to_item(full_chunk(), NOW)))
    assert size < 1024


def test_500_recipient_ids_are_12_bytes_each() -> None:
    frozen = Frozen(tuple(SubscriptionId(f"{index:024x}") for index in range(CHUNK_SIZE)), None)
    item = chunk_record.frozen_item(full_chunk(), frozen, NOW)
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
    )
    item = chunk_record.to_item(record, NOW)
    assert chunk_record.from_record(APP, SEND.id, Record(item)) == record
