"""Sends that name users: enrolled ones only, all or nothing, a unit for each person, and told who has no device."""

import pytest

from tests import builders
from tests.builders import external
from tests.engine import MemoryEngine
from tests.memory.transport import Reply
from tocsin.application.jobs import Notify
from tocsin.application.messaging import AT_ONCE, NO_DEVICES, Message, MessageCommand, derived
from tocsin.application.ports import Unavailable
from tocsin.application.send_command import IdempotencyKey
from tocsin.domain.errors import Fault, Refused
from tocsin.domain.event import EventKind
from tocsin.domain.identity import IdentityKind
from tocsin.domain.notification import Notification
from tocsin.domain.quota import Limits
from tocsin.domain.send import Chosen
from tocsin.domain.tenancy import App, DialectName

KEYMASTER = DialectName("keymaster")
UNLIMITED = Limits(None, None)
KEY = IdempotencyKey("/push/send/batch", "shift-17", b"{}")


def gym(engine: MemoryEngine, *people: str, limits: Limits = UNLIMITED) -> App:
    """An app whose users have a browser each."""
    owner = builders.app(engine, limits=limits)
    for number, name in enumerate(people):
        builders.subscribe(engine, owner, number + 1, external(name))
    return owner


def message(*people: str, title: str = "Title") -> Message:
    return Message(Notification(title, "Text"), people)


def command(owner: App, *messages: Message, queued: bool = True, key: IdempotencyKey | None = None) -> MessageCommand:
    return MessageCommand(owner, KEYMASTER, messages, queued, key, "req-1")


def used(engine: MemoryEngine, owner: App) -> int:
    return engine.quotas.usage(owner.id, int(engine.clock.now())).daily


@pytest.mark.row("KM-18")
def test_a_message_goes_to_all_devices_of_its_people_and_counts_by_person(engine: MemoryEngine) -> None:
    owner = gym(engine, "u-1", "u-1", "u-2", "u-3")
    accepted = engine.messaging.send(command(owner, message("u-1", "u-2"), queued=False))
    assert len(engine.transport.requests) == 3
    assert used(engine, owner) == 2
    assert len(accepted.sends) == 1


@pytest.mark.row("KM-22")
@pytest.mark.parametrize("place", [0, 1])
def test_one_stranger_and_nothing_is_sent_or_counted(engine: MemoryEngine, place: int) -> None:
    owner = gym(engine, "u-1")
    messages = [message("u-1"), message("u-1", "stranger")][:: 1 if place else -1]
    with pytest.raises(Refused, match="User not enrolled") as refused:
        engine.messaging.send(command(owner, *messages))
    assert refused.value.fault is Fault.FIELD_INVALID
    assert (engine.storage.sends, used(engine, owner)) == ({}, 0)


@pytest.mark.row("KM-23", "KM-24")
def test_the_first_send_of_a_batch_holds_the_quota_of_all(engine: MemoryEngine) -> None:
    owner = gym(engine, "u-1", "u-2", limits=Limits(None, 4))
    batch = [message("u-1", title="a"), message("u-2", title="b"), message("u-1", "u-2", title="c")]
    accepted = engine.messaging.send(command(owner, *batch))
    assert used(engine, owner) == 4
    stored = [engine.sends.get(owner.id, id_) for id_ in accepted.sends]
    assert [send.units for send in stored if send] == [4, 0, 0]
    assert [send.notification.title for send in stored if send] == ["a", "b", "c"]
    with pytest.raises(Refused) as refused:
        engine.messaging.send(command(owner, message("u-1")))
    assert refused.value.fault is Fault.QUOTA_EXCEEDED
    assert len(engine.storage.sends) == 3


@pytest.mark.row("KM-24")
def test_a_batch_larger_than_what_is_left_is_refused_whole(engine: MemoryEngine) -> None:
    owner = gym(engine, "u-1", limits=Limits(None, 2))
    with pytest.raises(Refused) as refused:
        engine.messaging.send(command(owner, *(message("u-1", title=title) for title in "abc")))
    assert refused.value.fault is Fault.QUOTA_EXCEEDED
    assert (engine.storage.sends, used(engine, owner)) == ({}, 0)


@pytest.mark.row("KM-23", "X-4")
def test_a_repeat_adds_what_a_failure_left_out_and_no_more(
    engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = gym(engine, "u-1")
    batch = command(owner, *(message("u-1", title=str(number)) for number in range(20)), key=KEY)
    reserve, failing = engine.sends.reserve, iter([False] * 7 + [True] * 999)

    def sometimes(send: object, *rest: object) -> None:
        if next(failing):
            raise Unavailable
        reserve(send, *rest)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(engine.sends, "reserve", sometimes)
        with pytest.raises(Unavailable):
            engine.messaging.send(batch)
    assert 7 <= len(engine.storage.sends) < 20
    accepted = engine.messaging.send(batch)
    assert accepted.replayed
    assert len(set(accepted.sends)) == len(engine.storage.sends) == 20
    assert engine.messaging.send(batch) == accepted
    assert (len(engine.storage.sends), used(engine, owner)) == (20, 20)
    titles = {send.notification.title for id_ in accepted.sends if (send := engine.sends.get(owner.id, id_))}
    assert titles == {str(number) for number in range(20)}


def test_the_ids_of_a_batch_follow_from_the_first() -> None:
    first = MemoryEngine().randomness.new_id()
    ids = [derived(first, place) for place in range(1, 500)]  # type: ignore[arg-type]
    assert ids == [derived(first, place) for place in range(1, 500)]  # type: ignore[arg-type]
    assert len({first, *ids}) == 500
    assert AT_ONCE < 32  # the client's connections


@pytest.mark.row("KM-21")
def test_whoever_has_no_device_is_told_of_to_an_app_that_wants_to_know(engine: MemoryEngine) -> None:
    owner = gym(engine, "u-1")
    engine.membership.enrol(owner.id, "u-2")
    engine.webhooks.change(owner.id, KEYMASTER, url="https://hooks.example.com/", actor=builders.OPERATOR)
    traced = engine.accounts.app(owner.id)
    engine.events.jobs.clear()
    accepted = engine.messaging.send(command(traced, message("u-1", "u-2"), message("u-2", title="b")))
    events = [job.event for job in engine.events.jobs if isinstance(job, Notify)]
    assert [(one.kind, one.reason, one.person, one.send, one.place, one.dialect) for one in events] == [
        (EventKind.FAILED, NO_DEVICES, "u-2", accepted.sends[0], 1, KEYMASTER),
        (EventKind.FAILED, NO_DEVICES, "u-2", accepted.sends[1], 0, KEYMASTER),
    ]
    assert len({one.id for one in events}) == 2
    assert all(stored.send.traced for stored in engine.storage.sends.values())


@pytest.mark.row("KM-21")
def test_nobody_is_told_without_a_webhook_or_twice_of_the_same_request(engine: MemoryEngine) -> None:
    owner = gym(engine)
    engine.membership.enrol(owner.id, "u-2")
    engine.messaging.send(command(owner, message("u-2")))
    assert engine.events.jobs == []
    engine.webhooks.change(owner.id, KEYMASTER, url="https://hooks.example.com/", actor=builders.OPERATOR)
    traced = engine.accounts.app(owner.id)
    for _ in range(2):
        engine.messaging.send(command(traced, message("u-2"), key=KEY))
    assert len(engine.events.jobs) == 1


def test_a_queue_that_is_down_is_no_error_after_the_acceptance(
    engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = gym(engine)
    engine.membership.enrol(owner.id, "u-2")
    engine.webhooks.change(owner.id, KEYMASTER, url="https://hooks.example.com/", actor=builders.OPERATOR)

    def down(_: object) -> None:
        raise Unavailable

    monkeypatch.setattr(engine.events, "emit", down)
    assert engine.messaging.send(command(engine.accounts.app(owner.id), message("u-2"))).sends


@pytest.mark.row("KM-19")
@pytest.mark.row("KM-21")
def test_a_device_that_the_send_itself_finds_gone_was_a_device(engine: MemoryEngine) -> None:
    owner = gym(engine, "u-1")
    engine.webhooks.change(owner.id, KEYMASTER, url="https://hooks.example.com/", actor=builders.OPERATOR)
    engine.transport.script(builders.endpoint(1), Reply(410))
    engine.events.jobs.clear()
    engine.messaging.send(command(engine.accounts.app(owner.id), message("u-1"), queued=False))
    assert [job for job in engine.events.jobs if isinstance(job, Notify) and job.event.reason == NO_DEVICES] == []


@pytest.mark.row("KM-21")
def test_who_has_no_device_is_told_of_though_the_batch_fails_later(
    engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = gym(engine)
    engine.membership.enrol(owner.id, "u-2")
    engine.webhooks.change(owner.id, KEYMASTER, url="https://hooks.example.com/", actor=builders.OPERATOR)
    reserve, failing = engine.sends.reserve, iter([False] + [True] * 99)

    def only_once(send: object, *rest: object) -> None:
        if next(failing):
            raise Unavailable
        reserve(send, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(engine.sends, "reserve", only_once)
    with pytest.raises(Unavailable):
        engine.messaging.send(
            command(engine.accounts.app(owner.id), message("u-2"), message("u-2", title="b"), key=KEY)
        )
    assert len(engine.events.jobs) == 2


def test_one_failure_of_the_store_does_not_fail_a_batch(engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    owner = gym(engine, "u-1")
    reserve, failing = engine.sends.reserve, iter([False, True] + [False] * 99)

    def sometimes(send: object, *rest: object) -> None:
        if next(failing):
            raise Unavailable
        reserve(send, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(engine.sends, "reserve", sometimes)
    engine.messaging.send(command(owner, message("u-1"), message("u-1", title="b")))
    assert (len(engine.storage.sends), used(engine, owner)) == (2, 2)


def test_who_is_enrolled_in_one_app_is_a_stranger_to_another(engine: MemoryEngine) -> None:
    owner, other = gym(engine, "u-1"), builders.app(engine)
    assert engine.membership.strangers(owner.id, ["u-1", "u-2"]) == {"u-2"}
    assert engine.membership.strangers(other.id, ["u-1"]) == {"u-1"}
    engine.membership.enrol(other.id, "u-1")
    assert engine.membership.strangers(other.id, ["u-1"]) == frozenset()


@pytest.mark.row("KM-19")
def test_enrolling_keeps_what_is_known_of_a_person_and_erasing_ends_it(engine: MemoryEngine) -> None:
    owner = gym(engine, "u-1")
    before = engine.persons.get(owner.id, "u-1")
    for _ in range(2):
        engine.membership.enrol(owner.id, "u-1")
    after = engine.persons.get(owner.id, "u-1")
    assert before is not None
    assert after is not None
    assert (after.id, after.subscribed, after.enrolled) == (before.id, True, True)
    assert after.revision == before.revision + 1
    engine.people.erase(owner, IdentityKind.EXTERNAL, "u-1", builders.OPERATOR)
    assert engine.membership.strangers(owner.id, ["u-1"]) == {"u-1"}


def test_the_audience_of_a_message_is_its_people_in_their_order(engine: MemoryEngine) -> None:
    owner = gym(engine, "u-1", "u-2")
    [id_] = engine.messaging.send(command(owner, message("u-2", "u-1"))).sends
    audience = engine.storage.sends[owner.id, id_].send.audience
    assert isinstance(audience, Chosen)
    assert [identity.value for identity in audience.identities] == ["u-2", "u-1"]
