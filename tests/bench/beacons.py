"""A million beacons: what the browsers of a broadcast report, taken by `beacons` and counted by `tally` over a Cloud.

The handlers, records, messages and log lines are the product's; the readers and the time are made up, see PATTERN.
Six of ten recipients display the message, and who clicks or dismisses it does so within the next minute.
"""

import json
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any
from unittest import mock

import boto3

from dev.stack.http_event import http_event
from tests.bench.audience import UserAgent
from tests.bench.cloud import Cloud
from tests.bench.cloud_doors import clients_of, served
from tests.bench.deployment import SITE, Deployment
from tests.bench.lambda_event import Context, environment, event, has_platform_lines
from tests.bench.million import LAMBDA_LINES, Clock, Log, logging_to
from tests.bench.push_service import make_certificate
from tests.bench.racing import AWS
from tests.memory.system import START
from tocsin.application.sightings import Sighted, encode_sighted
from tocsin.dialect_kit.identifiers import render
from tocsin.domain.chunk import CHUNK_SIZE
from tocsin.domain.derivation import Derivation
from tocsin.domain.engagement import Act, Sighting
from tocsin.domain.ids import AppId, SendId
from tocsin.domain.place_token import Place, place_token
from tocsin.entrypoints.http import Capability, http_handler
from tocsin.entrypoints.queue import tally_handler
from tocsin.entrypoints.settings import Settings
from tocsin.webpush.origins import PushService

PATTERN = (
    "83 of 100 displayed, 4 clicked, 13 dismissed, a request each; half the readers within 5 minutes, the rest in 12 h."
)
DISPLAYED, CLICKED, DISMISSED = 0.83, 0.04, 0.13
"""Shares of the beacons."""
READERS, THERE = 0.6, 0.5
"""Of the recipients, those who display the message; of these, those who do it at once."""
BROADCAST, DAY = 300, 43_200
WINDOW = 20
"""Seconds for which Lambda gathers messages: the template's default."""
POLLERS = 5
"""With so many Lambda begins to read a queue; each gathers for itself, which makes more and smaller batches."""
PER_CALL = 10
"""Messages that one call of SQS receives or deletes."""
ACCESS_LINE = 290
"""Bytes that API Gateway logs of a request, with what CloudWatch Logs adds."""
CALLS = 300


@dataclass(frozen=True, slots=True)
class Beacons:
    """What it took. counted: how many were simulated; everything else is of each beacon.

    cpu: seconds, of `beacons` and `tally` together, with what botocore needs for the calls. calls: of DynamoDB.
    """

    counted: int
    cpu: float
    write_units: float
    read_units: float
    queue_requests: float
    invocations: float
    log_bytes: float
    writes: float


def measured(folder: Path, total: int, share: int) -> Beacons:
    """`total` beacons, of which each `share`-th is simulated, and so many fewer recipients."""
    call = _call_cpu(folder)
    taken, taking, taken_log = _taken(min(2_000, total // share))
    clock, logged, number = Clock(), Log(), total // share
    cloud = Cloud(clock.now)
    patched = mock.patch("tocsin.entrypoints.adapters.SystemClock", return_value=clock)
    with clients_of(cloud), patched, logging_to(logged):
        recipients = ceil(number * DISPLAYED / READERS)
        deployment = Deployment(cloud, recipients, [UserAgent()])
        send = deployment.send()
        cloud.forget_counts()
        handler = _handler("tally")
        invocations, requests = 0, 0.0
        began, cpu = clock.now(), time.process_time()
        for end, bodies in _batches(deployment.app.id, send, number):
            clock.set(began + end)
            if handler(event(bodies), Context())["batchItemFailures"]:
                raise AssertionError("tally failed")
            invocations += 1
            # There are as many batches with all beacons, and so many times more messages in each.
            requests += 2 * ceil(len(bodies) * share / PER_CALL) / share
        cpu = time.process_time() - cpu
        told = deployment.engagement(send)
        if (told.displayed, told.clicked, told.dismissed) != _told(number):
            raise AssertionError(f"counted {told}")
    calls = sum(cloud.calls.values())
    return Beacons(
        counted=number,
        cpu=taking / taken + call + (cpu + calls * call) / number,
        write_units=sum(cloud.write_units.values()) / number,
        read_units=sum(cloud.read_units.values()) / number,
        queue_requests=1 + requests / number,
        invocations=1 + invocations / share / number,
        log_bytes=taken_log / taken
        + ACCESS_LINE
        + (logged.bytes + invocations * _platform_bytes("tally")) / share / number,
        writes=cloud.calls["PutItem"] / number,
    )


def _told(number: int) -> tuple[int, int, int]:
    return round(number * DISPLAYED), round(number * CLICKED), round(number * DISMISSED)


def _taken(number: int) -> tuple[int, float, int]:
    """So many requests to `beacons`: the processor seconds and the bytes of log that they took."""
    cloud, logged, send = Cloud(time.time), Log(), SendId("b0" * 12)
    app = Deployment(cloud, 1, [UserAgent()]).app.id
    with clients_of(cloud), logging_to(logged):
        handler = _handler("beacons")
        secret = Derivation(f"the secret of a benchmark, {environment('beacons')['ROOT_SECRET']}".encode())
        headers = {"content-type": "text/plain;charset=UTF-8", "origin": SITE.rstrip("/")}
        event_ = http_event("POST", f"/sdk/v1/{render('app', app)}/events", headers=headers)
        requests = []
        for index in range(number + 1):
            place = Place(index // CHUNK_SIZE, index % CHUNK_SIZE, PushService.FCM)
            token = place_token(secret.event_secret(app), send, place)
            requests.append(
                {**event_, "body": json.dumps([{"e": "displayed", "id": send, "k": token, "t": int(START)}])}
            )
        handler(requests.pop(), Context())  # the first one reads the secret and the app
        logged.bytes, cpu = 0, time.process_time()
        for request in requests:
            if handler(request, Context())["statusCode"] != 202:
                raise AssertionError("a beacon was refused")
        cpu = time.process_time() - cpu
    if sum(map(len, cloud.queued.values())) != number + 1:
        raise AssertionError("a beacon was not queued")
    return number, cpu, logged.bytes + number * _platform_bytes("beacons")


def _platform_bytes(function: str) -> int:
    return LAMBDA_LINES if has_platform_lines(function) else 0


def _batches(app: AppId, send: SendId, number: int) -> Iterator[tuple[float, Sequence[str]]]:
    """What `tally` is handed: the end of a window (seconds from the beginning), and the messages of one poller."""
    chance = random.Random(0)
    windows: dict[tuple[int, int], list[str]] = {}
    for at, sighting in _sightings(send, number, chance):
        place = (int(at // WINDOW), chance.randrange(POLLERS))
        windows.setdefault(place, []).append(encode_sighted(Sighted(app, (sighting,))))
    for (window, _), bodies in sorted(windows.items()):
        yield (window + 1) * WINDOW, bodies


def _sightings(send: SendId, number: int, chance: random.Random) -> Iterator[tuple[float, Sighting]]:
    displayed, clicked, dismissed = _told(number)
    recipients = ceil(number * DISPLAYED / READERS)
    readers = chance.sample(range(recipients), displayed)
    for order, recipient in enumerate(readers):
        place = Place(
            recipient // CHUNK_SIZE, recipient % CHUNK_SIZE, chance.choice((PushService.FCM, PushService.APPLE))
        )
        delivered = recipient / recipients * BROADCAST
        at = delivered + chance.random() * 5 if order % 100 < 100 * THERE else delivered + chance.random() * DAY
        yield at, Sighting(Act.DISPLAYED, send, place, int(START + at))
        act = Act.CLICKED if order < clicked else Act.DISMISSED if order < clicked + dismissed else None
        if act is not None:
            later = at + chance.random() * 60
            yield later, Sighting(act, send, place, int(START + later))


def _handler(function: str) -> Callable[[dict[str, Any], Any], Any]:
    """The handler of a function, in a new container with the settings that the template gives."""
    made: Mapping[str, Callable[[], Callable[[dict[str, Any], Any], Any]]] = {
        "beacons": lambda: http_handler(Capability.BEACONS),
        "tally": tally_handler,
    }
    with mock.patch.object(Settings, "from_environment", return_value=Settings(environment(function))):
        return made[function]()


def _call_cpu(folder: Path) -> float:
    """Processor seconds that a call of AWS takes its caller: what clients_of leaves out."""
    certificate = folder / "certificate.pem"
    make_certificate(certificate)
    with mock.patch.dict("os.environ", AWS), served(Cloud(time.time), str(certificate), 0) as endpoint:
        client = boto3.client("dynamodb", endpoint_url=endpoint, verify=str(certificate))
        for calls in (10, CALLS):  # the first few set everything up
            cpu = time.thread_time()
            for _ in range(calls):
                client.put_item(
                    TableName="SendsTable", Item={"pk": {"S": "P"}, "sk": {"S": "SEEN#0000"}, "bits": {"B": bytes(250)}}
                )
            cpu = time.thread_time() - cpu
        client.close()
    return cpu / CALLS
