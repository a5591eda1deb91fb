"""Callbacks about subscriptions (BN-27). Pure: the worker that posts them knows no web framework."""

import json

from tocsin.domain.event import Event, EventKind
from tocsin.domain.webhook import Attempt, WebhookRequest

_TYPES = {
    EventKind.SUBSCRIBED: ("subscription", "Channel subscription."),
    EventKind.UNSUBSCRIBED: ("unsubcription", "Channel unsubscription."),
}
"""Type and message; the missing letter is bNotify's own, and receivers compare with it."""
KINDS = frozenset(_TYPES)


def request(event: Event, attempt: Attempt) -> WebhookRequest:
    """What a channel's callback URL is sent; date: Unix seconds. The channel's auth header follows `Basic` as it is."""
    type_, message = _TYPES[event.kind]
    told = {
        "type": type_,
        "message": message,
        "channelId": event.app,
        "iuid": event.person,
        "date": event.at,
    }
    body = json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()
    return WebhookRequest(body, {} if attempt.auth is None else {"Authorization": f"Basic {attempt.auth}"})
