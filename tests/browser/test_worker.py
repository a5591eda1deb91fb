"""The service worker in real browsers: whatever arrives is shown, and a click goes to an address that is safe."""

import json

import pytest

from tests.browser.browser import Alert, wait_until
from tests.browser.shop import Shop

PERSON = "AAAAAAAAAAA"


def shown(shop: Shop, data: str | None) -> Alert:
    """Subscribe, push, and answer with what stands on the desktop."""
    shop.visit()
    shop.subscribe()
    assert shop.push(data) == 201
    return shop.browser.wait_for_alert()


def clicked(shop: Shop, navigate: object) -> str:
    """Subscribe, push a notification with this target, click it, and answer with the address of the tab in front."""
    shop.visit()
    shop.subscribe()
    before = {*shop.browser.addresses(), "about:blank"}
    shop.notify(title="t", navigate=navigate)
    shop.browser.click_alert()
    # A tab is there before it is in front.
    return wait_until(
        lambda: next((a for a in [shop.browser.selected_address()] if a not in before), ""), "a new page in front"
    )


def test_title_and_body_are_shown_as_they_were_sent(shop: Shop) -> None:
    shop.visit()
    shop.subscribe()
    alert = shop.notify(title="Grüße ✓ 🎉", body="<b>exactly</b> & nothing else", navigate=f"{shop.url}/orders/1")
    assert (alert.title, alert.body) == ("Grüße ✓ 🎉", "<b>exactly</b> & nothing else")


@pytest.mark.parametrize(
    ("data", "title", "body"),
    [
        ("Plain words", "Corner Shop", "Plain words"),
        ("", "Corner Shop", ""),
        (None, "Corner Shop", ""),
        ('{"title": "Flat", "body": "of another service"}', "Flat", "of another service"),
        ('{"title": "Flat", "message": "words"}', "Flat", "words"),
        ('{"notification": {"title": "FCM", "body": "nested"}}', "FCM", "nested"),
        ('{"notification": null, "title": "Up here"}', "Up here", ""),
        ('{"unknown": 1}', "Corner Shop", ""),
        ('{"title": {"a": 1}, "body": null}', "Corner Shop", ""),
        ('{"title": 7, "body": 0}', "7", "0"),
        ("null", "Corner Shop", "null"),
        ("[1, 2]", "Corner Shop", "[1, 2]"),
        ("12", "Corner Shop", "12"),
        ('{"title": "cut of', "Corner Shop", '{"title": "cut of'),
    ],
)
def test_whatever_arrives_is_shown(shop: Shop, data: str | None, title: str, body: str) -> None:
    alert = shown(shop, data)
    assert (alert.title, alert.body) == (title, body)


def test_without_a_title_of_the_site_the_text_is_neutral(shop: Shop) -> None:
    shop.api.title = None
    assert shown(shop, None) == Alert("New notification", "")


def test_a_worker_whose_parts_fail_still_shows_something(shop: Shop) -> None:
    shop.site.worker = "PushMessageData.prototype.text = () => { throw new Error(); };" + str(shop.site.worker)
    assert shown(shop, "never read").title == "Corner Shop"


def test_a_click_opens_the_target(shop: Shop) -> None:
    assert clicked(shop, f"{shop.url}/orders/7?from=push#top") == f"{shop.url}/orders/7?from=push#top"


def test_a_click_closes_the_notification(shop: Shop) -> None:
    shop.site.worker = (
        str(shop.site.worker)
        + """
      const channel = new BroadcastChannel("closed");
      Notification.prototype.close = function () { channel.postMessage(this.title); };
    """
    )
    shop.visit()
    shop.subscribe()
    shop.run("window.seen = []; new BroadcastChannel('closed').onmessage = ({data}) => window.seen.push(data);")
    shop.notify(title="clicked")
    shop.browser.click_alert()
    wait_until(lambda: shop.run("return window.seen;") == ["clicked"], "the worker to close it")
    # Opened after this test, the tab would stand in the way of the next one.
    wait_until(lambda: f"{shop.url}/" in shop.browser.addresses(), "its page")


@pytest.mark.parametrize(
    "navigate",
    [
        "javascript:document.title='x'",
        "data:text/html,x",
        "file:///etc/passwd",
        "blob:x",
        "about:config",
        "http://[",
        {"a": 1},
        None,
        "",
    ],
)
def test_an_unsafe_target_falls_back_to_the_site(shop: Shop, navigate: object) -> None:
    assert clicked(shop, navigate) == f"{shop.url}/"


def test_a_click_focuses_the_tab_that_shows_the_target_already(shop: Shop) -> None:
    # Without a screen Firefox leaves the tab behind the others, so what is asked of it is what can be seen.
    shop.site.worker = (
        str(shop.site.worker)
        + """
      const channel = new BroadcastChannel("focus");
      WindowClient.prototype.focus = async function () { channel.postMessage(this.url); };
    """
    )
    shop.visit()
    shop.subscribe()
    shop.run("window.focused = []; new BroadcastChannel('focus').onmessage = ({data}) => window.focused.push(data);")
    target = f"{shop.url}/orders/9"
    shop.run("open(args[0]); open(args[0] + '0');", target)
    # A tab that is still opening is at about:blank.
    loaded = {target, f"{target}0"}
    before = wait_until(lambda: loaded <= set(found := shop.browser.addresses()) and found, "both tabs")
    shop.notify(title="t", navigate=target)
    shop.browser.click_alert()
    wait_until(lambda: shop.run("return window.focused;") == [target], "the tab to be focused")
    assert shop.browser.addresses() == before


@pytest.mark.parametrize(
    ("mine", "meant", "body"),
    [
        (PERSON, PERSON, "for you"),
        (PERSON, "BBBBBBBBBBB", ""),
        (None, PERSON, ""),
        (PERSON, None, "for you"),
    ],
    ids=["the same", "another", "nobody known", "for everybody"],
)
def test_a_message_for_another_person_reveals_nothing(
    shop: Shop, mine: str | None, meant: str | None, body: str
) -> None:
    shop.api.who = mine
    shop.visit()
    shop.subscribe()
    data = {"id": "m1"} | ({} if meant is None else {"u": meant})
    alert = shop.notify(title="Your result", body="for you", navigate=f"{shop.url}/orders/1", data=data)
    assert (alert.title, alert.body) == (("Your result" if body else "Corner Shop"), body)


def test_a_message_for_a_person_stays_neutral_when_storage_hangs(shop: Shop) -> None:
    shop.site.worker = "IDBFactory.prototype.open = () => ({});" + str(shop.site.worker)
    shop.visit()
    shop.subscribe()
    assert shop.notify(title="Your result", body="x", data={"u": PERSON}).title == "Corner Shop"


def test_a_repeat_replaces_the_first_one(shop: Shop) -> None:
    shop.visit()
    shop.subscribe()
    shop.notify(title="first", tag="m1")
    assert shop.push(json.dumps({"web_push": 8030, "notification": {"title": "second", "tag": "m1"}})) == 201
    wait_until(lambda: [alert.title for alert in shop.browser.alerts()] == ["second"], "the repeat alone")


# --- repeats ---

SPY = """
const shown = new BroadcastChannel("shown");
const show = ServiceWorkerRegistration.prototype.showNotification;
ServiceWorkerRegistration.prototype.showNotification = async function (title, options) {
  await show.call(this, title, options);
  shown.postMessage({title, ...options});
};
"""
LISTEN = "window.shown = []; new BroadcastChannel('shown').onmessage = ({data}) => window.shown.push(data);"


def spied(shop: Shop) -> None:
    """Subscribe on a page that notes what the worker asks the browser to show."""
    shop.site.worker = SPY + str(shop.site.worker)
    shop.visit()
    shop.subscribe()
    shop.run(LISTEN)


def notified(shop: Shop, **notification: object) -> dict[str, object]:
    """Push, wait until it stands on the desktop, and answer with what the worker asked the browser to show."""
    before = shop.run("return window.shown.length;")
    assert shop.push(json.dumps({"web_push": 8030, "notification": notification})) == 201
    found = wait_until(lambda: shop.run("return window.shown[args[0]] ?? null;", before), "the worker to show it")
    assert isinstance(found, dict)
    wait_until(lambda: found["title"] in [alert.title for alert in shop.browser.alerts()], "the notification")
    return found


def test_a_message_that_comes_twice_is_shown_twice_the_second_time_in_silence(shop: Shop) -> None:
    spied(shop)
    first = notified(shop, title="first", tag="order", data={"id": "m1"})
    again = notified(shop, title="again", tag="order", data={"id": "m1"})
    other = notified(shop, title="other", tag="order", data={"id": "m2"})
    assert [each["silent"] for each in (first, again, other)] == [False, True, False]
    assert first["tag"] == again["tag"] == "order"


def test_a_message_without_a_tag_is_tagged_by_its_id(shop: Shop) -> None:
    spied(shop)
    assert notified(shop, title="first", data={"id": "m1"})["tag"] == "m1"
    assert notified(shop, title="again", data={"id": "m1"})["tag"] == "m1"
    wait_until(lambda: len(shop.browser.alerts()) == 1, "the repeat alone")


def test_what_is_withheld_twice_is_silent_the_second_time_too(shop: Shop) -> None:
    spied(shop)
    notices = [notified(shop, title="t", body="b", data={"id": "m1", "u": PERSON}) for _ in range(2)]
    assert [(each["title"], each["silent"], each["tag"]) for each in notices] == [
        ("Corner Shop", False, "m1"),
        ("Corner Shop", True, "m1"),
    ]


def test_a_hundred_messages_are_remembered(shop: Shop) -> None:
    spied(shop)
    shop.change_kept(seen=[f"m{number}" for number in range(100)])
    assert notified(shop, title="first", data={"id": "m0"})["silent"] is True
    assert notified(shop, title="second", data={"id": "new"})["silent"] is False
    # The one seen longest ago made room; m0 was seen again just now.
    assert shop.kept()["seen"] == [*[f"m{number}" for number in range(2, 100)], "m0", "new"]


def test_a_repeat_is_shown_where_storage_hangs(shop: Shop) -> None:
    shop.site.worker = "IDBFactory.prototype.open = () => ({});" + str(shop.site.worker)
    shop.visit()
    shop.subscribe()
    for _ in range(2):
        assert shop.notify(title="t", body="b", data={"id": "m1"}).body == "b"
        shop.browser.close_alerts()


# --- what a payload may ask to show ---


def test_badge_image_icon_and_language_are_shown(shop: Shop) -> None:
    spied(shop)
    pictures = {"badge": f"{shop.url}/b.png", "image": f"{shop.url}/i.png", "icon": f"{shop.url}/c.png"}
    message = notified(shop, title="t", lang="fr", **pictures)
    assert {name: message[name] for name in (*pictures, "lang")} == {**pictures, "lang": "fr"}


@pytest.mark.parametrize(
    "fault",
    [
        "PushMessageData.prototype.text = () => { throw new Error(); };",
        "Object.defineProperty(PushEvent.prototype, 'data', {get() { throw new Error(); }});",
        "JSON.parse = () => null; Object = undefined;",
        "self.URL = undefined; indexedDB.open = () => { throw new Error(); };",
        """
        const show = ServiceWorkerRegistration.prototype.showNotification;
        ServiceWorkerRegistration.prototype.showNotification = function (title, options) {
          if (options.lang) throw new TypeError("lang");
          return show.call(this, title, options);
        };
        """,
    ],
    ids=["the text", "the data", "the parser", "everything around", "the showing"],
)
def test_whatever_throws_something_is_shown(shop: Shop, fault: str) -> None:
    shop.site.worker = str(shop.site.worker) + fault
    shop.visit()
    shop.subscribe()
    note = {"title": "Read", "lang": "de", "data": {"id": "m1"}}
    assert shop.push(json.dumps({"web_push": 8030, "notification": note})) == 201
    assert shop.browser.wait_for_alert().title in {"Corner Shop", "Read"}
