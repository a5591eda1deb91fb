"""FCM's HTTP v1 API, at the path that the Web Push front of the same host does not have.

What it refuses and how: https://firebase.google.com/docs/cloud-messaging/error-codes, and for what that leaves out the
answers that https://bloomberg.github.io/pushiko/fcm_responses recorded.
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from dev.simulators.behaviour import Behaviours
from dev.simulators.firebase import Device, Firebase
from dev.simulators.push_services import Reply, json_reply

_PATH = re.compile(r"/v1/projects/([^/]+)/messages:send")
_TOKEN = re.compile(r"[A-Za-z0-9_-]{20,24}:[A-Za-z0-9_-]{100,300}")
_TTL = re.compile(r"([0-9]{1,10})(\.[0-9]{1,9})?s")
_MAX_TTL = 28 * 24 * 3600
_MAX_PAYLOAD = 4096
_RESERVED = re.compile(r"from|message_type|gcm.*|google.*")
_FCM_ERROR = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
_BAD_REQUEST = "type.googleapis.com/google.rpc.BadRequest"
_Check = Callable[[object], bool]


class _Invalid(Exception):
    """A field that FCM refuses: its path, and why."""


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _texts(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(text, str) for text in value.values())


def _https(value: object) -> bool:
    return isinstance(value, str) and value.startswith("https://")


def _ttl(value: object) -> bool:
    found = _TTL.fullmatch(value) if isinstance(value, str) else None
    return found is not None and int(found[1]) <= _MAX_TTL


def _data(value: object) -> bool:
    return isinstance(value, dict) and _texts(value) and not any(_RESERVED.fullmatch(name) for name in value)


def _apns_headers(value: object) -> bool:
    if not isinstance(value, dict) or not _texts(value):
        return False
    return (
        value.get("apns-priority", "10") in ("5", "10")
        and value.get("apns-expiration", "0").isdecimal()
        and len(value.get("apns-collapse-id", "").encode()) <= 64
    )


def _object(value: object) -> bool:
    return isinstance(value, dict)


_FIELDS: Mapping[str, Mapping[str, _Check]] = {
    "message": {
        "token": _is_text,
        "notification": _object,
        "data": _data,
        "android": _object,
        "apns": _object,
        "webpush": _object,
    },
    "message.notification": {"title": _is_text, "body": _is_text, "image": _is_text},
    "message.android": {
        "priority": ("NORMAL", "HIGH").__contains__,
        "ttl": _ttl,
        "collapse_key": _is_text,
        "notification": _object,
    },
    "message.android.notification": {"tag": _is_text, "icon": _is_text, "sound": _is_text, "click_action": _is_text},
    "message.apns": {"headers": _apns_headers, "payload": lambda value: _object(value) and "aps" in value},  # type: ignore[operator]
    "message.webpush": {"headers": _texts, "notification": _object, "fcm_options": _object},
    "message.webpush.fcm_options": {"link": _https},
}


class FcmV1:
    """Judges each message as FCM would, then keeps it for its device."""

    def __init__(self, firebase: Firebase, behaviours: Behaviours) -> None:
        self._firebase = firebase
        self._behaviours = behaviours

    def knows(self, path: str) -> bool:
        """Whether this is a path of this API."""
        return _PATH.fullmatch(path) is not None

    async def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """Answer a request to such a path."""
        found = _PATH.fullmatch(path)
        if found is None or method != "POST":
            return _refused(404, "Not found", "NOT_FOUND")
        scheme, _, token = headers.get("Authorization", "").partition(" ")
        project = self._firebase.granted(token) if scheme == "Bearer" else None
        if project is None:
            text = "Request had invalid authentication credentials. Expected OAuth 2 access token"
            return _refused(401, text, "UNAUTHENTICATED")
        if project != found[1]:
            return _refused(403, "Permission 'cloudmessaging.messages.create' denied", "PERMISSION_DENIED")
        if headers.get("Content-Type", "").partition(";")[0] != "application/json":
            return _refused(400, "Invalid JSON payload received.", "INVALID_ARGUMENT", field="")
        return await self._send(project, body)

    async def _send(self, project: str, body: bytes) -> Reply:
        try:
            message = _message_in(body)
        except _Invalid as invalid:
            field, text = invalid.args
            return _refused(400, text, "INVALID_ARGUMENT", field=field)
        counted = {name: message[name] for name in ("notification", "data") if name in message}
        if len(json.dumps(counted, ensure_ascii=False, separators=(",", ":")).encode()) > _MAX_PAYLOAD:
            return _refused(400, "Request contains an invalid argument.", "INVALID_ARGUMENT")
        if not _TOKEN.fullmatch(message["token"]):
            text = "The registration token is not a valid FCM registration token"
            return _refused(400, text, "INVALID_ARGUMENT", code="INVALID_ARGUMENT")
        device = self._firebase.device_of(message["token"])
        if device is None or device.gone:
            return _refused(404, "Requested entity was not found.", "NOT_FOUND", code="UNREGISTERED")
        if device.project != project:
            return _refused(403, "SenderId mismatch", "PERMISSION_DENIED", code="SENDER_ID_MISMATCH")
        return await self._to_device(device, message)

    async def _to_device(self, device: Device, message: Mapping[str, Any]) -> Reply:
        script = self._behaviours.take(device.id)
        if script is not None and (script.reply is not None or script.hang):
            await script.pause()
            return script.reply or Reply(504)
        name = self._firebase.receive(device, message)
        if script is not None:
            await script.pause()
        return json_reply(200, {"name": f"projects/{device.project}/messages/{name}"})


def _message_in(body: bytes) -> dict[str, Any]:
    try:
        content = json.loads(body)
    except ValueError as error:
        raise _Invalid("", "Invalid JSON payload received.") from error
    if not isinstance(content, dict) or not isinstance(content.get("message"), dict) or len(content) > 1:
        raise _Invalid("message", "Invalid JSON payload received.")
    message: dict[str, Any] = content["message"]
    _check("message", message)
    if "token" not in message:
        raise _Invalid("message", "Recipient of the message is not set.")
    return message


def _check(place: str, value: Mapping[str, Any]) -> None:
    fields = _FIELDS.get(place)
    if fields is None:
        return
    for name, item in value.items():
        at = f"{place}.{name}"
        if name not in fields:
            raise _Invalid(place, f"Invalid JSON payload received. Unknown name \"{name}\" at '{place}'")
        if not fields[name](item):
            raise _Invalid(at, f"Invalid value at '{at}'")
        if isinstance(item, dict):
            _check(at, item)


def _refused(status: int, message: str, word: str, *, code: str | None = None, field: str | None = None) -> Reply:
    details: list[dict[str, object]] = []
    if code is not None:
        details.append({"@type": _FCM_ERROR, "errorCode": code})
    if field is not None:
        violation = {"field": field, "description": message}
        details.append({"@type": _BAD_REQUEST, "fieldViolations": [violation]})
    error: dict[str, object] = {"code": status, "message": message, "status": word}
    return json_reply(status, {"error": error | ({"details": details} if details else {})})
