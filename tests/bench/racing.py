"""The contenders, each in a process of its own on one processor core; the servers have another one."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tests.bench import tools
from tests.bench.audience import HOST, UserAgent
from tests.bench.cloud import Cloud
from tests.bench.cloud_doors import served
from tests.bench.deployment import DELIVER, FANOUT, Deployment, notification, text
from tests.bench.lambda_event import environment, events
from tests.bench.last_chunk import left
from tests.bench.push_service import PushService, WrongMessages, running
from tocsin.application.jobs import decode_deliver
from tocsin.domain.chunk import CHUNK_SIZE
from tocsin.domain.ids import SendId
from tocsin.domain.send import SendState
from tocsin.webpush.encoding import to_base64url

CONCURRENCY = 100
WARM_UP = 100
AWS_LATENCY = 0.005
"""Seconds that a call of AWS takes where the push service takes its time; DynamoDB promises single-digit ms."""
AWS = {
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "bench",
    "AWS_SECRET_ACCESS_KEY": "bench",
    "AWS_EC2_METADATA_DISABLED": "true",
}


@dataclass(frozen=True, slots=True)
class Measured:
    """What one contender did. cpu, wall: seconds; peak: MB; protocol: what the push service was spoken to in."""

    messages: int
    cpu: float
    wall: float
    peak: float = 0.0
    protocol: str = ""

    @property
    def rate(self) -> float:
        """Messages a second."""
        return self.messages / self.wall

    @property
    def cpu_ms(self) -> float:
        """Milliseconds of processor a message."""
        return 1000 * self.cpu / self.messages

    def best(self, other: "Measured") -> "Measured":
        """The better of each figure: what else runs on the machine only ever adds to a time."""
        cpu = min(self.cpu / self.messages, other.cpu / other.messages) * self.messages
        wall = min(self.wall / self.messages, other.wall / other.messages) * self.messages
        return replace(self, cpu=cpu, wall=wall, peak=max(self.peak, other.peak))


@dataclass(frozen=True, slots=True)
class Sizes:
    """How many messages each contender sends, so that each takes a second or more. warm_up: of ours, before that."""

    warm_up: int
    ours: int
    fan_out: int
    loop: int
    slow_loop: int
    peers: int
    floor: int


FULL = Sizes(warm_up=2_000, ours=10_000, fan_out=5_000, loop=300, slow_loop=60, peers=1_500, floor=5_000)
QUICK = Sizes(warm_up=500, ours=500, fan_out=500, loop=20, slow_loop=10, peers=100, floor=1_000)
OURS, LOOP, ASYNC, NODE = "Tocsin", "pywebpush loop", "pywebpush async", "node web-push"
FLOOR, FLOOR_C, FAN_OUT = "floor, cryptography", "floor, C", "Tocsin fan-out"
PEERS = (LOOP, ASYNC, NODE)


class Race:
    """One run after another over the same servers. `folder` is for their files; `cores` (contender's, servers')."""

    def __init__(self, folder: Path, sizes: Sizes) -> None:
        self._folder = folder
        self._sizes = sizes
        cores = sorted(os.sched_getaffinity(0))
        self.own = cores[0] if len(cores) > 1 else None
        self.theirs = cores[1] if len(cores) > 1 else None
        if self.theirs is not None:
            os.sched_setaffinity(0, {self.theirs})
        self.browsers = [UserAgent() for _ in range(sizes.peers)]

    def run(self, seconds: float, rounds: int) -> Mapping[str, Measured]:
        """Everybody against a push service that answers after so many seconds; the best of some rounds.

        Raises WrongMessages.
        """
        best: dict[str, Measured] = {}
        with running(self._folder / f"nginx-{seconds}", seconds, self.theirs) as service:
            contenders: dict[str, Callable[[], Measured]] = {
                OURS: lambda: self.ours(service, seconds),
                LOOP: lambda: self.peer(service, LOOP, self._sizes.slow_loop if seconds else self._sizes.loop),
                ASYNC: lambda: self.peer(service, ASYNC, self._sizes.peers),
                NODE: lambda: self.peer(service, NODE, self._sizes.peers),
            }
            if not seconds:
                contenders |= {FLOOR: self.floor, FLOOR_C: self.floor_in_c}
            contenders[FAN_OUT] = lambda: self.fan_out(service, seconds)
            for _ in range(rounds):
                for name, contend in contenders.items():
                    measured = contend()
                    best[name] = best[name].best(measured) if name in best else measured
        return best

    def ours(self, service: PushService, seconds: float) -> Measured:
        """Our engine, with its saves. Raises WrongMessages."""
        warm = self._sizes.warm_up
        size = warm + self._sizes.ours
        deployment = Deployment(Cloud(time.time), size, self.browsers)
        send, bodies = deployment.planned()
        chunks = warm // CHUNK_SIZE
        measured = self._function(
            "deliver", bodies[:chunks], bodies[chunks:], self._sizes.ours, deployment, service, seconds
        )
        stored = deployment.found(send)
        if stored.state is not SendState.SETTLED or stored.counts.accepted != size:
            raise WrongMessages(f"the send is {stored.state}, with {stored.counts}")
        return replace(measured, protocol=service.check(size, size, text(notification(), send), self.browsers))

    def last_chunk(self, service: PushService, audience: int) -> Measured:
        """The end of a send to so many: its last chunk, and the settlement of all. Raises WrongMessages."""
        deployment = Deployment(Cloud(time.time), audience, self.browsers)
        send, body = left(deployment, int(time.time()))
        measured = self._function("deliver", [], [body], CHUNK_SIZE, deployment, service, 0)
        settled = deployment.found(send)
        if settled.state is not SendState.SETTLED:
            raise WrongMessages(f"the send is {settled.state}, with {settled.counts}")
        return measured

    def fan_out(self, service: PushService, seconds: float) -> Measured:
        """The planning of a send: its audience read, its chunks stored and queued. Raises WrongMessages."""
        deployment = Deployment(Cloud(time.time), self._sizes.fan_out, self.browsers)
        deployment.send()
        first = deployment.take(FANOUT)
        deployment.send()
        second = deployment.take(FANOUT)
        measured = self._function("fanout", first, second, self._sizes.fan_out, deployment, service, seconds)
        queued = sum(len(decode_deliver(body).recipients) for body in deployment.take(DELIVER))
        if queued != 2 * self._sizes.fan_out:
            raise WrongMessages(f"{queued} recipients were queued")
        return measured

    def peer(self, service: PushService, name: str, messages: int) -> Measured:
        """Another library, sending the same text to the same people. Raises WrongMessages."""
        deployment = Deployment(Cloud(time.time), messages + WARM_UP, self.browsers)
        plaintext = text(notification(), SendId("0" * 24))
        task = {
            "warm_up": [self._at(service, deployment, number) for number in range(messages, messages + WARM_UP)],
            "subscriptions": [self._at(service, deployment, number) for number in range(messages)],
            "text": plaintext.decode(),
            "ttl": notification().ttl,
            "subject": deployment.app.contact,
            "private_key": to_base64url(deployment.vapid.private_raw),
            "public_key": deployment.vapid.public,
            "certificate": str(service.certificate),
            "concurrency": CONCURRENCY,
        }
        trusted = {"REQUESTS_CA_BUNDLE": str(service.certificate), "NODE_EXTRA_CA_CERTS": str(service.certificate)}
        service.forget()
        measured = self._measure(_COMMANDS[name], task, trusted)
        claimed = messages + WARM_UP
        return replace(measured, protocol=service.check(claimed, claimed, plaintext, self.browsers))

    def floor(self) -> Measured:
        """The floor through `cryptography`."""
        return self._measure(_COMMANDS[FLOOR], {"messages": self._sizes.floor}, {})

    def floor_in_c(self) -> Measured:
        """The floor in C."""
        command = [str(tools.floor()), str(self._sizes.floor)]
        return Measured(**json.loads(self._run(command, {})))

    def _function(
        self,
        function: str,
        warm_up: Sequence[str],
        bodies: Sequence[str],
        messages: int,
        deployment: Deployment,
        service: PushService,
        seconds: float,
    ) -> Measured:
        service.forget()
        certificate = str(service.certificate)
        with served(deployment.cloud, certificate, AWS_LATENCY if seconds else 0) as endpoint:
            task = {
                "function": function,
                "port": service.port,
                "warm_up": [json.dumps(event) for event in events(function, warm_up)],
                "events": [json.dumps(event) for event in events(function, bodies)],
                "messages": messages,
            }
            leading_here = {"CA_BUNDLE": certificate, "AWS_CA_BUNDLE": certificate, "AWS_ENDPOINT_URL": endpoint}
            return self._measure(_COMMANDS[OURS], task, {**AWS, **environment(function), **leading_here})

    def _at(self, service: PushService, deployment: Deployment, number: int) -> Mapping[str, Any]:
        """A subscription as a peer gets it: it finds this machine by the endpoint itself."""
        subscription = deployment.audience.recipient(number)
        path = subscription["endpoint"].removeprefix(f"https://{HOST}")
        return subscription | {"endpoint": f"https://localhost:{service.port}{path}"}

    def _measure(self, command: Sequence[str], task: Mapping[str, Any], settings: Mapping[str, str]) -> Measured:
        asked, result = self._folder / "task.json", self._folder / "result.json"
        asked.write_text(json.dumps({**task, "result": str(result)}))
        self._run([*command, str(asked)], settings)
        return Measured(**json.loads(result.read_text()))

    def _run(self, command: Sequence[str], settings: Mapping[str, str]) -> str:
        environment_ = {"PATH": os.environ["PATH"], "PYTHONPATH": "shared", **settings}
        process = subprocess.run(
            tools.on_core(self.own, command),
            cwd=tools.ROOT,
            env=environment_,
            capture_output=True,
            text=True,
            check=False,
        )
        if process.returncode:
            raise WrongMessages(f"{' '.join(command)} failed:\n{process.stderr}")
        (self._folder / "said.log").write_text(process.stdout)
        return process.stdout


_HERE = "tests.bench.contenders."
_COMMANDS = {
    OURS: [sys.executable, "-m", f"{_HERE}tocsin_worker"],
    LOOP: [sys.executable, "-m", f"{_HERE}pywebpush_loop"],
    ASYNC: [sys.executable, "-m", f"{_HERE}pywebpush_async"],
    NODE: ["node", str(tools.CONTENDERS / "web_push.mjs")],
    FLOOR: [sys.executable, "-m", f"{_HERE}floor"],
}
