"""What became of the recipients of a traced send, as its app is told."""

from dataclasses import replace

import pytest

from tests import builders
from tests.engine import MemoryEngine
from tests.memory.transport import Reply
from tests.unit.application.receivers import PAGER, URL, Receiver, telling
from tocsin.application.jobs import ChunkReceipts
from tocsin.application.ports import Unavailable
from tocsin.application.receipts import receipts
from tocsin.application.send_command import SendResult
from tocsin.domain.chunk import Chunk, Result, finished, opened
from tocsin.domain.event import Event, EventKind
from tocsin.domain.identity import Identity, IdentityKind
from tocsin.domain.ids import SubscriptionId
from tocsin.domain.report import NOBODY, Fate, Report, Said
from tocsin.domain.send import Audience, Chosen, Everyone
from tocsin.domain.subscription import Subscription, SubscriptionState

ANNA, BERT = (Identity(IdentityKind.EXTERNAL, name) for name in ("anna", "bert"))
NAMED = Chosen(identities=(BERT, ANNA))


@pytest.fixture
def shop() -> Receiver:
    engine = MemoryEngine()
    app = builders.app(engine, credits_=10)
    for number, name in enumerate(("anna", "anna", "bert"), 1):
        builders.subscribe(engine, app, number, builders.external(name))
    engine.webhooks.change(app.id, PAGER, url=URL, actor=builders.OPERATOR)
    return Receiver(engine, app, telling(engine))


def send(shop: Receiver, *, traced: bool = True) -> SendResult:
    """To Bert and Anna, who has two browsers."""
    command = builders.send_command(shop.engine.accounts.app(shop.app.id), NAMED)
    return shop.engine.sending.send(replace(command, dialect=PAGER, traced=traced))


def told(shop: Receiver) -> list[Event]:
    """What the queue says once the receipts were derived."""
    shop.work()
    return sorted(shop.engine.events.emitted, key=lambda event: event.subscription or "")


def test_each_recipient_of_a_traced_send_is_told_of_once_it_is_over(shop: Receiver) -> None:
    result = send(shop)
    events = told(shop)
    assert len(events) == 3
    assert {event.kind for event in events} == {EventKind.DELIVERED}
    assert {(event.place, event.person) for event in events} == {(0, "bert"), (1, "anna")}
    assert {(event.send, event.platform, event.dialect) for event in events} == {(result.send, "web", PAGER)}
    shop.work()
    assert sorted(shop.ids()) == sorted(event.id for event in events)


def test_of_any_other_send_nothing_is_told(shop: Receiver) -> None:
    send(shop, traced=False)
    assert told(shop) == []


def test_without_a_webhook_nothing_is_derived(shop: Receiver) -> None:
    shop.engine.webhooks.change(shop.app.id, PAGER, url=None, actor=builders.OPERATOR)
    send(shop)
    assert told(shop) == []


def test_whose_browser_is_gone_is_told_as_failed_with_the_reason(shop: Receiver) -> None:
    shop.engine.transport.script(builders.endpoint(3), Reply(410))
    send(shop)
    (failed,) = (event for event in told(shop) if event.kind is not EventKind.DELIVERED)
    assert (failed.kind, failed.reason, failed.person) == (EventKind.FAILED, "gone", "bert")


def test_told_again_the_events_have_the_same_ids(shop: Receiver) -> None:
    result = send(shop)
    first = told(shop)
    shop.engine.events.take()
    shop.engine.clock.advance(100)
    assert result.send is not None
    shop.queue(ChunkReceipts(shop.app.id, result.send, 0))
    assert {event.id for event in shop.engine.events.emitted} == {event.id for event in first}


def test_a_chunk_that_is_not_over_yet_is_looked_at_later(shop: Receiver) -> None:
    result = send(shop)
    assert result.send is not None
    chunk = shop.engine.chunks.get(shop.app.id, result.send, 0)
    assert chunk is not None
    shop.engine.events.take()
    key = (shop.app.id, result.send, 0)
    shop.engine.storage.chunks[key] = opened(shop.app.id, result.send, 0, 3, chunk.digest)
    shop.queue(ChunkReceipts(*key))
    assert shop.engine.events.jobs == [ChunkReceipts(*key)]
    shop.engine.storage.chunks[key] = chunk
    assert len(told(shop)) == 3


def test_if_the_queue_does_not_answer_nobody_is_sent_to_twice_and_the_sweep_tells_it(
    shop: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise Unavailable

    with monkeypatch.context() as patch:
        patch.setattr(shop.engine.events, "report", broken)
        send(shop)
    shop.engine.clock.advance(3600)
    for _ in range(3):
        shop.engine.sweeping.sweep()
        for job in list(shop.engine.jobs.chunks):
            shop.engine.delivering.handle(job, shop.engine.clock.now() + 100)
    assert len(shop.engine.transport.requests) == 3
    assert [event.kind for event in told(shop)] == [EventKind.DELIVERED] * 3


# --- from the record alone -----------------------------------------------------------------------------------------


def derived(
    shop: Receiver,
    result: Result,
    said: dict[Said, int],
    subscription: Subscription | None,
    *,
    audience: Audience = NAMED,
) -> Event:
    sent = next(iter(shop.engine.storage.sends.values())).send
    sent = replace(sent, audience=audience)
    id_ = SubscriptionId("d0" * 12)
    chunk: Chunk = replace(finished(opened(sent.app, sent.id, 0, 1, "x")), results=(result,), report=Report(said))
    (event,) = receipts(sent, chunk, [id_], {} if subscription is None else {id_: subscription}, 5)
    return event


@pytest.fixture
def anna(shop: Receiver) -> Subscription:
    send(shop)
    return next(one for one in shop.engine.storage.subscriptions.values() if ANNA in one.identities)


@pytest.mark.parametrize(
    ("result", "said", "state", "kind", "reason"),
    [
        (Result.ACCEPTED, {}, SubscriptionState.EXPIRED, EventKind.DELIVERED, None),
        (Result.UNCERTAIN, {}, SubscriptionState.ACTIVE, EventKind.FAILED, "uncertain"),
        (Result.FAILED, {}, SubscriptionState.EXPIRED, EventKind.FAILED, "gone"),
        (Result.FAILED, {}, SubscriptionState.INACTIVE, EventKind.FAILED, "unsubscribed"),
        (Result.FAILED, {}, SubscriptionState.UNREGISTERED, EventKind.FAILED, "unsubscribed"),
        (Result.FAILED, {Said(NOBODY, Fate.FAILED, "expired"): 1}, SubscriptionState.ACTIVE, EventKind.EXPIRED, None),
        (
            Result.FAILED,
            {Said("fcm", Fate.FAILED, "expired"): 1},
            SubscriptionState.ACTIVE,
            EventKind.FAILED,
            "expired",
        ),
        (Result.FAILED, {Said("fcm", Fate.FAILED, "no"): 1}, SubscriptionState.BOUNCED, EventKind.FAILED, "no"),
        (Result.FAILED, {Said("fcm", Fate.FAILED, ""): 1}, SubscriptionState.ACTIVE, EventKind.FAILED, "refused"),
        (
            Result.FAILED,
            {
                Said("fcm", Fate.FAILED, "no"): 1,
                Said(NOBODY, Fate.FAILED, "expired"): 3,
                Said("fcm", Fate.GONE, "x"): 1,
            },
            SubscriptionState.ACTIVE,
            EventKind.FAILED,
            "expired or no",
        ),
    ],
)
def test_kind_and_reason_are_as_far_as_the_record_knows(
    shop: Receiver,
    anna: Subscription,
    result: Result,
    said: dict[Said, int],
    state: SubscriptionState,
    kind: EventKind,
    reason: str | None,
) -> None:
    event = derived(shop, result, said, replace(anna, state=state))
    assert (event.kind, event.reason) == (kind, reason)


def test_of_who_owns_the_browser_by_now_nothing_is_told(shop: Receiver, anna: Subscription) -> None:
    carls = replace(anna, identities=(Identity(IdentityKind.EXTERNAL, "carl"),))
    for gone in (carls, None):
        both = derived(shop, Result.ACCEPTED, {}, gone)
        assert (both.place, both.person) == (None, None)
        one = derived(shop, Result.ACCEPTED, {}, gone, audience=Chosen(identities=(ANNA,)))
        assert (one.place, one.person) == (0, "anna")


def test_of_a_send_that_names_nobody_the_owner_is_told(shop: Receiver, anna: Subscription) -> None:
    event = derived(shop, Result.ACCEPTED, {}, anna, audience=Everyone())
    assert (event.place, event.person) == (None, "anna")


def test_of_a_person_who_was_named_otherwise_the_customers_own_name_is_told(shop: Receiver, anna: Subscription) -> None:
    email = Identity(IdentityKind.EMAIL, "1:ab")
    known = replace(anna, identities=(*anna.identities, email))
    event = derived(shop, Result.ACCEPTED, {}, known, audience=Chosen(identities=(email,)))
    assert (event.place, event.person) == (0, "anna")
    event = derived(shop, Result.ACCEPTED, {}, anna, audience=Chosen(identities=(email,)))
    assert (event.place, event.person) == (0, None)
