"""The demo tenant, made through the product's own admin API."""

import json
import urllib.request
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

READER = "reader@example.com"
CREDITS = 10_000


@dataclass(frozen=True, slots=True)
class DemoTenant:
    """What the demo's callers need.

    `app` is its id, which browsers may know. `reader` and `spare` are user agents as the simulators describe them; the
    first is enrolled.
    """

    api: str
    app: str
    secret_key: str
    publishable_key: str
    reader: dict[str, Any]
    spare: dict[str, Any]


def demo_tenant(api: str, operator_key: str, simulator: str, record: Path) -> DemoTenant:
    """The tenant that `record` remembers, which is of this address, else a new one; its reader is enrolled either way.

    Keys are shown once by the API, so `record` is their only copy. Raises urllib.error.HTTPError.
    """
    if record.exists():
        tenant = DemoTenant(**json.loads(record.read_text()))
    else:
        tenant = _new_tenant(api, operator_key, simulator)
        record.touch(mode=0o600)
        record.write_text(json.dumps(asdict(tenant)))
    post(f"{api}/v1/subscribe", enrolment(tenant.reader), {"X-Api-Key": tenant.secret_key})
    return tenant


def enrolment(agent: dict[str, Any]) -> dict[str, Any]:
    """Body that enrols a simulated user agent under the demo's reader."""
    return {"email": READER, "subscription": agent["subscription"]}


def _new_tenant(api: str, operator_key: str, simulator: str) -> DemoTenant:
    bearer = {"Authorization": f"Bearer {operator_key}"}
    tenant = post(f"{api}/admin/tenants", {"name": "Demo"}, bearer)["id"]
    site = {
        "name": "Demo",
        "site_url": f"{api}/demo/",
        "origins": [api],
        "contact": "mailto:demo@tocsin.dev",
        "identity": "report",
    }
    app = post(f"{api}/admin/tenants/{tenant}/apps", site, bearer)
    keys = f"{api}/admin/apps/{app['id']}/keys"
    secret, publishable = (
        post(keys, {"dialect": "pushservice", "kind": kind, "name": "make dev"}, bearer)["key"]
        for kind in ("secret", "publishable")
    )
    post(f"{api}/admin/apps/{app['id']}/credits", {"amount": CREDITS, "reference": "make-dev"}, bearer)
    reader, spare = (post(f"{simulator}/user-agents", {"service": service}, {}) for service in ("mozilla", "fcm"))
    return DemoTenant(api, app["id"], secret, publishable, reader, spare)


def post(url: str, body: dict[str, Any], headers: dict[str, str]) -> dict[str, Any]:
    """POST JSON and return the JSON answer. Raises urllib.error.HTTPError for a status of 400 and above."""
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json", **headers})
    with urllib.request.urlopen(request, timeout=60) as answer:
        read: dict[str, Any] = json.load(answer)
        return read
