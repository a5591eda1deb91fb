"""All simulators together, in one thread of the calling process."""

import asyncio
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import AsyncExitStack, closing
from pathlib import Path

from aiohttp import web

from dev.simulators import certificates, database
from dev.simulators.behaviour import Behaviours
from dev.simulators.channels import Channels
from dev.simulators.chromium import Chromiums
from dev.simulators.control import ControlApi
from dev.simulators.egress_proxy import EgressProxy
from dev.simulators.fcm_v1 import FcmV1
from dev.simulators.firebase import Firebase
from dev.simulators.firebase_control import FirebaseControl
from dev.simulators.firefox import Firefoxes
from dev.simulators.forwarding import Forward
from dev.simulators.push_server import PushServer, RealBrowsers
from dev.simulators.push_services import Service
from dev.simulators.receivers import Receivers
from dev.simulators.token_server import TokenServer
from dev.simulators.user_agents import UserAgents

_LOOPBACK = "127.0.0.1"
_START_TIMEOUT_S = 30
# Requests that a script holds open must not hold up the end.
_SHUTDOWN_S = 0.2


class Simulators:
    """The four push services behind the egress proxy, what real browsers connect to, and the control API.

    Ports of 0 are chosen freely and can be read after `start`. `state_dir` keeps the test CA, user agents, their
    messages and real browsers' channels. `forward` gets messages for tokens that were never handed out here; with None
    they are answered 404. `api`, without a slash at the end, hears what simulated user agents do with messages.
    """

    def __init__(
        self,
        state_dir: Path,
        *,
        control_port: int = 0,
        proxy_port: int = 0,
        firefox_port: int = 0,
        forward: Forward | None = None,
        api: str | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._state_dir = state_dir
        self._control_port = control_port
        self._proxy_port = proxy_port
        self._firefox_port = firefox_port
        self._chromium_switches: tuple[str, ...] = ()
        self._forward = forward
        self._api = api
        self._clock = clock
        self._ready = threading.Event()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._failure: Exception | None = None

    @property
    def control_url(self) -> str:
        """Base URL of the control API, without a slash at the end."""
        return f"http://{_LOOPBACK}:{self._control_port}"

    @property
    def proxy_url(self) -> str:
        """The outbound proxy that a sender is to use."""
        return f"http://{_LOOPBACK}:{self._proxy_port}"

    @property
    def firefox_url(self) -> str:
        """Value for Firefox's preference dom.push.serverURL."""
        return f"ws://{_LOOPBACK}:{self._firefox_port}/"

    @property
    def chromium_switches(self) -> tuple[str, ...]:
        """For Chromium's command line; they hold until the simulators stop."""
        return self._chromium_switches

    @property
    def ca_bundle(self) -> Path:
        """PEM file of the test CA that a sender is to trust."""
        return self._state_dir / "ca.pem"

    def start(self) -> None:
        """Listen on every port; raises OSError when one is taken."""
        self._state_dir.mkdir(parents=True, exist_ok=True)
        self._ready.clear()
        self._failure = None
        self._thread = threading.Thread(target=self._run, name="push-service-simulators", daemon=True)
        self._thread.start()
        if not self._ready.wait(_START_TIMEOUT_S):
            raise TimeoutError("the push service simulators did not start")
        if self._failure is not None:
            self._thread.join()
            raise self._failure

    def stop(self) -> None:
        """Close every connection and wait for the thread; harmless when nothing runs."""
        if self._thread is None or self._loop is None or self._stopping is None:
            return
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except Exception as error:  # noqa: BLE001  handed over to the thread that called start()
            self._failure = error
            self._ready.set()

    async def _serve(self) -> None:
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        authority = certificates.prepare(self._state_dir)
        async with AsyncExitStack() as open_parts:
            state = open_parts.enter_context(closing(database.connect(self._state_dir / "simulators.sqlite3")))
            user_agents, behaviours = UserAgents(state, self._clock), Behaviours()
            firefoxes = Firefoxes(Channels(state, Service.MOZILLA, self._clock))
            chromiums = Chromiums(Channels(state, Service.FCM, self._clock), state)
            browsers: dict[Service, RealBrowsers] = {Service.MOZILLA: firefoxes, Service.FCM: chromiums}
            firebase = Firebase(state, self._clock)
            v1, tokens = FcmV1(firebase, behaviours), TokenServer(firebase, self._clock)
            receivers = Receivers()
            push = PushServer(user_agents, behaviours, browsers, v1, tokens, receivers, self._forward, self._clock)
            tls = certificates.server_context(authority)
            tls_port = await _listen(open_parts, push.application(), 0, tls)
            proxy = EgressProxy(tls_port)
            self._proxy_port = await proxy.start(self._proxy_port)
            open_parts.push_async_callback(proxy.stop)
            websocket = web.Application()
            websocket.router.add_get("/", firefoxes.serve)
            self._firefox_port = await _listen(open_parts, websocket, self._firefox_port)
            open_parts.push_async_callback(firefoxes.kick)
            registration_port = await _listen(open_parts, chromiums.registration(), 0)
            mcs = await asyncio.start_server(chromiums.serve, _LOOPBACK, 0, ssl=tls)
            open_parts.push_async_callback(chromiums.stop)
            open_parts.callback(mcs.close)
            self._chromium_switches = (
                f"--gcm-checkin-url=http://{_LOOPBACK}:{registration_port}/checkin",
                f"--gcm-registration-url=http://{_LOOPBACK}:{registration_port}/register",
                f"--gcm-mcs-endpoint=https://localhost:{mcs.sockets[0].getsockname()[1]}",
                f"--ignore-certificate-errors-spki-list={certificates.server_key_fingerprint(authority)}",
            )
            control = ControlApi(
                user_agents,
                behaviours,
                firefoxes,
                chromiums,
                FirebaseControl(firebase, behaviours),
                receivers,
                self._api,
            )
            self._control_port = await _listen(open_parts, control.application(), self._control_port)
            self._ready.set()
            await self._stopping.wait()


async def _listen(
    open_parts: AsyncExitStack, application: web.Application, port: int, tls: ssl.SSLContext | None = None
) -> int:
    runner = web.AppRunner(
        application,
        access_log=None,
        # A push service judges the body as it was sent, whatever Content-Encoding claims.
        auto_decompress=False,
        shutdown_timeout=_SHUTDOWN_S,
    )
    await runner.setup()
    open_parts.push_async_callback(runner.cleanup)
    site = web.TCPSite(runner, _LOOPBACK, port, ssl_context=tls)
    await site.start()
    return int(runner.addresses[0][1])
