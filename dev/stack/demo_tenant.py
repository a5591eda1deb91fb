"""The demo tenant, made through the product's own admin API."""

import json
import urllib.request
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from tocsin.entrypoints.registry import dialects

READER = "reader@example.com"
READER_ID = "reader"
"""The reader's name at Keymaster and bNotify, which know people by ids of your own."""
CREDITS = 10_000


@dataclass(frozen=True, slots=True)
class DemoTenant:
    """What the demo's callers need.

    `app` is its id, which browsers may know; `keys` are by dialect and kind, and for Keymaster also what its callers
    know them by. `reader` and `spare` are user agents as the simulators describe them; the first is enrolled.
    """

    api: str
    app: str
    keys: dict[str, dict[str, str]]
    reader: dict[str, Any]
    spare: dict[str, Any]


def demo_tenant(api: str, operator_key: str, simulator: str, record: Path) -> DemoTenant:
    """The tenant that `record` remembers, which is of this address, else a new one; its reader is enrolled either way.

    Keys are shown once by the API, so `record` is their only copy. Raises urllib.error.HTTPError.
    """
    tenant = _remembered(record)
    if tenant is None:
        tenant = _new_tenant(api, operator_key, simulator)
        record.touch(mode=0o600)
        record.write_text(json.dumps(asdict(tenant)))
    post(f"{api}/v1/subscribe", enrolment(tenant.reader), {"X-Api-Key": tenant.keys["pushservice"]["secret"]})
    return tenant


def enrolment(agent: dict[str, Any]) -> dict[str, Any]:
    """Body that enrols a simulated user agent under the demo's reader."""
    return {"email": READER, "subscription": agent["subscription"]}


def _remembered(record: Path) -> DemoTenant | None:
    """The tenant of the last run; None if there was none, or it was made by a version that kept other things."""
    if not record.exists():
        return None
    kept = json.loads(record.read_text())
    known = kept.keys() == {field.name for field in fields(DemoTenant)} and kept["keys"].keys() == set(key_kinds())
    return DemoTenant(**kept) if known else None


def key_kinds() -> dict[str, list[str]]:
    """The kinds of keys that each dialect has, for the dialects that have any."""
    return {name: sorted(dialect.keys) for name, dialect in dialects().items() if dialect.keys}


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
    keys = {
        dialect: {
            kind: post(f"{api}/admin/apps/{app['id']}/keys", {"dialect": dialect, "kind": kind}, bearer)["key"]
            for kind in kinds
        }
        for dialect, kinds in key_kinds().items()
    }
    post(f"{api}/admin/apps/{app['id']}/credits", {"amount": CREDITS, "reference": "make-dev"}, bearer)
    reader, spare = (post(f"{simulator}/user-agents", {"service": service}, {}) for service in ("mozilla", "fcm"))
    keys["keymaster"] |= _keymaster(app["ids"]["keymaster"], keys["keymaster"]["secret"])
    _open_keymaster(api, f"{api}/admin/apps/{app['id']}/access-tokens", bearer, app["ids"]["keymaster"], reader)
    return DemoTenant(api, app["id"], keys, reader, spare)


def _keymaster(app_id: str, key: str) -> dict[str, str]:
    client_id, _, client_secret = key.partition(":")
    return {"app_id": app_id, "client_id": client_id, "client_secret": client_secret}


def _open_keymaster(api: str, tokens: str, bearer: dict[str, str], app_id: str, reader: dict[str, Any]) -> None:
    """Enable push as the app's administrator, and register the reader's browser as its user."""

    def token(**fields: Any) -> dict[str, str]:
        return {"Authorization": f"Bearer {post(tokens, fields, bearer)['access_token']}"}

    config = f"{api}/push/config/{app_id}"
    post(config, {"enabled": True}, token(type="admin", roles=["app_admin"]), method="PATCH")
    device = {"app_id": app_id, "platform": "web", "push_token": reader["subscription"]}
    post(f"{api}/push/devices/register", device, token(type="user", user_id=READER_ID))


def post(url: str, body: dict[str, Any], headers: dict[str, str], method: str = "POST") -> dict[str, Any]:
    """POST JSON and return the JSON answer. Raises urllib.error.HTTPError for a status of 400 and above."""
    sent = {"Content-Type": "application/json", **headers}
    request = urllib.request.Request(url, json.dumps(body).encode(), sent, method=method)
    with urllib.request.urlopen(request, timeout=60) as answer:
        read: dict[str, Any] = json.load(answer)
        return read
