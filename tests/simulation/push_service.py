"""Push services that remember what they accepted, whoever still hears the answer."""

import heapq
import random
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Protocol

from tests.memory.transport import Reply, Silence
from tests.simulation.promises import Promises, Violation
from tocsin.application.pacing import FIRST_CIRCUIT, REFUSALS
from tocsin.application.ports import Answer
from tocsin.domain.chunk import MAX_TRIES
from tocsin.webpush.outcome import PushResponse
from tocsin.webpush.request import PushRequest

HOSTS = ("updates.push.services.mozilla.com/wpush/v2", "fcm.googleapis.com/fcm/send", "web.push.apple.com")
ACCEPTED_UNHEARD = Reply(201, seconds=60.0)
"""Accepted, but the answer comes after everybody stopped listening."""
HANGS = Silence(sent=True, seconds=10)
REFUSES_THE_KEY = Reply(403)
HEALTHY = (Reply(seconds=0.1), Reply(seconds=3), Reply(seconds=0.1))
RARE = (
    Reply(410),
    Reply(404),
    Reply(429, {"retry-after": "7"}),
    Reply(503),
    Reply(401),
    Reply(413),
    Silence(sent=False),
    HANGS,
    ACCEPTED_UNHEARD,
)
MOODS = (
    HEALTHY,
    HEALTHY,
    HEALTHY + RARE,
    HEALTHY * 5 + RARE,
    (Reply(429),),
    (Reply(429, {"retry-after": "20"}), Reply(429, {"retry-after": "20"}), Reply()),
    (Reply(429, {"retry-after": "1000"}), Reply()),
    (Reply(503, {"retry-after": "3600"}), Reply()),
    (HANGS,),
    (HANGS, Reply(seconds=9.5)),
    (REFUSES_THE_KEY, REFUSES_THE_KEY, REFUSES_THE_KEY, Reply()),
    (Reply(410), Reply()),
    (Reply(401, seconds=9.0), Reply()),
)
"""What a push service may answer all through a history; healthy and ill ones stand side by side."""


def endpoint(number: int) -> str:
    """The endpoint of a user agent; neighbours are at different push services."""
    return f"https://{HOSTS[number % len(HOSTS)]}/{number:08d}"


class Waiting(Protocol):
    """A clock on which waiting lets others run."""

    def now(self) -> float:
        """Unix seconds."""

    def sleep(self, seconds: float) -> None:
        """Wait."""


class PushServices:
    """All push services. A URL answers with its script first, then by chance among its host's replies."""

    def __init__(self, chance: random.Random, promises: Promises) -> None:
        self._chance = chance
        self._promises = promises
        self.scripts: defaultdict[str, deque[Reply | Silence]] = defaultdict(deque)
        self.moods: dict[str, Sequence[Reply | Silence]] = dict.fromkeys(HOSTS, (Reply(),))

    @property
    def well(self) -> bool:
        """Whether every answer is an acceptance that is heard."""
        return not any(self.scripts.values()) and all(mood in ((Reply(),), HEALTHY) for mood in self.moods.values())

    def take(self, topic: str, url: str) -> Reply | Silence:
        """Answer a POST; what is accepted is counted by (topic, URL), and the topic tells the send."""
        script = self.scripts.get(url)
        reply = script.popleft() if script else self._chance.choice(self.moods[url[8 : url.rindex("/")]])
        self._promises.posts[topic, url] += 1
        if isinstance(reply, Reply) and reply.status == 201:
            self._promises.check_accepted(topic, url)
        return reply


@dataclass(slots=True)
class Lessons:
    """What a process has heard from push services, and therefore must do. Times in Unix seconds."""

    refusals: Counter[str] = field(default_factory=Counter)
    refused_at: dict[str, float] = field(default_factory=dict)

    def hear(self, url: str, status: int, now: float) -> None:
        """An answer came in."""
        host = url[8 : url.rindex("/")]
        if status == 403:
            self.refusals[host] += 1
            if self.refusals[host] == REFUSALS:
                self.refused_at[host] = now
        elif status == 201:
            self.refusals[host] = 0
            self.refused_at.pop(host, None)

    def check_post(self, url: str, now: float) -> None:
        """The circuit of a key that is refused again and again stays open. Raises Violation."""
        refused = self.refused_at.get(url[8 : url.rindex("/")])
        if refused is not None and refused < now < refused + FIRST_CIRCUIT:
            raise Violation(f"a POST began {now - refused:.1f} s after its key was refused {REFUSALS} times")


class Patience:
    """What all workers together were told to wait for, which holds as long as none is lost."""

    def __init__(self) -> None:
        self._until: dict[tuple[str, str], float] = {}
        self._put_off: Counter[tuple[str, str]] = Counter()

    def hear(self, name: tuple[str, str], status: int, headers: Mapping[str, str], now: float) -> None:
        """An answer came in."""
        if status in (429, 503):
            self._put_off[name] += 1
            self._until[name] = now + int(headers.get("retry-after", "0"))

    def check_post(self, name: tuple[str, str], now: float) -> None:
        """A recipient is tried when its push service asked for it, and not for ever. Raises Violation."""
        if now < self._until.get(name, 0):
            raise Violation(f"a POST began {self._until[name] - now:.1f} s before the Retry-After was over")
        if self._put_off[name] >= MAX_TRIES:
            raise Violation(f"a POST to somebody who was put off {MAX_TRIES} times")


@dataclass(slots=True)
class Thread:
    """What a running invocation has of its own: open connections, and how it fares with the time.

    asked: when it made its last port call. awake: when its last suspension was over; whatever runs is asleep for ever
    only by accident: promises in seconds count from there. Unix seconds.
    """

    asked: float
    awake: float = 0.0
    in_flight: list[tuple[float, int, Answer, tuple[str, str]]] = field(default_factory=list)


class SimulatedTransport:
    """The PushTransport of one process: its death takes the open connections along, not what was accepted."""

    def __init__(
        self,
        services: PushServices,
        promises: Promises,
        patience: Patience,
        clock: Waiting,
        thread: Callable[[], Thread],
    ) -> None:
        """thread: whoever is calling."""
        self._services = services
        self._promises = promises
        self._patience = patience
        self._lessons = Lessons()
        self._clock = clock
        self._thread = thread
        self._order = count()

    def start(self, ticket: int, request: PushRequest, timeout: float) -> None:
        """Begin a POST. Raises Violation when it should not."""
        thread = self._thread()
        name = next(value for header, value in request.headers if header == "Topic"), request.url
        self._promises.check_post(*name, thread.asked, thread.awake)
        self._lessons.check_post(request.url, thread.asked)
        if not self._promises.lost:
            self._patience.check_post(name, thread.asked)
        reply = self._services.take(*name)
        answer = Answer(ticket, None, sent=not isinstance(reply, Silence) or reply.sent)
        self._promises.unanswered += not isinstance(reply, Reply) or reply.seconds > timeout
        if isinstance(reply, Reply) and reply.seconds <= timeout:
            answer = Answer(ticket, PushResponse(reply.status, reply.headers, reply.body), sent=True)
        ends = self._clock.now() + min(reply.seconds, timeout)
        heapq.heappush(thread.in_flight, (ends, next(self._order), answer, name))

    def wait(self, timeout: float) -> Sequence[Answer]:
        """What ended; the others run meanwhile."""
        in_flight = self._thread().in_flight
        first = in_flight[0][0] if in_flight else self._clock.now() + timeout
        self._clock.sleep(max(0.0, min(first - self._clock.now(), timeout)))
        ended, now = [], self._clock.now()
        while in_flight and in_flight[0][0] <= now:
            _, _, answer, name = heapq.heappop(in_flight)
            ended.append(answer)
            if answer.response is not None:
                self._lessons.hear(name[1], answer.response.status, now)
                self._patience.hear(name, answer.response.status, answer.response.headers, now)
        return ended

    def cancel(self) -> None:
        """Abandon everything in flight."""
        self._thread().in_flight.clear()
