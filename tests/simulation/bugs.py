"""Deliberate bugs, each of which takes one rule out of the real engine or of what it stands on."""

from collections.abc import Callable, Container, Sequence
from dataclasses import replace
from typing import Any

import pytest

from tests.memory import quotas
from tests.memory import sends as memory
from tests.memory.sends import MemoryChunks, MemorySends
from tests.memory.storage import Progress, Storage
from tocsin.application import delivering, delivery_pass, sending, settling
from tocsin.application.delivering import Delivering
from tocsin.application.delivery_pass import DeliveryPass
from tocsin.application.fanning_out import FanningOut
from tocsin.application.ports import Frozen, LeaseLost
from tocsin.application.resuming import Resuming
from tocsin.application.settling import Settling
from tocsin.application.waits import Waits
from tocsin.application.watching import Watching
from tocsin.domain.chunk import Chunk, Repeat, Result, Wait, claimed
from tocsin.domain.ids import AppId, SendId
from tocsin.domain.report import Report
from tocsin.domain.send import Balance, Course, Send, SendState, Tally, tally

Patch = pytest.MonkeyPatch
Bug = Callable[[Patch], None]

# --- money ----------------------------------------------------------------------------------------------------------


def reserves_what_is_not_there(patch: Patch) -> None:
    honest = MemorySends.reserve

    def reserve(self: MemorySends, send: Send, *rest: Any) -> None:
        _lend(self._storage, send, 1_000_000)
        try:
            honest(self, send, *rest)
        finally:
            _lend(self._storage, send, -1_000_000)

    patch.setattr(MemorySends, "reserve", reserve)


def reserves_in_two_steps(patch: Patch) -> None:
    honest = MemorySends.reserve

    def reserve(self: MemorySends, send: Send, *rest: Any) -> None:
        before = self._storage.balance(send.app)
        self._clock.sleep(0.05)
        honest(self, send, *rest)
        held = self._storage.sends[send.app, send.id].held
        if held:
            written = Balance(before.available - held, before.reserved + held, before.spent)
            self._storage.balances[send.app] = written

    patch.setattr(MemorySends, "reserve", reserve)


def charges_the_uncertain(patch: Patch) -> None:
    def greedy(chunk: Chunk) -> Tally:
        honest = tally(chunk)
        return replace(honest, accepted=honest.accepted + honest.uncertain)

    for module in (delivering, settling, sending):
        patch.setattr(module, "tally", greedy)


def settles_before_every_chunk_is_done(patch: Patch) -> None:
    def settle(self: Settling, send: Send) -> bool:
        so_far = self.progress(send)
        return self._sends.settle(send, so_far.counts, so_far.report, int(self._clock.now()))

    patch.setattr(Settling, "settle", settle)


def settles_twice(patch: Patch) -> None:
    honest = memory._settle

    def settle(storage: Storage, send: Send, counts: Tally, report: Report, at: int) -> bool:
        stored = storage.sends[send.app, send.id]
        if stored.send.settled_at is not None:
            storage.sends[send.app, send.id] = replace(stored, send=send)
        return honest(storage, send, counts, report, at)

    patch.setattr(memory, "_settle", settle)


def settles_without_the_report(patch: Patch) -> None:
    patch.setattr(settling, "total", lambda reports: Report())


def keeps_the_quota_of_the_gone(patch: Patch) -> None:
    honest = quotas.give_back

    def give_back(storage: Storage, send: Send, counts: Tally, report: Report) -> None:
        honest(storage, send, replace(counts, gone=0), report)

    patch.setattr(quotas, "give_back", give_back)


# --- intents, fences and doubts -------------------------------------------------------------------------------------


def posts_before_the_intent_is_stored(patch: Patch) -> None:
    honest = DeliveryPass._store
    patch.setattr(DeliveryPass, "_store", lambda self, _, until: honest(self, tuple(self._flying), until))


def no_fence(patch: Patch) -> None:
    patch.setattr(MemoryChunks, "_check_owned", lambda self, chunk: None)


def claims_whatever_was_read(patch: Patch) -> None:
    honest = MemoryChunks.claim

    def claim(self: MemoryChunks, chunk: Chunk) -> None:
        stored = self.get(chunk.app, chunk.send, chunk.number)
        if stored is None:
            raise LeaseLost
        honest(self, replace(chunk, version=stored.version + 1))

    patch.setattr(MemoryChunks, "claim", claim)


def takes_over_from_the_living(patch: Patch) -> None:
    honest = MemoryChunks.get

    def get(self: MemoryChunks, app: AppId, send: SendId, number: int) -> Chunk | None:
        chunk = honest(self, app, send, number)
        return chunk and replace(chunk, lease_until=0)

    patch.setattr(MemoryChunks, "get", get)


def posts_although_the_lease_may_run_out(patch: Patch) -> None:
    honest = DeliveryPass._start_ready

    def start(self: DeliveryPass, stop_at: float) -> None:
        kept = self.chunk
        self.chunk = replace(kept, lease_until=kept.lease_until + 3600)
        honest(self, stop_at)
        self.chunk = kept

    patch.setattr(DeliveryPass, "_start_ready", start)


def forgets_what_a_lost_worker_had_in_flight(patch: Patch) -> None:
    _claims(patch, lambda chunk: replace(chunk, in_flight=()))


def believes_that_a_lost_worker_was_heard(patch: Patch) -> None:
    def heard(chunk: Chunk) -> Chunk:
        results = list(chunk.results)
        for index in chunk.in_flight:
            results[index] = Result.ACCEPTED
        return replace(chunk, results=tuple(results))

    _claims(patch, heard)


def takes_silence_for_failure(patch: Patch) -> None:
    honest = DeliveryPass._unanswered
    patch.setattr(
        DeliveryPass, "_unanswered", lambda self, index, target, *, sent: honest(self, index, target, sent=False)
    )


def tries_again_where_no_repeat_is_wanted(patch: Patch) -> None:
    patch.setattr(Repeat, "retried", frozenset({Result.PENDING, Result.UNCERTAIN}))


def a_round_forgets_what_the_one_before_heard(patch: Patch) -> None:
    patch.setattr(DeliveryPass, "rest", lambda self, seconds: None)


# --- plans ----------------------------------------------------------------------------------------------------------


def plans_again_over_a_changed_audience(patch: Patch) -> None:
    def freeze(self: MemoryChunks, app: AppId, send: SendId, number: int, frozen: Frozen) -> Frozen:
        self._storage.frozen[app, send, number] = frozen
        return frozen

    patch.setattr(MemoryChunks, "freeze", freeze)
    opens_a_chunk_again(patch)


def opens_a_chunk_again(patch: Patch) -> None:
    def overwrite(self: MemoryChunks, chunk: Chunk) -> None:
        self._storage.chunks[chunk.app, chunk.send, chunk.number] = chunk

    patch.setattr(MemoryChunks, "open", overwrite)


def counts_a_part_twice(patch: Patch) -> None:
    honest = MemorySends.opened

    def twice(self: MemorySends, send: Send, part: int, chunks: int) -> bool:
        progress = self._storage.progress.setdefault((send.app, send.id), Progress())
        if part in progress.planned:
            progress.planned[part] += chunks
        return honest(self, send, part, chunks)

    patch.setattr(MemorySends, "opened", twice)


def plans_nothing_more_of_what_has_ended(patch: Patch) -> None:
    """A planner that starts anew would not count the chunks that an earlier one opened."""
    honest = FanningOut._finished

    def finished(self: FanningOut, send: Send, planned: object) -> bool:
        ended = send.course is Course.CANCELLED or self._clock.now() >= send.expires_at
        return ended or honest(self, send, planned)  # type: ignore[arg-type]

    patch.setattr(FanningOut, "_finished", finished)


def resumes_a_plan_but_not_its_chunks(patch: Patch) -> None:
    honest = Resuming._deliver

    def deliver(self: Resuming, send: Send, stuck: Callable[[Chunk], bool]) -> None:
        if send.state is not SendState.PLANNED:
            honest(self, send, stuck)

    patch.setattr(Resuming, "_deliver", deliver)


# --- the customer's wishes ------------------------------------------------------------------------------------------


def never_looks_at_a_pause(patch: Patch) -> None:
    patch.setattr(DeliveryPass, "look", lambda self: Course.RUNNING)


def looks_at_a_pause_only_between_new_recipients(patch: Patch) -> None:
    patch.setattr(Delivering, "_stopped", lambda self, delivery: False)


def believes_an_old_pause(patch: Patch) -> None:
    """A message or worker that still believes in a pause drops what the resumed send needs."""
    honest = Watching.fresh

    def fresh(self: Watching, app: AppId, name: SendId) -> Send | None:
        return self._known.get((app, name)) or honest(self, app, name)

    patch.setattr(Watching, "fresh", fresh)


def leaves_a_cancelled_chunk_open(patch: Patch) -> None:
    honest = Delivering._close

    def close(self: Delivering, delivery: DeliveryPass, reason: str = "") -> None:
        if reason == delivering.CANCELLED:
            self._lay_down(delivery, 0)
        else:
            honest(self, delivery, reason)

    patch.setattr(Delivering, "_close", close)


def believes_stale_recipients(patch: Patch) -> None:
    patch.setattr(delivering, "FRESH_SECONDS", 3600)


# --- time -----------------------------------------------------------------------------------------------------------


def ignores_the_circuit_of_a_key(patch: Patch) -> None:
    patch.setattr("tocsin.application.pacing._Breaker.trouble", lambda *args, **options: False)


def forgets_waits_when_a_chunk_is_handed_on(patch: Patch) -> None:
    def stored(self: Waits) -> Sequence[Wait]:
        return ()

    patch.setattr(Waits, "stored", stored)


def does_not_hear_a_retry_after(patch: Patch) -> None:
    honest = Waits.put_off
    patch.setattr(Waits, "put_off", lambda self, index, place, until, reason: honest(self, index, place, 0, reason))


def works_past_the_deadline(patch: Patch) -> None:
    honest = Delivering.finish
    patch.setattr(Delivering, "finish", lambda self, delivery, until: honest(self, delivery, until + 3600))


def never_asks_the_sweep(patch: Patch) -> None:
    patch.setattr("tocsin.application.sweeping.Sweeping.sweep", lambda self: 0)


def sweeps_what_has_ended_as_seldom_as_the_rest(patch: Patch) -> None:
    patch.setattr("tocsin.application.sweeping._again", lambda send, age, now: now + min(max(age, 60), 540))


def _lend(storage: Storage, send: Send, amount: int) -> None:
    balance = storage.balance(send.app)
    storage.balances[send.app] = replace(balance, available=balance.available + amount)


def _claims(patch: Patch, change: Callable[[Chunk], Chunk]) -> None:
    def careless(chunk: Chunk, now: int, repeat: Repeat, skipped: Container[int] = ()) -> Chunk:
        return claimed(change(chunk), now, repeat, skipped)

    patch.setattr(delivering, "claimed", careless)
    patch.setattr(delivery_pass, "claimed", careless)
