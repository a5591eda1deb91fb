"""The SDK in real browsers, on a site with the strictest policy, against a scripted server."""

import asyncio

import pytest
from aiohttp import web

from tests.browser.browser import Permission, only_in, wait_until
from tests.browser.firefox import Firefox
from tests.browser.scripted_api import Refusal
from tests.browser.served import ServerThread
from tests.browser.shop import Shop, new_key, public_text


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
    assert report.body == {
        "key": shop.api.key,
        "email": "reader@example.com",
        "tags": ["news"],
        "lang": "de",
        "standalone": False,
    }
    assert shop.events() == [("change", None), ("subscribe", None)]
    assert shop.browser.violations() == []


def test_the_state_is_there_again_after_a_reload_for_one_cacheable_request(shop: Shop) -> None:
    shop.visit()
    shop.subscribe()
    shop.api.calls.clear()
    shop.visit()
    assert shop.run("return (await push.ready).id;") == "sub_1"
    assert shop.state()["id"] == "sub_1"
    assert [(call.method, call.path.rpartition("/")[2]) for call in shop.api.calls] == [("GET", "config")]


def test_a_blocked_site_is_told_so(shop: Shop) -> None:
    shop.browser.permit(Permission.DENIED)
    try:
        shop.visit()
        assert shop.refused().code == "denied"
        assert shop.state()["permission"] == "denied"
        assert shop.events() == [("error", "denied")]
        assert shop.api.calls == []
    finally:
        shop.browser.permit(Permission.GRANTED)


@pytest.mark.parametrize(
    ("worker", "content_type"),
    [(None, "text/javascript"), ("self.x = 1;", "text/html"), ("import(", "text/javascript")],
    ids=["404", "wrong type", "broken"],
)
def test_a_worker_that_does_not_load_is_named(shop: Shop, worker: str | None, content_type: str) -> None:
    shop.site.worker, shop.site.worker_type = worker, content_type
    shop.visit()
    assert shop.refused().code == "worker_missing"
    assert shop.state()["subscribed"] is False
    assert shop.api.bodies("subscriptions") == []


def test_a_worker_that_never_starts_is_given_up(shop: Shop) -> None:
    shop.site.worker = 'self.addEventListener("install", (event) => event.waitUntil(new Promise(() => {})));'
    shop.visit(timeout="600")
    assert shop.refused().code == "worker_timeout"


def test_without_a_worker_of_the_site_there_is_none_to_join(shop: Shop) -> None:
    shop.visit(join="")
    assert shop.refused().code == "worker_missing"


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
    shop.run(
        "while (!window.own.active) await new Promise((resolve) => setTimeout(resolve, 20));"
        " await window.own.pushManager.subscribe({userVisibleOnly: true, applicationServerKey: args[0]});",
        public_text(new_key()),
    )
    shop.visit()
    assert shop.run("return (await push.ready).subscribed;") is False
    theirs = shop.endpoint("/")
    shop.settle()
    assert shop.api.subscription["endpoint"] == shop.endpoint("/push/")
    assert shop.endpoint("/") == theirs != shop.endpoint("/push/")


def wait_for_push_service(shop: Shop) -> None:
    """Until the browser has found back to it: the next test needs it."""
    shop.visit()
    wait_until(
        lambda: shop.run("return push.subscribe().then(() => true, () => false);"), "the push service to be back", 40
    )


@only_in("firefox")  # which alone can be led to another push service while it runs
def test_a_push_service_that_never_answers_is_given_up(shop: Shop, firefox: Firefox, servers: ServerThread) -> None:
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
    firefox.set_preference("dom.push.serverURL", f"ws://127.0.0.1:{servers.start(silent)}/")
    try:
        shop.visit(timeout="1500")
        assert shop.refused().code == "push_service_timeout"
        assert shop.api.bodies("subscriptions") == []
    finally:
        firefox.set_preference("dom.push.serverURL", shop.simulators.firefox_url)
        wait_for_push_service(shop)


@only_in("firefox")  # which alone can be cut off from its push service while it runs
def test_a_push_service_that_cannot_be_reached_is_an_error(shop: Shop, firefox: Firefox) -> None:
    firefox.set_preference("dom.push.connection.enabled", value=False)
    try:
        shop.visit()
        assert shop.refused().code == "push_service_error"
    finally:
        firefox.set_preference("dom.push.connection.enabled", value=True)
        wait_for_push_service(shop)


@pytest.mark.parametrize("call", ["config", "subscriptions"])
@pytest.mark.parametrize(
    "code", ["origin_not_allowed", "identity_required", "identity_invalid", "rate_limited", "app_disabled"]
)
def test_a_refusal_of_the_server_keeps_its_code_and_words(shop: Shop, call: str, code: str) -> None:
    shop.api.refusals[call] = [Refusal(403, code, "because")]
    shop.visit()
    error = shop.refused()
    assert (error.code, str(error)) == (code, "PushError: because")
    assert shop.state()["subscribed"] is False


def test_an_unknown_refusal_is_a_server_error_and_is_not_repeated(shop: Shop) -> None:
    shop.api.refusals["config"] = [Refusal(404, "app_not_found", "there is no such app")]
    shop.visit()
    error = shop.refused()
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
    assert shop.refused().code == "rate_limited"
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
        const pause = ms > 200 && ms % 100;
        if (pause) window.pauses.push(ms);
        return wait(work, pause ? ms / 10 : ms);
      };
    """
    shop.visit(api=shop.site.extra_sources, timeout="200")
    assert shop.refused().code == "network"
    assert len(asked) == 4
    pauses = shop.run("return window.pauses;")
    assert isinstance(pauses, list)
    assert [round(pause / (500 * 4**number)) in (0, 1, 2) for number, pause in enumerate(pauses)] == [True] * 3


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
    assert shop.browser.wait_for_alert().body == "with the new key"


def test_subscribing_again_with_the_same_endpoint_names_no_previous_one(shop: Shop) -> None:
    shop.visit()
    shop.subscribe()
    shop.subscribe()
    assert "previous" not in shop.api.bodies("subscriptions")[1]


def test_a_policy_that_does_not_name_ours_is_an_error_and_no_crash(shop: Shop) -> None:
    shop.site.trusted_types = "other"
    shop.visit()
    assert shop.refused().code == "worker_missing"
