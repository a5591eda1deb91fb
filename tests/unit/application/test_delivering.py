"""Delivering a chunk: what each answer of a push service leads to, and who owns the chunk meanwhile."""

from dataclasses import replace

import http_ece
import pytest

from tests import builders
from tests.engine import MemoryEngine
from tests.memory.system import START
from tests.memory.transport import Reply, Silence
from tests.unit.application import queues
from tocsin.application.metrics import Metric
from tocsin.application.ports import Unavailable
from tocsin.application.send_command import SendResult
from tocsin.domain.chunk import MAX_OWNERS, WINDOW, Chunk, ChunkState, Result, claimed
from tocsin.domain.send import Balance, SendState, Tally
from tocsin.domain.subscription import SubscriptionState
from tocsin.domain.tenancy import App
from tocsin.webpush.message import topic_of

A, F, U, P = Result.ACCEPTED, Result.FAILED, Result.UNCERTAIN, Result.PENDING


@pytest.fixture
def engine() -> MemoryEngine:
    return MemoryEngine()


def send(engine: MemoryEngine, *replies: Reply | Silence, ttl: int = 3600) -> tuple[App, SendResult]:
    """A send in one request; each browser's push service answers as said, and so on."""
    owner = builders.app(engine, credits_=100)
    for number, reply in enumerate(replies, 1):
        builders.subscribe(engine, owner, number)
        engine.transport.script(builders.endpoint(number), reply)
    return owner, engine.sending.send(
        builders.send_command(owner, notification=replace(builders.NOTIFICATION, ttl=ttl))
    )


def queued(engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch, browsers: int) -> App:
    """A send whose chunks are queued and not yet delivered."""
    monkeypatch.setattr("tocsin.application.sending.SYNC_RECIPIENTS", 0)
    owner, _ = builders.shop(engine, browsers)
    engine.sending.send(builders.send_command(owner))
    queues.plan(engine)
    return owner


def posts(engine: MemoryEngine, number: int = 1) -> int:
    return engine.transport.posts_to(builders.endpoint(number))


@pytest.mark.row("PS-11")
@pytest.mark.parametrize(
    ("reply", "counts", "tries", "metric"),
    [
        (Reply(201), Tally(accepted=1), 1, Metric.ACCEPTED),
        (Reply(404), Tally(failed=1, gone=1), 1, Metric.GONE),
        (Reply(410), Tally(failed=1, gone=1), 1, Metric.GONE),
        (Reply(400), Tally(failed=1), 1, Metric.REJECTED),
        (Reply(401), Tally(failed=1), 2, Metric.UNAUTHORIZED),
        (Reply(403), Tally(failed=1), 1, Metric.FORBIDDEN),
        (Reply(413), Tally(failed=1), 1, Metric.TOO_LARGE),
        (Reply(429), Tally(failed=1), 6, Metric.THROTTLED),
        (Reply(503), Tally(failed=1), 6, Metric.PUSH_SERVICE_UNAVAILABLE),
        (Silence(sent=False), Tally(failed=1), 6, Metric.UNANSWERED),
        (Silence(sent=True), Tally(uncertain=1, doubted=1), 6, Metric.UNANSWERED),
    ],
    ids=str,
)
def test_ps_11_only_what_was_accepted_is_charged(
    engine: MemoryEngine, reply: Reply | Silence, counts: Tally, tries: int, metric: Metric
) -> None:
    owner, _ = send(engine, reply)
    queues.drain(engine)
    settled = queues.only_send(engine)
    assert (settled.state, settled.counts) == (SendState.SETTLED, counts)
    assert posts(engine) == tries
    assert engine.meter.counted[metric] == tries
    assert engine.credits.balance(owner.id) == Balance(100 - counts.accepted, 0, counts.accepted)


def test_a_refused_token_is_signed_anew_once(engine: MemoryEngine) -> None:
    owner = builders.app(engine, credits_=1)
    builders.subscribe(engine, owner, 1)
    engine.transport.script(builders.endpoint(1), Reply(401), Reply(201))
    assert engine.sending.send(builders.send_command(owner)).counts.accepted == 1
    tokens = [dict(request.headers)["Authorization"] for request in engine.transport.requests]
    assert len(set(tokens)) == 2


def test_a_throttled_one_waits_as_long_as_it_was_told_and_nobody_else_is_sent_to_again(engine: MemoryEngine) -> None:
    """Found by simulation: what the first round heard was forgotten, and everybody got it twice."""
    owner = builders.app(engine, credits_=10)
    for number in (1, 2, 3):
        builders.subscribe(engine, owner, number)
    engine.transport.script(builders.endpoint(2), Reply(429, {"retry-after": "5"}), Reply(201))
    result = engine.sending.send(builders.send_command(owner))
    assert result.counts == Tally(accepted=3)
    assert [posts(engine, number) for number in (1, 2, 3)] == [1, 2, 1]
    assert engine.clock.now() - START >= 5


def test_a_wait_beyond_the_request_is_handed_to_the_queue_and_kept_there(engine: MemoryEngine) -> None:
    owner = builders.app(engine, credits_=10)
    for number in (1, 2):
        builders.subscribe(engine, owner, number)
    engine.transport.script(builders.endpoint(2), Reply(429, {"retry-after": "1800"}), Reply(201))
    result = engine.sending.send(builders.send_command(owner))
    assert (result.counts.accepted, result.counts.pending, result.queued) == (1, 1, True)
    (entry,) = engine.jobs.delayed
    assert entry.delay == 900
    queues.deliver(engine)
    assert posts(engine, 2) == 1
    queues.drain(engine)
    assert engine.clock.now() - START >= 1800
    assert [posts(engine, number) for number in (1, 2)] == [1, 2]
    assert engine.credits.balance(owner.id) == Balance(8, 0, 2)


def test_a_wait_beyond_the_ttl_ends_the_send(engine: MemoryEngine) -> None:
    owner, result = send(engine, Reply(201), Reply(429, {"retry-after": "100"}), ttl=90)
    assert (result.counts, result.queued) == (Tally(accepted=1, failed=1), False)
    assert engine.credits.balance(owner.id) == Balance(99, 0, 1)


def test_a_message_that_comes_after_the_ttl_sends_nothing_and_settles(
    engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Found by review: a late worker still POSTed, with a TTL of 0."""
    owner = queued(engine, monkeypatch, 3)
    engine.clock.advance(3600)
    queues.deliver(engine)
    assert not engine.transport.requests
    assert queues.only_send(engine).counts == Tally(failed=3)
    assert engine.credits.balance(owner.id) == Balance(1000, 0, 0)


def test_a_repeat_asks_for_what_is_left_of_the_ttl_under_the_same_topic(engine: MemoryEngine) -> None:
    owner = builders.app(engine, credits_=10)
    builders.subscribe(engine, owner, 1)
    engine.transport.script(builders.endpoint(1), Reply(503, {"retry-after": "100"}), Reply(201))
    engine.sending.send(builders.send_command(owner))
    queues.drain(engine)
    first, second = (dict(request.headers) for request in engine.transport.requests)
    assert int(first["TTL"]) == 3600
    assert 3490 <= int(second["TTL"]) <= 3500
    assert first["Topic"] == second["Topic"] == topic_of(queues.only_send(engine).id)


def test_a_ttl_of_zero_is_said_as_zero(engine: MemoryEngine) -> None:
    send(engine, Reply(201), ttl=0)
    assert dict(engine.transport.requests[0].headers)["TTL"] == "0"


@pytest.mark.row("PS-17")
def test_ps_17_gone_expires_the_subscription(engine: MemoryEngine) -> None:
    owner, _ = send(engine, Reply(410))
    id_ = engine.derivation.subscription_id(owner.id, builders.endpoint(1))
    found = engine.subscriptions.get(owner.id, id_)
    assert found is not None
    assert found.state is SubscriptionState.EXPIRED


def test_gone_expires_only_what_still_has_that_endpoint(engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    owner = builders.app(engine, credits_=10)
    browser = builders.subscribe(engine, owner, 1)
    engine.transport.script(builders.endpoint(1), Reply(410))
    moved = replace(browser, endpoint=builders.endpoint(2), revision=1)
    honest = engine.transport.wait

    def meanwhile(timeout: float) -> object:
        engine.storage.subscriptions[owner.id, browser.id] = moved
        return honest(timeout)

    monkeypatch.setattr(engine.transport, "wait", meanwhile)
    engine.sending.send(builders.send_command(owner))
    assert engine.subscriptions.get(owner.id, browser.id) == moved


def test_a_gone_one_that_cannot_be_expired_costs_the_others_nothing(
    engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Found by review: the pass stopped, and all it had heard was put in doubt."""

    def unavailable(*args: object) -> bool:
        raise Unavailable

    monkeypatch.setattr(engine.subscriptions, "expire", unavailable)
    owner, result = send(engine, Reply(410), Reply(201), Reply(201))
    assert (result.counts, result.queued) == (Tally(accepted=2, failed=1, gone=1), False)
    assert engine.credits.balance(owner.id) == Balance(98, 0, 2)


def test_somebody_who_unsubscribed_before_the_worker_began_gets_nothing(
    engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = queued(engine, monkeypatch, 3)
    engine.subscribing.withdraw(owner, engine.derivation.subscription_id(owner.id, builders.endpoint(2)))
    engine.clock.advance(46)
    queues.deliver(engine)
    assert [posts(engine, number) for number in (1, 2, 3)] == [1, 0, 1]
    assert queues.only_send(engine).counts == Tally(accepted=2, failed=1)


def test_somebody_who_unsubscribed_while_others_waited_gets_nothing(
    engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Found by review: a worker that waited for minutes went on with the recipients it had read at first."""
    owner = queued(engine, monkeypatch, 2)
    engine.transport.script(builders.endpoint(1), Reply(429, {"retry-after": "120"}), Reply(201))
    honest = engine.clock.sleep

    def leave_meanwhile(seconds: float) -> None:
        engine.subscribing.withdraw(owner, engine.derivation.subscription_id(owner.id, builders.endpoint(1)))
        honest(seconds)

    monkeypatch.setattr(engine.clock, "sleep", leave_meanwhile)
    queues.deliver(engine, seconds=800)
    leave_meanwhile(0)
    queues.drain(engine)
    assert posts(engine, 1) == 1
    assert queues.only_send(engine).counts == Tally(accepted=1, failed=1)


def test_a_worker_that_waits_keeps_its_chunk_and_leaves_nothing_in_doubt(
    engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Found by review: it slept past its lease with its results unsaved, and another one sent everything again."""
    queued(engine, monkeypatch, 3)
    engine.transport.script(builders.endpoint(1), Reply(429, {"retry-after": "40"}), Reply(201))
    job, honest = engine.jobs.delayed[0].job, engine.clock.sleep

    def a_repeat_arrives_meanwhile(seconds: float) -> None:
        honest(31)
        assert engine.delivering.handle(job, engine.clock.now() + 60) is None
        honest(seconds - 31)

    monkeypatch.setattr(engine.clock, "sleep", a_repeat_arrives_meanwhile)
    queues.drain(engine)
    assert [posts(engine, number) for number in (1, 2, 3)] == [2, 1, 1]
    assert queues.only_send(engine).counts == Tally(accepted=3)


def test_what_push_services_refuse_is_told_in_their_words_and_our_mistakes_are_counted(engine: MemoryEngine) -> None:
    send(engine, Reply(410, body=b'{"errno": 106}'), Reply(413), Reply(201))
    assert sorted(engine.meter.refusals) == [("mozilla", "errno 106"), ("mozilla", "status 413")]
    assert engine.meter.counted[Metric.SENDER_ERROR] == 1


def test_a_slow_push_service_does_not_reach_who_unsubscribed_a_minute_ago(
    engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = queued(engine, monkeypatch, 260)
    for number in range(1, 261):
        engine.transport.script(builders.endpoint(number), Reply(201, seconds=9))
    engine.clock.advance(40)
    (chunk,) = queues.deliver(engine)
    assert chunk is not None
    first_pass = chunk.count(A)
    assert WINDOW <= first_pass < 260
    waiting = [number for number in range(1, 261) if not posts(engine, number)]
    engine.subscribing.withdraw(owner, engine.derivation.subscription_id(owner.id, builders.endpoint(waiting[0])))
    queues.drain(engine)
    assert [posts(engine, number) for number in waiting[:2]] == [0, 1]
    assert queues.only_send(engine).counts == Tally(accepted=259, failed=1)


def test_a_chunk_that_kills_its_workers_is_given_up_in_the_end(
    engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    queued(engine, monkeypatch, 2)
    job, lethal = engine.jobs.delayed[0].job, RuntimeError("a worker dies")
    monkeypatch.setattr(engine.delivering, "finish", lambda *_: (_ for _ in ()).throw(lethal))
    deaths = 0
    while queues.only_chunk(engine).state is ChunkState.OPEN:
        engine.clock.advance(31)
        try:
            engine.delivering.handle(job, engine.clock.now() + 60)
        except RuntimeError:
            deaths += 1
    assert deaths == MAX_OWNERS
    assert queues.only_send(engine).state is SendState.SETTLED


def test_a_fresh_message_needs_no_look_up(engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    queued(engine, monkeypatch, 3)
    engine.clock.advance(45)
    monkeypatch.setattr(engine.subscriptions, "load", None)
    queues.deliver(engine)
    assert queues.only_send(engine).counts.accepted == 3


def test_a_leased_chunk_is_left_alone_until_the_lease_is_over(
    engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    queued(engine, monkeypatch, 2)
    chunk = queues.only_chunk(engine)
    engine.chunks.claim(claimed(chunk, int(engine.clock.now()), queues.only_send(engine).repeat))
    assert queues.deliver(engine) == [None]
    assert not engine.transport.requests
    (entry,) = engine.jobs.delayed
    assert entry.delay == 31
    queues.drain(engine)
    assert queues.only_send(engine).counts == Tally(accepted=2, doubted=2)


def test_a_message_for_other_people_than_the_frozen_ones_is_dropped(
    engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    queued(engine, monkeypatch, 2)
    (entry,) = engine.jobs.delayed
    assert engine.delivering.handle(replace(entry.job, digest="00" * 32), START + 900) is None
    assert not engine.transport.requests
    assert queues.only_chunk(engine).epoch == 0


def test_a_message_that_comes_twice_delivers_once(engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    owner = queued(engine, monkeypatch, 2)
    engine.jobs.delayed *= 2
    queues.drain(engine)
    assert len(engine.transport.requests) == 2
    assert engine.credits.balance(owner.id) == Balance(998, 0, 2)


def test_a_worker_that_was_overtaken_stops_and_changes_nothing(
    engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    queued(engine, monkeypatch, 2)
    honest = engine.transport.wait
    other: list[Chunk] = []

    def overtaken(timeout: float) -> object:
        if not other:
            stored = queues.only_chunk(engine)
            other.append(claimed(stored, int(engine.clock.now()), queues.only_send(engine).repeat))
            engine.chunks.claim(other[0])
        return honest(timeout)

    monkeypatch.setattr(engine.transport, "wait", overtaken)
    queues.deliver(engine)
    assert queues.only_chunk(engine) == other[0]
    assert engine.meter.counted[Metric.LEASE_LOST] == 1


def test_no_post_starts_that_could_outlive_the_lease(engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    queued(engine, monkeypatch, 1)
    honest = engine.chunks.claim

    def slow(chunk: Chunk) -> None:
        honest(chunk)
        engine.clock.advance(21)

    monkeypatch.setattr(engine.chunks, "claim", slow)
    queues.deliver(engine)
    assert not engine.transport.requests


def test_every_post_was_intended_before_it_began(engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    queued(engine, monkeypatch, 260)
    honest, unintended = engine.transport.start, []

    def start(ticket: int, *rest: object) -> None:
        if ticket not in queues.only_chunk(engine).in_flight:
            unintended.append(ticket)
        honest(ticket, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(engine.transport, "start", start)
    queues.deliver(engine)
    assert queues.only_send(engine).counts.accepted == 260
    assert not unintended
    assert engine.transport.most_in_flight <= 100


def test_a_chunk_is_saved_once_for_fifty_results(engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    queued(engine, monkeypatch, 260)
    queues.deliver(engine)
    assert queues.only_chunk(engine).version <= 2 + 260 // 50


def test_everybody_gets_a_message_only_they_can_read_and_a_personal_one_names_its_person(engine: MemoryEngine) -> None:
    owner = builders.app(engine, credits_=10)
    for number in (1, 2):
        builders.subscribe(engine, owner, number, *([builders.external("17")] if number == 1 else []))
    engine.sending.send(builders.send_command(owner))
    for request in engine.transport.requests:
        number = int(request.url[-1])
        browser = builders.user_agent(number)
        plain = http_ece.decrypt(
            request.body, private_key=browser.private, auth_secret=number.to_bytes(16, "big"), version="aes128gcm"
        )
        assert (b'"u":' in plain) == (number == 1)
        assert b"17" not in plain.replace(queues.only_send(engine).id.encode(), b"")


def test_a_subscription_under_a_key_that_the_app_has_not_is_a_failure(engine: MemoryEngine) -> None:
    owner = builders.app(engine, credits_=10)
    browser = builders.subscribe(engine, owner, 1)
    builders.subscribe(engine, owner, 2)
    engine.storage.subscriptions[owner.id, browser.id] = replace(browser, vapid_key="unknown")
    assert engine.sending.send(builders.send_command(owner)).counts == Tally(accepted=1, failed=1)
    assert posts(engine, 1) == 0


def test_a_done_chunk_is_done(engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    queued(engine, monkeypatch, 1)
    (entry,) = engine.jobs.delayed
    queues.deliver(engine)
    assert queues.only_chunk(engine).state is ChunkState.DONE
    assert engine.delivering.handle(entry.job, START + 900) is None
    assert len(engine.transport.requests) == 1
