"""What became of a message is reported by its token, once, and also when the server cannot be told at that moment."""

import json
import time
from typing import Any

import pytest

from tests.browser.browser import only_in, wait_until
from tests.browser.scripted_api import APP, AWAY, BROKEN, GONE, SILENT, Refusal
from tests.browser.shop import Shop

NO_STORAGE = "IDBFactory.prototype.open = () => ({});"


def message(number: int) -> str:
    """Its id."""
    return f"{number:024x}"


def token(number: int) -> str:
    """What the server names a recipient by."""
    return f"{number:_>24}"


def opened(shop: Shop, before: str = "") -> Shop:
    """With a visitor who subscribed; `before` runs in the worker ahead of ours."""
    shop.site.worker = before + str(shop.site.worker)
    shop.visit()
    shop.subscribe()
    return shop


def push(shop: Shop, number: int, **data: object) -> None:
    """Push a message of its own, and wait until it is shown."""
    own = {"id": message(number), "k": token(number), **data}
    shown = {"title": f"Order {number}", "navigate": f"{shop.url}/orders/{number}", "data": own}
    assert shop.push(json.dumps({"web_push": 8030, "notification": shown})) == 201
    wait_until(lambda: f"Order {number}" in [alert.title for alert in shop.browser.alerts()], "the notification")


def click(shop: Shop, *numbers: int) -> None:
    """Click what is shown, and wait for the targets."""
    shop.browser.click_alert()
    targets = {f"{shop.url}/orders/{number}" for number in numbers}
    wait_until(lambda: targets <= set(shop.browser.addresses()), "the targets")


def renew_worker(shop: Shop) -> None:
    """Put a new version of the site's worker in the old one's place: it remembers nothing but what is stored."""
    shop.site.worker = f"// newer\n{shop.site.worker}"
    shop.run(
        """
        const registration = await navigator.serviceWorker.getRegistration("/push/");
        const old = registration.active;
        await registration.update();
        while (registration.active === old) await new Promise((resolve) => setTimeout(resolve, 10));
        """
    )


def reports(shop: Shop) -> list[tuple[str, int]]:
    """What the server received, of which message."""
    return [(event["e"], int(event["id"], 16)) for event in shop.api.events]


def wait_for_reports(shop: Shop, *expected: tuple[str, int]) -> None:
    """Wait until the server has these, in any order, and nothing else."""
    wait_until(lambda: len(reports(shop)) >= len(expected), f"the reports {expected}")
    assert sorted(reports(shop)) == sorted(expected)


def wait_for_attempts(shop: Shop, count: int) -> None:
    wait_until(lambda: len(shop.api.bodies("events")) >= count, f"{count} attempts")


def wait_until_kept(shop: Shop, count: int) -> None:
    wait_until(lambda: len(outbox(shop)) == count, f"{count} reports to be kept")


def outbox(shop: Shop) -> list[dict[str, Any]]:
    """The reports that still have to be made, as they are stored."""
    found = shop.kept().get("outbox", [])
    assert isinstance(found, list)
    return found


def test_what_is_shown_and_then_clicked_is_reported_with_the_messages_token(shop: Shop) -> None:
    push(opened(shop), 1)
    wait_for_reports(shop, ("displayed", 1))
    click(shop, 1)
    wait_for_reports(shop, ("displayed", 1), ("clicked", 1))
    assert [event["k"] for event in shop.api.events] == [token(1)] * 2
    assert all(isinstance(event["t"], int) and abs(event["t"] - time.time()) < 60 for event in shop.api.events)
    # Plain text: no browser asks first whether it may.
    made = {(call.method, call.content_type) for call in shop.api.calls if call.path == f"/sdk/v1/{APP}/events"}
    assert made == {("POST", "text/plain;charset=UTF-8")}


def test_a_click_closes_the_notification_which_nobody_dismissed(shop: Shop) -> None:
    push(opened(shop), 1)
    click(shop, 1)
    wait_until(lambda: shop.browser.alerts() == [], "the notification to go")
    push(shop, 2)
    wait_for_reports(shop, ("displayed", 1), ("clicked", 1), ("displayed", 2))


def test_what_is_waved_away_is_reported_as_dismissed(shop: Shop) -> None:
    push(opened(shop), 1)
    shop.browser.close_alerts()
    wait_for_reports(shop, ("displayed", 1), ("dismissed", 1))


def test_where_clicks_alone_are_wanted_nothing_else_is_reported(shop: Shop) -> None:
    push(opened(shop), 1, c=1)
    shop.browser.close_alerts()
    push(shop, 2, c=1)
    click(shop, 2)
    wait_for_reports(shop, ("clicked", 2))


@pytest.mark.parametrize(
    "data",
    [{"k": k} for k in (None, 7, "short", "x" * 25, " " * 24, ["x" * 24], {"a": 1})]
    + [{"id": each} for each in (None, "short", "x" * 65)],
    ids=json.dumps,
)
def test_what_names_no_recipient_of_a_message_is_not_reported(shop: Shop, data: dict[str, object]) -> None:
    push(opened(shop), 1, **data)
    click(shop, 1)
    push(shop, 2)
    wait_for_reports(shop, ("displayed", 2))


def test_what_is_withheld_from_somebody_else_is_not_reported(shop: Shop) -> None:
    opened(shop)
    notice = {"title": "Private", "data": {"id": message(1), "k": token(1), "u": "AAAAAAAAAAA"}}
    assert shop.push(json.dumps({"web_push": 8030, "notification": notice})) == 201
    shop.browser.wait_for_alert()
    shop.browser.close_alerts()
    push(shop, 2)
    wait_for_reports(shop, ("displayed", 2))


def test_a_message_that_comes_twice_is_reported_once(shop: Shop) -> None:
    opened(shop)
    for number in (1, 1, 2):
        push(shop, number)
    wait_for_reports(shop, ("displayed", 1), ("displayed", 2))
    # The second one took the first one's place, which nobody dismissed, and is as good to click.
    click(shop, 1, 2)
    wait_for_reports(shop, *((what, which) for what in ("displayed", "clicked") for which in (1, 2)))


def test_a_message_that_comes_again_later_is_not_reported_again(shop: Shop) -> None:
    push(opened(shop), 1)
    wait_for_reports(shop, ("displayed", 1))
    renew_worker(shop)
    push(shop, 1)
    push(shop, 2)
    wait_for_reports(shop, ("displayed", 1), ("displayed", 2))


def test_nothing_is_reported_before_it_is_shown(shop: Shop) -> None:
    shown = f"""
      const show = ServiceWorkerRegistration.prototype.showNotification;
      ServiceWorkerRegistration.prototype.showNotification = async function (...given) {{
        await new Promise((resolve) => setTimeout(resolve, 300));
        await show.apply(this, given);
        await fetch("{shop.api_url}/sdk/v1/{APP}/shown", {{method: "POST", body: "{{}}"}});
      }};
    """
    push(opened(shop, shown), 1)
    wait_for_reports(shop, ("displayed", 1))
    calls = [call.path.rpartition("/")[2] for call in shop.api.calls]
    assert calls[-2:] == ["shown", "events"]


@pytest.mark.parametrize("down", [AWAY, BROKEN, Refusal(429, "rate_limited")], ids=["503", "no network", "429"])
def test_what_cannot_be_reported_is_reported_later_and_once(shop: Shop, down: Refusal) -> None:
    opened(shop)
    shop.api.down = down
    push(shop, 1)
    shop.browser.close_alerts()
    push(shop, 2)
    wait_until_kept(shop, 3)
    shop.api.down = None
    push(shop, 3)
    wait_for_reports(shop, ("dismissed", 1), *(("displayed", number) for number in (1, 2, 3)))
    wait_until_kept(shop, 0)


@only_in("chromium")  # Firefox has no Background Sync
@pytest.mark.parametrize("refusal", [AWAY, SILENT], ids=["503", "no answer"])
def test_the_browser_tries_again_by_itself(shop: Shop, refusal: Refusal) -> None:
    opened(shop)
    shop.api.refusals["events"] = [refusal]
    push(shop, 1)
    wait_for_reports(shop, ("displayed", 1))


@pytest.mark.parametrize("refusal", [Refusal(400, "body_invalid"), Refusal(403, "origin_not_allowed"), GONE])
def test_what_is_refused_for_good_stands_in_nobodys_way(shop: Shop, refusal: Refusal) -> None:
    opened(shop)
    shop.api.refusals["events"] = [refusal]
    push(shop, 1)
    wait_for_attempts(shop, 1)
    push(shop, 2)
    wait_for_reports(shop, ("displayed", 2))
    wait_until_kept(shop, 0)


def test_a_page_that_is_loaded_brings_what_is_left_to_the_server(shop: Shop) -> None:
    opened(shop)
    shop.api.down = AWAY
    push(shop, 1)
    wait_until_kept(shop, 1)
    shop.api.down = None
    shop.visit()
    wait_for_reports(shop, ("displayed", 1))
    wait_until_kept(shop, 0)


def test_a_new_version_of_the_worker_brings_what_is_left_to_the_server(shop: Shop) -> None:
    opened(shop)
    shop.api.down = AWAY
    push(shop, 1)
    wait_until_kept(shop, 1)
    shop.api.down = None
    renew_worker(shop)
    wait_for_reports(shop, ("displayed", 1))


def test_two_hundred_reports_of_three_days_are_kept_and_go_fifty_at_a_time(shop: Shop) -> None:
    opened(shop)
    now = int(time.time())
    old = [{"e": "displayed", "id": message(n), "k": token(1000 + n), "t": now - 3 * 86_400 - 60} for n in range(10)]
    new = [{"e": "displayed", "id": message(n), "k": token(n), "t": now - 3 * 86_400 + 600} for n in range(260)]
    shop.change_kept(outbox=[*new, *old])
    shop.visit()
    wait_until(lambda: len(reports(shop)) >= 200, "all of them")
    wait_until_kept(shop, 0)
    assert [len(body) for body in shop.api.bodies("events")] == [50] * 4
    assert reports(shop) == [("displayed", number) for number in range(60, 260)]


def test_a_report_that_hangs_holds_up_no_other(shop: Shop) -> None:
    opened(shop)
    shop.api.refusals["events"] = [SILENT]
    push(shop, 1)
    wait_for_attempts(shop, 1)
    click(shop, 1)
    wait_until(lambda: reports(shop), "the click")
    assert reports(shop)[0] == ("clicked", 1)


def test_in_safari_a_worker_waits_a_second_for_the_server(shop: Shop) -> None:
    safari = """
      const userAgent = "Mozilla/5.0 (iPhone) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.4 Safari/604.1";
      Object.defineProperty(WorkerNavigator.prototype, "userAgent", {get: () => userAgent});
      const {waitUntil} = ExtendableEvent.prototype;
      const ended = new BroadcastChannel("ended");
      ExtendableEvent.prototype.waitUntil = function (work) {
        const begun = performance.now();
        waitUntil.call(this, work.finally(() => this.type === "push" && ended.postMessage(performance.now() - begun)));
      };
    """
    opened(shop, safari)
    shop.run("window.took = []; new BroadcastChannel('ended').onmessage = ({data}) => window.took.push(data);")
    shop.api.refusals["events"] = [SILENT]
    push(shop, 1)
    wait_until(lambda: shop.run("return window.took;"), "the worker to be done")
    assert 1000 <= float(str(shop.run("return window.took[0];"))) < 3500
    wait_until_kept(shop, 1)


def test_where_storage_hangs_it_is_reported_all_the_same(shop: Shop) -> None:
    opened(shop, NO_STORAGE)
    push(shop, 1)
    wait_for_reports(shop, ("displayed", 1))
    shop.api.down = BROKEN
    push(shop, 2)
    wait_for_attempts(shop, 2)
    shop.api.down = None
    push(shop, 3)
    wait_for_reports(shop, *(("displayed", number) for number in (1, 2, 3)))


def test_a_burst_is_reported_to_the_last_one(shop: Shop) -> None:
    opened(shop)
    for number in range(12):
        notice = {"title": "t", "data": {"id": message(number), "k": token(number)}}
        assert shop.push(json.dumps({"web_push": 8030, "notification": notice})) == 201
    wait_for_reports(shop, *(("displayed", number) for number in range(12)))
    wait_until_kept(shop, 0)
