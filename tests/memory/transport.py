"""A push transport that answers as the test's script says, in virtual time."""

import heapq
from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count

from tests.memory.system import VirtualClock
from tocsin.application.ports import Answer
from tocsin.webpush.outcome import PushResponse
from tocsin.webpush.request import PushRequest


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer of the push service, `seconds` after the POST began."""

    status: int = 201
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    seconds: float = 0.05


@dataclass(frozen=True, slots=True)
class Silence:
    """No answer. sent False: surely nothing reached the push service."""

    sent: bool
    seconds: float = 0.05


class ScriptedTransport:
    """Answers each URL with its scripted replies in turn (the last one stays), every other with `otherwise`."""

    def __init__(self, clock: VirtualClock, otherwise: Reply | Silence = Reply()) -> None:
        self._clock = clock
        self._otherwise = otherwise
        self._scripts: defaultdict[str, deque[Reply | Silence]] = defaultdict(deque)
        self._in_flight: list[tuple[float, int, Answer]] = []
        self._order = count()
        self.requests: list[PushRequest] = []
        self.most_in_flight = 0

    def script(self, url: str, *replies: Reply | Silence) -> None:
        """Answer POSTs to `url` with these, in turn."""
        self._scripts[url] = deque(replies)

    def posts_to(self, url: str) -> int:
        """How many POSTs to `url` began."""
        return sum(request.url == url for request in self.requests)

    def start(self, ticket: int, request: PushRequest, timeout: float) -> None:
        """Begin a POST that ends within `timeout` seconds."""
        self.requests.append(request)
        reply = self._next(request.url)
        match reply:
            case Reply() if reply.seconds <= timeout:
                answer = Answer(ticket, PushResponse(reply.status, reply.headers, reply.body), sent=True)
            case Reply():
                answer = Answer(ticket, None, sent=True)
            case Silence():
                answer = Answer(ticket, None, reply.sent)
        ends = self._clock.now() + min(reply.seconds, timeout)
        heapq.heappush(self._in_flight, (ends, next(self._order), answer))
        self.most_in_flight = max(self.most_in_flight, len(self._in_flight))

    def wait(self, timeout: float) -> Sequence[Answer]:
        """What ended, after letting the time pass until the first does, at most `timeout` seconds."""
        until = self._clock.now() + timeout
        if self._in_flight:
            until = min(until, self._in_flight[0][0])
        self._clock.advance(max(0.0, until - self._clock.now()))
        ended = []
        while self._in_flight and self._in_flight[0][0] <= until:
            ended.append(heapq.heappop(self._in_flight)[2])
        return ended

    def cancel(self) -> None:
        """Abandon everything in flight."""
        self._in_flight.clear()

    def _next(self, url: str) -> Reply | Silence:
        script = self._scripts.get(url)
        if not script:
            return self._otherwise
        return script.popleft() if len(script) > 1 else script[0]
