"""Commands for a POSIX shell that work when pasted."""

import json
from typing import Any

from dev.stack.demo_tenant import READER, READER_ID, DemoTenant, enrolment
from tocsin.dialect_kit.identifiers import parse


def send_line(tenant: DemoTenant) -> str:
    """Send a notification to the demo's reader."""
    note = {"email": READER, "title": "Your table is ready", "body": "Head to the host stand."}
    return _curl(tenant, "/v1/send", _pushservice(tenant), note)


def click_line(tenant: DemoTenant, simulator: str) -> str:
    """Let the reader's browser click what came last."""
    click = {"event": "clicked", "app": tenant.app}
    return f"curl -s {simulator}/user-agents/{tenant.reader['id']}/events -d '{json.dumps(click)}'"


def cloudsignal_line(tenant: DemoTenant) -> str:
    """Send to the same reader through another API."""
    note = {"title": "Your order has shipped", "body": "It arrives tomorrow.", "target_user_emails": [READER]}
    return _curl(tenant, "/v2/push/send", f"X-Secret-Key: {tenant.keys['cloudsignal']['secret']}", note)


def pushary_line(tenant: DemoTenant) -> str:
    """Send to everyone through a third one."""
    note = {"title": "New in the shop", "body": "Have a look."}
    return _curl(tenant, "/api/v1/server/send", f"Authorization: Bearer {tenant.keys['pushary']['secret']}", note)


def keymaster_lines(tenant: DemoTenant) -> str:
    """Get a token for a server, and send to the same reader through the API that asks for one."""
    token = (
        f"curl -s {tenant.api}/auth/token -u '{tenant.keys['keymaster']['secret']}' -d grant_type=client_credentials"
        """ | sed 's/.*"access_token":"\\([^"]*\\)".*/\\1/'"""
    )
    note = {"user_id": READER_ID, "title": "Your shift starts in 30 min", "body": "Open the app to view details."}
    send = f"curl -s {tenant.api}/push/send -H \"Authorization: Bearer $TOKEN\" -H 'Content-Type: application/json'"
    return f"TOKEN=$({token})\n{send} -d '{json.dumps(note)}'"


def code_line(tenant: DemoTenant) -> str:
    """Ask bNotify for the code of a user, whose page any browser can open."""
    path = f"/api/channels/{_channel(tenant)}/subscriptions/{READER_ID}/code"
    return f"curl -s {tenant.api}{path} -H '{_bnotify(tenant)}'"


def notify_line(tenant: DemoTenant) -> str:
    """Notify that user."""
    note = {"title": "Your parcel is here", "text": "It waits at the front desk."}
    return _curl(tenant, f"/api/channels/{_channel(tenant)}/notifications/{READER_ID}", _bnotify(tenant), note)


def enrol_line(tenant: DemoTenant) -> str:
    """Enrol the spare user agent under the same reader."""
    return _curl(tenant, "/v1/subscribe", _pushservice(tenant), enrolment(tenant.spare))


def unsubscribe_line(tenant: DemoTenant) -> str:
    """End all subscriptions of the reader."""
    return _curl(tenant, "/v1/unsubscribe", _pushservice(tenant), {"email": READER})


def _channel(tenant: DemoTenant) -> str:
    return parse("app", tenant.app) or ""


def _bnotify(tenant: DemoTenant) -> str:
    return f"X-CHANNEL-API-KEY: {tenant.keys['bnotify']['secret']}"


def _pushservice(tenant: DemoTenant) -> str:
    return f"X-Api-Key: {tenant.keys['pushservice']['secret']}"


def _curl(tenant: DemoTenant, path: str, key: str, body: dict[str, Any]) -> str:
    # The bodies hold no single quote: they are ours.
    return f"curl -s {tenant.api}{path} -H '{key}' -H 'Content-Type: application/json' -d '{json.dumps(body)}'"
