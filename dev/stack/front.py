"""The local front: what a custom domain is on AWS, plus the demo page.

It forwards to the emulator's API with the host name kept. The emulator answers every OPTIONS itself, so those go to
the function directly, as API Gateway would send them on AWS.
"""

import asyncio
import base64
import json
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from yarl import URL

from dev.stack.emulator import Emulator
from dev.stack.http_event import http_event
from dev.stack.routes import Route

DEMO = Path(__file__).resolve().parents[1] / "demo"
BODY_LIMIT = 10 * 1024 * 1024  # API Gateway's own
# Between two neighbours only (RFC 9110 section 7.6.1); the length is that of the new hop.
HOP_BY_HOP = {"connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "content-length"}

NOT_TOLD = {"/sdk.js", "/sw.js"}  # what each load of a page asks for


class Front:
    """An HTTP server on 127.0.0.1 in a thread of its own, from `start` to `stop`.

    `tell` gets a line for each request to the API: method, path, status, and the error's code if there is one.
    """

    def __init__(self, port: int, emulator: Emulator, api_id: str, routes: list[Route]) -> None:
        self.port = port
        self.tell: Callable[[str], None] = lambda _: None
        self._emulator = emulator
        self._target = f"{emulator.url}/_aws/execute-api/{api_id}/$default"
        self._routes = routes
        self._functions = emulator.client("lambda")
        self._demo: dict[str, str] = {}
        self._send_key = ""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="front", daemon=True)
        self._runner: web.AppRunner | None = None
        self._session: aiohttp.ClientSession | None = None

    @property
    def url(self) -> str:
        """Origin of the API and of the demo page; localhost is a secure context in browsers."""
        return f"http://localhost:{self.port}"

    def start(self) -> None:
        """Listen. Raises OSError when the port is taken."""
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result()

    def stop(self) -> None:
        """Finish the requests at hand and close the port."""
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def show_demo(self, settings: dict[str, str], send_key: str) -> None:
        """Serve `settings` to the demo page; its own sends use `send_key`, which stays on this side."""
        self._demo, self._send_key = settings, send_key

    async def _start(self) -> None:
        self._session = aiohttp.ClientSession(auto_decompress=False, timeout=aiohttp.ClientTimeout(total=60))
        application = web.Application(client_max_size=BODY_LIMIT)
        application.router.add_get("/demo", self._demo_page)
        application.router.add_get("/demo/", self._demo_page)
        application.router.add_get("/demo/config.json", self._demo_settings)
        application.router.add_post("/demo/send", self._demo_send)
        application.router.add_static("/demo/", DEMO)
        application.router.add_route("*", "/{path:(?s:.*)}", self._api)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()

    async def _stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
        if self._session is not None:
            await self._session.close()

    async def _api(self, request: web.Request) -> web.Response:
        answer = await (self._invoke(request) if request.method == "OPTIONS" else self._forward(request))
        if request.path not in NOT_TOLD:
            self._tell_request(request.method, request.rel_url.raw_path, answer.status, answer.headers)
        return answer

    def _tell_request(self, method: str, path: str, status: int, headers: Mapping[str, str]) -> None:
        self.tell(f"{method} {path} {status} {headers.get('X-Error-Code', '')}".rstrip())

    async def _forward(self, request: web.Request) -> web.Response:
        assert self._session is not None
        kept = [(name, value) for name, value in request.headers.items() if name.lower() not in HOP_BY_HOP]
        try:
            async with self._session.request(
                request.method,
                URL(self._target + request.raw_path, encoded=True),
                headers=kept,
                data=await request.read() or None,
                allow_redirects=False,
                skip_auto_headers=("Accept", "Accept-Encoding", "Content-Type", "User-Agent"),
            ) as answer:
                body = await answer.read()
        except (aiohttp.ClientError, TimeoutError):
            return web.json_response({"message": "Service Unavailable"}, status=503)
        reply = web.Response(status=answer.status, body=body)
        for name, value in answer.headers.items():
            if name.lower() not in HOP_BY_HOP | {"date", "server"}:
                reply.headers.add(name, value)
        return reply

    async def _invoke(self, request: web.Request) -> web.Response:
        path = request.raw_path.partition("?")[0]
        route = next(route for route in self._routes if route.matches(path))
        event = http_event(
            request.method,
            path,
            route_key=route.key,
            query=request.query_string,
            headers=request.headers,
            source_ip=request.remote or "127.0.0.1",
        )
        result: dict[str, Any] = await asyncio.to_thread(self._answer_of, route.function, json.dumps(event))
        body = result.get("body") or ""
        raw = base64.b64decode(body) if result.get("isBase64Encoded") else body.encode()
        return web.Response(status=result.get("statusCode", 502), headers=result.get("headers") or {}, body=raw)

    def _answer_of(self, function: str, event: str) -> dict[str, Any]:
        reply = self._functions.invoke(FunctionName=function, Payload=event)
        answer: dict[str, Any] = json.loads(reply["Payload"].read()) if "FunctionError" not in reply else {}
        return answer

    async def _demo_page(self, request: web.Request) -> web.StreamResponse:
        if request.path == "/demo":
            raise web.HTTPFound("/demo/")
        return web.FileResponse(DEMO / "index.html")

    async def _demo_settings(self, _: web.Request) -> web.StreamResponse:
        return web.json_response(self._demo, headers={"Cache-Control": "no-store"})

    async def _demo_send(self, request: web.Request) -> web.StreamResponse:
        # Any page open in this browser could post here: only the demo page may.
        if request.headers.get("Origin") != self.url:
            return web.json_response({"error": "only the demo page may send"}, status=403)
        wanted = await request.json()
        note = {
            "email": wanted["email"],
            "title": "Hello from Tocsin",
            "body": "This came through the push service.",
            "url": f"{self.url}/demo/",
        }
        assert self._session is not None
        async with self._session.post(
            f"{self._target}/v1/send", json=note, headers={"X-Api-Key": self._send_key}
        ) as answer:
            self._tell_request("POST", "/v1/send", answer.status, answer.headers)
            return web.Response(status=answer.status, body=await answer.read(), content_type="application/json")
