"""Nothing of ours breaks a policy as strict as a site can set one, in the page and in the worker, in real browsers."""

import pytest

from tests.browser.browser import wait_until
from tests.browser.scripted_api import APP
from tests.browser.shop import Shop

# With Trusted Types in the worker, too, its file must make the address of importScripts a trusted one.
WORKER = """
self.broken = [];
self.addEventListener("securitypolicyviolation", (event) => self.broken.push(event.violatedDirective));
self.addEventListener("message", ({ports: [port]}) => port.postMessage(self.broken));
const trusted = self.trustedTypes?.createPolicy("tocsin", {createScriptURL: (url) => url});
const url = "%s/sw.js?app=%s";
importScripts(trusted?.createScriptURL(url) ?? url);
"""
BROKEN_IN_WORKER = """
const {active} = await navigator.serviceWorker.getRegistration("/push/");
const {port1, port2} = new MessageChannel();
const answer = new Promise((resolve) => (port1.onmessage = ({data}) => resolve(data)));
active.postMessage(null, [port2]);
return answer;
"""


@pytest.fixture
def strict(shop: Shop) -> Shop:
    shop.site.worker = WORKER % (shop.api_url, APP)
    shop.site.strict_worker = True
    return shop


def violations(shop: Shop) -> list[str]:
    """What page and worker broke since the last visit began."""
    in_worker = shop.run(BROKEN_IN_WORKER)
    assert isinstance(in_worker, list)
    return [*shop.browser.violations(), *in_worker]


def test_from_the_first_load_to_the_log_out_no_policy_is_broken(strict: Shop) -> None:
    shop = strict
    shop.api.who = "AAAAAAAAAAA"
    shop.visit()
    shop.run("await push.ready; await push.subscribe({email: 'a@example.com'}); await push.identify('u1', 'jwt');")
    shop.notify(title="t", body="b", navigate=f"{shop.url}/orders/1", data={"id": "m1", "u": "AAAAAAAAAAA"})
    shop.browser.click_alert()
    wait_until(lambda: f"{shop.url}/orders/1" in shop.browser.addresses(), "the target")
    assert violations(shop) == []
    shop.rotate_key()
    shop.visit()
    shop.settle()
    assert len(shop.api.bodies("subscriptions")) == 2
    shop.run("await push.logout(); await push.logout({unsubscribe: true});")
    assert violations(shop) == []
    assert shop.browser.errors() == []


def test_the_policy_holds_in_the_worker(strict: Shop) -> None:
    strict.site.worker = f'importScripts("{strict.api_url}/sw.js?app={APP}");'
    strict.visit()
    assert strict.refused().code == "worker_missing"
