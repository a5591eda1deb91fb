"""One running Tocsin: simulators, emulator, the deployed template, the front, and a demo tenant."""

import contextlib
import fcntl
import json
import os
import urllib.error
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

from dev.simulators import Simulators
from dev.simulators.forwarding import Forward
from dev.stack.build import LOCAL_BUILD, build, local_target
from dev.stack.curl_lines import send_line
from dev.stack.demo_tenant import READER, DemoTenant, demo_tenant
from dev.stack.deploy import LOCAL_WORKERS, STACK, deploy, outputs
from dev.stack.earlier_run import end_earlier_run
from dev.stack.emulator import Emulator
from dev.stack.failure import StackFailure
from dev.stack.front import Front
from dev.stack.log_messages import messages
from dev.stack.page import page
from dev.stack.places import Places, port_is_free
from dev.stack.routes import routes_of
from dev.stack.stored_format import check_format
from dev.stack.warming import warm


class Stack:
    """Everything that `make dev` runs, as a context manager.

    `state_dir` keeps the data from one run to the next; `port` is the front's (0: a free one, then always the same);
    `say` gets a line for each step, and `tell_request` one for each request to the API once everything runs; `forward`
    hands messages for real subscriptions to the real push services.
    Raises StackFailure on entering.
    """

    def __init__(
        self,
        state_dir: Path,
        port: int = 0,
        *,
        say: Callable[[str], None] = lambda _: None,
        tell_request: Callable[[str], None] = lambda _: None,
        forward: Forward | None = None,
    ) -> None:
        self._dir = state_dir.resolve()
        self._port = port
        self._say = say
        self._tell_request = tell_request
        self._forward = forward
        self._open = contextlib.ExitStack()
        self.api = ""
        self.simulator = ""
        self.firefox_url = ""
        self.chromium_switches: tuple[str, ...] = ()
        self.dev: dict[str, Any] = {}
        self._emulator: Emulator | None = None
        self._tenant: DemoTenant | None = None

    @property
    def page(self) -> str:
        """What a newcomer needs, for the terminal."""
        assert self._tenant is not None
        assert self._emulator is not None
        return page(self._tenant, self.simulator, self._dir / "dev.json", self._emulator.log)

    @property
    def state_dir(self) -> Path:
        """Where the data is kept."""
        return self._dir

    def aws(self, service: str, credentials: Mapping[str, str] | None = None) -> Any:
        """A boto3 client of `service` in this stack's own account (its type depends on the name).

        As its root user, or with the Credentials that STS answers.
        """
        assert self._emulator is not None
        return self._emulator.client(service, credentials)

    @property
    def aws_environment(self) -> dict[str, str]:
        """Environment for a process that is to talk to this stack's account."""
        assert self._emulator is not None
        return self._emulator.environment

    def log_lines(self, contain: str = "") -> list[str]:
        """What the functions have logged so far, oldest first in each function; only lines that contain `contain`."""
        logs, lines = self.aws("logs"), []
        for group in logs.describe_log_groups(logGroupNamePrefix=f"/{STACK}/")["logGroups"]:
            for message in messages(logs, group["logGroupName"]):
                lines += [line for line in message.splitlines() if contain in line]
        return lines

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as opened:
            self._start(opened)
            self._open = opened.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def _start(self, opened: contextlib.ExitStack) -> None:
        self._dir.mkdir(parents=True, exist_ok=True)
        opened.enter_context(self._only_one())
        end_earlier_run(self._dir, self._say)
        check_format(self._dir)
        places = Places.of(self._dir, self._port)
        if places.front in {places.emulator, places.control, places.proxy, places.firefox}:
            raise StackFailure(
                f"Port {places.front} is for another part of it: choose another with `make dev PORT=...`."
            )
        for purpose, port in (("the API", places.front), ("the local AWS", places.emulator)):
            if not port_is_free(port):
                raise StackFailure(
                    f"Port {port} is taken, and {purpose} needs it: stop what listens there, or choose another "
                    + ("with `make dev PORT=...`." if port == places.front else "with `make reset`.")
                )
        simulators = self._simulators(opened, places)
        self._emulator = emulator = Emulator(self._dir, places.emulator, self._say)
        self._say("Starting the local AWS")
        emulator.start()
        opened.callback(emulator.stop)
        self._bring_up(opened, places, simulators, emulator)

    def _simulators(self, opened: contextlib.ExitStack, places: Places) -> Simulators:
        simulators = Simulators(
            self._dir / "simulators",
            control_port=places.control,
            proxy_port=places.proxy,
            firefox_port=places.firefox,
            forward=self._forward,
            api=f"http://localhost:{places.front}",
        )
        self._say("Starting the push service simulators")
        try:
            simulators.start()
        except OSError as error:
            raise StackFailure(f"The push service simulators cannot start: {error.strerror or error}.") from error
        opened.callback(simulators.stop)
        self.simulator, self.firefox_url = simulators.control_url, simulators.firefox_url
        self.chromium_switches = simulators.chromium_switches
        return simulators

    def _bring_up(
        self, opened: contextlib.ExitStack, places: Places, simulators: Simulators, emulator: Emulator
    ) -> None:
        target = local_target()
        self._say("Building the functions and their layers")
        digest = build(target, LOCAL_BUILD)
        parameters = target.parameters | {
            "PublicUrl": f"http://localhost:{places.front}",
            "OutboundProxy": simulators.proxy_url,
            "CaBundle": str(simulators.ca_bundle),
            "WorkerConcurrency": str(LOCAL_WORKERS),
            "FlowConcurrency": str(LOCAL_WORKERS),
            "EventsWindow": "1",  # figures at once, for whoever tries it out
        }
        self._say("Deploying template.yaml")
        deploy(emulator, LOCAL_BUILD / "template.yaml", digest, parameters, self._dir / "deployed")
        made = outputs(emulator)
        routes = routes_of(emulator, STACK)
        front = Front(places.front, emulator, made["ApiId"], routes)
        front.start()
        opened.callback(front.stop)
        self.api = front.url
        self._say("Waking the functions")
        opened.enter_context(warm(emulator, routes))
        operator_key = emulator.client("secretsmanager").get_secret_value(SecretId=made["OperatorSecretArn"])
        self._show_demo(front, operator_key["SecretString"], simulators)

    def _show_demo(self, front: Front, operator_key: str, simulators: Simulators) -> None:
        self._say("Preparing the demo tenant")
        try:
            tenant = demo_tenant(front.url, operator_key, simulators.control_url, self._dir / f"demo-{front.port}.json")
        except urllib.error.HTTPError as error:
            said = "\n".join([error.read().decode()[:500], *self.log_lines('"level":"ERROR"')[-3:]])
            raise StackFailure(
                f"The demo tenant could not be made: {error.url} answered {error.code}\n{said}"
            ) from error
        self._tenant = tenant
        front.tell = self._tell_request
        front.show_demo(
            {"app": tenant.app, "email": READER, "curl": send_line(tenant)}, tenant.keys["pushservice"]["secret"]
        )
        self.dev = {
            "api": tenant.api,
            "admin_key": operator_key,
            "app": tenant.app,
            "sdk": {"app": tenant.app},
            **tenant.keys,
            "simulator": simulators.control_url,
        }
        file = self._dir / "dev.json"
        file.touch(mode=0o600)
        file.write_text(json.dumps(self.dev, indent=2) + "\n")

    @contextlib.contextmanager
    def _only_one(self) -> Any:
        with (self._dir / "lock").open("a+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                lock.seek(0)
                process, places = lock.read().strip() or "unknown", Places.remembered(self._dir)
                address = "" if places is None else f", at http://localhost:{places.front}"
                raise StackFailure(
                    f"It already runs, as process {process}{address}: use that one or stop it first."
                ) from None
            lock.truncate(0)
            lock.write(str(os.getpid()))
            lock.flush()
            yield
