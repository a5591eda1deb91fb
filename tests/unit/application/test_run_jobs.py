"""The messages of the queue of runs: what stands in one may wait there while the code changes."""

import json
from dataclasses import replace

import pytest

from tocsin.application.jobs import MalformedJob
from tocsin.application.run_jobs import ContinueRun, ReleaseRuns, RunJob, StartRun, decode_run_job, encode_run_job
from tocsin.domain.flow import Trigger
from tocsin.domain.ids import AppId, FlowId, SubscriptionId

APP, FLOW, ANNA = AppId("a0" * 12), FlowId("f0" * 12), SubscriptionId("d0" * 12)
WHOSE = f'{{"v":2,"app":"{APP}","flow":"{FLOW}",'
WRITTEN: list[tuple[RunJob, str]] = [
    (
        StartRun(APP, FLOW, ANNA, Trigger.CLICKED, 1_800_000_000),
        f'{WHOSE}"job":"start","subscription":"{ANNA}","trigger":"notification_click","at":1800000000}}',
    ),
    (ContinueRun(APP, FLOW, ANNA), f'{WHOSE}"job":"continue","subscription":"{ANNA}"}}'),
    (ReleaseRuns(APP, FLOW, 7), f'{WHOSE}"job":"release","shard":7,"after":null}}'),
    (ReleaseRuns(APP, FLOW, 0, ANNA), f'{WHOSE}"job":"release","shard":0,"after":"{ANNA}"}}'),
]


@pytest.mark.parametrize(("job", "body"), WRITTEN)
def test_a_job_is_written_and_read_in_this_form(job: RunJob, body: str) -> None:
    assert encode_run_job(job) == body
    assert decode_run_job(body) == job


@pytest.mark.parametrize(("job", "body"), WRITTEN)
def test_a_job_that_was_put_off_says_how_often(job: RunJob, body: str) -> None:
    again = replace(job, tries=3)
    assert encode_run_job(again) == body[:-1] + ',"tries":3}'
    assert decode_run_job(encode_run_job(again)) == again


@pytest.mark.parametrize(("job", "body"), WRITTEN)
def test_what_lacks_a_member_or_has_another_type_there_is_no_job(job: RunJob, body: str) -> None:
    fields = json.loads(body)
    for name in fields:
        spoilt = [{member: value for member, value in fields.items() if member != name}, {**fields, name: []}]
        for one in spoilt:
            with pytest.raises(MalformedJob):
                decode_run_job(json.dumps(one))
    for other in ("", "[]", "{}", json.dumps({**fields, "v": 1}), json.dumps({**fields, "job": "nap"})):
        with pytest.raises(MalformedJob):
            decode_run_job(other)
