"""The messages of the webhooks' queue: what stands in one may wait there while the code changes."""

import json
from dataclasses import fields

import pytest

from tocsin.application.jobs import (
    ChunkReceipts,
    MalformedJob,
    Notify,
    TryAgain,
    WebhookJob,
    decode_webhook_job,
    encode_webhook_job,
)
from tocsin.domain.event import Event, EventKind
from tocsin.domain.ids import AppId, SendId, SubscriptionId
from tocsin.domain.tenancy import DialectName

APP, EVENT = AppId("a0" * 12), "e0" * 12
WHOLE = Event(
    EVENT,
    APP,
    EventKind.FAILED,
    1_800_000_000,
    person="anna é",
    subscription=SubscriptionId("d0" * 12),
    send=SendId("b0" * 12),
    place=0,
    platform="ios",
    reason="gone",
    dialect=DialectName("pager"),
)
BARE = Event(EVENT, APP, EventKind.SUBSCRIBED, 0)
WRITTEN: list[tuple[WebhookJob, str]] = [
    (
        Notify(WHOLE),
        (
            '{"v":2,"app":"a0a0a0a0a0a0a0a0a0a0a0a0","job":"notify","event":{"id":"e0e0e0e0e0e0e0e0e0e0e0e0",'
            '"app":"a0a0a0a0a0a0a0a0a0a0a0a0","kind":"failed","at":1800000000,"person":"anna \\u00e9",'
            '"subscription":"d0d0d0d0d0d0d0d0d0d0d0d0","send":"b0b0b0b0b0b0b0b0b0b0b0b0","place":0,"platform":"ios",'
            '"reason":"gone","dialect":"pager"}}'
        ),
    ),
    (
        Notify(BARE),
        (
            '{"v":2,"app":"a0a0a0a0a0a0a0a0a0a0a0a0","job":"notify","event":{"id":"e0e0e0e0e0e0e0e0e0e0e0e0",'
            '"app":"a0a0a0a0a0a0a0a0a0a0a0a0","kind":"subscribed","at":0}}'
        ),
    ),
    (
        ChunkReceipts(APP, SendId("b0" * 12), 7),
        '{"v":2,"app":"a0a0a0a0a0a0a0a0a0a0a0a0","job":"receipts","send":"b0b0b0b0b0b0b0b0b0b0b0b0","chunk":7}',
    ),
    (
        TryAgain(APP, DialectName("pager"), EVENT),
        '{"v":2,"app":"a0a0a0a0a0a0a0a0a0a0a0a0","job":"again","dialect":"pager","event":"e0e0e0e0e0e0e0e0e0e0e0e0"}',
    ),
]


@pytest.mark.parametrize(("job", "text"), WRITTEN, ids=lambda value: type(value).__name__)
def test_a_job_is_written_as_it_always_was_and_read_back(job: WebhookJob, text: str) -> None:
    assert encode_webhook_job(job) == text
    assert decode_webhook_job(text) == job


def test_the_whole_event_above_leaves_nothing_out() -> None:
    assert all(getattr(WHOLE, field.name) is not None for field in fields(Event))


def broken() -> list[str]:
    found = ["", "{", "null", "[]", '{"v":2}', '{"v":1,"app":"a","job":"again"}', '{"v":2,"app":"a","job":"sing"}']
    for _, text in WRITTEN:
        job = json.loads(text)
        for name in job:
            found.append(json.dumps({key: value for key, value in job.items() if key != name}))
            found.append(json.dumps(job | {name: ["x"]}))
        if job["job"] == "notify":
            found.extend(json.dumps(job | {"event": job["event"] | {name: ["x"]}}) for name in job["event"])
    return found


@pytest.mark.parametrize("body", broken())
def test_what_no_version_of_ours_wrote_is_malformed(body: str) -> None:
    with pytest.raises(MalformedJob):
        decode_webhook_job(body)
