"""A message that was too long: the worker fetches the whole, and shows the preview where it cannot."""

import json

import pytest

from tests.browser.browser import Alert, wait_until
from tests.browser.scripted_api import APP, AWAY, Call, Refusal
from tests.browser.shop import Shop
from tests.browser.test_sdk_policies import WORKER
from tests.browser.test_worker import LISTEN, PERSON, SPY

SPENT = Refusal(410, "spent")
BODY = "Grüße 😀 " * 500
PREVIEW = Alert("Your order", "Grüße…")
WHOLE = Alert("Your order", BODY)


def preview(shop: Shop, **data: str) -> str:
    """What is pushed instead of the message m1."""
    own = {"id": "m1", "f": "t1", **data}
    shown = {"title": "Your order", "body": "Grüße…", "navigate": f"{shop.url}/", "tag": "order", "data": own}
    return json.dumps({"notification": shown})


def whole(shop: Shop, **data: object) -> dict[str, object]:
    """What the token t1 fetches."""
    own = {"id": "m1", **data}
    target = f"{shop.url}/orders/1"
    shown = {"title": "Your order", "body": BODY, "navigate": target, "tag": "order", "data": own}
    return {"web_push": 8030, "notification": shown}


def pushed(shop: Shop, message: str) -> Alert:
    """Subscribe, push, and answer with what stands on the desktop."""
    shop.visit()
    shop.subscribe()
    assert shop.push(message) == 201
    return shop.browser.wait_for_alert()


@pytest.mark.row("X-6")
def test_x_6_the_whole_is_fetched_and_shown(shop: Shop) -> None:
    shop.api.messages["t1"] = whole(shop)
    assert pushed(shop, preview(shop)) == WHOLE
    # Plain text: no browser asks first whether it may.
    [call] = [call for call in shop.api.calls if call.path.endswith("/message")]
    shown: dict[str, object] = {"id": "m1", "token": "t1"}
    assert call == Call("POST", f"/sdk/v1/{APP}/message", "text/plain;charset=UTF-8", shown)


@pytest.mark.row("X-6")
def test_x_6_a_click_leads_where_the_whole_says_and_hands_over_its_data(shop: Shop) -> None:
    data = {"list": ["é" * 2000], "url": "x"}
    shop.api.messages["t1"] = whole(shop, d=data)
    assert pushed(shop, preview(shop)) == WHOLE
    shop.browser.click_alert()
    wait_until(lambda: f"{shop.url}/orders/1" in shop.browser.addresses(), "the whole's own target")
    told = wait_until(
        lambda: shop.run(
            "return window.events.filter((each) => /click|not/.test(each.type)).map((each) => each.detail);"
        ),
        "the page to be told",
    )
    assert isinstance(told, list)
    assert told[0] == {"id": "m1", "title": "Your order", "body": BODY, "data": data}
    wait_until(
        lambda: shop.run("return window.events.find((each) => each.type == 'click')?.detail.data ?? null;") == data,
        "the page to be told of the click",
    )


def test_it_is_fetched_under_a_policy_that_names_the_server(shop: Shop) -> None:
    shop.site.worker = WORKER % (shop.api_url, APP)
    shop.site.strict_worker = True
    shop.api.messages["t1"] = whole(shop)
    assert pushed(shop, preview(shop)) == WHOLE


@pytest.mark.row("X-6")
@pytest.mark.parametrize(
    "refusal",
    [SPENT, Refusal(404, "not_found"), Refusal(429, "rate_limited"), AWAY, Refusal(502, None)],
    ids=["spent", "unknown", "too many", "away", "broken"],
)
def test_x_6_where_it_is_refused_the_preview_is_shown(shop: Shop, refusal: Refusal) -> None:
    shop.api.refusals["message"] = [refusal]
    assert pushed(shop, preview(shop)) == PREVIEW


@pytest.mark.parametrize(
    "answer",
    [
        "<title>Hotel Wi-Fi: log in</title>",
        {"web_push": 8030, "notification": {"title": "another", "body": "x", "data": {"id": "m2"}}},
        {"web_push": 8030, "notification": {"title": "none", "body": "x"}},
        {"notification": None},
        [],
        "null",
        "",
    ],
    ids=["a page", "another message", "without an id", "null inside", "a list", "null", "nothing"],
)
def test_what_is_not_this_message_is_not_shown(shop: Shop, answer: object) -> None:
    shop.api.messages["t1"] = answer
    assert pushed(shop, preview(shop)) == PREVIEW


@pytest.mark.row("X-6")
def test_x_6_who_waits_for_the_whole_in_vain_sees_the_preview_after_three_seconds(shop: Shop) -> None:
    shop.api.messages["t1"] = None
    assert pushed(shop, preview(shop)) == PREVIEW


def told(shop: Shop, api: str) -> None:
    """Let the worker be told this server instead of the real one."""
    shop.site.worker = f"""
      const settings = {{}};
      const told = (given) => Object.assign(settings, given, {{api: "{api}"}});
      Object.defineProperty(self, "TOCSIN", {{get: () => settings, set: told}});
      {shop.site.worker}
    """


@pytest.mark.parametrize(
    ("api", "asked"),
    [("http://localhost:9", [f"http://localhost:9/sdk/v1/{APP}/message"]), ("", [])],
    ids=["nobody there", "no server known"],
)
def test_a_server_that_cannot_be_reached_leaves_the_preview(shop: Shop, api: str, asked: list[str]) -> None:
    told(shop, api)
    shop.site.worker = f"""
      IDBFactory.prototype.open = () => ({{}});
      const asked = new BroadcastChannel("asked"), ask = self.fetch;
      self.fetch = (...request) => {{ asked.postMessage(request[0]); return ask(...request); }};
      {shop.site.worker}
    """
    shop.visit()
    shop.subscribe()
    shop.run("window.asked = []; new BroadcastChannel('asked').onmessage = ({data}) => window.asked.push(data);")
    assert shop.push(preview(shop)) == 201
    assert shop.browser.wait_for_alert() == PREVIEW
    if asked:  # What the worker posts reaches the page in its own time.
        wait_until(lambda: shop.run("return window.asked;"), "the worker asked")
    assert shop.run("return window.asked;") == asked


def test_the_server_that_the_page_knows_is_asked_where_the_worker_was_told_none(shop: Shop) -> None:
    told(shop, "")
    shop.api.messages["t1"] = whole(shop)
    assert pushed(shop, preview(shop)) == WHOLE


@pytest.mark.row("X-6")
def test_x_6_for_another_person_nothing_is_fetched_and_nothing_revealed(shop: Shop) -> None:
    shop.api.who = "BBBBBBBBBBB"
    shop.api.messages["t1"] = whole(shop)
    assert pushed(shop, preview(shop, u=PERSON)) == Alert("Corner Shop", "")
    assert shop.api.bodies("message") == []


def test_for_its_person_it_is_fetched(shop: Shop) -> None:
    shop.api.who = PERSON
    shop.api.messages["t1"] = whole(shop)
    assert pushed(shop, preview(shop, u=PERSON)) == WHOLE


def spied(shop: Shop) -> None:
    """Subscribe on a page that notes what the worker asks the browser to show."""
    shop.site.worker = SPY + str(shop.site.worker)
    shop.visit()
    shop.subscribe()
    shop.run(LISTEN)


def shown(shop: Shop, count: int) -> dict[str, object]:
    """The last of `count` notifications that the worker asked to show."""
    found = wait_until(lambda: shop.run("return window.shown[args[0]] ?? null;", count - 1), "the worker to show it")
    assert isinstance(found, dict)
    return found


@pytest.mark.row("X-6")
def test_x_6_a_repeat_of_what_was_fetched_leaves_the_whole_on_the_desktop(shop: Shop) -> None:
    shop.api.messages["t1"] = whole(shop, d={"order": 1})
    spied(shop)
    assert shop.push(preview(shop)) == 201
    first = shown(shop, 1)
    shop.api.refusals["message"] = [SPENT]
    assert shop.push(preview(shop)) == 201
    again = shown(shop, 2)
    assert (first["body"], first["silent"]) == (again["body"], not again["silent"]) == (BODY, False)
    assert first["data"] == again["data"]
    wait_until(lambda: [alert.body for alert in shop.browser.alerts()] == [BODY], "the whole alone on the desktop")


def test_a_repeat_fetches_what_the_first_could_not(shop: Shop) -> None:
    shop.api.messages["t1"] = whole(shop)
    shop.api.refusals["message"] = [AWAY]
    spied(shop)
    assert shop.push(preview(shop)) == 201
    assert shown(shop, 1)["body"] == PREVIEW.body
    assert shop.push(preview(shop)) == 201
    assert shown(shop, 2)["body"] == BODY
