"""Everything that a push service or the engine can say has a cause and a cure, and cures name only what there is."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.engine import OPERATOR_KEY, MemoryEngine
from tests.http_api import HttpApi
from tests.unit.webpush.test_outcome import CELLS, verdict
from tocsin.application import delivering, delivery_pass, fcm_access, posting
from tocsin.domain import refusals
from tocsin.domain.refusals import Advice, advice
from tocsin.domain.report import NOBODY, OTHER, Fate, Said
from tocsin.webpush.origins import PushService
from tocsin.webpush.outcome import Outcome

APPLE, FCM, MOZILLA, WNS = PushService.APPLE, PushService.FCM, PushService.MOZILLA, PushService.WNS
FATES = {
    Outcome.ACCEPTED: Fate.ACCEPTED,
    Outcome.GONE: Fate.GONE,
    Outcome.THROTTLED: Fate.RETRIED,
    Outcome.UNAVAILABLE: Fate.RETRIED,
}
OURS = [
    delivery_pass.UNSUBSCRIBED,
    posting.NO_KEY,
    fcm_access.UNSUPPORTED,
    delivering.EXPIRED,
    delivering.CANCELLED,
    delivering.GIVEN_UP,
]
ROUTE = re.compile(r"(GET|POST|PATCH|DELETE) (/[^\s.,:]+)")


def every_advice() -> list[Advice]:
    return [
        *refusals._WORDS.values(),
        *refusals._STATUSES.values(),
        *refusals._CLASSES.values(),
        *refusals._OURS.values(),
        *refusals._ANYWHERE.values(),
    ]


def known(said: Said) -> bool:
    """Whether what is told says more than that the word is a new one."""
    return "of its own: " not in advice(said).cause


@pytest.mark.parametrize(("service", "status", "says", "outcome", "reason"), CELLS)
def test_every_cell_of_the_table_of_statuses_has_advice_of_its_own(
    service: PushService, status: int, says: str, outcome: Outcome, reason: str
) -> None:
    said = Said(service, FATES.get(outcome, Fate.FAILED), verdict(service, status, says).reason)
    assert said.reason == reason
    assert known(said), said


@pytest.mark.parametrize("reason", ["dropped", "channelthrottled", "appthrottled", "The channel has expired"])
def test_the_words_in_wns_headers_have_advice(reason: str) -> None:
    assert known(Said(WNS, Fate.FAILED, reason))


@pytest.mark.parametrize(
    "reason",
    [
        *("UNREGISTERED", "INVALID_ARGUMENT", "INVALID_ARGUMENT token", "INVALID_ARGUMENT field", "PERMISSION_DENIED"),
        *("SENDER_ID_MISMATCH", "THIRD_PARTY_AUTH_ERROR", "UNAUTHENTICATED", "NOT_FOUND", "QUOTA_EXCEEDED"),
        *("RESOURCE_EXHAUSTED", "UNAVAILABLE", "INTERNAL", fcm_access.NO_TOKEN, fcm_access.ACCOUNT_REFUSED),
    ],
)
def test_the_words_of_fcms_http_api_have_advice_that_speaks_of_no_vapid_key(reason: str) -> None:
    said = Said(PushService.FCM_V1, Fate.FAILED, reason)
    assert known(said)
    assert "VAPID" not in f"{advice(said)}"


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_bare_status_of_fcms_http_api_speaks_of_no_vapid_key(status: int) -> None:
    assert "VAPID" not in f"{advice(Said(PushService.FCM_V1, Fate.FAILED, f'status {status}'))}"


@pytest.mark.parametrize("reason", OURS)
def test_each_reason_of_ours_has_advice(reason: str) -> None:
    assert known(Said(NOBODY, Fate.FAILED, reason))
    assert advice(Said(NOBODY, Fate.FAILED, reason)) == refusals._OURS[reason]


@pytest.mark.parametrize("service", [*PushService])
@pytest.mark.parametrize("fate", [*Fate])
@pytest.mark.parametrize("reason", [delivery_pass.NO_ANSWER, OTHER])
def test_silence_and_what_was_counted_together_have_advice_at_each_service(
    service: PushService, fate: Fate, reason: str
) -> None:
    assert advice(Said(service, fate, reason)) == refusals._ANYWHERE[reason]


def test_every_reason_of_ours_is_one_that_the_engine_says() -> None:
    assert set(refusals._OURS) == set(OURS)
    assert set(refusals._ANYWHERE) == {delivery_pass.NO_ANSWER, delivery_pass.NOT_SENT, OTHER}


@given(st.sampled_from([*PushService, NOBODY]), st.sampled_from(Fate), st.text(max_size=80))
def test_no_word_is_left_without_a_sentence(service: str, fate: Fate, reason: str) -> None:
    told = advice(Said(service, fate, reason))
    assert told.cause.endswith(".")
    assert told.cure.endswith(".")


@given(st.sampled_from(PushService), st.integers(100, 999))
def test_every_bare_status_has_advice(service: PushService, status: int) -> None:
    assert known(Said(service, Fate.FAILED, f"status {status}"))


@pytest.mark.parametrize(
    ("service", "reason"), [(APPLE, "VapidPkHashMismatch"), (FCM, "VapidKeyMismatch"), (WNS, "status 403")]
)
def test_who_subscribed_under_another_key_has_to_subscribe_again(service: PushService, reason: str) -> None:
    told = advice(Said(service, Fate.FAILED, reason))
    assert "under another VAPID key" in told.cause
    assert "the SDK does so at the person's next visit" in told.cure
    # Mozilla has one word for this and for a bad token.
    assert told.cure in advice(Said(MOZILLA, Fate.FAILED, "errno 109")).cure


def test_apples_bad_token_leads_to_the_contact() -> None:
    told = advice(Said(APPLE, Fate.FAILED, "BadJwtToken"))
    assert "the VAPID subject" in told.cause
    assert '{"contact": "mailto:' in told.cure
    assert "PATCH /admin/apps/{app} " in told.cure


def test_a_cure_names_only_routes_that_exist() -> None:
    api, headers = HttpApi(MemoryEngine()), {"Authorization": f"Bearer {OPERATOR_KEY}"}
    named = {route for told in every_advice() for route in ROUTE.findall(told.cure)}
    assert ("PATCH", "/admin/apps/{app}") in named
    for method, path in named:
        answer = api.call(method, path, {}, headers)
        assert (answer.status, answer.json["error"]["code"]) != (405, "method_not_allowed"), (method, path)
        assert answer.json["error"]["code"] != "route_unknown", (method, path)


@pytest.mark.parametrize("told", every_advice())
def test_advice_is_in_sentences_for_people(told: Advice) -> None:
    for text in (told.cause, told.cure):
        assert text[0].isupper()
        assert text.endswith(".")
        assert "  " not in text
        assert not re.search(r"\b(errno|aes128gcm|SSRF|JWT)\b", text)
