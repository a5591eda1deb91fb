"""Delivering a chunk: what each answer of a push service leads to, and who owns the chunk meanwhile."""

from dataclasses import replace

import http_ece
import pytest

from tests import builders
from tests.engine import MemoryEngine
from tests.memory.system import START
from tests.memory.transport import Reply, Silence
from tests.unit.application import queues
from tests.unit.application.scenes import posts, queued, send_to_browsers
from tocsin.application.delivering import FRESH_SECONDS
from tocsin.application.metrics import Metric
from tocsin.application.ports import Unavailable
from tocsin.domain.chunk import Result
from tocsin.domain.identity import Identity, IdentityKind
from tocsin.domain.send import Balance, Chosen, SendState, Tally
from tocsin.domain.subscription import SubscriptionState
from tocsin.webpush.message import topic_of

A, F, U, P = Result.ACCEPTED, Result.FAILED, Result.UNCERTAIN, Result.PENDING


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
        (Reply(429), Tally(failed=1), 9, Metric.THROTTLED),
        (Reply(503), Tally(failed=1), 9, Metric.PUSH_SERVICE_UNAVAILABLE),
        (Silence(sent=False), Tally(failed=1), 9, Metric.UNANSWERED),
        (Silence(sent=True), Tally(uncertain=1, doubted=1), 9, Metric.UNANSWERED),
    ],
    ids=str,
)
def test_ps_11_only_what_was_accepted_is_charged(
    engine: MemoryEngine, reply: Reply | Silence, counts: Tally, tries: int, metric: Metric
) -> None:
    owner, _ = send_to_browsers(engine, reply)
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
    owner, result = send_to_browsers(engine, Reply(201), Reply(429, {"retry-after": "100"}), ttl=90)
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
    send_to_browsers(engine, Reply(201), ttl=0)
    assert dict(engine.transport.requests[0].headers)["TTL"] == "0"


@pytest.mark.row("PS-17")
def test_ps_17_gone_expires_the_subscription(engine: MemoryEngine) -> None:
    owner, _ = send_to_browsers(engine, Reply(410))
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
    owner, result = send_to_browsers(engine, Reply(410), Reply(201), Reply(201))
    assert (result.counts, result.queued) == (Tally(accepted=2, failed=1, gone=1), False)
    assert engine.credits.balance(owner.id) == Balance(98, 0, 2)


def test_what_push_services_refuse_is_told_in_their_words_and_our_mistakes_are_counted(engine: MemoryEngine) -> None:
    send_to_browsers(engine, Reply(410, body=b'{"errno": 106}'), Reply(413), Reply(201))
    assert sorted(engine.meter.refusals) == [("mozilla", "errno 106"), ("mozilla", "status 413")]
    assert engine.meter.counted[Metric.SENDER_ERROR] == 1


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


@pytest.mark.parametrize("waiting", ["in the queue", "for a push service"])
def test_a_message_does_not_follow_a_browser_to_its_next_person(engine: MemoryEngine, waiting: str) -> None:
    owner = builders.app(engine, credits_=1)
    browser = builders.subscribe(engine, owner, 1, builders.external("anna"))
    to_anna = builders.send_command(owner, Chosen((Identity(IdentityKind.EXTERNAL, "anna"),)))
    if waiting == "in the queue":
        engine.sending.send(replace(to_anna, queued=True))
        queues.plan(engine)
    else:
        engine.transport.script(builders.endpoint(1), Reply(429, {"retry-after": "120"}), Reply(201))
        engine.sending.send(to_anna)
    tried = posts(engine)
    engine.subscribing.identify(owner, browser.id, builders.external("bert"))
    engine.clock.advance(FRESH_SECONDS + 1)
    queues.drain(engine)
    assert posts(engine) == tried
    assert queues.only_send(engine).counts == Tally(failed=1)
