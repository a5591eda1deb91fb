"""What a browser test drives: a customer's site, a scripted server and the visitor's browser, with real pushes."""

import base64
import json
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlencode

import pytest
import requests
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from py_vapid import Vapid02
from pywebpush import WebPushException, webpush

from dev.simulators import Simulators
from tests.browser.browser import Alert, Browser, ScriptError
from tests.browser.customer_site import CustomerSite
from tests.browser.scripted_api import APP, ScriptedApi
from tests.browser.served import ServerThread

_STORE = """
const request = indexedDB.open("tocsin", 1);
await new Promise((resolve, reject) => Object.assign(request, {onsuccess: resolve, onerror: reject}));
const database = request.result;
const done = (each) => new Promise((resolve) => (each.onsuccess = () => resolve(each.result)));
const kv = database.transaction("kv", "readwrite").objectStore("kv");
const record = await done(kv.get(args[0]));
"""
_READ = _STORE + "database.close(); return record;"
_CHANGE = (
    _STORE
    + """
for (const [name, value] of Object.entries(args[1])) record[name] = value ?? undefined;
await done(kv.put(record, args[0]));
database.close();
"""
)


@dataclass(frozen=True, slots=True)
class Shop:
    """Site and server stand on different origins, as they do in production."""

    browser: Browser
    simulators: Simulators
    api: ScriptedApi
    site: CustomerSite
    api_url: str
    url: str
    keys: list[Vapid02]
    """The last one is in use."""

    @classmethod
    def open(cls, browser: Browser, simulators: Simulators, servers: ServerThread) -> Self:
        key = new_key()
        api = ScriptedApi(public_text(key))
        api_url = f"http://localhost:{servers.start(api.application())}"
        site = CustomerSite(api_url, f'importScripts("{api_url}/sw.js?app={APP}");')
        url = f"http://localhost:{servers.start(site.application())}"
        api.site = f"{url}/"
        return cls(browser, simulators, api, site, api_url, url, [key])

    def visit(self, **settings: str) -> None:
        """Load the page; `settings` go into the SDK's address."""
        sdk = f"{self.api_url}/sdk.js?{urlencode({'app': APP, **settings})}"
        self.browser.visit(f"{self.url}/?{urlencode({'sdk': sdk})}")

    def run(self, script: str, *args: object) -> object:
        """Run the body of an async function in the page, once the SDK is there; `push` is the module."""
        start = """
          while (!window.push) await new Promise((resolve) => setTimeout(resolve, 10));
          const {push} = window;
        """
        return self.browser.run_async(start + script, *args)

    def state(self) -> dict[str, object]:
        """The SDK's state in the page, once it has done what it does at each load."""
        self.settle()
        found = self.run("return push.getState();")
        assert isinstance(found, dict)
        return found

    def settle(self) -> None:
        """Wait for what the SDK does by itself at each load."""
        self.run(f"await push.ready; await navigator.locks.request('tocsin:{APP}', () => {{}});")

    def subscribe(self, **options: object) -> dict[str, object]:
        """Subscribe in the page; answers with the state."""
        found = self.run("return push.subscribe(args[0]);", options)
        assert isinstance(found, dict)
        return found

    def events(self) -> list[tuple[str, str | None]]:
        """Type and error code of what the SDK told the page so far."""
        found = self.run("return window.events;")
        assert isinstance(found, list)
        return [(each["type"], each["code"]) for each in found]

    def refused(self, call: str = "return push.subscribe({});") -> ScriptError:
        """The PushError that a call in the page ends with."""
        with pytest.raises(ScriptError) as caught:
            self.run(call)
        assert caught.value.name == "PushError"
        return caught.value

    def kept(self) -> dict[str, object]:
        """What page and worker keep of this app."""
        found = self.run(_READ, APP)
        assert isinstance(found, dict)
        return found

    def change_kept(self, **values: object) -> None:
        """Alter what is kept, as time or another script would; None takes a value away."""
        self.run(_CHANGE, APP, values)

    def endpoint(self, scope: str = "/push/") -> object:
        """The endpoint that the browser has at the moment, None without a subscription."""
        return self.run(
            "const registration = await navigator.serviceWorker.getRegistration(args[0]);"
            " return (await registration?.pushManager.getSubscription())?.endpoint ?? null;",
            scope,
        )

    def rotate_key(self) -> None:
        """Give the app another VAPID key."""
        self.keys.append(new_key())
        self.api.key = public_text(self.keys[-1])

    def push(self, data: str | None) -> int:
        """Send one encrypted message to the last subscription received; answers with the push service's status."""
        with requests.Session() as session:
            session.trust_env = False  # the machine's own proxy and CA settings are for other traffic
            session.proxies = {"https": self.simulators.proxy_url}
            session.verify = str(self.simulators.ca_bundle)
            try:
                answer = webpush(
                    self.api.subscription,
                    data,
                    vapid_private_key=self.keys[-1],
                    vapid_claims={"sub": "mailto:ops@example.com"},
                    ttl=60,
                    requests_session=session,
                )
            except WebPushException as refusal:
                answer = refusal.response
        assert isinstance(answer, requests.Response)
        return answer.status_code

    def notify(self, **notification: object) -> Alert:
        """Send a notification as the server does; answers with what stands on the desktop."""
        assert self.push(json.dumps({"web_push": 8030, "notification": notification})) == 201
        return self.browser.wait_for_alert()


def new_key() -> Vapid02:
    key = Vapid02()
    key.generate_keys()
    return key


def public_text(key: Vapid02) -> str:
    """The public key as browsers want it: base64url of the uncompressed point."""
    point = key.public_key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return base64.urlsafe_b64encode(point).rstrip(b"=").decode()
