"""Dead letters: what the operator is told of them, how they go back, and that nobody's credits wait for it."""

import pytest

from tests import builders
from tests.engine import MemoryEngine
from tests.unit.application import queues
from tests.unit.application.scenes import queued
from tocsin.application.jobs import (
    ChunkReceipts,
    DeliverChunk,
    FanOut,
    Lane,
    Notify,
    Recipient,
    Route,
    TryAgain,
    WebhookJob,
    decode_deliver,
    encode_deliver,
    encode_fan_out,
    encode_webhook_job,
)
from tocsin.application.ports import Queue, Unavailable
from tocsin.application.redriving import SECONDS, SHOWN, Given
from tocsin.application.sightings import Sighted, encode_sighted
from tocsin.application.sweeping import AGAIN_AT_MOST
from tocsin.domain.chunk import MAX_OWNERS
from tocsin.domain.engagement import Act, Sighting
from tocsin.domain.event import Event, EventKind
from tocsin.domain.ids import AppId, SendId, SubscriptionId, TenantId
from tocsin.domain.place_token import Place
from tocsin.domain.send import Balance, SendState, Tally
from tocsin.domain.tenancy import DialectName
from tocsin.webpush.encryption import RecipientKeys
from tocsin.webpush.origins import PushService

APP, SEND, TENANT = AppId("a0" * 12), SendId("b0" * 12), TenantId("c0" * 12)
PART = FanOut(APP, SEND, Route(TENANT, Lane.BULK), part=2)
RECIPIENT = Recipient(
    SubscriptionId("d0" * 12), "https://push.example/1", RecipientKeys(bytes(65), bytes(16)), "k", None
)
CHUNK = DeliverChunk(APP, SEND, 7, "ff" * 32, Route(TENANT, Lane.DIRECT))
ABOUT_WEBHOOKS: list[WebhookJob] = [
    Notify(Event("e0" * 12, APP, EventKind.SUBSCRIBED, 0, person="anna")),
    ChunkReceipts(APP, SEND, 7),
    TryAgain(APP, DialectName("pager"), "e0" * 12),
]
SEEN = Sighted(APP, (Sighting(Act.CLICKED, SEND, Place(0, 7, PushService.FCM), 1_800_000_000),))


def test_what_waits_is_told_by_queue_with_what_it_is_about_and_without_whom_it_was_for(engine: MemoryEngine) -> None:
    engine.dead_letters.add(Queue.BULK_FANOUT, encode_fan_out(PART))
    engine.clock.advance(5)
    engine.dead_letters.add(Queue.DELIVER, encode_deliver(CHUNK))
    for job in ABOUT_WEBHOOKS:
        engine.dead_letters.add(Queue.WEBHOOKS, encode_webhook_job(job))
    engine.dead_letters.add(Queue.EVENTS, encode_sighted(SEEN))
    start = int(engine.clock.now())
    assert engine.redriving.waiting() == {
        Queue.FANOUT: 0,
        Queue.DELIVER: 1,
        Queue.BULK_FANOUT: 1,
        Queue.BULK_DELIVER: 0,
        Queue.WEBHOOKS: 3,
        Queue.EVENTS: 1,
        Queue.RUNS: 0,
    }
    assert engine.redriving.given_up() == {
        Queue.FANOUT: [],
        Queue.DELIVER: [Given(CHUNK, start, 4)],
        Queue.BULK_FANOUT: [Given(PART, start - 5, 4)],
        Queue.BULK_DELIVER: [],
        Queue.WEBHOOKS: [Given(job, start, 4) for job in ABOUT_WEBHOOKS],
        Queue.EVENTS: [Given(SEEN, start, 4)],
        Queue.RUNS: [],
    }


@pytest.mark.parametrize(
    "body",
    ["", "{", encode_deliver(CHUNK).replace('"v":2', '"v":99'), encode_deliver(CHUNK).replace(APP, "../admin")],
    ids=["empty", "cut", "of a version to come", "of no app"],
)
def test_what_this_version_cannot_read_is_told_as_such_and_goes_back_as_it_is(engine: MemoryEngine, body: str) -> None:
    engine.dead_letters.add(Queue.DELIVER, body)
    [given] = engine.redriving.given_up()[Queue.DELIVER]
    assert given.job is None
    engine.redriving.redrive()
    assert [letter.body for letter in engine.dead_letters.requeued[Queue.DELIVER]] == [body]


def test_looking_leaves_everything_where_it_is(engine: MemoryEngine) -> None:
    for number in range(SHOWN + 10):
        engine.clock.advance(1)
        engine.dead_letters.add(Queue.DELIVER, encode_deliver(CHUNK), str(number))
    looked = [engine.redriving.given_up()[Queue.DELIVER] for _ in range(2)]
    assert [len(messages) for messages in looked] == [SHOWN, SHOWN]
    assert [one.queued_at for one in looked[0]] == [one.queued_at for one in looked[1]]
    assert engine.redriving.redrive()[Queue.DELIVER] == SHOWN + 10


def test_each_goes_back_into_its_own_queue_under_its_tenant_and_nothing_stays(engine: MemoryEngine) -> None:
    for queue in Queue:
        engine.dead_letters.add(queue, f"of {queue}", f"tenant of {queue}")
    assert engine.redriving.redrive() == dict.fromkeys(Queue, 1)
    assert {queue: [(one.body, one.group) for one in engine.dead_letters.requeued[queue]] for queue in Queue} == {
        queue: [(f"of {queue}", f"tenant of {queue}")] for queue in Queue
    }
    assert engine.redriving.redrive() == dict.fromkeys(Queue, 0)


def test_whom_a_message_was_for_does_not_go_back_with_it(engine: MemoryEngine) -> None:
    """It lay there for a while: the worker reads again who still wants it."""
    fat = DeliverChunk(APP, SEND, 7, "ff" * 32, CHUNK.route, 1_800_000_000, (RECIPIENT,))
    engine.dead_letters.add(Queue.DELIVER, encode_deliver(fat))
    engine.redriving.redrive()
    [letter] = engine.dead_letters.requeued[Queue.DELIVER]
    assert decode_deliver(letter.body) == CHUNK


def test_one_call_ends_in_time_and_the_next_one_goes_on(engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = engine.dead_letters.requeue

    def slow(queue: Queue, letter: object) -> None:
        engine.clock.advance(1)
        honest(queue, letter)  # type: ignore[arg-type]

    monkeypatch.setattr(engine.dead_letters, "requeue", slow)
    for _ in range(25):
        engine.dead_letters.add(Queue.FANOUT, encode_fan_out(PART))
    before = engine.clock.now()
    assert engine.redriving.redrive()[Queue.FANOUT] == 10
    assert engine.clock.now() - before <= SECONDS + 10
    assert [engine.redriving.redrive()[Queue.FANOUT] for _ in range(3)] == [10, 5, 0]


def test_a_queue_that_does_not_answer_loses_nothing(engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = engine.dead_letters.requeue
    for number in range(3):
        engine.dead_letters.add(Queue.DELIVER, str(number))

    def failing(queue: Queue, letter: object) -> None:
        monkeypatch.setattr(engine.dead_letters, "requeue", honest)
        raise Unavailable

    monkeypatch.setattr(engine.dead_letters, "requeue", failing)
    with pytest.raises(Unavailable):
        engine.redriving.redrive()
    assert engine.redriving.waiting()[Queue.DELIVER] == 3
    engine.clock.advance(60)
    assert engine.redriving.redrive()[Queue.DELIVER] == 3


# --- the money of what nobody redrives ---


def try_three_times(engine: MemoryEngine) -> int:
    """Work off the queue as SQS hands it out: what fails comes back twice, and is then given up. How many were."""
    given_up, entries = 0, engine.jobs.delayed
    engine.jobs.delayed = []
    for entry in entries:
        engine.clock.advance(entry.delay)
        for tries in (1, 2, 3):
            try:
                engine.delivering.handle(entry.job, engine.clock.now() + queues.HANDLER_SECONDS)
            except ZeroDivisionError:
                engine.clock.advance(720)
                given_up += tries == 3
            else:
                break
    return given_up


def broken(*_: object) -> bytes:
    raise ZeroDivisionError


def test_a_chunk_whose_worker_always_fails_ends_with_its_ttl_and_releases_the_credits(
    engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = queued(engine, monkeypatch, 3)
    held = engine.credits.balance(owner.id)
    assert held == Balance(997, 3, 0)
    monkeypatch.setattr(engine.vault, "open", broken)
    ends, given_up = queues.only_send(engine).expires_at, 0
    while engine.clock.now() < ends:
        assert engine.credits.balance(owner.id) == held
        given_up += try_three_times(engine)
        engine.clock.advance(60)
        engine.sweeping.sweep()
    assert given_up
    engine.clock.advance(AGAIN_AT_MOST)
    engine.sweeping.sweep()
    assert try_three_times(engine) == 0  # the end of a send signs nothing
    assert queues.only_send(engine).state is SendState.SETTLED
    assert queues.only_send(engine).counts.accepted == 0
    assert engine.credits.balance(owner.id) == Balance(1000, 0, 0)


def test_a_chunk_that_kills_every_worker_is_closed_long_before_a_ttl_of_weeks(
    engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = queued(engine, monkeypatch, 3)
    monkeypatch.setattr(engine.vault, "open", broken)
    chunk = queues.only_chunk(engine)
    job = DeliverChunk(chunk.app, chunk.send, chunk.number, chunk.digest, CHUNK.route)
    for _ in range(MAX_OWNERS):
        with pytest.raises(ZeroDivisionError):
            engine.delivering.handle(job, engine.clock.now() + queues.HANDLER_SECONDS)
        engine.clock.advance(31)
    engine.delivering.handle(job, engine.clock.now() + queues.HANDLER_SECONDS)
    assert queues.only_send(engine).state is SendState.SETTLED
    assert engine.credits.balance(owner.id) == Balance(1000, 0, 0)


def test_once_the_cause_is_mended_a_dead_letter_reaches_everybody(
    engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = queued(engine, monkeypatch, 3)
    (job,) = engine.jobs.chunks
    with monkeypatch.context() as trouble:
        trouble.setattr(engine.vault, "open", broken)
        assert try_three_times(engine) == 1
        engine.dead_letters.add(Queue.DELIVER, encode_deliver(job), owner.tenant)
    assert engine.redriving.redrive()[Queue.DELIVER] == 1
    [letter] = engine.dead_letters.requeued[Queue.DELIVER]
    engine.jobs.deliver([decode_deliver(letter.body)])
    queues.drain(engine)
    assert queues.only_send(engine).counts == Tally(accepted=3)
    assert engine.credits.balance(owner.id) == Balance(997, 0, 3)


def test_a_chunk_of_a_send_that_nobody_knows_is_taken_off_the_queue(engine: MemoryEngine) -> None:
    assert engine.delivering.handle(CHUNK, engine.clock.now() + 60) is None
    assert engine.fanning_out.handle(PART, engine.clock.now() + 60) == 0


def test_recipients_under_a_key_that_is_no_more_fail_and_the_send_ends(
    engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = queued(engine, monkeypatch, 3)
    engine.storage.vapid_keys.clear()
    queues.drain(engine)
    assert queues.only_send(engine).counts == Tally(failed=3)
    assert engine.credits.balance(owner.id) == Balance(1000, 0, 0)
    assert builders.endpoint(1) not in [request.url for request in engine.transport.requests]
