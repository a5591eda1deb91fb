"""The proof of the money: a history that nobody touched agrees with itself, and each wrong record is one drift."""

import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from typing import Any

import pytest

from tests import builders
from tests.engine import MemoryEngine
from tests.memory.storage import Entry
from tests.memory.transport import Reply, Silence
from tests.unit.application import queues
from tocsin.adapters.dynamodb.send_record import KEPT_SECONDS
from tocsin.application import reconciling
from tocsin.application.ports import Unreadable
from tocsin.domain.chunk import Chunk, Result
from tocsin.domain.errors import Refused
from tocsin.domain.ids import AppId, SendId, SubscriptionId
from tocsin.domain.reconciliation import Drift, DriftKind, Figures, Reconciliation
from tocsin.domain.send import Balance, Charge, Course, Send, SendState, Tally
from tocsin.domain.tenancy import App

DAY = 86_400
FAR = float("inf")
REPLIES: list[Reply | Silence] = [*[Reply(201)] * 9, Reply(410), Reply(400), Reply(503), Silence(sent=True)]
CHARGES = [Charge.CREDITS, Charge.CREDITS, Charge.QUOTA, Charge.NONE]


@dataclass(frozen=True, slots=True)
class Scene:
    """An app with a history that agrees with itself."""

    engine: MemoryEngine
    app: App

    @property
    def id(self) -> AppId:
        return self.app.id

    def reconcile(self, days: int = reconciling.EXAMINED_DAYS, until: float = FAR) -> Reconciliation:
        """The whole of it, in as many calls as it takes."""
        use_case = self.engine.reconciling
        found = use_case.reconcile(self.id, use_case.begin(days), until)
        calls, examined, chunks, drifts = 1, found.examined, found.chunks, found.drifts
        while not found.complete:
            found = use_case.reconcile(self.id, found.progress, until)
            calls, examined, chunks = calls + 1, examined + found.examined, chunks + found.chunks
            drifts += found.drifts
            assert calls < 1000
        return replace(found, examined=examined, chunks=chunks, drifts=drifts)

    def only_drift(self) -> Drift:
        [drift] = self.reconcile().drifts
        return drift

    def sends(self, charge: Charge = Charge.CREDITS, state: SendState = SendState.SETTLED) -> list[Send]:
        """The sends of a sort that reached somebody, or are still to."""
        found = (stored.send for stored in self.engine.storage.sends.values())
        return [
            one
            for one in found
            if (one.app, one.charge, one.state) == (self.id, charge, state)
            and (one.counts.accepted or state is not SendState.SETTLED)
        ]

    def change(self, send: Send, **changes: object) -> None:
        """Write other members into a stored send."""
        stored = self.engine.storage.sends[send.app, send.id]
        changed = replace(stored.send, **changes)  # type: ignore[arg-type]
        self.engine.storage.sends[send.app, send.id] = replace(stored, send=changed)

    def change_row(self, kind: Entry, reference: str, **changes: object) -> None:
        """Write other members into a row of the ledger."""
        row = self.engine.storage.ledger[self.id, kind, reference]
        self.engine.storage.ledger[self.id, kind, reference] = replace(row, **changes)  # type: ignore[arg-type]

    def chunk(self, send: Send) -> Chunk:
        """A chunk of a send that somebody is in."""
        chunks = self.engine.storage.chunks.values()
        return next(one for one in chunks if one.send == send.id and one.results)


def history(seed: int, *, browsers: int = 12, sends: int = 20) -> Scene:
    """Sends of all sorts in random order: small and queued, paused, cancelled, settled and not, with every outcome."""
    engine, chance = MemoryEngine(seed), random.Random(seed)
    owner, _ = builders.shop(engine, browsers, credits_=1_000)
    addresses = [f"reader{number}@shop.example" for number in range(browsers)]
    for number in range(browsers):
        builders.subscribe(engine, owner, number + 1, builders.email(addresses[number]))
    for _ in range(sends):
        for number in range(1, browsers + 1):
            engine.transport.script(builders.endpoint(number), *chance.choices(REPLIES, k=3))
        named = chance.sample(addresses, chance.randint(0, 8))
        engine.sending.send(
            builders.send_command(
                owner,
                builders.audience(engine, owner, *named),
                charge=chance.choice(CHARGES),
                queued=chance.random() < 0.5,
                keeps_empty=chance.random() < 0.5,
            )
        )
        engine.clock.advance(chance.choice([0, 1, 50, 200]))
        engine.accounts.grant(owner.id, 1 + chance.randrange(9), f"order {chance.random()}", builders.OPERATOR)
        for stored in list(engine.storage.sends.values()):
            if stored.send.state is not SendState.SETTLED and chance.random() < 0.1:
                with suppress(Refused):
                    course = chance.choice(list(Course))
                    engine.steering.steer(owner.id, stored.send.id, course, builders.OPERATOR)
        if chance.random() < 0.4:
            queues.plan(engine)
        if chance.random() < 0.4:
            queues.deliver(engine)
    return Scene(engine, owner)


def settled(engine: MemoryEngine) -> None:
    queues.drain(engine)
    for _ in range(40):
        engine.clock.advance(600)
        engine.sweeping.sweep()
        queues.drain(engine)


@pytest.fixture(params=["rows of today", "rows of the last seconds"])
def scene(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Scene:
    """A history whose queued sends have several chunks; everything settled but the last send."""
    monkeypatch.setattr("tocsin.application.fanning_out.CHUNK_SIZE", 4)
    made = history(1)
    for number in range(20, 26):
        builders.subscribe(made.engine, made.app, number)
    made.engine.sending.send(builders.send_command(made.app, queued=True))
    settled(made.engine)
    if request.param == "rows of the last seconds":
        monkeypatch.setattr("tocsin.application.reconciling.WRITTEN_SECONDS", 10 * DAY)
    made.engine.sending.send(builders.send_command(made.app, queued=True))
    queues.plan(made.engine)
    return made


# --- what nobody touched ---


@pytest.mark.parametrize("seed", range(25))
def test_an_untouched_history_has_no_drift(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tocsin.application.fanning_out.CHUNK_SIZE", 3)
    scene = history(seed)
    for _ in range(2):
        found = scene.reconcile()
        balance = scene.engine.credits.balance(scene.id)
        assert found.drifts == ()
        assert found.balance == found.ledger.balance() == balance
        assert found.examined == found.progress.sends == len(scene.engine.storage.sends)
        unsettled = [one for one in scene.engine.storage.sends.values() if one.send.state is not SendState.SETTLED]
        assert found.progress.unsettled == len(unsettled)
        settled(scene.engine)


def test_a_look_in_many_small_steps_comes_to_the_same_as_one_look(scene: Scene) -> None:
    whole = scene.reconcile()
    stepwise = scene.reconcile(until=0)
    assert stepwise == whole
    assert whole.chunks > whole.examined > 10


def test_rows_are_read_as_they_are_taken(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that the length of a ledger decides how many calls it takes, not how much memory."""
    rows, taken = scene.engine.credits.rows, Counter[str]()

    def counted(app: AppId, kind: Entry, after: str) -> Iterator[object]:
        for one in rows(app, kind, after):
            taken[kind] += 1
            yield one

    monkeypatch.setattr(scene.engine.credits, "rows", counted)
    use_case = scene.engine.reconciling
    first = use_case.reconcile(scene.id, use_case.begin(89), 0)
    assert first.progress.sends <= 1
    assert max(taken[Entry.RESERVE], taken[Entry.SETTLE]) <= 3
    assert scene.reconcile().progress.sends > 15


def test_another_app_is_not_looked_at(scene: Scene) -> None:
    other = builders.app(scene.engine, credits_=5)
    scene.engine.storage.balances[scene.id] = Balance(0, 0, 0)
    found = Scene(scene.engine, other).reconcile()
    assert (found.drifts, found.balance) == ((), Balance(5, 0, 0))


def test_an_app_without_a_ledger_agrees(scene: Scene) -> None:
    assert Scene(scene.engine, builders.app(scene.engine)).reconcile().balance == Balance(0, 0, 0)


# --- one wrong record, one drift ---


def test_a_result_that_was_flipped_in_a_chunk_is_found_in_the_counts(scene: Scene) -> None:
    send = scene.sends()[0]
    chunk = next(one for one in scene.engine.chunks.of(send.app, send.id) if one.count(Result.ACCEPTED))
    results = list(chunk.results)
    results[results.index(Result.ACCEPTED)] = Result.FAILED
    scene.engine.storage.chunks[chunk.app, chunk.send, chunk.number] = replace(chunk, results=tuple(results))
    counts = send.counts
    assert scene.only_drift() == Drift(
        DriftKind.COUNTS,
        send.id,
        {"accepted": counts.accepted, "failed": counts.failed},
        {"accepted": counts.accepted - 1, "failed": counts.failed + 1},
    )


@pytest.mark.parametrize("charge", Charge)
def test_counts_that_were_changed_in_a_settled_send_are_found(scene: Scene, charge: Charge) -> None:
    send = scene.sends(charge)[0]
    scene.change(send, counts=replace(send.counts, accepted=send.counts.accepted + 2))
    accepted = send.counts.accepted
    expected = Drift(DriftKind.COUNTS, send.id, {"accepted": accepted + 2}, {"accepted": accepted})
    assert scene.only_drift() == expected


@pytest.mark.parametrize("figure", ["available", "reserved", "spent"])
def test_a_changed_balance_is_found(scene: Scene, figure: str) -> None:
    balance = scene.engine.credits.balance(scene.id)
    was = getattr(balance, figure)
    scene.engine.storage.balances[scene.id] = replace(balance, **{figure: was + 1})
    assert scene.only_drift() == Drift(DriftKind.BALANCE, scene.id, {figure: was + 1}, {figure: was})


def test_a_grant_that_was_deleted_or_changed_is_found_in_the_balance(scene: Scene) -> None:
    available = scene.engine.credits.balance(scene.id).available
    scene.change_row(Entry.GRANT, "first", amount=1_001)
    expected = Drift(DriftKind.BALANCE, scene.id, {"available": available}, {"available": available + 1})
    assert scene.only_drift() == expected
    del scene.engine.storage.ledger[scene.id, Entry.GRANT, "first"]
    assert scene.only_drift().recomputed == {"available": available - 1_000}


@pytest.mark.parametrize("charge", Charge)
def test_a_deleted_settle_row_is_found(scene: Scene, charge: Charge) -> None:
    send = scene.sends(charge)[0]
    row = scene.engine.storage.ledger.pop((scene.id, Entry.SETTLE, send.id))
    owed = {"amount": row.amount, **row.details}
    assert scene.only_drift() == Drift(DriftKind.SETTLE_ROW_MISSING, send.id, {}, owed)


@pytest.mark.parametrize("state", [SendState.SENDING, SendState.SETTLED])
def test_a_deleted_reserve_row_is_found(scene: Scene, state: SendState) -> None:
    send = scene.sends(state=state)[0]
    del scene.engine.storage.ledger[scene.id, Entry.RESERVE, send.id]
    drift = scene.only_drift()
    if state is SendState.SETTLED:
        owed = {"amount": send.reserved, "recipients": send.reserved}
        assert drift == Drift(DriftKind.RESERVE_ROW_MISSING, send.id, {}, owed)
    else:  # nothing in the ledger leads to it any more
        assert (drift.kind, drift.subject) == (DriftKind.BALANCE, scene.id)


@pytest.mark.parametrize("later", [0, 77])
@pytest.mark.parametrize("kind", Entry)
def test_a_doubled_row_is_found(scene: Scene, kind: Entry, later: int) -> None:
    reference = "first" if kind is Entry.GRANT else scene.sends()[0].id
    row = scene.engine.storage.ledger[scene.id, kind, reference]
    scene.engine.storage.ledger[scene.id, kind, f"{reference}x"] = replace(row, at=row.at + later)
    stored: Figures = {"kind": str(kind), "reference": f"{reference}x", "amount": row.amount}
    own = {"kind": str(kind), "reference": reference}
    assert scene.only_drift() == Drift(DriftKind.MISFILED_ROW, reference, stored, own)


@pytest.mark.parametrize("kind", [Entry.RESERVE, Entry.SETTLE])
def test_a_row_that_was_doubled_under_the_id_of_no_send_is_found(scene: Scene, kind: Entry) -> None:
    row = scene.engine.storage.ledger[scene.id, kind, scene.sends()[0].id]
    stray = SendId("77" * 12)
    scene.engine.storage.ledger[scene.id, kind, stray] = replace(row, reference=stray)
    assert scene.only_drift() == Drift(DriftKind.SEND_MISSING, stray, {}, {str(kind): row.amount})


@pytest.mark.parametrize(
    ("kind", "changes", "found"),
    [
        (Entry.RESERVE, {"amount": 900}, DriftKind.RESERVE_ROW),
        (Entry.SETTLE, {"amount": 900}, DriftKind.SETTLE_ROW),
        (Entry.SETTLE, {"details": {"held": 900}}, DriftKind.SETTLE_ROW),
        (Entry.SETTLE, {"details": {}}, DriftKind.SETTLE_ROW),
    ],
)
def test_a_changed_row_of_a_send_is_found(
    scene: Scene, kind: Entry, changes: dict[str, object], found: DriftKind
) -> None:
    send = scene.sends()[0]
    scene.change_row(kind, send.id, **changes)
    drift = scene.only_drift()
    assert (drift.kind, drift.subject) == (found, send.id)


def test_a_settle_row_that_tells_of_others_accepted_is_found(scene: Scene) -> None:
    send = scene.sends()[0]
    accepted, wrong = send.counts.accepted, send.counts.accepted - 1
    scene.change_row(Entry.SETTLE, send.id, details={"held": send.reserved, "accepted": wrong})
    expected = Drift(DriftKind.SETTLE_ROW, send.id, {"accepted": wrong}, {"accepted": accepted})
    assert scene.only_drift() == expected


@pytest.mark.parametrize("state", [SendState.SENDING, SendState.SETTLED])
def test_a_changed_reservation_is_found(scene: Scene, state: SendState) -> None:
    send = scene.sends(state=state)[0]
    scene.change(send, reserved=send.reserved + 1)
    was, is_ = send.reserved, send.reserved + 1
    expected = Drift(
        DriftKind.RESERVE_ROW, send.id, {"amount": was, "recipients": was}, {"amount": is_, "recipients": is_}
    )
    assert scene.only_drift() == expected


def test_ids_that_were_swapped_in_the_frozen_recipients_are_found(scene: Scene) -> None:
    for state in (SendState.SETTLED, SendState.SENDING):
        send = next(one for one in scene.sends(state=state) if len(scene.chunk(one).results) > 1)
        chunk = scene.chunk(send)
        place = chunk.app, chunk.send, chunk.number
        frozen = scene.engine.storage.frozen[place]
        first, second, *rest = frozen.ids
        scene.engine.storage.frozen[place] = replace(frozen, ids=(second, first, *rest))
        drift = scene.only_drift()
        assert (drift.kind, drift.subject, drift.stored["digest"]) == (DriftKind.RECIPIENTS, send.id, chunk.digest)
        assert drift.stored["chunk"] == drift.recomputed["chunk"] == chunk.number
        scene.engine.storage.frozen[place] = replace(frozen, ids=(SubscriptionId("99" * 12), second, *rest))
        assert scene.only_drift().kind is DriftKind.RECIPIENTS
        del scene.engine.storage.frozen[place]
        assert scene.only_drift().recomputed == {"chunk": chunk.number, "digest": ""}
        scene.engine.storage.frozen[place] = frozen


def test_a_missing_chunk_of_a_settled_send_is_found(scene: Scene) -> None:
    send = next(one for one in scene.sends() if one.chunks > 1)
    del scene.engine.storage.chunks[send.app, send.id, 0]
    found = {"chunks": send.chunks - 1}
    assert scene.only_drift() == Drift(DriftKind.CHUNKS, send.id, {"chunks": send.chunks}, found)


def test_a_chunk_with_people_that_nothing_was_reserved_for_is_found(scene: Scene) -> None:
    [send] = scene.sends(state=SendState.SENDING)
    chunk = scene.chunk(send)
    scene.engine.storage.chunks[chunk.app, chunk.send, 99] = replace(chunk, number=99)
    place = chunk.app, chunk.send, chunk.number
    scene.engine.storage.frozen[chunk.app, chunk.send, 99] = scene.engine.storage.frozen[place]
    drift = scene.only_drift()
    assert (drift.kind, drift.stored) == (DriftKind.CHUNKS, {"recipients": send.reserved})


def test_a_settlement_of_a_send_that_is_not_settled_is_found(scene: Scene) -> None:
    send = scene.sends()[0]
    scene.change(send, state=SendState.SENDING, counts=Tally())
    expected = Drift(DriftKind.SETTLED_TOO_EARLY, send.id, {"state": "sending"}, {"state": "settled"})
    assert scene.only_drift() == expected


def test_a_send_that_ended_long_ago_and_is_not_settled_is_found(scene: Scene) -> None:
    [send] = scene.sends(state=SendState.SENDING)
    del scene.engine.storage.chunks[send.app, send.id, scene.chunk(send).number]
    scene.engine.clock.advance(send.expires_at - scene.engine.clock.now() + 3600)
    swept = scene.engine.sweeping.sweep()
    queues.drain(scene.engine)
    assert (swept, scene.reconcile().drifts) == (1, ())
    scene.engine.clock.advance(1)
    expected = Drift(DriftKind.OVERDUE, send.id, {"state": "sending"}, {"state": "settled"})
    assert scene.only_drift() == expected


def test_a_send_that_is_not_there_any_more_is_found(scene: Scene) -> None:
    for state in (SendState.SETTLED, SendState.SENDING):
        send = scene.sends(state=state)[0]
        stored = scene.engine.storage.sends.pop((send.app, send.id))
        drift = scene.only_drift()
        assert (drift.kind, drift.subject, drift.stored) == (DriftKind.SEND_MISSING, send.id, {})
        scene.engine.storage.sends[send.app, send.id] = stored


@pytest.mark.parametrize("port", ["sends.get", "chunks.of", "chunks.frozen"])
def test_a_record_that_cannot_be_read_is_found_and_hides_no_other(
    scene: Scene, port: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, other = scene.sends()[:2]
    scene.change(other, counts=replace(other.counts, failed=99))
    store, method = port.split(".")
    original = getattr(getattr(scene.engine, store), method)

    def unreadable(app: AppId, send: SendId, *number: int) -> object:
        if send == broken.id:
            raise Unreadable("results")
        return original(app, send, *number)

    monkeypatch.setattr(getattr(scene.engine, store), method, unreadable)
    drifts = scene.reconcile(until=0).drifts
    assert Drift(DriftKind.UNREADABLE, broken.id, {"attribute": "results"}, {}) in drifts
    assert sorted(drift.subject for drift in drifts) == sorted([broken.id, other.id])


def test_a_balance_below_zero_is_found_though_the_ledger_says_the_same(scene: Scene) -> None:
    scene.engine.storage.balances[scene.id] = replace(scene.engine.credits.balance(scene.id), available=-50)
    scene.engine.storage.ledger.pop((scene.id, Entry.GRANT, "first"))
    balance = scene.engine.credits.balance(scene.id)
    missing = balance.available + balance.reserved + balance.spent - scene.reconcile().ledger.granted
    scene.engine.storage.write_down(scene.id, Entry.GRANT, "amends", missing, int(scene.engine.clock.now()) - 300)
    assert scene.only_drift().kind is DriftKind.NEGATIVE


Wrong = tuple[str, dict[Any, Any], Any, object]
"""A figure: its name, where it stands, and what stands there when it is wrong; None for nothing."""


def each_wrong_send(scene: Scene) -> Iterator[Wrong]:
    """Every single figure of sends and chunks that could be wrong; of an unsettled send, no result counts yet."""
    storage = scene.engine.storage
    for key, stored in storage.sends.items():
        for name, count in asdict(stored.send.counts).items() if key in settled_keys(scene) else ():
            counts = replace(stored.send.counts, **{name: count + 1})
            yield f"send's {name}", storage.sends, key, replace(stored, send=replace(stored.send, counts=counts))
    for place, chunk in storage.chunks.items():
        for index, result in enumerate(chunk.results) if place[:2] in settled_keys(scene) else ():
            results = list(chunk.results)
            results[index] = Result((result + 1) % len(Result))
            yield f"chunk's result {index}", storage.chunks, place, replace(chunk, results=tuple(results))
        yield "chunk's digest", storage.chunks, place, replace(chunk, digest="00" * 32)
    for place, frozen in storage.frozen.items():
        for index in range(len(frozen.ids)):
            ids = list(frozen.ids)
            ids[index] = SubscriptionId("99" * 12)
            yield f"frozen id {index}", storage.frozen, place, replace(frozen, ids=tuple(ids))


def each_wrong_row(scene: Scene) -> Iterator[Wrong]:
    """Every single figure of the ledger that could be wrong, and every row that could be gone."""
    storage = scene.engine.storage
    for row_key, row in storage.ledger.items():
        yield f"{row.kind} amount", storage.ledger, row_key, replace(row, amount=row.amount + 1)
        for name, value in row.details.items():
            if isinstance(value, int):
                details = {**row.details, name: value + 1}
                yield f"{row.kind} {name}", storage.ledger, row_key, replace(row, details=details)
        if row.kind != Entry.RESERVE or row.amount or (scene.id, row.reference) in settled_keys(scene):
            yield f"{row.kind} row", storage.ledger, row_key, None


def settled_keys(scene: Scene) -> set[tuple[str, str]]:
    """App and id of the settled sends."""
    found = scene.engine.storage.sends.values()
    return {(one.send.app, one.send.id) for one in found if one.send.state is SendState.SETTLED}


def test_each_single_wrong_record_is_exactly_one_drift(scene: Scene) -> None:
    """All but one: where the reserve row is gone of a send that holds no credits, nothing is left to tell of it."""
    tried, missed = 0, []
    for what, records, key, wrong in [*each_wrong_send(scene), *each_wrong_row(scene)]:
        right = records.pop(key)
        if wrong is not None:
            records[key] = wrong
        found = [str(drift.kind) for drift in scene.reconcile().drifts]
        records[key] = right
        tried += 1
        if len(found) != 1:
            missed.append((what, found))
    assert missed == []
    assert tried > 200
    assert scene.reconcile().drifts == ()


def test_two_wrong_records_are_two_drifts(scene: Scene) -> None:
    first, second = scene.sends()[:2]
    del scene.engine.storage.ledger[scene.id, Entry.SETTLE, first.id]
    scene.change(second, counts=replace(second.counts, failed=99))
    found = scene.reconcile()
    assert {(drift.kind, drift.subject) for drift in found.drifts} == {
        (DriftKind.SETTLE_ROW_MISSING, first.id),
        (DriftKind.COUNTS, second.id),
    }


def test_a_call_ends_at_the_hundredth_drift_and_the_next_one_goes_on(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconciling, "MOST_DRIFTS", 2)
    broken = scene.sends()[:5]
    for send in broken:
        scene.change(send, counts=Tally())
    use_case = scene.engine.reconciling
    first = use_case.reconcile(scene.id, use_case.begin(89), FAR)
    assert (len(first.drifts), first.complete, first.balance) == (2, False, None)
    assert {drift.subject for drift in scene.reconcile().drifts} == {send.id for send in broken}


# --- how far back ---


def test_sends_that_nothing_was_written_about_lately_are_summed_and_not_examined(scene: Scene) -> None:
    settled(scene.engine)
    old = scene.sends()[0]
    scene.change(old, counts=Tally())
    scene.engine.clock.advance(3 * DAY)
    scene.engine.sending.send(builders.send_command(scene.app))
    found = scene.reconcile(days=2)
    assert (found.drifts, found.examined) == ((), 1)
    assert found.balance == scene.engine.credits.balance(scene.id)
    assert [drift.subject for drift in scene.reconcile().drifts] == [old.id]


def test_a_send_that_was_settled_lately_is_examined_however_old_it_is(scene: Scene) -> None:
    [old] = scene.sends(state=SendState.SENDING)
    scene.engine.clock.advance(3 * DAY)
    settled(scene.engine)
    scene.change(old, state=SendState.SETTLED, counts=Tally(accepted=7))
    assert [drift.subject for drift in scene.reconcile(days=2).drifts] == [old.id]


def test_a_send_that_holds_credits_is_examined_however_old_it_is(scene: Scene) -> None:
    scene.engine.clock.advance(3 * DAY)
    held = scene.sends(state=SendState.SENDING)[0]
    late = scene.sends()[0]
    del scene.engine.storage.ledger[scene.id, Entry.SETTLE, late.id]
    found = scene.reconcile(days=2)
    assert found.examined == 2
    assert {drift.subject for drift in found.drifts} == {held.id, late.id}


@pytest.mark.parametrize("days", [0, 20])
def test_what_the_store_has_removed_after_its_time_is_no_drift(scene: Scene, days: int) -> None:
    """A send's time counts from when it was made, not from when it was settled."""
    scene.engine.clock.advance(days * DAY)
    settled(scene.engine)
    before = scene.reconcile()
    scene.engine.clock.advance(KEPT_SECONDS - days * DAY)
    for records in (scene.engine.storage.sends, scene.engine.storage.chunks, scene.engine.storage.frozen):
        records.clear()
    found = scene.reconcile()
    assert (found.drifts, found.examined, found.balance) == ((), 0, before.balance)
    assert reconciling.EXAMINED_DAYS * DAY < KEPT_SECONDS


# --- in motion ---


def interrupting(scene: Scene, port: object, name: str, act: Callable[[int], None]) -> None:
    """Let `act(n)` happen before each call of a port's method, and after each row that it reads."""
    original, calls, acting = getattr(port, name), iter(range(10_000)), [False]

    def interrupted(*args: object) -> object:
        step()
        found = original(*args)
        return stepwise(found) if name == "rows" else found

    def stepwise(found: Iterator[object]) -> Iterator[object]:
        for one in found:
            yield one
            step()

    def step() -> None:
        if not acting[0]:  # what it does calls the port too
            acting[0] = True
            act(next(calls))
            acting[0] = False

    setattr(port, name, interrupted)


@pytest.mark.parametrize("port", ["credits.rows", "credits.row", "credits.balance", "credits.ledger"])
@pytest.mark.parametrize("seed", range(4))
def test_sends_that_are_made_and_settled_meanwhile_are_no_drift(seed: int, port: str) -> None:
    scene = history(seed)
    chance = random.Random(seed)

    def send_or_deliver(call: int) -> None:
        if call < 60:
            scene.engine.clock.advance(chance.random())
            scene.engine.sending.send(builders.send_command(scene.app, queued=chance.random() < 0.5))
            queues.drain(scene.engine)

    store, method = port.split(".")
    interrupting(scene, getattr(scene.engine, store), method, send_or_deliver)
    assert scene.reconcile().drifts == ()


@pytest.mark.parametrize("port", ["sends.get", "chunks.of", "chunks.frozen"])
def test_a_send_that_is_settled_while_it_is_looked_at_is_no_drift(scene: Scene, port: str) -> None:
    def finish(call: int) -> None:
        queues.drain(scene.engine)

    store, method = port.split(".")
    interrupting(scene, getattr(scene.engine, store), method, finish)
    assert scene.reconcile().drifts == ()
    assert not scene.sends(state=SendState.SENDING)


def test_an_index_that_lags_is_waited_for(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger, until = scene.engine.credits.ledger, scene.engine.clock.now() + 2
    monkeypatch.setattr("tocsin.application.reconciling.WRITTEN_SECONDS", 10 * DAY)

    def lagging(app: AppId, limit: int, cursor: str | None) -> object:
        page = ledger(app, limit, cursor)
        return page if scene.engine.clock.now() >= until else replace(page, items=page.items[1:])

    monkeypatch.setattr(scene.engine.credits, "ledger", lagging)
    assert scene.reconcile().drifts == ()


def test_a_drift_shows_although_sends_go_on(scene: Scene) -> None:
    balance = scene.engine.credits.balance(scene.id)
    scene.engine.storage.balances[scene.id] = replace(balance, spent=balance.spent + 100)

    def send(call: int) -> None:
        scene.engine.sending.send(builders.send_command(scene.app))

    interrupting(scene, scene.engine.credits, "balance", send)
    assert scene.only_drift().kind is DriftKind.BALANCE


# --- whose turn it is ---


def test_apps_whose_ledger_got_a_row_lately_are_active(scene: Scene) -> None:
    idle, empty, busy = (builders.app(scene.engine, credits_=credits_) for credits_ in (5, 0, 5))
    scene.engine.clock.advance(3 * DAY)
    scene.engine.accounts.grant(busy.id, 1, "again", builders.OPERATOR)
    assert list(scene.engine.reconciling.active_lately()) == [busy.id]
    assert idle.id != empty.id


def test_each_day_another_app_comes_first_so_that_all_have_a_turn_when_time_is_short(scene: Scene) -> None:
    apps = {scene.id, *(builders.app(scene.engine, credits_=5).id for _ in range(2))}
    firsts = set()
    for _ in apps:
        for one in apps:
            scene.engine.accounts.grant(one, 1, f"at {scene.engine.clock.now()}", builders.OPERATOR)
        firsts.add(next(scene.engine.reconciling.active_lately()))
        scene.engine.clock.advance(DAY)
    assert firsts == apps
