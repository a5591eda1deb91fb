"""Phones beside browsers: registered by a token, reached through FCM, charged and counted like any other."""

import json
from dataclasses import replace
from typing import Any

import pytest

from tests import builders, firebase
from tests.engine import MemoryEngine
from tests.firebase import SEND_URL, refusal
from tests.memory.transport import Reply
from tests.unit.application import queues
from tocsin.application.fcm_access import ACCOUNT_REFUSED, NO_TOKEN, UNREACHED_SECONDS, UNSUPPORTED
from tocsin.application.jobs import DeliverChunk, Lane, Recipient, Route, decode_deliver, encode_deliver
from tocsin.application.metrics import Metric
from tocsin.application.ports import OauthAnswer
from tocsin.application.subscribing import SubscribeCommand
from tocsin.domain.errors import Fault, Refused
from tocsin.domain.ids import SendId
from tocsin.domain.notification import Notification
from tocsin.domain.refusals import advice
from tocsin.domain.report import NOBODY, Fate, Said
from tocsin.domain.send import Tally
from tocsin.domain.subscription import FCM_KEY, MAX_REJECTIONS, Platform, Subscription, SubscriptionState
from tocsin.domain.tenancy import App
from tocsin.webpush.origins import PushService

FCM_V1 = PushService.FCM_V1


@pytest.fixture
def owner(engine: MemoryEngine) -> App:
    """An app with 100 credits and a service account."""
    made = builders.app(engine, credits_=100)
    firebase.enroll(engine, made)
    return made


def sent(engine: MemoryEngine, owner: App, **fields: Any) -> Tally:
    return engine.sending.send(builders.send_command(owner, **fields)).counts


def report(engine: MemoryEngine) -> dict[Said, int]:
    """What was answered to the newest send."""
    (*_, stored) = engine.storage.sends.values()
    return dict(stored.send.report.said)


def to_fcm(engine: MemoryEngine) -> list[dict[str, Any]]:
    """The messages that were posted to FCM."""
    return [json.loads(one.body)["message"] for one in engine.transport.requests if one.url == SEND_URL]


# --- registering ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("platform", Platform)
def test_a_device_is_registered_by_its_token(engine: MemoryEngine, owner: App, platform: Platform) -> None:
    phone = firebase.phone(engine, owner, 1, platform)
    assert (phone.platform, phone.keys, phone.vapid_key) == (platform, None, FCM_KEY)
    assert phone.endpoint == f"fcm:{firebase.token(1)}"
    assert phone == engine.subscriptions.get(owner.id, phone.id)


def test_the_same_token_again_is_the_same_device(engine: MemoryEngine, owner: App) -> None:
    assert firebase.phone(engine, owner, 1).id == firebase.phone(engine, owner, 1).id
    assert engine.subscriptions.counts(owner.id).active == 1


def test_a_token_that_replaces_another_takes_its_place(engine: MemoryEngine, owner: App) -> None:
    earlier = engine.subscribing.subscribe(command(owner, 1, claims=(builders.external("anna"),)))
    later = engine.subscribing.subscribe(command(owner, 2, previous=earlier.endpoint))
    assert later.identities == earlier.identities
    assert engine.subscriptions.counts(owner.id).active == 1


def command(owner: App, number: int = 1, **fields: Any) -> SubscribeCommand:
    of_phone = SubscribeCommand(owner, f"fcm:{firebase.token(number)}", "", "", trusted=True, platform=Platform.ANDROID)
    return replace(of_phone, **fields)


@pytest.mark.parametrize(
    "fields",
    [
        {"endpoint": "fcm:"},
        {"endpoint": "fcm:a b"},
        {"endpoint": f"fcm:{'a' * 4097}"},
        {"endpoint": "abc"},
        {"endpoint": builders.endpoint(1)},
        {"endpoint": builders.endpoint(1), "platform": Platform.IOS},
        {"endpoint": builders.endpoint(1), "platform": Platform.WEB},  # and no keys
        {"platform": None},
    ],
)
def test_what_is_no_token_of_a_device_is_refused_and_not_shown(
    engine: MemoryEngine, owner: App, fields: dict[str, Any]
) -> None:
    with pytest.raises(Refused) as refused:
        engine.subscribing.subscribe(command(owner, **fields))
    assert refused.value.fault is Fault.FIELD_INVALID
    assert fields.get("endpoint", firebase.token(1)) not in refused.value.message or fields["endpoint"] == "fcm:"
    assert not engine.storage.subscriptions


def test_who_names_no_platform_cannot_register_a_token(engine: MemoryEngine, owner: App) -> None:
    browser = replace(builders.subscribe_command(owner), endpoint="fcm:x")
    with pytest.raises(Refused) as refused:
        engine.subscribing.subscribe(browser)
    assert refused.value.field == "subscription.endpoint"


# --- reaching ---------------------------------------------------------------------------------------------------------


def test_a_browser_and_a_phone_are_reached_by_one_send_and_each_is_paid(engine: MemoryEngine, owner: App) -> None:
    builders.subscribe(engine, owner, 1)
    firebase.phone(engine, owner)
    assert sent(engine, owner) == Tally(accepted=2)
    assert engine.credits.balance(owner.id).spent == 2
    (message,) = to_fcm(engine)
    assert message["token"] == firebase.token(1)
    assert message["notification"] == {"title": "Title", "body": "Text"}
    assert report(engine) == {Said("mozilla", Fate.ACCEPTED, ""): 1, Said(FCM_V1, Fate.ACCEPTED, ""): 1}


def test_what_is_posted_is_signed_and_says_that_it_is_json(engine: MemoryEngine, owner: App) -> None:
    firebase.phone(engine, owner)
    sent(engine, owner)
    (request,) = engine.transport.requests
    assert dict(request.headers) == {"Authorization": "Bearer token-1", "Content-Type": "application/json"}


def test_one_access_token_serves_all(engine: MemoryEngine, owner: App) -> None:
    for number in range(5):
        firebase.phone(engine, owner, number)
    assert sent(engine, owner) == sent(engine, owner) == Tally(accepted=5)
    assert len(engine.oauth.asked) == 1


def test_a_retry_says_how_much_of_the_ttl_is_left(engine: MemoryEngine, owner: App) -> None:
    firebase.phone(engine, owner)
    engine.transport.script(SEND_URL, refusal(503, "UNAVAILABLE", "UNAVAILABLE"), Reply(200))
    assert sent(engine, owner) == Tally(accepted=1)
    first, second = (int(message["android"]["ttl"].removesuffix("s")) for message in to_fcm(engine))
    assert first == 3600
    assert 3590 < second < first
    assert len({message["apns"]["headers"]["apns-expiration"] for message in to_fcm(engine)}) == 1


def test_now_or_never_is_said_in_apples_words(engine: MemoryEngine, owner: App) -> None:
    firebase.phone(engine, owner)
    sent(engine, owner, notification=Notification("t", "b", ttl=0))
    (message,) = to_fcm(engine)
    assert (message["android"]["ttl"], message["apns"]["headers"]["apns-expiration"]) == ("0s", "0")


@pytest.mark.row("X-6")
def test_x_6_what_is_too_long_goes_as_a_preview_that_says_how_to_fetch_the_whole(
    engine: MemoryEngine, owner: App
) -> None:
    firebase.phone(engine, owner)
    assert sent(engine, owner, notification=Notification("t", "b" * 4096)) == Tally(accepted=1)
    (message,) = to_fcm(engine)
    (stored,) = engine.storage.sends.values()
    whole = engine.fetching.message(owner, stored.send.id, message["data"]["tocsin_fetch"])
    assert json.loads(whole)["notification"]["body"] == "b" * 4096


@pytest.mark.row("X-6")
def test_x_6_what_fcm_finds_too_large_goes_again_shorter(engine: MemoryEngine, owner: App) -> None:
    firebase.phone(engine, owner)
    engine.transport.script(SEND_URL, refusal(400, "INVALID_ARGUMENT"), Reply(200))
    assert sent(engine, owner, notification=Notification("t", "b" * 3500)) == Tally(accepted=1)
    whole, shorter = to_fcm(engine)
    assert len(shorter["notification"]["body"]) < 2641 < len(whole["notification"]["body"])


def test_what_fcm_finds_too_large_even_then_is_given_up(engine: MemoryEngine, owner: App) -> None:
    firebase.phone(engine, owner)
    engine.transport.script(SEND_URL, refusal(400, "INVALID_ARGUMENT"))
    assert sent(engine, owner, notification=Notification("t", "b" * 3500)) == Tally(failed=1)
    assert len(to_fcm(engine)) == 2
    assert sent(engine, owner) == Tally(failed=1)
    assert len(to_fcm(engine)) == 3


def test_a_large_send_reaches_phones_by_the_workers(
    engine: MemoryEngine, owner: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tocsin.application.sending.SYNC_RECIPIENTS", 0)
    for number in range(3):
        firebase.phone(engine, owner, number)
    builders.subscribe(engine, owner, 1)
    engine.sending.send(builders.send_command(owner))
    queues.plan(engine)
    queues.drain(engine)
    (stored,) = engine.storage.sends.values()
    assert stored.send.counts == Tally(accepted=4)
    assert len(to_fcm(engine)) == 3


# --- what FCM refuses -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [refusal(404, "NOT_FOUND", "UNREGISTERED"), refusal(400, "INVALID_ARGUMENT", message="not a registration token")],
)
def test_a_device_that_is_gone_is_expired_and_not_paid(engine: MemoryEngine, owner: App, answer: Reply) -> None:
    phone = firebase.phone(engine, owner)
    engine.transport.script(SEND_URL, answer)
    assert sent(engine, owner) == Tally(failed=1, gone=1)
    assert state_of(engine, phone) is SubscriptionState.EXPIRED
    assert engine.credits.balance(owner.id).spent == 0
    assert engine.fcm_accounts.get(owner.id).devices == 0


def state_of(engine: MemoryEngine, phone: Subscription) -> SubscriptionState:
    found = engine.subscriptions.get(phone.app, phone.id)
    assert found is not None
    return found.state


@pytest.mark.parametrize(
    "answer",
    [
        refusal(403, "PERMISSION_DENIED", "SENDER_ID_MISMATCH"),
        refusal(404, "NOT_FOUND"),
        refusal(401, "UNAUTHENTICATED", "THIRD_PARTY_AUTH_ERROR"),
        refusal(400, "INVALID_ARGUMENT", field="message.data[0].value"),
    ],
)
def test_a_mistake_of_the_senders_takes_no_device_away(engine: MemoryEngine, owner: App, answer: Reply) -> None:
    phone = firebase.phone(engine, owner)
    engine.transport.script(SEND_URL, answer)
    assert sent(engine, owner) == Tally(failed=1)
    assert state_of(engine, phone) is SubscriptionState.ACTIVE
    assert len(to_fcm(engine)) == 1
    assert engine.meter.counted[Metric.SENDER_ERROR] == 1


def test_a_project_without_an_apns_key_makes_no_iphone_bounce(engine: MemoryEngine, owner: App) -> None:
    phones = [firebase.phone(engine, owner, number) for number in range(2)]
    no_apns_key = refusal(401, "UNAUTHENTICATED", "THIRD_PARTY_AUTH_ERROR")
    for _ in range(MAX_REJECTIONS + 1):
        engine.transport.script(SEND_URL, Reply(200), no_apns_key)
        assert sent(engine, owner) == Tally(accepted=1, failed=1)
    assert [state_of(engine, phone) for phone in phones] == [SubscriptionState.ACTIVE] * 2


def test_a_refused_access_token_is_replaced_and_the_message_goes_again(engine: MemoryEngine, owner: App) -> None:
    firebase.phone(engine, owner)
    engine.transport.script(SEND_URL, refusal(401, "UNAUTHENTICATED"), Reply(200))
    assert sent(engine, owner) == Tally(accepted=1)
    signed = [dict(request.headers)["Authorization"] for request in engine.transport.requests]
    assert signed == ["Bearer token-1", "Bearer token-2"]


def test_a_project_that_refuses_three_times_is_left_alone_and_browsers_are_not(
    engine: MemoryEngine, owner: App
) -> None:
    for number in range(3):
        firebase.phone(engine, owner, number)
    engine.transport.script(SEND_URL, refusal(403, "PERMISSION_DENIED"))
    assert sent(engine, owner) == Tally(failed=3)
    assert engine.meter.by_whom[Metric.CIRCUIT_OPENED, builders.DIALECT, FCM_V1] == 1
    builders.subscribe(engine, owner, 1)
    result = engine.sending.send(builders.send_command(owner))
    assert (result.counts.accepted, result.queued) == (1, True)
    assert len(to_fcm(engine)) == 3


def test_a_project_that_is_throttled_holds_up_no_other_apps_phones(engine: MemoryEngine, owner: App) -> None:
    for number in range(5):
        firebase.phone(engine, owner, number)
    engine.transport.script(SEND_URL, refusal(429, "RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED"))
    assert engine.sending.send(builders.send_command(owner)).queued
    other = builders.app(engine, credits_=10)
    firebase.enroll(engine, other)
    firebase.phone(engine, other, 9)
    engine.transport.script(SEND_URL, Reply(200))
    assert sent(engine, other) == Tally(accepted=1)


# --- without access ---------------------------------------------------------------------------------------------------


@pytest.mark.row("KM-12")
def test_km_12_without_a_service_account_a_device_is_unsupported_which_costs_nothing(engine: MemoryEngine) -> None:
    owner = builders.app(engine, credits_=10)
    builders.subscribe(engine, owner, 1)
    phone = firebase.phone(engine, owner)
    assert sent(engine, owner) == Tally(accepted=1, failed=1)
    assert engine.credits.balance(owner.id).spent == 1
    assert not to_fcm(engine)
    assert not engine.oauth.asked
    said = Said(NOBODY, Fate.FAILED, UNSUPPORTED)
    assert report(engine)[said] == 1
    assert "PUT /admin/apps/{app}/fcm" in advice(said).cure
    assert state_of(engine, phone) is SubscriptionState.ACTIVE


@pytest.mark.parametrize(
    ("answer", "reason"), [(None, NO_TOKEN), (OauthAnswer(400, {}, b'{"error": "invalid_grant"}'), ACCOUNT_REFUSED)]
)
def test_without_an_access_token_devices_wait_and_browsers_do_not(
    engine: MemoryEngine, owner: App, answer: OauthAnswer | None, reason: str
) -> None:
    builders.subscribe(engine, owner, 1)
    firebase.phone(engine, owner)
    engine.oauth.script.append(answer)
    began = engine.clock.now()
    engine.sending.send(builders.send_command(owner))
    queues.drain(engine)
    browsers, phones = (post.url for post in engine.transport.requests)
    assert (browsers, phones) == (builders.endpoint(1), SEND_URL)
    assert engine.clock.now() - began >= UNREACHED_SECONDS
    (stored,) = engine.storage.sends.values()
    assert stored.send.counts == Tally(accepted=2)
    assert report(engine)[Said(FCM_V1, Fate.RETRIED, reason)] == 1


def test_who_waited_for_an_access_token_in_vain_failed_for_that_reason(engine: MemoryEngine, owner: App) -> None:
    firebase.phone(engine, owner)
    engine.oauth.script.extend([OauthAnswer(400, {}, b'{"error": "invalid_grant"}')] * 100)
    engine.sending.send(builders.send_command(owner, notification=Notification("t", "b", ttl=86_400)))
    queues.drain(engine)
    (stored,) = engine.storage.sends.values()
    assert stored.send.counts == Tally(failed=1)
    assert report(engine)[Said(FCM_V1, Fate.FAILED, ACCOUNT_REFUSED)] == 1
    assert len(engine.oauth.asked) <= 12


# --- in the queue -----------------------------------------------------------------------------------------------------


def test_a_device_travels_in_a_queue_message(engine: MemoryEngine, owner: App) -> None:
    phone, browser = firebase.phone(engine, owner), builders.subscribe(engine, owner, 1)
    recipients = Recipient.of(phone), Recipient.of(browser)
    job = DeliverChunk(owner.id, SendId("0" * 24), 0, "00", Route(owner.tenant, Lane.DIRECT), 5, recipients)
    assert decode_deliver(encode_deliver(job)) == job
