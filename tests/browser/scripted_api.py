"""A stand-in for the server's SDK routes that answers what a test tells it to, so that every failure can be had."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

from aiohttp import web
from rjsmin import jsmin

APP = "app_demo"
_FILES = files("tocsin") / "web"
_ASIDE = {"Access-Control-Allow-Origin": "*"}


def served(name: str) -> str:
    """A script as the built layer has it: without comments and white space."""
    return str(jsmin((_FILES / name).read_text("utf-8")))


@dataclass(frozen=True, slots=True)
class Call:
    """One request of the SDK; `body` is the JSON inside."""

    method: str
    path: str
    content_type: str | None
    body: Any


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error the server may answer with; without a `code` it comes from what stands in front of the server."""

    status: int
    code: str | None
    message: str = "no"
    headers: Mapping[str, str] = field(default_factory=dict)

    def body(self) -> dict[str, object]:
        if self.code is None:
            return {"message": self.message}
        return {"error": {"code": self.code, "message": self.message}}


AWAY = Refusal(503, "unavailable", headers={"Retry-After": "3600"})
"""The server is away for longer than anybody waits."""
BROKEN = Refusal(500, None)
"""No answer: the connection breaks."""
SILENT = Refusal(500, None)
"""No answer, and the connection stays."""
GONE = Refusal(404, "gone")
"""The subscription was ended, or never was."""
MISTAKEN = (Refusal(404, "not_found"), Refusal(404, "route_unknown"), Refusal(404, None, "Not Found"))
"""Every other 404: it says nothing of the subscription."""


@dataclass(slots=True)
class ScriptedApi:
    """`key` is the VAPID public key (base64url); `title` and `site` go into the worker's settings."""

    key: str
    site: str = ""
    title: str | None = "Corner Shop"
    who: str | None = None
    """The `who` of every answer, as long as somebody is known."""
    named: bool = True
    """Somebody is known: until a log-out, and from the next person on."""
    refusals: dict[str, list[Refusal]] = field(default_factory=dict)
    """call -> what its next requests are refused with, in order."""
    down: Refusal | None = None
    """What every report of events is refused with."""
    events: list[dict[str, Any]] = field(default_factory=list)
    """Those that came in a report that was not refused."""
    messages: dict[str, object] = field(default_factory=dict)
    """token -> the message that it fetches; a text goes as it is, None hangs."""
    calls: list[Call] = field(default_factory=list)
    subscription: dict[str, object] = field(default_factory=dict)
    """The last one received."""
    _ids: dict[str, str] = field(default_factory=dict)
    """By endpoint."""

    def application(self) -> web.Application:
        application = web.Application()
        application.add_routes(
            [
                web.get("/sdk.js", self._sdk),
                web.get("/sw.js", self._worker),
                web.route("*", "/sdk/v1/{app}/{call}", self._call),
            ]
        )
        return application

    def bodies(self, call: str) -> list[dict[str, Any]]:
        """What was sent to one call, oldest first."""
        return [each.body for each in self.calls if each.path == f"/sdk/v1/{APP}/{call}"]

    async def _sdk(self, _: web.Request) -> web.Response:
        return web.Response(text=served("sdk.js"), content_type="text/javascript", headers=_ASIDE)

    async def _worker(self, request: web.Request) -> web.Response:
        known = {"app": request.query["app"], "api": f"http://{request.host}", "key": self.key}
        settings = {**known, "site": self.site, "title": self.title}
        text = f"self.TOCSIN={json.dumps(settings)};\n" + served("sw.js")
        return web.Response(text=text, content_type="text/javascript")

    async def _call(self, request: web.Request) -> web.Response:
        text = await request.text()
        body = json.loads(text) if text else {}
        self.calls.append(Call(request.method, request.path, request.headers.get("Content-Type"), body))
        call = request.match_info["call"]
        if refusal := self._refusal(call):
            return await self._refused(refusal, request)
        if call == "message":
            return await self._message(str(body["token"]))
        if call == "events":
            self.events += body
            return web.json_response({}, status=202, headers=_ASIDE)
        return web.json_response(self._answer(call, body), headers=_ASIDE)

    def _refusal(self, call: str) -> Refusal | None:
        if call == "events" and self.down:
            return self.down
        waiting = self.refusals.get(call)
        return waiting.pop(0) if waiting else None

    @staticmethod
    async def _refused(refusal: Refusal, request: web.Request) -> web.Response:
        if refusal is SILENT:
            await asyncio.sleep(60)
        if refusal is BROKEN and request.transport is not None:
            request.transport.abort()
        headers = {**_ASIDE, "Access-Control-Expose-Headers": "Retry-After", **refusal.headers}
        return web.json_response(refusal.body(), status=refusal.status, headers=headers)

    async def _message(self, token: str) -> web.Response:
        message = self.messages[token]
        if message is None:
            await asyncio.sleep(60)
        text = message if isinstance(message, str) else json.dumps(message)
        return web.Response(text=text, content_type="application/json", headers=_ASIDE)

    def _answer(self, call: str, body: dict[str, object]) -> dict[str, object]:
        if "identity" in body:
            self.named = body["identity"] is not None
        who = {"who": self.who} if self.who is not None and self.named else {}
        match call:
            case "config":
                return {"key": self.key, "keyId": "k1", "identity": "off", "worker": "/tocsin-sw.js", "scope": "/push/"}
            case "subscriptions":
                assert isinstance(body["subscription"], dict)
                self.subscription = body["subscription"]
                endpoint = str(self.subscription["endpoint"])
                return {"id": self._ids.setdefault(endpoint, f"sub_{len(self._ids) + 1}"), **who}
            case "identify":
                return {"id": body["id"], **who}
            case _:
                return {"ok": True}
