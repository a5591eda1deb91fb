"""The simulation must notice what it is there to notice: each of these bugs breaks a promise within a few histories."""

from collections.abc import Callable, Container
from dataclasses import replace

import pytest

from tests.memory import quotas
from tests.memory.sends import MemoryChunks
from tests.memory.storage import Storage
from tests.simulation.histories import live_at_random
from tests.simulation.world import Violation
from tocsin.application import delivering, sending, settling
from tocsin.application.delivery_pass import DeliveryPass
from tocsin.application.ports import Frozen, LeaseLost
from tocsin.application.settling import Settling
from tocsin.domain.chunk import Chunk, Repeat, claimed
from tocsin.domain.ids import AppId, SendId
from tocsin.domain.send import Send, Tally, tally

SEEDS = range(400)
Bug = Callable[[pytest.MonkeyPatch], None]


def posts_before_the_intent_is_stored(patch: pytest.MonkeyPatch) -> None:
    honest = DeliveryPass._store
    patch.setattr(DeliveryPass, "_store", lambda self, _, until: honest(self, tuple(self._flying), until))


def no_fence(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(MemoryChunks, "_check_owned", lambda self, chunk: None)


def claims_whatever_was_read(patch: pytest.MonkeyPatch) -> None:
    honest = MemoryChunks.claim

    def claim(self: MemoryChunks, chunk: Chunk) -> None:
        stored = self.get(chunk.app, chunk.send, chunk.number)
        if stored is None:
            raise LeaseLost
        honest(self, replace(chunk, version=stored.version + 1))

    patch.setattr(MemoryChunks, "claim", claim)


def forgets_what_a_lost_worker_had_in_flight(patch: pytest.MonkeyPatch) -> None:
    def careless(chunk: Chunk, now: int, repeat: Repeat, skipped: Container[int]) -> Chunk:
        return claimed(replace(chunk, in_flight=()), now, repeat, skipped)

    patch.setattr(delivering, "claimed", careless)


def charges_the_uncertain(patch: pytest.MonkeyPatch) -> None:
    def greedy(chunk: Chunk) -> Tally:
        honest = tally(chunk)
        return replace(honest, accepted=honest.accepted + honest.uncertain)

    for module in (delivering, settling, sending):
        patch.setattr(module, "tally", greedy)


def takes_silence_for_failure(patch: pytest.MonkeyPatch) -> None:
    honest = DeliveryPass._unanswered
    patch.setattr(
        DeliveryPass, "_unanswered", lambda self, index, target, *, sent: honest(self, index, target, sent=False)
    )


def a_round_forgets_what_the_one_before_heard(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(DeliveryPass, "rest", lambda self, seconds: None)


def settles_before_every_chunk_is_done(patch: pytest.MonkeyPatch) -> None:
    def settle(self: Settling, send: Send) -> bool:
        so_far = self.progress(send)
        return self._sends.settle(send, so_far.counts, so_far.report, int(self._clock.now()))

    patch.setattr(Settling, "settle", settle)


def plans_again_over_a_changed_audience(patch: pytest.MonkeyPatch) -> None:
    def freeze(self: MemoryChunks, app: AppId, send: SendId, number: int, frozen: Frozen) -> Frozen:
        self._storage.frozen[app, send, number] = frozen
        return frozen

    def overwrite(self: MemoryChunks, chunk: Chunk) -> None:
        self._storage.chunks[chunk.app, chunk.send, chunk.number] = chunk

    patch.setattr(MemoryChunks, "freeze", freeze)
    patch.setattr(MemoryChunks, "open", overwrite)


def keeps_the_quota_of_the_gone(patch: pytest.MonkeyPatch) -> None:
    honest = quotas.give_back

    def give_back(storage: Storage, send: Send, counts: Tally) -> None:
        honest(storage, send, replace(counts, gone=0))

    patch.setattr(quotas, "give_back", give_back)


def never_asks_the_sweep(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("tocsin.application.sweeping.Sweeping.sweep", lambda self: 0)


def live_through(seeds: range) -> None:
    for seed in seeds:
        live_at_random(seed)


@pytest.mark.parametrize(
    "bug",
    [
        posts_before_the_intent_is_stored,
        no_fence,
        claims_whatever_was_read,
        forgets_what_a_lost_worker_had_in_flight,
        charges_the_uncertain,
        takes_silence_for_failure,
        a_round_forgets_what_the_one_before_heard,
        settles_before_every_chunk_is_done,
        plans_again_over_a_changed_audience,
        keeps_the_quota_of_the_gone,
        never_asks_the_sweep,
    ],
    ids=lambda bug: bug.__name__,
)
def test_the_simulation_notices(bug: Bug, monkeypatch: pytest.MonkeyPatch) -> None:
    bug(monkeypatch)
    with pytest.raises(Violation):
        live_through(SEEDS)
