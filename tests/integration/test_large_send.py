"""A broadcast to 5,000 on the deployed template, whose workers are killed: nothing is lost, nothing charged twice."""

import json
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from dev.stack import Stack
from dev.stack.build import ROOT
from dev.stack.deploy import LOCAL_WORKERS
from tests.contract.stores import Stores
from tests.customer import Customer, expect
from tests.integration.crowd import SERVICES, Crowd, stores_of
from tests.integration.deployed_api import DeployedApi, Simulator, UserAgent
from tests.integration.queues import Queues
from tests.integration.tocsin.sends import send, when, when_settled
from tests.integration.workers import Workers
from tocsin.dialect_kit.identifiers import parse
from tocsin.domain.chunk import CHUNK_SIZE, WINDOW, Chunk, ChunkState, Result
from tocsin.domain.ids import AppId, SendId, SubscriptionId
from tocsin.entrypoints.queue import CHUNKS_AT_ONCE

CROWD = 5_000
GONE, THROTTLED = CROWD * 2 // 100, CROWD // 100
LIVE = CROWD - GONE
UNDER_WAY = 200
"""Recipients that are certainly accepted when the first worker is killed."""
SWEPT_WITHIN = 240
"""Seconds. The sweep looks at a send after one to two minutes, and queues anew what its workers left behind."""


@dataclass(frozen=True, slots=True)
class Records:
    """The chunks of a send as they are stored."""

    stores: Stores
    app: AppId
    send: SendId

    def now(self) -> Sequence[Chunk]:
        """All of them, by number."""
        return self.stores.chunks.of(self.app, self.send)

    def when(self, holds: Callable[[Sequence[Chunk]], bool]) -> Sequence[Chunk]:
        """All of them, as soon as this holds."""
        deadline = time.monotonic() + 60
        while not holds(chunks := self.now()):
            assert time.monotonic() < deadline, [(one.number, one.epoch, one.version, one.state) for one in chunks]
            time.sleep(0.02)
        return chunks

    def subscription(self, chunk: Chunk, index: int) -> SubscriptionId:
        """Who this recipient of a chunk is."""
        frozen = self.stores.chunks.frozen(self.app, self.send, chunk.number)
        assert frozen is not None
        return frozen.ids[index]


def accepted(chunks: Sequence[Chunk]) -> int:
    return sum(chunk.count(Result.ACCEPTED) for chunk in chunks)


def in_the_middle(chunk: Chunk) -> bool:
    """Whether a worker has messages of this chunk in flight, as far as is stored."""
    return chunk.state is ChunkState.OPEN and bool(chunk.in_flight)


def all_workers_busy(chunks: Sequence[Chunk]) -> bool:
    """Whether each has taken as many chunks as it does at once, and none can have finished all of its own."""
    claimed = [chunk for chunk in chunks if chunk.epoch]
    return (
        len(claimed) == LOCAL_WORKERS * CHUNKS_AT_ONCE
        and sum(map(in_the_middle, claimed)) > (LOCAL_WORKERS - 1) * CHUNKS_AT_ONCE
        and accepted(chunks) >= UNDER_WAY
    )


def killed_twice(records: Records, victims: Sequence[int], workers: Workers) -> Mapping[int, Chunk]:
    """Kill one worker while both deliver, and then the other one, as soon as it has gone on.

    The chunks that were left behind by number, as they were then.
    """
    first, second = victims
    records.when(all_workers_busy)
    workers.kill(first)
    before = {chunk.number: chunk.version for chunk in records.now() if chunk.epoch}

    def gone_on(chunks: Sequence[Chunk]) -> bool:
        return any(in_the_middle(one) and one.version > before.get(one.number, one.version) for one in chunks)

    records.when(gone_on)
    workers.kill(second)
    return {chunk.number: chunk for chunk in records.now() if chunk.number in before and in_the_middle(chunk)}


def accepted_times(simulator: Simulator, agent: UserAgent, answers: Mapping[str, Sequence[Mapping[str, int]]]) -> int:
    return sum(200 <= answer["status"] < 300 for answer in answers.get(agent.id, ()))


def test_a_broadcast_whose_workers_are_killed_reaches_everybody_and_is_charged_once(
    deployed: Stack, api: DeployedApi, simulator: Simulator
) -> None:
    customer = Customer.sign_up(api, credits=CROWD)
    crowd = Crowd(deployed, simulator, customer, CROWD)
    dead, busy, live = crowd.agents[:GONE], crowd.agents[GONE : GONE + THROTTLED], crowd.agents[GONE:]
    for agent in dead:
        agent.delete()
    for agent in busy:
        agent.behave(status=429, headers={"Retry-After": "1"}, times=1)
    stores, workers = stores_of(deployed), Workers(deployed, "deliver")

    with Queues(deployed).held("BulkDeliverQueue"):
        told = expect(202, send(customer))
        assert told["targets"] == CROWD
        when(customer, told["id"], lambda found: found["status"] == "sending")
        victims = workers.renew(json.loads((ROOT / "events" / "deliver.json").read_text()))
    released = time.time()
    records = Records(stores, crowd.app, SendId(parse("snd", told["id"]) or ""))
    left_behind = killed_twice(records, victims, workers)
    done = when_settled(customer, told["id"], SWEPT_WITHIN)

    # The figures add up.
    assert {name: done[name] for name in ("accepted", "failed", "gone", "uncertain", "pending")} == {
        "accepted": LIVE,
        "failed": GONE,
        "gone": GONE,
        "uncertain": 0,
        "pending": 0,
    }
    each = {name: (said["accepted"], said["gone"], said["failed"]) for name, said in done["push_services"].items()}
    assert each == dict.fromkeys(SERVICES, (LIVE // len(SERVICES), GONE // len(SERVICES), 0))
    assert 0 < done["retried"]
    counts = stores.subscriptions.counts(crowd.app)
    assert (counts.active, counts.expired) == (LIVE, GONE)

    # Nothing is lost, and nobody was sent to twice whom a killed worker did not leave in doubt.
    answers = simulator.answers()
    times = {crowd.id_of(agent): accepted_times(simulator, agent, answers) for agent in live}
    assert min(times.values()) >= 1
    chunks = records.now()
    assert len(chunks) == CROWD // CHUNK_SIZE
    doubted = {records.subscription(chunk, index) for chunk in chunks for index in chunk.doubted}
    assert {name for name, number in times.items() if number > 1} <= doubted
    assert left_behind
    for chunk in chunks:
        assert len(chunk.doubted) <= WINDOW
        if chunk.number in left_behind:
            assert chunk.doubted >= set(left_behind[chunk.number].in_flight)

    # The money agrees with both.
    spent = {"available": GONE, "reserved": 0, "spent": LIVE}
    assert customer.credits() == spent
    proof = expect(200, api.operator("GET", customer.at("/reconciliation")))
    assert (proof["complete"], proof["drifts"]) == (True, [])
    assert (proof["ledger"], proof["balance"]) == ({"granted": CROWD, **spent}, spent)
    assert proof["examined"] == {"sends": 1, "chunks": len(chunks)}
    tell(answers, live, released, left_behind, doubted, times)


def tell(
    answers: Mapping[str, Sequence[Mapping[str, float]]],
    live: Sequence[UserAgent],
    released: float,
    left_behind: Mapping[int, Chunk],
    doubted: set[SubscriptionId],
    times: Mapping[SubscriptionId, int],
) -> None:
    at = sorted(answers[agent.id][-1]["at"] - released for agent in live)
    print(
        f"first {at[0]:.1f} s, half {at[len(at) // 2]:.1f} s, 99 % {at[len(at) * 99 // 100]:.1f} s, last {at[-1]:.1f} s",
        f"left behind {sorted(left_behind)}, in doubt {len(doubted)}, times {sorted(Counter(times.values()).items())}",
    )
