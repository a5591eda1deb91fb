"""Runs, and the queue that takes them from step to step."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import boto3
import pytest
from moto import mock_aws

from tests.contract.records import APP, NOW, OTHER_APP
from tests.contract.stores import Stores
from tests.contract.test_flows import changed, flow, stored
from tests.memory.flows import MemoryRunJobs
from tocsin.adapters.sqs import SqsRunJobs
from tocsin.application.ports import DueRun, RunJobs, Stale
from tocsin.application.run_jobs import ContinueRun, ReleaseRuns, RunJob, StartRun, decode_run_job
from tocsin.domain.flow import RUN_SHARDS, Executions, Trigger
from tocsin.domain.flow_run import Run, RunState
from tocsin.domain.ids import FlowId, SubscriptionId

FLOW, OTHER_FLOW = FlowId("f1" * 12), FlowId("f2" * 12)
ANNA = SubscriptionId("a1" * 12)
RESTS = NOW + 3600
LATER = NOW + 10


def run(subscription: SubscriptionId = ANNA, **changes: Any) -> Run:
    """A run that waits."""
    whole = Run(
        id=f"{subscription[:12]}{'0' * 12}",
        app=APP,
        flow=FLOW,
        subscription=subscription,
        trigger=Trigger.SUBSCRIBED,
        steps_revision=3,
        position=1,
        state=RunState.WAITING,
        due_at=LATER,
        started_at=NOW,
        rests_until=RESTS,
    )
    return replace(whole, **changes)


def subscriber(number: int) -> SubscriptionId:
    """Subscribers of all shards."""
    return SubscriptionId(f"{number:02x}" * 12)


def begun(stores: Stores, one: Run, look_at: int = LATER) -> Run:
    assert stores.runs.start(one, NOW, look_at)
    return one


def become(stores: Stores, one: Run, look_at: int = LATER, **changes: Any) -> Run:
    new = replace(one, revision=one.revision + 1, **changes)
    stores.runs.put(new, one, look_at)
    return new


def test_a_run_is_found_as_it_was_by_its_app_its_flow_and_its_subscriber(stores: Stores) -> None:
    one = begun(stores, run())
    assert stores.runs.get(APP, FLOW, ANNA) == one
    for app, name, who in ((OTHER_APP, FLOW, ANNA), (APP, OTHER_FLOW, ANNA), (APP, FLOW, subscriber(9))):
        assert stores.runs.get(app, name, who) is None


def test_of_two_who_begin_at_once_one_does(stores: Stores) -> None:
    first = begun(stores, run())
    assert not stores.runs.start(run(id="b" * 24), NOW, LATER)
    assert stores.runs.get(APP, FLOW, ANNA) == first
    assert stores.runs.executions(APP, [FLOW]) == {FLOW: Executions(1, 0, 0)}


def test_a_flow_and_a_subscriber_have_one_live_run_and_the_next_after_its_rest(stores: Stores) -> None:
    one = begun(stores, run())
    assert not stores.runs.start(run(id="b" * 24), RESTS + 1, LATER)  # it is still live
    become(stores, one, state=RunState.ENDED)
    assert not stores.runs.start(run(id="b" * 24), RESTS - 1, LATER)
    assert stores.runs.start(run(id="b" * 24), RESTS, LATER)
    assert stores.runs.executions(APP, [FLOW])[FLOW] == Executions(2, 1, 0)


@pytest.mark.parametrize("state", RunState)
def test_a_run_can_begin_instead_of_another_one_that_ends_with_that_and_is_as_it_was_read(
    stores: Stores, state: RunState
) -> None:
    read = begun(stores, run())
    old, new = become(stores, read, state=state), run(id="b" * 24, started_at=NOW + 60, due_at=NOW + 60)
    for stale in (read, replace(old, id="c" * 24)):
        assert not stores.runs.start(new, NOW + 60, LATER, stale)
    assert stores.runs.start(new, NOW + 60, LATER, old)
    assert not stores.runs.start(new, NOW + 60, LATER, old)
    assert stores.runs.get(APP, FLOW, ANNA) == new
    assert stores.runs.executions(APP, [FLOW])[FLOW] == Executions(2, 1, 0)


def test_a_change_is_stored_only_where_it_was_read(stores: Stores) -> None:
    one = begun(stores, run())
    new = become(stores, one, position=2)
    with pytest.raises(Stale):
        stores.runs.put(replace(one, position=7, revision=1), one, LATER)
    with pytest.raises(Stale):  # its end, which is counted, likewise
        stores.runs.put(replace(one, state=RunState.ENDED, revision=1), one, LATER)
    with pytest.raises(Stale):  # another run of the same two
        stores.runs.put(replace(new, id="c" * 24, revision=2), replace(new, id="c" * 24), LATER)
    assert stores.runs.get(APP, FLOW, ANNA) == new
    assert stores.runs.executions(APP, [FLOW])[FLOW] == Executions(1, 0, 0)


def test_beginnings_ends_skipped_steps_and_missing_values_are_counted(stores: Stores) -> None:
    for number in range(20):
        begun(stores, run(subscriber(number)))
    become(stores, run(subscriber(1)), skipped=1, missing=3)
    become(stores, run(subscriber(2)), skipped=1, state=RunState.ENDED)
    begun(stores, run(subscriber(30), state=RunState.ENDED))  # its first step was an exit
    begun(stores, run(flow=OTHER_FLOW))
    assert stores.runs.executions(APP, [FLOW, OTHER_FLOW, FlowId("f3" * 12)]) == {
        FLOW: Executions(21, 2, 2, 3),
        OTHER_FLOW: Executions(1, 0, 0),
        FlowId("f3" * 12): Executions(),
    }
    assert stores.runs.executions(OTHER_APP, [FLOW]) == {FLOW: Executions()}
    assert stores.runs.executions(APP, []) == {}


def test_waiting_runs_are_due_when_they_are_to_be_looked_at(stores: Stores) -> None:
    for number in range(20):
        begun(stores, run(subscriber(number), flow=FlowId(f"{number % 3:024x}")), LATER + number)
    found = list(stores.runs.due(LATER + 4, 100))
    assert [(one.subscription, one.look_at) for one in found] == [(subscriber(n), LATER + n) for n in range(5)]
    assert (found[4].app, found[4].flow) == (APP, FlowId(f"{1:024x}"))
    assert len(list(stores.runs.due(LATER + 4, 3))) == 3
    assert list(stores.runs.due(LATER - 1, 100)) == []


def test_a_run_that_waits_no_more_is_not_due(stores: Stores) -> None:
    held, ended = begun(stores, run(subscriber(1))), begun(stores, run(subscriber(2)))
    become(stores, held, state=RunState.HELD)
    become(stores, ended, state=RunState.ENDED)
    assert list(stores.runs.due(LATER + 100, 100)) == []


def test_what_is_postponed_is_looked_at_later_unless_it_changed_meanwhile(stores: Stores) -> None:
    one, gone = begun(stores, run()), DueRun(APP, FLOW, subscriber(9), LATER)
    [due] = stores.runs.due(LATER, 100)
    stores.runs.postpone(due, LATER + 300)
    stores.runs.postpone(gone, LATER + 300)
    assert list(stores.runs.due(LATER, 100)) == []
    assert stores.runs.get(APP, FLOW, ANNA) == one
    become(stores, one, LATER + 5, position=2)
    stores.runs.postpone(replace(due, look_at=LATER + 300), LATER + 900)  # as somebody slow would
    assert [found.look_at for found in stores.runs.due(LATER + 5, 100)] == [LATER + 5]
    assert stores.runs.get(APP, FLOW, subscriber(9)) is None


def test_held_runs_are_found_shard_by_shard(stores: Stores) -> None:
    held = [become(stores, begun(stores, run(subscriber(number))), state=RunState.HELD) for number in range(20)]
    begun(stores, run(subscriber(24)))  # of the shard of 0, 8 and 16, and waiting
    become(stores, begun(stores, run(subscriber(32), flow=OTHER_FLOW)), state=RunState.HELD)
    assert stores.runs.held(APP, FLOW, 0, None, 10) == [subscriber(number) for number in (0, 8, 16)]
    assert stores.runs.held(APP, FLOW, 0, subscriber(0), 1) == [subscriber(8)]
    assert stores.runs.held(APP, FLOW, 0, subscriber(16), 1) == []
    every = [one for shard in range(RUN_SHARDS) for one in stores.runs.held(APP, FLOW, shard, None, 100)]
    assert sorted(every) == sorted(one.subscription for one in held)


def test_a_flow_that_is_gone_is_cleared_shard_by_shard(stores: Stores) -> None:
    one = changed(stores, stored(stores, flow(id=FLOW)), steps=(), steps_revision=1)
    stores.flows.remove(one)
    for number in range(20):
        begun(stores, run(subscriber(number)))
    begun(stores, run(flow=OTHER_FLOW))
    assert not stores.runs.clear(APP, FLOW, 0, 2)
    for shard in range(RUN_SHARDS):
        assert stores.runs.clear(APP, FLOW, shard, 100)
    assert [stores.runs.get(APP, FLOW, subscriber(number)) for number in range(20)] == [None] * 20
    assert stores.runs.executions(APP, [FLOW]) == {FLOW: Executions()}
    assert stores.flows.steps(APP, FLOW, 0) is None
    assert list(stores.runs.due(LATER, 100)) == [DueRun(APP, OTHER_FLOW, ANNA, LATER)]
    stores.runs.remove(run(flow=OTHER_FLOW))
    assert stores.runs.get(APP, OTHER_FLOW, ANNA) is None


@dataclass(frozen=True, slots=True)
class Queue:
    """One adapter, and what stands in its queue, with when it can be seen."""

    jobs: RunJobs
    queued: Callable[[], list[RunJob]]


@pytest.fixture(params=["memory", "sqs"])
def queue(request: pytest.FixtureRequest) -> Iterator[Queue]:
    if request.param == "memory":
        memory = MemoryRunJobs()
        yield Queue(memory, lambda: [job for job, delay in memory.queued if delay == 0])
        return
    with mock_aws():
        client = boto3.client("sqs", "us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
        url = client.create_queue(QueueName="runs")["QueueUrl"]

        def queued() -> list[RunJob]:
            found = []
            while messages := client.receive_message(
                QueueUrl=url, MaxNumberOfMessages=10, MessageSystemAttributeNames=["All"]
            ).get("Messages"):
                for one in messages:
                    job = decode_run_job(one["Body"])
                    assert one["Attributes"]["MessageGroupId"] == job.app
                    found.append(job)
            return found

        yield Queue(SqsRunJobs(client, url), queued)


def test_what_is_queued_arrives_whole_and_not_before_its_time(queue: Queue) -> None:
    jobs: list[RunJob] = [ContinueRun(APP, FLOW, subscriber(number)) for number in range(23)]
    jobs += [StartRun(APP, FLOW, ANNA, Trigger.DISMISSED, NOW), ReleaseRuns(APP, FLOW, 7, ANNA)]
    later = ReleaseRuns(OTHER_APP, FLOW, 0)
    queue.jobs.queue([(later, 900), *((job, 0) for job in jobs)])
    queue.jobs.queue([])
    found = queue.queued()
    assert sorted(found, key=repr) == sorted(jobs, key=repr)
