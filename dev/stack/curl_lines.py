"""Commands for a POSIX shell that work when pasted."""

import json
from typing import Any

from dev.stack.demo_tenant import READER, DemoTenant, enrolment


def send_line(tenant: DemoTenant) -> str:
    """Send a notification to the demo's reader."""
    note = {"email": READER, "title": "Your table is ready", "body": "Head to the host stand."}
    return _curl(tenant, "/v1/send", _pushservice(tenant), note)


def cloudsignal_line(tenant: DemoTenant) -> str:
    """Send to the same reader through another API."""
    note = {"title": "Your order has shipped", "body": "It arrives tomorrow.", "target_user_emails": [READER]}
    return _curl(tenant, "/v2/push/send", f"X-Secret-Key: {tenant.keys['cloudsignal']['secret']}", note)


def enrol_line(tenant: DemoTenant) -> str:
    """Enrol the spare user agent under the same reader."""
    return _curl(tenant, "/v1/subscribe", _pushservice(tenant), enrolment(tenant.spare))


def unsubscribe_line(tenant: DemoTenant) -> str:
    """End all subscriptions of the reader."""
    return _curl(tenant, "/v1/unsubscribe", _pushservice(tenant), {"email": READER})


def _pushservice(tenant: DemoTenant) -> str:
    return f"X-Api-Key: {tenant.keys['pushservice']['secret']}"


def _curl(tenant: DemoTenant, path: str, key: str, body: dict[str, Any]) -> str:
    # The bodies hold no single quote: they are ours.
    return f"curl -s {tenant.api}{path} -H '{key}' -H 'Content-Type: application/json' -d '{json.dumps(body)}'"
