"""Push services that remember what they accepted, whoever still hears the answer."""

import heapq
import random
from collections import Counter, defaultdict, deque
from collections.abc import Sequence
from itertools import count
from typing import Protocol

from tests.memory.transport import Reply, Silence
from tocsin.application.ports import Answer
from tocsin.webpush.outcome import PushResponse
from tocsin.webpush.request import PushRequest


class WaitingClock(Protocol):
    """A clock on which waiting lets others run."""

    def now(self) -> float:
        """Unix seconds."""

    def sleep(self, seconds: float) -> None:
        """Wait."""


ACCEPTED_UNHEARD = Reply(201, seconds=60.0)
"""Accepted, but the answer comes after everybody stopped listening."""


class PushServices:
    """All push services. Each URL answers with its script first, then by chance among `replies`."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self.scripts: defaultdict[str, deque[Reply | Silence]] = defaultdict(deque)
        self.replies: Sequence[Reply | Silence] = (Reply(),)
        self.accepted: Counter[tuple[str, str]] = Counter()
        self.posts: Counter[tuple[str, str]] = Counter()
        self.unanswered = 0

    def take(self, request: PushRequest) -> Reply | Silence:
        """Answer a POST; what is accepted is counted by (topic, URL), and the topic tells the send."""
        topic = next(value for name, value in request.headers if name.lower() == "topic")
        script = self.scripts.get(request.url)
        reply = script.popleft() if script else self._chance.choice(self.replies)
        self.posts[topic, request.url] += 1
        if isinstance(reply, Reply) and reply.status == 201:
            self.accepted[topic, request.url] += 1
        return reply


class SimulatedTransport:
    """The PushTransport of one process: its death takes the open connections along, not what was accepted."""

    def __init__(self, services: PushServices, clock: WaitingClock) -> None:
        self._services = services
        self._clock = clock
        self._in_flight: list[tuple[float, int, Answer]] = []
        self._order = count()

    def start(self, ticket: int, request: PushRequest, timeout: float) -> None:
        """Begin a POST."""
        reply = self._services.take(request)
        answer = Answer(ticket, None, sent=not isinstance(reply, Silence) or reply.sent)
        self._services.unanswered += not isinstance(reply, Reply) or reply.seconds > timeout
        if isinstance(reply, Reply) and reply.seconds <= timeout:
            answer = Answer(ticket, PushResponse(reply.status, reply.headers, reply.body), sent=True)
        heapq.heappush(self._in_flight, (self._clock.now() + min(reply.seconds, timeout), next(self._order), answer))

    def wait(self, timeout: float) -> Sequence[Answer]:
        """What ended; the others run meanwhile."""
        first = self._in_flight[0][0] if self._in_flight else self._clock.now() + timeout
        self._clock.sleep(max(0.0, min(first - self._clock.now(), timeout)))
        ended = []
        while self._in_flight and self._in_flight[0][0] <= self._clock.now():
            ended.append(heapq.heappop(self._in_flight)[2])
        return ended

    def cancel(self) -> None:
        """Abandon everything in flight."""
        self._in_flight.clear()
