"""POST /v2/push/send at the deployed template: who is reached, with what, and what is answered."""

import time

import pytest

from tests.customer import SITE, CloudSignalClient, counts
from tests.integration.cloudsignal.shop import Shop

PICTURES = {name: f"{SITE}/{name}.png" for name in ("icon", "badge", "image")}


@pytest.mark.row("CS-6", "CS-8", "CS-9", "CS-15", "CS-16", "CS-18", "CS-33")
def test_cs_18_a_send_reaches_whom_it_names_and_answers_with_its_counts(shop: Shop) -> None:
    anna = shop.visitor(user_email="Anna@Example.com")
    annas_phone = shop.visitor(user_email="anna@example.com")
    bert = shop.visitor(user_id="uuid-bert")
    nobody = shop.visitor()
    everybody = [anna, annas_phone, bert, nobody]
    targets: list[tuple[dict[str, object], list[int]]] = [
        ({"target_user_emails": ["anna@example.com"]}, [1, 1, 0, 0]),
        ({"target_user_ids": ["uuid-bert", "uuid-unknown"]}, [0, 0, 1, 0]),
        ({"target_registration_ids": [annas_phone.id, nobody.id, annas_phone.id]}, [0, 1, 0, 1]),
        ({"target_all": True}, [1, 1, 1, 1]),
    ]
    for number, (target, reached) in enumerate(targets):
        before = [len(visitor.agent.messages()) for visitor in everybody]

        answer = shop.server.send(title=f"No. {number}", body="It is on its way", **target)

        assert answer.json | {"request_id": ""} == {
            "request_id": "",
            "total_targets": sum(reached),
            "successful_sends": sum(reached),
            "failed_sends": 0,
            "invalid_registrations": [],
            "message": "Notifications sent successfully",
            "status": "completed",
        }
        assert answer.status == 200
        assert answer.json["request_id"].startswith("req_")
        after = [visitor.agent.messages() for visitor in everybody]
        assert [len(now) - then for now, then in zip(after, before, strict=True)] == reached
        for messages, here in zip(after, reached, strict=True):
            if here:
                notification = messages[-1]["json"]["notification"]
                assert (notification["title"], notification["body"]) == (f"No. {number}", "It is on its way")


@pytest.mark.row("CS-8", "CS-9")
def test_cs_8_the_longest_texts_are_shown_in_full_and_one_more_character_is_refused(shop: Shop) -> None:
    visitor = shop.visitor()
    assert counts(shop.server.send(target_all=True, title="😀" * 100, body="é" * 255))[2] == 1
    [message] = visitor.agent.messages(1)
    assert message["json"]["notification"]["title"] == "😀" * 100
    assert message["json"]["notification"]["body"] == "é" * 255
    too_long: list[tuple[dict[str, object], str]] = [
        ({"title": "😀" * 101}, "title must be at most 100 characters"),
        ({"body": "é" * 256}, "body must be at most 255 characters"),
        ({"title": ""}, "title must not be empty"),
        ({"body": None}, "body is required"),
    ]
    for fields, detail in too_long:
        refused = shop.server.call("POST", "/send", {"title": "t", "body": "b", "target_all": True} | fields)
        assert (refused.status, refused.json) == (400, {"detail": detail})
    assert len(visitor.agent.messages()) == 1


@pytest.mark.row("CS-10", "CS-11", "CS-12")
def test_cs_10_the_notification_carries_its_pictures_its_tag_and_its_data(shop: Shop) -> None:
    visitor = shop.visitor()
    data = {"orderId": "12345", "items": [1, 2.5, {"é": None}], "url": f"{SITE}/orders/12345?a=1"}

    assert counts(shop.server.send(target_all=True, tag="order-12345", data=data, **PICTURES))[2] == 1

    [message] = visitor.agent.messages(1)
    notification = message["json"]["notification"]
    assert {name: notification[name] for name in PICTURES} == PICTURES
    assert notification["tag"] == "order-12345"
    assert notification["data"]["d"] == data
    assert notification["navigate"] == data["url"]


@pytest.mark.row("CS-10")
@pytest.mark.parametrize("field", ["icon", "badge", "image"])
def test_cs_10_a_picture_that_is_no_web_address_is_refused(field: str, shop: Shop) -> None:
    visitor = shop.visitor()
    for url in ("", "icon.png", "javascript:alert(1)", f"{SITE}/" + "x" * 2048):
        refused = shop.server.send(target_all=True, **{field: url})
        assert refused.status == 400
        assert refused.json == {"detail": f"{field} must be an http or https URL of at most 2048 characters"}
    assert visitor.agent.messages() == []


@pytest.mark.row("CS-11")
def test_cs_11_a_tag_stands_for_one_topic_so_that_waiting_messages_collapse(shop: Shop) -> None:
    visitor = shop.visitor()
    for tag in ("order-1", "order-1", "order-2", "ünïcode 😀 and spaces", None, None):
        assert counts(shop.server.send(target_all=True, tag=tag))[2] == 1
    messages = visitor.agent.messages(6)
    topics = [message["headers"]["topic"] for message in messages]
    assert topics[0] == topics[1]
    assert len(set(topics)) == 5  # without a tag, each send is its own
    assert all(len(topic) == 32 for topic in topics)
    tags = [message["json"]["notification"]["tag"] for message in messages]
    assert tags[:4] == ["order-1", "order-1", "order-2", "ünïcode 😀 and spaces"]
    assert tags[4] != tags[5]


@pytest.mark.row("CS-12")
def test_cs_12_data_has_at_most_4096_bytes(shop: Shop) -> None:
    visitor = shop.visitor()
    overhead = len(b'{"x":""}')
    too_much = shop.server.send(target_all=True, data={"x": "é" * ((4096 - overhead) // 2 + 1)})
    assert (too_much.status, too_much.json) == (400, {"detail": "data must be at most 4096 bytes of compact JSON"})
    assert shop.server.send(target_all=True, data=["x"]).json == {"detail": "data must be an object"}
    assert visitor.agent.messages() == []
    assert counts(shop.server.send(target_all=True, data={"x": "y" * 3500}))[2] == 1
    [message] = visitor.agent.messages(1)
    assert message["json"]["notification"]["data"]["d"] == {"x": "y" * 3500}
    assert message["json"]["notification"]["navigate"] == f"{SITE}/"
    # The most is fetched: tests/integration/tocsin/test_long_messages.py.
    assert counts(shop.server.send(target_all=True, data={"x": "y" * (4096 - overhead)}))[2] == 1


@pytest.mark.row("CS-13", "CS-14")
def test_cs_13_urgency_and_ttl_are_told_to_the_push_service(shop: Shop) -> None:
    visitor = shop.visitor()
    asked: list[tuple[dict[str, object], str, range]] = [
        ({}, "normal", range(86_390, 86_401)),
        ({"urgency": "very-low", "ttl": 0}, "very-low", range(1)),
        ({"urgency": "low", "ttl": 600}, "low", range(590, 601)),
        ({"urgency": "normal", "ttl": 2_419_200}, "normal", range(2_419_190, 2_419_201)),
        ({"urgency": "high"}, "high", range(86_390, 86_401)),
    ]
    for fields, _, _ in asked:
        note = {"title": "t", "body": "b", "target_all": True}
        assert counts(shop.server.call("POST", "/send", note | fields))[2] == 1
    for message, (_, urgency, ttl) in zip(visitor.agent.messages(5), asked, strict=True):
        assert message["headers"]["urgency"] == urgency
        assert int(message["headers"]["ttl"]) in ttl
    wrong: list[tuple[dict[str, object], str]] = [
        ({"urgency": "urgent"}, "urgency must be 'very-low', 'low', 'normal' or 'high'"),
        ({"ttl": -1}, "ttl must be greater than or equal to 0"),
        ({"ttl": 2_419_201}, "ttl must be less than or equal to 2419200"),
        ({"ttl": "60"}, "ttl must be an integer"),
    ]
    for fields, detail in wrong:
        refused = shop.server.call("POST", "/send", {"title": "t", "body": "b", "target_all": True} | fields)
        assert (refused.status, refused.json) == (400, {"detail": detail})
    assert len(visitor.agent.messages()) == 5


@pytest.mark.row("CS-15")
@pytest.mark.parametrize(
    "target",
    [
        {},
        {"target_all": False},
        {"target_all": True, "target_user_ids": ["uuid-1"]},
        {"target_user_emails": ["user@example.com"], "target_registration_ids": ["uuid-1"]},
        {"target_user_emails": []},
        {"target_all": True, "target_user_emails": []},
        {"target_user_ids": ["uuid-1"] * 1001},
        {"target_user_emails": ["nobody"]},
    ],
    ids=lambda target: "+".join(target) or "none",
)
def test_cs_15_anything_but_one_target_is_refused(target: dict[str, object], client: CloudSignalClient) -> None:
    refused = client.call("POST", "/send", {"title": "t", "body": "b"} | target)
    assert (refused.status, refused.headers["x-error-code"]) == (400, "INVALID_REQUEST")
    assert refused.json["detail"].startswith(("Name one target: ", "target_user_"))


@pytest.mark.row("CS-15")
def test_cs_15_a_list_of_a_thousand_is_read_and_stored(shop: Shop) -> None:
    visitor = shop.visitor(user_id="u" * 255 + "7")
    ids = [f"{number:03d}" + "x" * 250 for number in range(999)] + ["u" * 255 + "7"]
    assert counts(shop.server.send(target_user_ids=ids)) == ("completed", 1, 1, 0)
    addresses = [f"{number:04d}{'a' * 238}@example.com" for number in range(1000)]
    assert counts(shop.server.send(target_user_emails=addresses)) == ("completed", 0, 0, 0)
    invalid = shop.server.send(target_registration_ids=[f"uuid-{number}" for number in range(999)] + [visitor.id])
    assert counts(invalid) == ("completed", 1, 1, 0)
    assert len(invalid.json["invalid_registrations"]) == 999
    assert len(visitor.agent.messages(2)) == 2


@pytest.mark.row("CS-18", "CS-22", "CS-16")
def test_cs_18_gone_unknown_and_unsubscribed_registrations_are_invalid_and_failed_ones_only_counted(
    shop: Shop,
) -> None:
    good, gone, refusing, busy = (shop.visitor(name) for name in ("mozilla", "fcm", "apple", "mozilla"))
    gone.agent.delete()
    refusing.agent.behave(status=400)
    busy.agent.behave(status=503, times=1)  # once: it is tried again before it counts as failed
    ids = ["uuid-expired-device", gone.id, good.id, refusing.id, busy.id, "reg_bbbbbbbbbbbbbbbbbbba"]

    answer = shop.server.send(target_registration_ids=ids)

    assert counts(answer) == ("completed", 4, 2, 2)
    assert answer.json["invalid_registrations"] == [ids[0], gone.id, ids[-1]]
    assert busy.agent.statuses() == [503, 201]
    again = shop.server.send(target_registration_ids=[gone.id, good.id])
    assert counts(again) == ("completed", 1, 1, 0)  # it is known to be gone by now
    assert again.json["invalid_registrations"] == [gone.id]
    assert counts(shop.server.send(target_all=True))[1] == 3


@pytest.mark.row("CS-21")
@pytest.mark.parametrize(
    "target",
    [
        {"target_all": True},
        {"target_user_emails": ["nobody@example.com"]},
        {"target_user_ids": ["nobody"]},
        {"target_registration_ids": ["uuid-1", "uuid-2"]},
        {"target_registration_ids": ["reg_bbbbbbbbbbbbbbbbbbba"]},
    ],
    ids=lambda target: next(iter(target)),
)
def test_cs_21_nobody_matched_is_a_completed_send_of_zero(
    target: dict[str, list[str]], client: CloudSignalClient
) -> None:
    answer = client.call("POST", "/send", {"title": "t", "body": "b"} | target)
    assert counts(answer) == ("completed", 0, 0, 0)
    assert answer.json["message"] == "Notifications sent successfully"
    assert answer.json["invalid_registrations"] == target.get("target_registration_ids", [])


@pytest.mark.row("CS-18")
@pytest.mark.parametrize("service", ["mozilla", "fcm", "apple", "wns"])
def test_each_push_service_accepts_what_is_sent(service: str, shop: Shop) -> None:
    visitor = shop.visitor(service)
    started = time.time()
    assert counts(shop.server.send(target_all=True, tag="t", urgency="high", data={"n": 1}, **PICTURES))[2] == 1
    [message] = visitor.agent.messages(1)
    assert message["error"] is None
    assert message["json"]["notification"]["title"] == "Order Shipped!"
    assert message["vapid"]["exp"] > started
