"""The HTTPS side of all four push services: one strict engine, told apart by the Host header.

Beside it stand FCM's HTTP v1 API, at its paths, and Google's token endpoint and customers' servers, at their hosts.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from aiohttp import web

from dev.simulators import push_request, vapid_check
from dev.simulators.behaviour import Behaviours
from dev.simulators.channels import Channel
from dev.simulators.fcm_v1 import FcmV1
from dev.simulators.firebase import TOKEN_HOST
from dev.simulators.forwarding import Forward
from dev.simulators.personalities import PERSONALITIES
from dev.simulators.push_request import PushHeaders, RequestFault
from dev.simulators.push_services import Fault, Reply, Service, service_of
from dev.simulators.receivers import NAMES as RECEIVERS
from dev.simulators.receivers import Receivers
from dev.simulators.token_server import TokenServer
from dev.simulators.user_agents import UserAgent, UserAgents
from dev.simulators.vapid_check import VapidClaims

_READ_LIMIT = 1 << 20


class RealBrowsers(Protocol):
    """The browsers that subscribed here by themselves."""

    def find_token(self, token: str) -> Channel | None:
        """The channel behind an endpoint, gone or not; None when the token was never handed out."""

    async def receive(self, channel: Channel, push: PushHeaders, body: bytes) -> str:
        """Deliver a message now or once the browser is back; answers with its id.

        RFC 8030: a message with TTL 0 is dropped when the browser is away; one with a topic replaces the waiting one.
        """


@dataclass(frozen=True, slots=True)
class PushServer:
    """Judges each request, then delivers it, plays its user agent's script, or passes it on (`forward`)."""

    user_agents: UserAgents
    behaviours: Behaviours
    browsers: Mapping[Service, RealBrowsers]
    fcm_v1: FcmV1
    tokens: TokenServer
    receivers: Receivers
    forward: Forward | None
    clock: Callable[[], float]

    def application(self) -> web.Application:
        """The web application, for every path and method."""
        application = web.Application(client_max_size=_READ_LIMIT)
        application.router.add_route("*", "/{path:.*}", self._handle)
        return application

    async def _handle(self, request: web.Request) -> web.Response:
        host = request.host.lower().removesuffix(":443")
        if host in RECEIVERS:
            return await self.receivers.receive(request)
        if host == TOKEN_HOST:
            return _response(self.tokens.answer(request.method, request.path, request.headers, await request.read()))
        service = service_of(host)
        if service is None:
            return _response(Reply(421))  # RFC 9110 section 15.5.20: misdirected request
        if service is Service.FCM and self.fcm_v1.knows(request.path):
            reply = await self.fcm_v1.answer(request.method, request.path, request.headers, await request.read())
            return _response(reply)
        return _response(await self._answer(request, service, f"https://{host}"))

    async def _answer(self, request: web.Request, service: Service, origin: str) -> Reply:
        personality = PERSONALITIES[service]
        if request.method != "POST":
            return personality.refuse(RequestFault.METHOD)
        try:
            body = await request.read()
        except web.HTTPRequestEntityTooLarge:
            return personality.refuse(RequestFault.TOO_LARGE)
        token = personality.token(request.raw_path)
        subscription = self._find(service, token) if token else None
        if subscription is None:
            if token and self.forward is not None:
                return await self.forward(origin + request.raw_path, request.headers, body)
            return personality.refuse(RequestFault.NOT_FOUND)
        verdict = self._judge(request, service, origin, subscription, body)
        if isinstance(subscription, Channel):
            return await self._to_browser(service, subscription, verdict, body)
        reply = await self._to_user_agent(subscription, verdict, request, body)
        self.user_agents.note_answer(subscription.id, reply.status)
        return reply

    def _find(self, service: Service, token: str) -> UserAgent | Channel | None:
        agent = self.user_agents.find_token(service, token)
        if agent is None and service in self.browsers:
            return self.browsers[service].find_token(token)
        return agent

    def _judge(
        self, request: web.Request, service: Service, origin: str, subscription: UserAgent | Channel, body: bytes
    ) -> tuple[PushHeaders, VapidClaims] | Fault:
        personality = PERSONALITIES[service]
        if subscription.gone:
            return RequestFault.GONE
        push = push_request.check(request.headers, body)
        if isinstance(push, RequestFault):
            return push
        objection = personality.objection(push, request.headers)
        if objection is not None:
            return objection
        authorization = request.headers.getall("Authorization", [])
        vapid = vapid_check.check(
            ",".join(authorization) if authorization else None,
            origin=origin,
            bound_to=subscription.application_server_key,
            now=self.clock(),
        )
        if not isinstance(vapid, VapidClaims):
            return vapid
        return personality.subject_objection(vapid) or (push, vapid)

    async def _to_browser(
        self, service: Service, channel: Channel, verdict: tuple[PushHeaders, VapidClaims] | Fault, body: bytes
    ) -> Reply:
        if not isinstance(verdict, tuple):
            return PERSONALITIES[service].refuse(verdict)
        push, _ = verdict
        message_id = await self.browsers[service].receive(channel, push, body)
        return PERSONALITIES[service].accept(message_id, push.ttl)

    async def _to_user_agent(
        self,
        agent: UserAgent,
        verdict: tuple[PushHeaders, VapidClaims] | Fault,
        request: web.Request,
        body: bytes,
    ) -> Reply:
        personality = PERSONALITIES[agent.service]
        if not isinstance(verdict, tuple):
            return personality.refuse(verdict)
        push, vapid = verdict
        script = self.behaviours.take(agent.id)
        if script is not None and (script.reply is not None or script.hang):
            await script.pause()
            return script.reply or Reply(504)
        if script is not None and script.most_bytes is not None and len(body) > script.most_bytes:
            return personality.refuse(RequestFault.TOO_LARGE)
        headers = {name.lower(): value for name, value in request.headers.items()}
        message_id = self.user_agents.receive(agent, headers, vapid, body)
        if script is not None:
            # Delivered first, answered late: a sender that gives up meanwhile must not call the message lost.
            await script.pause()
        return personality.accept(message_id, push.ttl)


def _response(reply: Reply) -> web.Response:
    return web.Response(status=reply.status, headers=reply.headers, body=reply.body or None)
