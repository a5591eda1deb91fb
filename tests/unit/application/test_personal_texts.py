"""Sends whose texts are made for each recipient, from the request to the message that a browser decrypts."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import http_ece
import pytest

from tests import builders, firebase
from tests.engine import MemoryEngine
from tests.memory.transport import Reply, Silence
from tests.unit.application import queues
from tocsin.application.amending import Amendment
from tocsin.application.send_command import SendResult
from tocsin.domain.errors import Fault, Refused
from tocsin.domain.identity import Identity, IdentityKind
from tocsin.domain.ids import SubscriptionId
from tocsin.domain.notification import Notification
from tocsin.domain.send import Chosen, Tally
from tocsin.domain.template import MalformedWording
from tocsin.domain.tenancy import App

GREETING = Notification("Hello {{name}}", "{{siteName}}: {{plan}}", "https://shop.example/{{plan}}", ttl=3600)


@pytest.fixture
def owner(engine: MemoryEngine) -> App:
    """An app with two browsers: of Anna, of whom much is known, and of nobody."""
    made = builders.app(engine, credits_=100)
    anna = builders.subscribe(engine, made, 1, builders.external("u1"))
    keep(engine, made, anna.id, {"name": "Anna", "plan": "a/b"})
    builders.subscribe(engine, made, 2)
    return made


def keep(engine: MemoryEngine, owner: App, who: SubscriptionId, custom: Mapping[str, object]) -> None:
    engine.amending.amend(owner, who, Amendment(custom=custom))


def send(
    engine: MemoryEngine,
    owner: App,
    notification: Notification = GREETING,
    variables: Mapping[str, str] | None = None,
    **options: Any,
) -> SendResult:
    command = builders.send_command(owner, notification=notification, **options)
    return engine.sending.send(replace(command, variables=variables or {}))


def messages(engine: MemoryEngine, number: int) -> list[dict[str, Any]]:
    """What a browser decrypted, of all that was posted to it."""
    agent = builders.user_agent(number)
    return [
        json.loads(
            http_ece.decrypt(
                one.body, private_key=agent.private, auth_secret=number.to_bytes(16, "big"), version="aes128gcm"
            )
        )["notification"]
        for one in engine.transport.requests
        if one.url == builders.endpoint(number)
    ]


def texts(engine: MemoryEngine, number: int) -> list[tuple[str, str, str | None]]:
    """Title, text and tap target of each."""
    return [(one["title"], one["body"], one.get("navigate")) for one in messages(engine, number)]


ANNAS = ("Hello Anna", "Shop: a/b", "https://shop.example/a%2Fb")
NOBODYS = ("Hello ", "Shop: ", "https://shop.example/")


@pytest.mark.row("PU-43")
def test_pu_43_each_recipient_is_shown_a_text_of_its_own(engine: MemoryEngine, owner: App) -> None:
    result = send(engine, owner)
    assert (result.counts, result.missing) == (Tally(accepted=2), 2)
    assert (texts(engine, 1), texts(engine, 2)) == ([ANNAS], [NOBODYS])


@pytest.mark.row("PU-43")
def test_pu_43_a_queued_send_is_made_by_the_worker_and_its_missing_values_are_told_later(
    engine: MemoryEngine, owner: App
) -> None:
    result = send(engine, owner, queued=True)
    assert (result.queued, result.missing) == (True, None)
    queues.drain(engine)
    assert (texts(engine, 1), texts(engine, 2)) == ([ANNAS], [NOBODYS])
    sent = queues.only_send(engine)
    assert (sent.counts, sent.report.missing) == (Tally(accepted=2), 2)


def test_what_the_request_knows_goes_before_what_is_kept(engine: MemoryEngine, owner: App) -> None:
    assert send(engine, owner, variables={"plan": "basic"}).missing == 1
    assert [one[0][1] for one in (texts(engine, 1), texts(engine, 2))] == ["Shop: basic", "Shop: basic"]


def test_a_send_whose_values_are_all_given_is_an_ordinary_one(engine: MemoryEngine, owner: App) -> None:
    values = {"name": "all", "siteName": "Us", "plan": "x"}
    result = send(engine, owner, variables=values, queued=True)
    sent = queues.only_send(engine)
    assert (result.missing, sent.variables, sent.site_name) == (0, None, "")
    assert (sent.notification.title, sent.notification.body) == ("Hello all", "Us: x")
    queues.plan(engine)
    assert len(engine.jobs.delayed[0].job.recipients) == 2


def test_without_variables_braces_are_only_braces(engine: MemoryEngine, owner: App) -> None:
    engine.sending.send(builders.send_command(owner, notification=replace(GREETING, title="{{name}} {{ }")))
    assert texts(engine, 1)[0][0] == "{{name}} {{ }"


def test_a_text_that_is_no_wording_is_refused_before_anything_is_stored(engine: MemoryEngine, owner: App) -> None:
    with pytest.raises(MalformedWording):
        send(engine, owner, Notification("{{", "b"))
    assert engine.storage.sends == {}


def test_texts_do_not_travel_through_queues(engine: MemoryEngine, owner: App) -> None:
    """They are made of more than a walk reads, and a thousand of them would not fit a message."""
    send(engine, owner, queued=True)
    queues.plan(engine)
    assert [entry.job.recipients for entry in engine.jobs.delayed] == [()]


def test_a_repeat_by_another_worker_shows_the_same(engine: MemoryEngine, owner: App) -> None:
    engine.transport.script(builders.endpoint(1), Silence(sent=True), Reply(201))
    engine.transport.script(builders.endpoint(2), Reply(503), Reply(201))
    send(engine, owner, queued=True)
    queues.drain(engine)
    assert texts(engine, 1) == [ANNAS, ANNAS]
    assert texts(engine, 2) == [NOBODYS, NOBODYS]
    assert queues.only_send(engine).report.missing == 2


def test_values_are_those_of_when_it_is_delivered(engine: MemoryEngine, owner: App) -> None:
    send(engine, owner, queued=True)
    keep(engine, owner, engine.derivation.subscription_id(owner.id, builders.endpoint(1)), {"name": "Anne"})
    queues.drain(engine)
    assert texts(engine, 1)[0][0] == "Hello Anne"


def test_what_was_never_accepted_counts_nothing_as_missing(engine: MemoryEngine, owner: App) -> None:
    engine.transport.script(builders.endpoint(2), Reply(410))
    assert send(engine, owner).missing == 0


def test_who_left_or_became_somebody_else_meanwhile_is_shown_nothing(engine: MemoryEngine, owner: App) -> None:
    """Found among the recipients, gone when their texts are made."""
    anna = Chosen((Identity(IdentityKind.EXTERNAL, "u1"),))
    send(engine, owner, to=anna, queued=True)
    queues.plan(engine)
    builders.subscribe(engine, owner, 1, builders.external("u2"))
    queues.drain(engine)
    assert texts(engine, 1) == []
    assert queues.only_send(engine).counts == Tally(failed=1)


def test_a_send_in_the_request_looks_again_at_who_it_is_for(
    engine: MemoryEngine, owner: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = engine.subscriptions.walk

    def left_meanwhile(*args: Any, **options: Any) -> Any:
        found = honest(*args, **options)
        engine.subscribing.withdraw(owner, engine.derivation.subscription_id(owner.id, builders.endpoint(2)))
        return found

    monkeypatch.setattr(engine.subscriptions, "walk", left_meanwhile)
    assert send(engine, owner).counts == Tally(accepted=1, failed=1)
    assert texts(engine, 2) == []


def test_a_phone_is_shown_a_text_of_its_own(engine: MemoryEngine) -> None:
    owner = builders.app(engine, credits_=10)
    firebase.enroll(engine, owner)
    for number in (1, 2):
        keep(engine, owner, firebase.phone(engine, owner, number).id, {"name": f"P{number}"})
    assert send(engine, owner).missing == 2
    posted = [json.loads(one.body)["message"] for one in engine.transport.requests if one.url == firebase.SEND_URL]
    shown = {one["token"]: one["notification"]["title"] for one in posted}
    assert shown == {firebase.token(1): "Hello P1", firebase.token(2): "Hello P2"}
    assert {one["data"]["tocsin_url"] for one in posted} == {"https://shop.example/"}


@pytest.mark.row("PU-43", "X-6")
def test_pu_43_a_text_that_is_too_long_for_one_goes_as_a_preview_and_is_fetched_by_them(
    engine: MemoryEngine, owner: App
) -> None:
    anna, nobody = (engine.derivation.subscription_id(owner.id, builders.endpoint(number)) for number in (1, 2))
    keep(engine, owner, anna, {"name": "Anna", "word": "é" * 1000})
    send(engine, owner, Notification("{{name}}", "{{word}}" * 4, ttl=3600))
    [short], [preview] = messages(engine, 2), messages(engine, 1)
    assert "f" not in short["data"]
    assert preview["body"].endswith("é…")
    whole = json.loads(engine.fetching.message(owner, preview["data"]["id"], preview["data"]["f"]))["notification"]
    assert (whole["title"], whole["body"]) == ("Anna", "é" * 4000)
    assert nobody != anna


def test_nobody_fetches_the_text_of_who_owned_the_browser_before(engine: MemoryEngine, owner: App) -> None:
    anna = engine.derivation.subscription_id(owner.id, builders.endpoint(1))
    keep(engine, owner, anna, {"word": "é" * 1000})
    send(engine, owner, Notification("t", "{{word}}" * 4, ttl=3600), to=Chosen(subscriptions=(anna,)))
    data = messages(engine, 1)[0]["data"]
    engine.subscribing.withdraw(owner, anna)
    with pytest.raises(Refused) as refused:
        engine.fetching.message(owner, data["id"], data["f"])
    assert refused.value.fault is Fault.SPENT


def test_a_repeated_request_is_told_what_was_missing(engine: MemoryEngine, owner: App) -> None:
    key = builders.idempotency_key()
    assert send(engine, owner, idempotency=key).missing == 2
    again = send(engine, owner, idempotency=key)
    assert (again.replayed, again.missing) == (True, 2)


def test_a_broadcast_of_many_chunks_is_personal_throughout(engine: MemoryEngine) -> None:
    owner, subscriptions = builders.shop(engine, 1_100, credits_=2_000)
    for one in subscriptions[::2]:
        keep(engine, owner, one.id, {"name": one.id})
    send(engine, owner, Notification("{{name}}", "b"))
    queues.drain(engine)
    by_url = {one.endpoint: one.id for one in subscriptions[::2]}
    shown = {number: texts(engine, number) for number in range(1, 1_101)}
    assert shown == {
        number: [(by_url.get(builders.endpoint(number), "Shop"), "b", "https://shop.example/")] for number in shown
    }
    sent = queues.only_send(engine)
    assert (sent.counts, sent.report.missing) == (Tally(accepted=1_100), 550)
