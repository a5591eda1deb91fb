"""The operator's sends in this process: what is told of one, with causes and cures, and pausing and cancelling."""

from collections.abc import Sequence
from typing import Any

import pytest

from tests.customer import Customer, expect, new_subscription
from tests.engine import MemoryEngine
from tests.http_api import Answer, HttpApi
from tests.memory.transport import Reply, Silence
from tests.unit.application import queues
from tests.unit.application.readers import count, report
from tocsin.domain.engagement import Act

NOTE = {"to": {"everyone": True}, "title": "Sale", "body": "All day"}
ENDPOINTS = {
    "mozilla": "https://updates.push.services.mozilla.com/wpush/v2/",
    "fcm": "https://fcm.googleapis.com/fcm/send/",
    "apple": "https://web.push.apple.com/Q",
    "wns": "https://wns2-am3p.notify.windows.com/w/?token=",
}
BAD_TOKEN = Reply(403, body=b'{"reason":"BadJwtToken"}')
STEPS = ("pause", "resume", "cancel")


def enrol(api: HttpApi, customer: Customer, *answers: tuple[str, Reply | Silence | Sequence[Reply | Silence]]) -> None:
    """A browser for each of (push service, what it answers)."""
    client = customer.client()
    for number, (service, answer) in enumerate(answers):
        endpoint = f"{ENDPOINTS[service]}{number:040d}"
        expect(201, client.subscribe(new_subscription() | {"endpoint": endpoint}, f"reader{number}@example.com"))
        api.engine.transport.script(endpoint, *([answer] if isinstance(answer, Reply | Silence) else answer))


def enrol_many(api: HttpApi, customer: Customer, number: int = 101) -> None:
    enrol(api, customer, *[("mozilla", Reply())] * number)


def sent(customer: Customer, **fields: object) -> str:
    answer = customer.api.operator("POST", customer.at("/sends"), NOTE | fields)
    assert answer.status in {200, 202}, answer.body
    return str(answer.json["id"])


def shown(customer: Customer, send: str) -> dict[str, Any]:
    found: dict[str, Any] = expect(200, customer.api.operator("GET", customer.at(f"/sends/{send}")))
    return found


def steer(customer: Customer, send: str, step: str) -> Answer:
    return customer.api.operator("POST", customer.at(f"/sends/{send}/{step}"))


@pytest.fixture
def api(engine: MemoryEngine) -> HttpApi:
    return HttpApi(engine)


# --- what is told ---


@pytest.mark.row("X-10")
def test_a_send_tells_by_push_service_what_was_answered_why_and_what_helps(api: HttpApi) -> None:
    customer = Customer.sign_up(api)
    enrol(
        api,
        customer,
        ("fcm", Reply()),
        ("fcm", Reply(410)),
        ("fcm", Reply(403, body=b"the VAPID credentials do not correspond to")),
        ("apple", BAD_TOKEN),
        ("mozilla", [Reply(429), Reply(201)]),
        ("wns", Reply(201, {"x-wns-notificationstatus": "dropped"})),
    )
    found = shown(customer, sent(customer))

    counts = {name: found[name] for name in ("accepted", "failed", "gone", "uncertain", "pending", "retried")}
    assert counts == {"accepted": 3, "failed": 3, "gone": 1, "uncertain": 0, "pending": 0, "retried": 1}
    assert (found["status"], found["course"], found["not_sent"]) == ("settled", "running", [])
    services = found["push_services"]
    assert list(services) == ["apple", "fcm", "mozilla", "wns"]
    fcm = services["fcm"]
    assert (fcm["accepted"], fcm["gone"], fcm["failed"], fcm["retried"], fcm["waiting_until"]) == (1, 1, 1, 0, None)
    told = {(answer["fate"], answer["reason"]): answer for answer in fcm["answers"]}
    assert set(told) == {("gone", "status 410"), ("failed", "VapidKeyMismatch")}
    assert "subscribing again" in told["failed", "VapidKeyMismatch"]["cure"]
    [refused] = services["apple"]["answers"]
    assert (refused["fate"], refused["reason"], refused["count"]) == ("failed", "BadJwtToken", 1)
    assert "VAPID subject" in refused["cause"]
    assert "PATCH /admin/apps/{app}" in refused["cure"]
    [put_off] = services["mozilla"]["answers"]
    assert (put_off["fate"], put_off["reason"], put_off["count"]) == ("retried", "status 429", 1)
    assert services["mozilla"]["accepted"] == 1
    [dropped] = services["wns"]["answers"]
    assert (dropped["fate"], dropped["reason"]) == ("accepted", "dropped")


def test_the_most_frequent_answer_comes_first(api: HttpApi) -> None:
    customer = Customer.sign_up(api)
    enrol(api, customer, ("fcm", Reply(413)), *[("fcm", Reply(400))] * 2)
    answers = shown(customer, sent(customer))["push_services"]["fcm"]["answers"]
    assert [(answer["reason"], answer["count"]) for answer in answers] == [("status 400", 2), ("status 413", 1)]


def test_while_a_push_service_keeps_a_send_waiting_it_is_told_until_when(api: HttpApi) -> None:
    customer = Customer.sign_up(api)
    enrol(api, customer, ("wns", [Reply(406, {"retry-after": "900"}), Reply()]), ("fcm", Reply()))
    send = sent(customer)
    found = shown(customer, send)
    assert (found["status"], found["accepted"], found["pending"], found["settled_at"]) == ("sending", 1, 1, None)
    # 900 s after its answer, in whole seconds.
    assert found["push_services"]["wns"]["waiting_until"] == "2027-01-15T08:15:01Z"
    assert found["push_services"]["fcm"]["waiting_until"] is None
    api.engine.clock.advance(901)
    assert shown(customer, send)["push_services"]["wns"]["waiting_until"] is None  # it only waits for a worker now
    queues.drain(api.engine)
    assert (shown(customer, send)["status"], shown(customer, send)["accepted"]) == ("settled", 2)
    assert shown(customer, send)["push_services"]["wns"]["waiting_until"] is None


def test_who_is_in_no_chunk_yet_counts_as_pending(api: HttpApi) -> None:
    customer = Customer.sign_up(api, credits=101)
    enrol_many(api, customer)
    found = shown(customer, sent(customer))
    assert (found["status"], found["targets"], found["pending"]) == ("planned", 101, 101)


def test_nobody_answers_is_told_with_where_to_look(api: HttpApi) -> None:
    customer = Customer.sign_up(api)
    enrol(api, customer, ("fcm", Silence(sent=False)))
    send = sent(customer)
    queues.drain(api.engine)
    [retried, failed] = shown(customer, send)["push_services"]["fcm"]["answers"]
    assert (retried["fate"], failed["fate"], failed["reason"]) == ("retried", "failed", "not sent")
    assert "OutboundProxy" in failed["cure"]


def test_a_send_tells_what_it_cost_and_by_which_prices(api: HttpApi) -> None:
    customer = Customer.sign_up(api)
    enrol(api, customer, ("fcm", Reply()))
    cost = shown(customer, sent(customer))["cost"]
    assert 13 < cost["micro_dollars"] < 50
    assert cost["micro_dollars"] == pytest.approx(sum(part["micro_dollars"] for part in cost["parts"]), abs=0.01)
    assert cost["prices_of"] == "2026-11-22"
    assert {"DynamoDB write units", "Lambda GB-seconds"} <= {part["of"] for part in cost["parts"]}


def test_what_readers_report_costs_beside(api: HttpApi) -> None:
    customer = Customer.sign_up(api)
    enrol(api, customer, ("fcm", Reply()))
    send = sent(customer)
    before = shown(customer, send)
    assert before["cost_of_reports"]["micro_dollars"] == 0
    [(app, name)] = api.engine.storage.sends
    report(api.engine, app, name, Act.CLICKED, 0)  # which was displayed, too
    count(api.engine)
    after = shown(customer, send)
    assert after["cost"] == before["cost"]
    assert after["cost_of_reports"]["micro_dollars"] == pytest.approx(5.3, abs=0.1)
    assert "HTTP API requests" in {part["of"] for part in after["cost_of_reports"]["parts"]}


@pytest.mark.row("X-10")
def test_a_send_is_found_by_every_id_that_it_is_called_by(api: HttpApi) -> None:
    customer = Customer.sign_up(api, credits=101)
    enrol_many(api, customer)
    send = sent(customer)
    [(app, bare)] = api.engine.storage.sends  # as log lines have them
    for name in (send, send.replace("snd_", "req_"), bare):
        assert shown(customer, name)["id"] == send
        assert expect(200, steer(customer, name, "pause"))["id"] == send
    assert expect(200, api.operator("GET", f"/admin/apps/{app}/sends/{bare}"))["id"] == send
    for name in (bare.upper(), bare[:-1], f"{bare}0", send.replace("snd_", "sub_"), f"snd_{bare}"):
        assert api.operator("GET", customer.at(f"/sends/{name}")).status == 404
    stranger = Customer.sign_up(api)
    for name in (send, send.replace("snd_", "req_"), bare):
        assert api.operator("GET", stranger.at(f"/sends/{name}")).status == 404


@pytest.mark.parametrize(("repeat", "advice"), [("skip", "not tried again"), ("resend", "sent the message once more")])
def test_who_is_in_doubt_is_told_with_a_cause_and_what_becomes_of_them(repeat: str, advice: str, api: HttpApi) -> None:
    customer = Customer.sign_up(api)
    enrol(api, customer, ("fcm", Silence(sent=True)), ("fcm", Reply()))
    found = shown(customer, sent(customer, repeat=repeat))
    [doubt] = found["in_doubt"]
    assert (doubt["fate"], doubt["count"], found["uncertain"]) == ("uncertain", 1, 1)
    assert "they may have arrived" in doubt["cause"]
    assert advice in doubt["cure"]


def test_without_a_doubt_there_are_no_words_about_it(api: HttpApi) -> None:
    customer = Customer.sign_up(api)
    enrol(api, customer, ("fcm", Reply()))
    assert shown(customer, sent(customer))["in_doubt"] == []


def test_a_send_to_everyone_that_is_too_dear_says_what_is_missing_and_where_it_is_added(api: HttpApi) -> None:
    customer = Customer.sign_up(api, credits=1)
    enrol_many(api, customer, 3)
    error = expect(402, customer.api.operator("POST", customer.at("/sends"), NOTE))["error"]
    missing = "This send needs 3 credits and 1 are available: POST /admin/apps/{app}/credits"
    assert error == {"code": "credits_exhausted", "message": missing}
    assert customer.credits()["available"] == 1


# --- pause, resume, cancel ---


def test_a_paused_send_rests_until_it_is_resumed(api: HttpApi) -> None:
    customer = Customer.sign_up(api, credits=101)
    enrol_many(api, customer)
    send = sent(customer)
    assert expect(200, steer(customer, send, "pause"))["course"] == "paused"
    queues.drain(api.engine)
    assert api.engine.transport.requests == []
    assert customer.credits() == {"available": 0, "reserved": 101, "spent": 0}

    resumed = expect(200, steer(customer, send, "resume"))
    assert (resumed["course"], resumed["pending"]) == ("running", 101)
    queues.drain(api.engine)
    assert shown(customer, send)["accepted"] == 101
    assert customer.credits() == {"available": 0, "reserved": 0, "spent": 101}


def test_a_cancelled_send_ends_with_whom_it_reached_and_the_rest_is_released(api: HttpApi) -> None:
    customer = Customer.sign_up(api, credits=101)
    enrol_many(api, customer)
    send = sent(customer)
    queues.plan(api.engine)
    assert expect(200, steer(customer, send, "cancel"))["course"] == "cancelled"
    queues.drain(api.engine)
    found = shown(customer, send)
    assert (found["status"], found["accepted"], found["failed"]) == ("settled", 0, 101)
    [never] = found["not_sent"]
    assert (never["reason"], never["count"]) == ("cancelled", 101)
    assert "credits for them were released" in never["cure"]
    assert api.engine.transport.requests == []
    assert customer.credits() == {"available": 101, "reserved": 0, "spent": 0}


def test_asking_again_for_the_same_changes_nothing(api: HttpApi) -> None:
    customer = Customer.sign_up(api, credits=101)
    enrol_many(api, customer)
    send = sent(customer)
    for step in ("pause", "pause", "resume", "resume", "cancel", "cancel"):
        expect(200, steer(customer, send, step))
    queues.drain(api.engine)
    assert expect(200, steer(customer, send, "cancel"))["status"] == "settled"


@pytest.mark.parametrize("step", ["pause", "cancel"])
def test_what_is_over_can_no_longer_be_stopped(step: str, api: HttpApi) -> None:
    customer = Customer.sign_up(api)
    enrol(api, customer, ("fcm", Reply()))
    error = expect(409, steer(customer, sent(customer), step))["error"]
    assert (error["code"], "is over" in error["message"]) == ("conflict", True)


def test_what_is_cancelled_stays_so(api: HttpApi) -> None:
    customer = Customer.sign_up(api, credits=101)
    enrol_many(api, customer)
    send = sent(customer)
    expect(200, steer(customer, send, "cancel"))
    assert [steer(customer, send, step).status for step in ("pause", "resume")] == [409, 409]


@pytest.mark.parametrize("step", STEPS)
def test_a_send_is_steered_by_its_own_app_and_by_its_id_only(step: str, api: HttpApi) -> None:
    customer, stranger = Customer.sign_up(api, credits=101), Customer.sign_up(api)
    enrol_many(api, customer)
    send = sent(customer)
    for at, name in ((stranger, send), (customer, "snd_aaaaaaaaaaaaaaaaaaaa"), (customer, "nonsense")):
        assert expect(404, steer(at, name, step))["error"]["code"] == "not_found"
    assert shown(customer, send)["course"] == "running"
    assert expect(200, api.operator("GET", stranger.at("/audit")))["entries"][0]["action"] != f"send.{step}"


@pytest.mark.parametrize("step", STEPS)
def test_only_the_operator_steers(step: str, api: HttpApi) -> None:
    customer = Customer.sign_up(api)
    assert api.call("POST", customer.at(f"/sends/snd_x/{step}")).status == 401
    assert api.operator("GET", customer.at(f"/sends/snd_x/{step}")).status == 405


def test_the_audit_log_says_who_stopped_a_send(api: HttpApi) -> None:
    customer = Customer.sign_up(api, credits=101)
    enrol_many(api, customer)
    send = sent(customer)
    for step in STEPS:
        expect(200, steer(customer, send, step))
        api.engine.clock.advance(1)
    entries = expect(200, api.operator("GET", customer.at("/audit")))["entries"][:3]
    assert [entry["action"] for entry in entries] == ["send.cancelled", "send.resumed", "send.paused"]
    assert {(entry["actor"], entry["details"]["send"]) for entry in entries} == {("operator", send)}


# --- repeat ---


@pytest.mark.parametrize(("fields", "repeat"), [({}, "resend"), ({"repeat": "skip"}, "skip")])
def test_a_send_says_what_becomes_of_those_in_doubt(fields: dict[str, object], repeat: str, api: HttpApi) -> None:
    customer = Customer.sign_up(api)
    enrol(api, customer, ("fcm", Reply()))
    assert shown(customer, sent(customer, **fields))["repeat"] == repeat


def test_a_skipped_doubt_is_not_sent_to_again(api: HttpApi) -> None:
    customer = Customer.sign_up(api)
    enrol(api, customer, ("fcm", [Silence(sent=True), Reply()]))
    send = sent(customer, repeat="skip")
    queues.drain(api.engine)
    found = shown(customer, send)
    assert (found["accepted"], found["uncertain"], len(api.engine.transport.requests)) == (0, 1, 1)


@pytest.mark.parametrize("value", ["again", None, True, "RESEND"])
def test_a_repeat_that_cannot_be_is_refused_by_field(value: object, api: HttpApi) -> None:
    customer = Customer.sign_up(api)
    answer = api.operator("POST", customer.at("/sends"), NOTE | {"repeat": value})
    assert expect(400, answer)["error"]["field"] == "repeat"
