"""The control API's routes of Firebase projects and their devices."""

from collections.abc import Sequence
from dataclasses import dataclass

from aiohttp import web

from dev.simulators import behaviour
from dev.simulators.behaviour import Behaviours
from dev.simulators.firebase import Device, Firebase

_MAX_WAIT_S = 60.0


@dataclass(frozen=True, slots=True)
class FirebaseControl:
    """Routes over the simulated projects."""

    firebase: Firebase
    behaviours: Behaviours

    def routes(self) -> Sequence[web.RouteDef]:
        """Its routes, all below /fcm."""
        return [
            web.post("/fcm/projects", self._project),
            web.delete("/fcm/projects/{project}", self._delete_account),
            web.delete("/fcm/projects/{project}/access-tokens", self._revoke),
            web.post("/fcm/projects/{project}/devices", self._register),
            web.delete("/fcm/devices/{id}", self._uninstall),
            web.put("/fcm/devices/{id}/behaviour", self._script),
            web.get("/fcm/devices/{id}/messages", self._messages),
        ]

    async def _project(self, _: web.Request) -> web.Response:
        return web.json_response(self.firebase.create_project(), status=201)

    async def _delete_account(self, request: web.Request) -> web.Response:
        self.firebase.delete_account(request.match_info["project"])
        return web.Response(status=204)

    async def _revoke(self, request: web.Request) -> web.Response:
        self.firebase.revoke(request.match_info["project"])
        return web.Response(status=204)

    async def _register(self, request: web.Request) -> web.Response:
        device = self.firebase.register(request.match_info["project"])
        return web.json_response({"id": device.id, "token": device.token}, status=201)

    async def _uninstall(self, request: web.Request) -> web.Response:
        self.firebase.uninstall(self._find(request).id)
        return web.Response(status=204)

    async def _script(self, request: web.Request) -> web.Response:
        device, content = self._find(request), await request.json()
        if not isinstance(content, dict):
            raise web.HTTPBadRequest(reason="the body must be a JSON object")
        try:
            self.behaviours.put(device.id, behaviour.parse(content))
        except behaviour.InvalidBehaviour as error:
            raise web.HTTPBadRequest(reason=str(error)) from None
        return web.Response(status=204)

    async def _messages(self, request: web.Request) -> web.Response:
        wait = min(_MAX_WAIT_S, float(request.query.get("wait", "0")))
        count = int(request.query.get("count", "1"))
        return web.json_response(await self.firebase.wait_for(self._find(request).id, count, wait))

    def _find(self, request: web.Request) -> Device:
        device = self.firebase.device(request.match_info["id"])
        if device is None:
            raise web.HTTPNotFound(reason="no such device")
        return device
