"""One push service's trouble stays its own: what it does to others, to its waits, and to a key that it refuses."""

from dataclasses import replace

import pytest

from tests import builders
from tests.engine import MemoryEngine
from tests.memory.system import START
from tests.memory.transport import Reply, Silence
from tests.unit.application import queues
from tocsin.application.metrics import Metric
from tocsin.application.pacing import FIRST_PLACES, REFUSALS
from tocsin.domain.chunk import MAX_TRIES, Result
from tocsin.domain.report import Fate, Said
from tocsin.domain.send import Balance, Course, Tally
from tocsin.domain.subscription import SubscriptionState
from tocsin.domain.tenancy import App

MOZILLA, FCM, WNS = "mozilla", "fcm", "wns"


def endpoint(service: str, number: int) -> str:
    return {
        MOZILLA: builders.endpoint(number),
        FCM: f"https://fcm.googleapis.com/fcm/send/{number:08d}",
        WNS: f"https://wns2-par02p.notify.windows.com/w/?token={number:08d}",
    }[service]


def shop(engine: MemoryEngine, **browsers: int) -> App:
    """An app with so many browsers at each push service."""
    owner = builders.app(engine, credits_=1_000)
    for service, count in browsers.items():
        for number in range(1, count + 1):
            command = replace(builders.subscribe_command(owner, number), endpoint=endpoint(service, number))
            engine.subscribing.subscribe(command)
    return owner


def answers(engine: MemoryEngine, service: str, count: int, *replies: Reply | Silence) -> None:
    for number in range(1, count + 1):
        engine.transport.script(endpoint(service, number), *replies)


def posts(engine: MemoryEngine, service: str) -> int:
    return sum(request.url.startswith(endpoint(service, 1)[:24]) for request in engine.transport.requests)


def send(engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch, owner: App) -> None:
    """A send of one chunk that goes through the queue; its chunk is queued and not delivered yet."""
    monkeypatch.setattr("tocsin.application.sending.SYNC_RECIPIENTS", 0)
    engine.sending.send(builders.send_command(owner))
    queues.plan(engine)


def said(engine: MemoryEngine) -> dict[Said, int]:
    return dict(queues.only_send(engine).report.said)


def test_an_origin_that_hangs_does_not_hold_the_others(engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    owner = shop(engine, wns=200, fcm=200)
    answers(engine, WNS, 200, Silence(sent=True, seconds=10))
    fcm_answered: list[float] = []
    honest = engine.transport.start

    def start(ticket: int, request: object, timeout: float) -> None:
        if "fcm" in request.url:  # type: ignore[attr-defined]
            fcm_answered.append(engine.clock.now() - START)
        honest(ticket, request, timeout)  # type: ignore[arg-type]

    monkeypatch.setattr(engine.transport, "start", start)
    send(engine, monkeypatch, owner)
    queues.deliver(engine)
    assert len(fcm_answered) == 200
    assert max(fcm_answered) < 5
    assert posts(engine, WNS) <= FIRST_PLACES + 4


def test_a_wait_of_one_push_service_is_not_the_others(engine: MemoryEngine) -> None:
    owner = shop(engine, wns=1, fcm=1)
    answers(engine, WNS, 1, Reply(406, {"retry-after": "900"}), Reply(201))
    answers(engine, FCM, 1, Reply(503, {"retry-after": "30"}), Reply(201))
    engine.sending.send(builders.send_command(owner))
    queues.deliver(engine)
    assert (posts(engine, FCM), posts(engine, WNS)) == (2, 1)
    assert engine.clock.now() - START < 40
    queues.drain(engine)
    assert (posts(engine, FCM), posts(engine, WNS)) == (2, 2)
    assert engine.clock.now() - START >= 900
    assert queues.only_send(engine).counts == Tally(accepted=2)


def test_a_push_service_that_puts_us_off_for_ever_is_given_up_and_the_others_are_charged(engine: MemoryEngine) -> None:
    owner = shop(engine, wns=1, fcm=1)
    answers(engine, WNS, 1, Reply(406))
    long = replace(builders.NOTIFICATION, ttl=86_400)
    engine.sending.send(builders.send_command(owner, notification=long))
    queues.drain(engine)
    assert posts(engine, WNS) == MAX_TRIES
    assert said(engine) == {
        Said("fcm", Fate.ACCEPTED, ""): 1,
        Said("wns", Fate.RETRIED, "status 406"): MAX_TRIES,
        Said("wns", Fate.FAILED, "status 406"): 1,
    }
    assert engine.credits.balance(owner.id) == Balance(999, 0, 1)


def test_who_unsubscribed_failed_without_a_post_and_the_report_says_so(
    engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = shop(engine, fcm=2)
    send(engine, monkeypatch, owner)
    engine.subscribing.withdraw(owner, engine.derivation.subscription_id(owner.id, endpoint(FCM, 1)))
    engine.clock.advance(46)
    queues.deliver(engine)
    report = queues.only_send(engine).report
    assert report.said == {Said("fcm", Fate.ACCEPTED, ""): 1, Said("none", Fate.FAILED, "unsubscribed"): 1}
    assert report.posts == 1


def test_a_refused_key_opens_its_circuit_and_deletes_nobody(
    engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = shop(engine, fcm=300, mozilla=10)
    answers(engine, FCM, 300, Reply(403, body=b"the VAPID credentials do not correspond to the credentials used"))
    send(engine, monkeypatch, owner)
    queues.drain(engine)
    assert engine.meter.counted[Metric.CIRCUIT_OPENED] >= 1
    assert posts(engine, FCM) <= FIRST_PLACES + MAX_TRIES * REFUSALS
    assert queues.only_send(engine).counts == Tally(accepted=10, failed=300)
    assert all(one.state is SubscriptionState.ACTIVE for one in engine.storage.subscriptions.values())
    failed = {sort.reason for sort in said(engine) if sort.fate is Fate.FAILED}
    assert failed == {"VapidKeyMismatch"}


def test_a_token_that_many_were_refused_with_is_signed_anew_once(
    engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Apple wants a token to be kept for an hour; a hundred in flight must not make a hundred new ones."""
    owner = shop(engine, fcm=40)
    answers(engine, FCM, 40, Reply(401), Reply(201))
    send(engine, monkeypatch, owner)
    queues.deliver(engine)
    tokens = {dict(request.headers)["Authorization"] for request in engine.transport.requests}
    assert len(tokens) == 2
    assert queues.only_send(engine).counts == Tally(accepted=40)


def test_nothing_new_begins_that_could_outlast_the_worker(
    engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = shop(engine, fcm=400)
    answers(engine, FCM, 400, Reply(201, seconds=2))
    send(engine, monkeypatch, owner)
    began: list[float] = []
    honest = engine.transport.start

    def start(*about: object) -> None:
        began.append(engine.clock.now() - START)
        honest(*about)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(engine.transport, "start", start)
        queues.deliver(engine, seconds=15)
    assert max(began) <= 5
    assert 0 < len(began) < 400
    queues.drain(engine)
    assert queues.only_send(engine).counts == Tally(accepted=400)


def test_the_first_message_of_a_chunk_is_claimed_without_a_read(
    engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = shop(engine, fcm=3)
    send(engine, monkeypatch, owner)
    repeat = engine.jobs.delayed[0]
    with monkeypatch.context() as patch:
        patch.setattr(engine.chunks, "get", None)
        queues.deliver(engine)
    engine.jobs.delayed = [repeat]
    queues.drain(engine)
    assert posts(engine, FCM) == 3
    assert engine.credits.balance(owner.id) == Balance(997, 0, 3)


def test_who_was_never_tried_does_not_wait_for_a_device_that_was_throttled(
    engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Found by review: after a pause, an hour asked of one device failed two hundred and fifty others."""
    owner = shop(engine, fcm=300)
    answers(engine, FCM, 300, Reply(201, seconds=5))
    engine.transport.script(endpoint(FCM, 1), Reply(429, {"retry-after": "3600"}, seconds=5))
    send(engine, monkeypatch, owner)
    honest = engine.transport.wait

    def pauses(timeout: float) -> object:
        found = queues.only_send(engine)
        if engine.clock.now() - START >= 2 and found.course is Course.RUNNING:
            engine.steering.steer(found.app, found.id, Course.PAUSED, builders.OPERATOR)
        return honest(timeout)

    with monkeypatch.context() as patch:
        patch.setattr(engine.transport, "wait", pauses)
        queues.drain(engine)
    assert 0 < queues.only_chunk(engine).count(Result.PENDING) < 300
    assert queues.only_chunk(engine).count(Result.FAILED) <= 1  # the device: its hour is longer than the TTL
    found = queues.only_send(engine)
    engine.steering.steer(found.app, found.id, Course.RUNNING, builders.OPERATOR)
    queues.drain(engine)
    assert queues.only_chunk(engine).count(Result.ACCEPTED) == 299


def test_a_refused_key_does_not_hold_back_who_is_under_a_good_one(
    engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Found by review: after a rotation, the circuit of the old key made everybody wait, or fail."""
    owner = shop(engine, fcm=120)
    good = {f"{number:08d}" for number in range(106, 121)}
    for key, stored in engine.storage.subscriptions.items():
        if stored.endpoint[-8:] not in good:
            engine.storage.subscriptions[key] = replace(stored, vapid_key="old")
    sealed = engine.storage.vapid_keys[owner.id, owner.vapid_key]
    engine.storage.vapid_keys[owner.id, "old"] = sealed
    answers(engine, FCM, 105, Reply(403))
    for number in range(106, 121):
        engine.transport.script(endpoint(FCM, number), Reply(503, {"retry-after": "1"}), Reply(201))
    send(engine, monkeypatch, owner)
    queues.deliver(engine)
    assert queues.only_chunk(engine).count(Result.ACCEPTED) == 15
    assert engine.clock.now() - START < 30


def test_a_key_that_cannot_be_opened_takes_only_its_own_recipients_along(
    engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = shop(engine, fcm=5)
    spoilt = next(iter(engine.storage.subscriptions))
    stored = engine.storage.subscriptions[spoilt]
    engine.storage.subscriptions[spoilt] = replace(stored, vapid_key="spoilt")
    sealed = engine.storage.vapid_keys[owner.id, owner.vapid_key]
    engine.storage.vapid_keys[owner.id, "spoilt"] = replace(sealed, ciphertext=b"spoilt")
    send(engine, monkeypatch, owner)
    queues.drain(engine)
    assert queues.only_send(engine).counts == Tally(accepted=4, failed=1)
    assert said(engine)[Said("none", Fate.FAILED, "no such VAPID key")] == 1


def test_a_second_and_a_third_try_of_one_recipient_obey_a_pause(
    engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Found by review: a POST after a 401 and a 413 began nineteen seconds after the pause."""
    owner = shop(engine, fcm=1)
    long = replace(builders.NOTIFICATION, body="é" * 4000)
    answers(engine, FCM, 1, Reply(401, seconds=9.6), Reply(413, seconds=9.6), Reply(201))
    monkeypatch.setattr("tocsin.application.sending.SYNC_RECIPIENTS", 0)
    engine.sending.send(builders.send_command(owner, notification=long))
    queues.plan(engine)
    honest, began = engine.transport.start, []

    def start(*about: object) -> None:
        began.append(engine.clock.now() - START)
        honest(*about)  # type: ignore[arg-type]
        found = queues.only_send(engine)
        if found.course is Course.RUNNING:
            engine.steering.steer(found.app, found.id, Course.PAUSED, builders.OPERATOR)

    monkeypatch.setattr(engine.transport, "start", start)
    queues.deliver(engine)
    assert max(began) <= 12


def test_an_outage_of_twenty_minutes_costs_a_message_of_a_day_nobody(
    engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = shop(engine, fcm=60)
    honest = engine.transport._next

    def outage(url: str) -> object:
        return Reply(503) if engine.clock.now() - START < 1200 else honest(url)

    monkeypatch.setattr(engine.transport, "_next", outage)
    long = replace(builders.NOTIFICATION, ttl=86_400)
    engine.sending.send(builders.send_command(owner, notification=long))
    queues.drain(engine)
    assert queues.only_send(engine).counts == Tally(accepted=60)
