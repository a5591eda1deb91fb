"""The control API: user agents made and read, push services told to misbehave. JSON over HTTP on 127.0.0.1."""

import json
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web

from dev.simulators import behaviour, reports
from dev.simulators.behaviour import Behaviours
from dev.simulators.chromium import Chromiums
from dev.simulators.firebase_control import FirebaseControl
from dev.simulators.firefox import Firefoxes
from dev.simulators.push_services import Service
from dev.simulators.receivers import Receivers
from dev.simulators.reports import Act
from dev.simulators.user_agents import UserAgent, UserAgents
from dev.simulators.vapid_check import decode_base64url, encode_base64url, is_public_key

_MAX_WAIT_S = 60.0
_APP = re.compile(r"app_[a-z0-9]+")
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class _Refused(Exception):
    """A request that cannot be served: status and the text of its `error`."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


@dataclass(frozen=True, slots=True)
class ControlApi:
    """Routes over the simulators' state; every error is `{"error": text}`.

    api: where user agents report what became of messages, without a slash at the end; None: there is no API.
    """

    user_agents: UserAgents
    behaviours: Behaviours
    firefoxes: Firefoxes
    chromiums: Chromiums
    firebase: FirebaseControl
    receivers: Receivers
    api: str | None

    def application(self) -> web.Application:
        """The web application."""
        application = web.Application(middlewares=[_errors_as_json])
        application.add_routes(
            [
                web.get("/healthz", self._health),
                web.post("/user-agents", self._create),
                web.get("/user-agents", self._list),
                web.get("/user-agents/{id}", self._show),
                web.delete("/user-agents/{id}", self._unsubscribe),
                web.put("/user-agents/{id}/behaviour", self._script),
                web.get("/user-agents/{id}/messages", self._messages),
                web.delete("/user-agents/{id}/messages", self._clear),
                web.post("/user-agents/{id}/events", self._report),
                web.get("/answers", self._answers),
                web.get("/firefox", self._firefox),
                web.post("/firefox/kick", self._kick),
                web.get("/chromium", self._chromium),
                *self.firebase.routes(),
                *self.receivers.routes(),
            ]
        )
        return application

    async def _health(self, _: web.Request) -> web.Response:
        return web.json_response({"ok": True})

    async def _create(self, request: web.Request) -> web.Response:
        content = await _json_object(request)
        key_text = content.get("application_server_key")
        key = decode_base64url(key_text) if isinstance(key_text, str) else None
        if key_text is not None and (key is None or not is_public_key(key)):
            raise _Refused(400, "application_server_key must be base64url of an uncompressed P-256 point")
        try:
            service = Service(str(content.get("service")))
        except ValueError:
            raise _Refused(400, f"service must be one of {', '.join(Service)}") from None
        return web.json_response(self._describe(self.user_agents.create(service, key)), status=201)

    async def _list(self, _: web.Request) -> web.Response:
        return web.json_response([self._describe(agent) for agent in self.user_agents.all()])

    async def _show(self, request: web.Request) -> web.Response:
        agent = self._find(request)
        return web.json_response(self._describe(agent) | {"answers": self.user_agents.answers(agent.id)})

    async def _unsubscribe(self, request: web.Request) -> web.Response:
        self.user_agents.unsubscribe(self._find(request).id)
        return web.Response(status=204)

    async def _script(self, request: web.Request) -> web.Response:
        agent = self._find(request)
        try:
            self.behaviours.put(agent.id, behaviour.parse(await _json_object(request)))
        except behaviour.InvalidBehaviour as error:
            raise _Refused(400, str(error)) from None
        return web.Response(status=204)

    async def _messages(self, request: web.Request) -> web.Response:
        agent = self._find(request)
        wait = _number(request, "wait", 0.0, _MAX_WAIT_S)
        count = int(_number(request, "count", 1.0, 10_000.0))
        return web.json_response(await self.user_agents.wait_for(agent.id, count, wait))

    async def _clear(self, request: web.Request) -> web.Response:
        self.user_agents.clear(self._find(request).id)
        return web.Response(status=204)

    async def _report(self, request: web.Request) -> web.Response:
        agent, content = self._find(request), await _json_object(request)
        try:
            act = Act(str(content.get("event")))
        except ValueError:
            raise _Refused(400, f"event must be one of {', '.join(Act)}") from None
        app, number = content.get("app"), content.get("message", -1)
        if not isinstance(app, str) or not _APP.fullmatch(app):
            raise _Refused(400, "app must be the id of the app that sent the message, app_...")
        if type(number) is not int:
            raise _Refused(400, "message must be a number, 0 for the oldest and -1 for the latest")
        if self.api is None:
            raise _Refused(409, "these simulators run without an API to report to")
        origin = content.get("origin", self.api)
        if not isinstance(origin, str):
            raise _Refused(400, "origin must be a text such as https://example.com")
        messages = self.user_agents.messages(agent.id)
        if not -len(messages) <= number < len(messages):
            raise _Refused(404, "no such message")
        try:
            event = reports.event(messages[number], act, time.time())
            told = await reports.tell(self.api, app, origin, event)
        except reports.NothingToTell as reason:
            raise _Refused(409, str(reason)) from None
        except reports.Unreachable as reason:
            raise _Refused(502, str(reason)) from None
        return web.Response(status=told.status, content_type=told.content_type, body=told.body)

    async def _answers(self, _: web.Request) -> web.Response:
        return web.json_response(self.user_agents.all_answers())

    async def _firefox(self, _: web.Request) -> web.Response:
        return web.json_response(self.firefoxes.state())

    async def _kick(self, _: web.Request) -> web.Response:
        return web.json_response({"kicked": await self.firefoxes.kick()})

    async def _chromium(self, _: web.Request) -> web.Response:
        return web.json_response(self.chromiums.state())

    def _find(self, request: web.Request) -> UserAgent:
        agent = self.user_agents.find(request.match_info["id"])
        if agent is None:
            raise _Refused(404, "no such user agent")
        return agent

    def _describe(self, agent: UserAgent) -> dict[str, object]:
        key = agent.application_server_key
        return {
            "id": agent.id,
            "service": agent.service,
            "subscription": agent.subscription,
            "application_server_key": None if key is None else encode_base64url(key),
            "gone": agent.gone,
        }


async def _json_object(request: web.Request) -> dict[str, object]:
    try:
        content: object = json.loads(await request.read())
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise _Refused(400, "the body must be a JSON object")
    return content


def _number(request: web.Request, name: str, low: float, high: float) -> float:
    text = request.query.get(name)
    try:
        value = low if text is None else float(text)
    except ValueError:
        value = -1.0
    if not low <= value <= high:
        raise _Refused(400, f"{name} must be a number from {low:g} to {high:g}")
    return value


@web.middleware
async def _errors_as_json(request: web.Request, handler: _Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except _Refused as refused:
        return web.json_response({"error": str(refused)}, status=refused.status)
    except web.HTTPException as error:
        headers = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else None
        return web.json_response({"error": error.reason}, status=error.status, headers=headers)
