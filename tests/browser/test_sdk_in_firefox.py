"""The SDK in a real Firefox, on a site with the strictest policy, against a scripted server."""

import asyncio

import pytest
from aiohttp import web

from tests.browser.firefox import wait_until
from tests.browser.marionette import ScriptError
from tests.browser.scripted_api import Refusal
from tests.browser.served import ServerThread
from tests.browser.shop import Shop

DENIED = 2
GRANTED = 1


def refused(shop: Shop, call: str = "return push.subscribe({});") -> ScriptError:
    """The PushError that a call in the page ends with."""
    with pytest.raises(ScriptError) as caught:
        shop.run(call)
    assert caught.value.name == "PushError"
    return caught.value


def test_a_visitor_who_was_never_asked_costs_no_request(shop: Shop) -> None:
    shop.visit()
    assert shop.state() == {
        "support": "supported",
        "permission": "granted",
        "subscribed": False,
        "id": None,
        "externalId": None,
    }
    assert shop.api.calls == []
    assert shop.events() == []


def test_subscribing_reports_the_browser_without_a_preflight(shop: Shop) -> None:
    shop.visit()
    state = shop.subscribe(email="reader@example.com", tags=["news"])
    assert (state["subscribed"], state["id"]) == (True, "sub_1")
    assert [(call.method, call.path.rpartition("/")[2]) for call in shop.api.calls] == [
        ("GET", "config"),
        ("POST", "subscriptions"),
    ]
    report = shop.api.calls[-1]
    assert report.content_type == "text/plain;charset=UTF-8"
    assert report.body.pop("subscription") == shop.api.subscription
    assert report.body.pop("tz")
    assert report.body == {"email": "reader@example.com", "tags": ["news"], "lang": "de", "standalone": False}
    assert shop.events() == [("change", None), ("subscribe", None)]
    assert shop.violations() == []


def test_the_state_is_there_again_after_a_reload_without_a_request(shop: Shop) -> None:
    shop.visit()
    shop.subscribe()
    shop.api.calls.clear()
    shop.visit()
    assert shop.state()["id"] == "sub_1"
    assert shop.api.calls == []


def test_two_calls_at_once_make_one_subscription(shop: Shop) -> None:
    shop.visit()
    shop.run("return Promise.all([push.subscribe(), push.subscribe()]);")
    first, second = (body["subscription"] for body in shop.api.bodies("subscriptions"))
    assert first == second
    # One after the other, not interleaved.
    assert [call.path.rpartition("/")[2] for call in shop.api.calls] == ["config", "subscriptions"] * 2


def test_another_tab_learns_of_it(shop: Shop) -> None:
    shop.visit()
    shop.state()
    other = shop.run(
        "const tab = open(location.href); while (!tab.push) await new Promise(r => setTimeout(r, 20));"
        " window.tab = tab; await tab.push.ready; return tab.push.getState().subscribed;"
    )
    assert other is False
    shop.subscribe()
    wait_until(lambda: shop.run("return window.tab.push.getState().id;") == "sub_1", "the other tab's state")


def test_a_blocked_site_is_told_so(shop: Shop) -> None:
    shop.firefox.set_preference("permissions.default.desktop-notification", DENIED)
    try:
        shop.visit()
        assert refused(shop).code == "denied"
        assert shop.state()["permission"] == "denied"
        assert shop.events() == [("error", "denied")]
        assert shop.api.calls == []
    finally:
        shop.firefox.set_preference("permissions.default.desktop-notification", GRANTED)


def test_a_permission_taken_back_ends_the_subscription_in_the_state(shop: Shop) -> None:
    shop.visit()
    shop.subscribe()
    shop.firefox.set_preference("permissions.default.desktop-notification", DENIED)
    try:
        shop.visit()
        state = shop.state()
        assert (state["permission"], state["subscribed"], state["id"]) == ("denied", False, None)
    finally:
        shop.firefox.set_preference("permissions.default.desktop-notification", GRANTED)


@pytest.mark.parametrize(
    ("worker", "content_type"),
    [(None, "text/javascript"), ("self.x = 1;", "text/html"), ("import(", "text/javascript")],
    ids=["404", "wrong type", "broken"],
)
def test_a_worker_that_does_not_load_is_named(shop: Shop, worker: str | None, content_type: str) -> None:
    shop.site.worker, shop.site.worker_type = worker, content_type
    shop.visit()
    assert refused(shop).code == "worker_missing"
    assert shop.state()["subscribed"] is False
    assert shop.api.bodies("subscriptions") == []


def test_a_worker_that_never_starts_is_given_up(shop: Shop) -> None:
    shop.site.worker = 'self.addEventListener("install", (event) => event.waitUntil(new Promise(() => {})));'
    shop.visit(timeout="600")
    assert refused(shop).code == "worker_timeout"


def test_without_a_worker_of_the_site_there_is_none_to_join(shop: Shop) -> None:
    shop.visit(join="")
    assert refused(shop).code == "worker_missing"


def test_a_joined_worker_is_the_sites_own(shop: Shop) -> None:
    shop.site.trusted_types = "own"
    shop.site.before = """
      const own = trustedTypes.createPolicy("own", {createScriptURL: (url) => url});
      await navigator.serviceWorker.register(own.createScriptURL("/tocsin-sw.js"));
    """
    shop.visit(join="")
    assert shop.subscribe()["subscribed"] is True
    scopes = shop.run("return (await navigator.serviceWorker.getRegistrations()).map(({scope}) => scope);")
    assert scopes == [f"{shop.url}/"]
    assert shop.notify(title="through the site's worker").title == "through the site's worker"


def test_a_subscription_of_the_sites_own_worker_is_not_taken_for_ours(shop: Shop) -> None:
    shop.site.trusted_types = "tocsin own"
    shop.site.before = """
      const own = trustedTypes.createPolicy("own", {createScriptURL: (url) => url});
      window.own = await navigator.serviceWorker.register(own.createScriptURL("/tocsin-sw.js"));
    """
    shop.visit()
    shop.subscribe()
    shop.run("await (await navigator.serviceWorker.getRegistration('/push/')).unregister();")
    shop.run("await window.own.pushManager.subscribe({userVisibleOnly: true});")
    shop.visit()
    assert shop.state()["subscribed"] is False


def test_a_push_service_that_never_answers_is_given_up(shop: Shop, servers: ServerThread) -> None:
    async def swallow(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(protocols=("push-notification",))
        await socket.prepare(request)
        async for frame in socket:
            if "hello" in str(frame.data):
                hello = {"messageType": "hello", "uaid": "0" * 32, "status": 200, "use_webpush": True, "broadcasts": {}}
                await socket.send_json(hello)
        return socket

    silent = web.Application()
    silent.router.add_get("/", swallow)
    shop.firefox.set_preference("dom.push.serverURL", f"ws://127.0.0.1:{servers.start(silent)}/")
    try:
        shop.visit(timeout="1500")
        assert refused(shop).code == "push_service_timeout"
        assert shop.api.bodies("subscriptions") == []
    finally:
        shop.firefox.set_preference("dom.push.serverURL", shop.simulators.firefox_url)


def test_a_push_service_that_cannot_be_reached_is_an_error(shop: Shop) -> None:
    shop.firefox.set_preference("dom.push.connection.enabled", value=False)
    try:
        shop.visit()
        assert refused(shop).code == "push_service_error"
    finally:
        shop.firefox.set_preference("dom.push.connection.enabled", value=True)


@pytest.mark.parametrize("call", ["config", "subscriptions"])
@pytest.mark.parametrize(
    "code", ["origin_not_allowed", "identity_required", "identity_invalid", "rate_limited", "app_disabled"]
)
def test_a_refusal_of_the_server_keeps_its_code_and_words(shop: Shop, call: str, code: str) -> None:
    shop.api.refusals[call] = [Refusal(403, code, "because")]
    shop.visit()
    error = refused(shop)
    assert (error.code, str(error)) == (code, "PushError: because")
    assert shop.state()["subscribed"] is False


def test_an_unknown_refusal_is_a_server_error_and_is_not_repeated(shop: Shop) -> None:
    shop.api.refusals["config"] = [Refusal(404, "app_not_found", "there is no such app")]
    shop.visit()
    error = refused(shop)
    assert (error.code, str(error)) == ("server_error", "PushError: there is no such app")
    assert len(shop.api.calls) == 1


@pytest.mark.parametrize("status", [429, 503])
def test_a_passing_failure_of_the_server_is_repeated(shop: Shop, status: int) -> None:
    shop.api.refusals["subscriptions"] = [Refusal(status, "rate_limited", headers={"Retry-After": "1"})]
    shop.visit()
    assert shop.subscribe()["subscribed"] is True
    assert len(shop.api.bodies("subscriptions")) == 2


def test_a_long_retry_after_is_not_waited_for(shop: Shop) -> None:
    shop.api.refusals["config"] = [Refusal(429, "rate_limited", headers={"Retry-After": "3600"})]
    shop.visit()
    assert refused(shop).code == "rate_limited"
    assert len(shop.api.calls) == 1


def test_a_server_that_hangs_is_asked_four_times(shop: Shop, servers: ServerThread) -> None:
    asked = []

    async def hang(request: web.Request) -> web.Response:
        asked.append(request.path)
        await asyncio.sleep(60)
        return web.Response()

    silent = web.Application()
    silent.router.add_route("*", "/{path:.*}", hang)
    shop.site.extra_sources = f"http://localhost:{servers.start(silent)}"
    # A tenth of the time between attempts, and a note of what it would have been.
    shop.site.before = """
      window.pauses = [];
      const wait = setTimeout;
      window.setTimeout = (work, ms) => {
        const pause = ms % 100;
        if (pause) window.pauses.push(ms);
        return wait(work, pause ? ms / 10 : ms);
      };
    """
    shop.visit(api=shop.site.extra_sources, timeout="200")
    assert refused(shop).code == "network"
    assert len(asked) == 4
    pauses = shop.run("return window.pauses;")
    assert isinstance(pauses, list)
    assert [round(pause / (500 * 4**number)) in (0, 1, 2) for number, pause in enumerate(pauses)] == [True] * 3


def test_unsubscribing_tells_browser_and_server(shop: Shop) -> None:
    shop.visit()
    shop.subscribe()
    assert shop.run("return (await push.unsubscribe()).subscribed;") is False
    assert shop.api.bodies("unsubscribe") == [{"id": "sub_1"}]
    assert shop.events()[-2:] == [("change", None), ("unsubscribe", None)]
    assert shop.push("gone?") == 410
    shop.visit()
    assert shop.state()["subscribed"] is False


def test_unsubscribing_without_the_server_still_ends_the_messages(shop: Shop) -> None:
    shop.visit()
    shop.subscribe()
    shop.api.refusals["unsubscribe"] = [Refusal(403, "origin_not_allowed")]
    assert shop.run("return (await push.unsubscribe()).subscribed;") is False
    assert ("error", "origin_not_allowed") in shop.events()
    assert shop.push("gone?") == 410


def test_unsubscribing_twice_asks_the_server_once(shop: Shop) -> None:
    shop.visit()
    shop.subscribe()
    shop.run("await push.unsubscribe(); await push.unsubscribe();")
    assert len(shop.api.bodies("unsubscribe")) == 1


def test_subscribing_again_after_a_change_of_key_names_the_previous_endpoint(shop: Shop) -> None:
    shop.visit()
    shop.subscribe()
    before = shop.api.subscription["endpoint"]
    shop.rotate_key()
    shop.subscribe()
    after = shop.api.bodies("subscriptions")[1]
    assert after["previous"] == before
    assert shop.api.subscription["endpoint"] != before
    assert shop.push("with the new key") == 201
    assert shop.firefox.wait_for_alert().body == "with the new key"


def test_subscribing_again_with_the_same_endpoint_names_no_previous_one(shop: Shop) -> None:
    shop.visit()
    shop.subscribe()
    shop.subscribe()
    assert "previous" not in shop.api.bodies("subscriptions")[1]


def test_a_person_named_before_subscribing_is_sent_along(shop: Shop) -> None:
    shop.visit()
    shop.run("await push.identify('u1', {exp: 1900000000, mac: 'abc'});")
    assert shop.api.calls == []
    assert shop.subscribe()["externalId"] == "u1"
    assert shop.api.bodies("subscriptions")[0]["identity"] == {
        "externalId": "u1",
        "proof": {"exp": 1900000000, "mac": "abc"},
    }


def test_a_person_named_after_subscribing_is_reported_once(shop: Shop) -> None:
    shop.api.who = "AAAAAAAAAAA"
    shop.visit()
    shop.subscribe()
    shop.run("await push.identify('u1', 'jwt'); await push.identify('u1', 'jwt');")
    assert shop.api.bodies("identify") == [{"id": "sub_1", "identity": {"externalId": "u1", "proof": "jwt"}}]
    assert shop.state()["externalId"] == "u1"


def test_a_refused_person_is_not_kept(shop: Shop) -> None:
    shop.visit()
    shop.subscribe()
    shop.api.refusals["identify"] = [Refusal(403, "identity_invalid", "the proof has run out")]
    assert refused(shop, "return push.identify('u2', 'jwt');").code == "identity_invalid"
    assert shop.state()["externalId"] is None


def test_a_proved_address_and_a_person_are_both_reported(shop: Shop) -> None:
    shop.visit()
    shop.run("await push.identify('u1', 'jwt');")
    shop.subscribe(email="reader@example.com", proof="mail-jwt")
    assert shop.api.bodies("subscriptions")[0]["identity"] == {"email": "reader@example.com", "proof": "mail-jwt"}
    assert shop.api.bodies("identify") == [{"id": "sub_1", "identity": {"externalId": "u1", "proof": "jwt"}}]


def test_storage_that_hangs_costs_a_second_and_nothing_else(shop: Shop) -> None:
    shop.site.before = "IDBFactory.prototype.open = () => ({});"
    shop.visit()
    assert shop.subscribe()["id"] == "sub_1"
    assert shop.run("return (await push.unsubscribe()).subscribed;") is False
    assert shop.api.bodies("unsubscribe") == [{"id": "sub_1"}]


def test_a_policy_that_does_not_name_ours_is_an_error_and_no_crash(shop: Shop) -> None:
    shop.site.trusted_types = "other"
    shop.visit()
    assert refused(shop).code == "worker_missing"
