"""A broadcast to 5,000 on the deployed template, whose workers are killed: nothing is lost, nothing charged twice."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dev.stack import Stack
from dev.stack.build import ROOT
from dev.stack.deploy import LOCAL_WORKERS
from tests.contract.stores import Stores
from tests.customer import Customer, expect
from tests.integration.crowd import SERVICES, Crowd, stores_of
from tests.integration.deployed_api import DeployedApi, Simulator
from tests.integration.queues import Queues, invoked
from tests.integration.tocsin.sends import send, shown, when, when_settled
from tests.integration.workers import Workers
from tocsin.dialect_kit.identifiers import parse
from tocsin.domain.chunk import WINDOW, Chunk, ChunkState, Result
from tocsin.domain.ids import AppId, SendId, SubscriptionId
from tocsin.entrypoints.queue import CHUNKS_AT_ONCE

CROWD = 5_000
GONE, THROTTLED = CROWD * 2 // 100, CROWD // 100
LIVE = CROWD - GONE
UNDER_WAY = 200
"""So many are certainly accepted when the first worker is killed."""
SAVES = 2
"""So often the second one has saved a chunk since then, when it is killed too."""


@dataclass(frozen=True, slots=True)
class Records:
    """The chunks of a send, as they are stored."""

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

    def doubted(self) -> set[SubscriptionId]:
        """Who may have been sent to more often than it is known."""
        found = set()
        for chunk in self.now():
            assert len(chunk.doubted) <= WINDOW
            frozen = self.stores.chunks.frozen(self.app, self.send, chunk.number)
            assert frozen is not None
            found |= {frozen.ids[index] for index in chunk.doubted}
        return found


def in_the_middle(chunk: Chunk) -> bool:
    """Whether, as far as is stored, a worker has messages of this chunk in flight."""
    return chunk.state is ChunkState.OPEN and bool(chunk.in_flight)


def all_busy(chunks: Sequence[Chunk]) -> bool:
    """Whether each worker has taken as many chunks as it does at once, and none can be done with all of its own."""
    claimed = [chunk for chunk in chunks if chunk.epoch]
    return (
        len(claimed) == LOCAL_WORKERS * CHUNKS_AT_ONCE
        and sum(map(in_the_middle, claimed)) > (LOCAL_WORKERS - 1) * CHUNKS_AT_ONCE
        and sum(chunk.count(Result.ACCEPTED) for chunk in chunks) >= UNDER_WAY
    )


def left_behind(records: Records, workers: Workers, victims: Sequence[int]) -> dict[int, Chunk]:
    """Kill one worker while both deliver, and the other one when it has gone on: their chunks by number, as they died.

    From then on nobody has them: their messages are hidden in the queue for 12 minutes.
    """
    first, second = victims
    records.when(all_busy)
    workers.kill(first)
    at_its_death = {chunk.number: chunk.version for chunk in records.now() if chunk.epoch}

    def gone_on(chunks: Sequence[Chunk]) -> bool:
        known = (chunk for chunk in chunks if chunk.number in at_its_death and in_the_middle(chunk))
        return any(chunk.version >= at_its_death[chunk.number] + SAVES for chunk in known)

    records.when(gone_on)
    workers.kill(second)
    return {chunk.number: chunk for chunk in records.now() if chunk.number in at_its_death and in_the_middle(chunk)}


def swept_until_settled(stack: Stack, customer: Customer, send_id: str) -> dict[str, Any]:
    """The send, once it is settled by a sweep that comes every few seconds instead of each minute."""
    deadline = time.monotonic() + 150
    while (found := shown(customer, send_id))["status"] != "settled":
        assert time.monotonic() < deadline, found
        invoked(stack, "scheduler", {})
        time.sleep(2)
    return found


def check_figures(done: Mapping[str, Any], gone: int) -> None:
    """In all and by push service."""
    told = {name: done[name] for name in ("accepted", "failed", "gone", "uncertain", "pending")}
    assert told == {"accepted": LIVE, "failed": gone, "gone": gone, "uncertain": 0, "pending": 0}
    by_service = done["push_services"]
    assert {name: said["accepted"] for name, said in by_service.items()} == dict.fromkeys(
        SERVICES, LIVE // len(SERVICES)
    )
    assert [sum(said[fate] for said in by_service.values()) for fate in ("gone", "failed")] == [gone, 0]


def check_money(customer: Customer, sends: int) -> None:
    """One credit for each who was reached by each of so many sends, by balance and ledger."""
    spent = {"available": sends * GONE, "reserved": 0, "spent": sends * LIVE}
    assert customer.credits() == spent
    proof = expect(200, customer.api.operator("GET", customer.at("/reconciliation")))
    assert (proof["complete"], proof["drifts"], proof["examined"]["sends"]) == (True, [], sends)
    assert (proof["ledger"], proof["balance"]) == ({"granted": sends * CROWD, **spent}, spent)


def test_a_broadcast_whose_workers_are_killed_loses_nobody_and_is_charged_once(
    deployed: Stack, api: DeployedApi, simulator: Simulator, record_testsuite_property: Callable[[str, object], None]
) -> None:
    customer = Customer.sign_up(api, credits=CROWD)
    crowd = Crowd(deployed, simulator, customer, CROWD)
    live, stores, workers = crowd.agents[GONE:], stores_of(deployed), Workers(deployed, "deliver")
    for agent in crowd.agents[:GONE]:
        agent.delete()
    for agent in live[:THROTTLED]:
        agent.behave(status=429, headers={"Retry-After": "1"}, times=1)

    def accepted_since(start: float) -> dict[SubscriptionId, list[float]]:
        """When each of the living was sent to successfully."""
        answers = simulator.answers()
        return {
            crowd.id_of(agent): [
                one["at"] for one in answers.get(agent.id, ()) if one["at"] >= start and one["status"] // 100 == 2
            ]
            for agent in live
        }

    begun = time.time()
    with Queues(deployed).held("BulkDeliverQueue"):
        told = expect(202, send(customer))
        assert told["targets"] == CROWD
        when(customer, told["id"], lambda found: found["status"] == "sending")
        victims = workers.renew(json.loads((ROOT / "events" / "deliver.json").read_text()))
    records = Records(stores, crowd.app, SendId(parse("snd", told["id"]) or ""))
    orphans = left_behind(records, workers, victims)
    assert orphans
    done = swept_until_settled(deployed, customer, told["id"])

    check_figures(done, GONE)
    assert done["retried"] > 0
    check_money(customer, 1)
    for chunk in records.now():
        if chunk.number in orphans:
            assert chunk.doubted >= set(orphans[chunk.number].in_flight)
    times = accepted_since(begun)
    assert all(times.values())
    assert {name for name, at in times.items() if len(at) > 1} <= records.doubted()
    # Results are saved first and who is gone is noted then: a worker lost in between leaves that to the next send.
    unnoted = stores.subscriptions.counts(crowd.app).active - LIVE
    assert 0 <= unnoted < GONE
    record_testsuite_property(
        "large send, killed: left behind",
        f"{len(orphans)} chunks, {len(records.doubted())} in doubt, {unnoted} gone unnoted",
    )
    record_testsuite_property("large send, killed: sent to twice", sum(len(at) > 1 for at in times.values()))

    customer.grant(CROWD)
    begun = time.time()
    told = expect(202, send(customer))
    answered = time.time()
    assert told["targets"] == LIVE + unnoted
    check_figures(when_settled(customer, told["id"]), unnoted)
    check_money(customer, 2)
    times = accepted_since(begun)
    records = Records(stores, crowd.app, SendId(parse("snd", told["id"]) or ""))
    assert all(times.values())
    assert {name for name, at in times.items() if len(at) > 1} <= records.doubted()
    counts = stores.subscriptions.counts(crowd.app)
    assert (counts.active, counts.expired) == (LIVE, GONE)
    reached = sorted(max(at) - answered for at in times.values())
    record_testsuite_property("large send, undisturbed: first accepted after", f"{reached[0]:.2f} s")
    record_testsuite_property("large send, undisturbed: 99 % accepted after", f"{reached[LIVE * 99 // 100]:.2f} s")
