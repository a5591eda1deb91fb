"""Customers' servers that webhooks are sent to: one host, a receiver for each first part of a path.

It keeps what arrives and answers 200, or as it was told. All of it is forgotten on restart.
"""

import asyncio
import json
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from aiohttp import web

from dev.simulators import behaviour
from dev.simulators.behaviour import Behaviours

HOST, ADDRESS = "hooks.example.com", "93.184.215.14"
"""The egress proxy leads here from the address as well: senders look the name up themselves, and are to check it."""
NAMES = {
    HOST: [ADDRESS],
    "inside.example.com": ["10.0.0.7"],
    "mixed.example.com": [ADDRESS, "169.254.169.254"],
}
"""What a name server says in the simulated Internet."""
_MAX_WAIT_S = 60.0


@dataclass(slots=True)
class Receivers:
    """What arrived at each receiver, oldest first, and what each was told to answer."""

    _arrived: defaultdict[str, list[dict[str, object]]] = field(default_factory=lambda: defaultdict(list))
    _scripts: Behaviours = field(default_factory=Behaviours)
    _news: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def receive(self, request: web.Request) -> web.Response:
        """A request to the host."""
        name = request.path.split("/")[1]
        self._arrived[name].append(
            {
                "method": request.method,
                "path": request.raw_path,
                "headers": {key.lower(): value for key, value in request.headers.items()},
                "body": (await request.read()).decode(),
            }
        )
        async with self._news:
            self._news.notify_all()
        script = self._scripts.take(name)
        if script is None:
            return web.Response()
        await script.pause()
        reply = script.reply
        return (
            web.Response()
            if reply is None
            else web.Response(status=reply.status, headers=reply.headers, body=reply.body)
        )

    def routes(self) -> Sequence[web.RouteDef]:
        """The control API's routes of them."""
        return [web.get("/hooks/{name}", self._list), web.put("/hooks/{name}", self._script)]

    async def _list(self, request: web.Request) -> web.Response:
        """What arrived; waits at most `wait` seconds until that is `count` requests."""
        arrived = self._arrived[request.match_info["name"]]
        try:
            wait, count = float(request.query.get("wait", "0")), int(request.query.get("count", "1"))
        except ValueError:
            raise web.HTTPBadRequest(reason="wait and count must be numbers") from None
        with suppress(TimeoutError):
            async with asyncio.timeout(min(wait, _MAX_WAIT_S)), self._news:
                await self._news.wait_for(lambda: len(arrived) >= count)
        return web.json_response(arrived)

    async def _script(self, request: web.Request) -> web.Response:
        """What to answer from now on: status, headers, body, delay_ms, hang, times, as for user agents."""
        try:
            content = json.loads(await request.read())
        except ValueError:
            content = None
        if not isinstance(content, dict):
            raise web.HTTPBadRequest(reason="the body must be a JSON object")
        try:
            self._scripts.put(request.match_info["name"], behaviour.parse(content))
        except behaviour.InvalidBehaviour as error:
            raise web.HTTPBadRequest(reason=str(error)) from None
        return web.Response(status=204)
