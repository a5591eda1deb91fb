"""The readers' browsers: what reached them, what they did with it, and what their workers still have to report."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from tests import builders
from tests.engine import MemoryEngine
from tests.memory.system import VirtualClock
from tests.memory.transport import Reply
from tests.simulation.push_service import endpoint
from tocsin.application.ports import Answer
from tocsin.application.reporting import Beacon
from tocsin.application.subscribing import SubscribeCommand
from tocsin.domain.engagement import Act
from tocsin.domain.ids import SendId, SubscriptionId
from tocsin.domain.tenancy import App
from tocsin.webpush.outcome import PushResponse
from tocsin.webpush.request import PushRequest

POST_TAKES = 0.05
PEOPLE = ("anna", "anna", "bert", "bert", None, None, None, None)
"""Whose browsers they are; the last ones are nobody's."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """A message that a push service has accepted for a browser. at: Unix seconds."""

    browser: SubscriptionId
    send: SendId
    token: str
    at: float


@dataclass
class Browsers:
    """All browsers that a history may have, subscribed or not.

    gone: whose push service does not know them any more, by URL. refused: what these were sent, by topic and URL.
    """

    home: MemoryEngine
    owner: App
    number: int
    delivered: list[Delivered] = field(default_factory=list)
    outbox: list[tuple[SubscriptionId, Beacon]] = field(default_factory=list)
    gone: set[str] = field(default_factory=set)
    refused: set[tuple[str, str]] = field(default_factory=set)

    def __post_init__(self) -> None:
        derivation = self.home.derivation
        self.urls = [endpoint(number) for number in range(self.number)]
        self.ids = [derivation.subscription_id(self.owner.id, url) for url in self.urls]
        self.by_url = dict(zip(self.urls, self.ids, strict=True))

    def subscribing(self, number: int) -> SubscribeCommand:
        """What a browser asks for."""
        person = PEOPLE[number % len(PEOPLE)]
        agent = builders.user_agent(0)
        claims = () if person is None else (builders.external(person),)
        return SubscribeCommand(self.owner, self.urls[number], agent.p256dh, agent.auth, trusted=True, claims=claims)

    def react(self, message: Delivered, act: Act, at: int) -> Beacon:
        """A reader does something; the worker keeps it until it was able to report it."""
        beacon = Beacon(act, message.send, message.token, at)
        self.outbox.append((message.browser, beacon))
        return beacon


class Witness(Protocol):
    """Who watches POSTs."""

    def check_post(self, topic: str, url: str, asked: float, awake: float) -> None:
        """Raises Violation."""

    def check_accepted(self, topic: str, url: str) -> None:
        """Raises Violation."""


class PushService:
    """The PushTransport of every process: accepts whatever a browser that is there is sent."""

    def __init__(
        self, clock: VirtualClock, browsers: Browsers, promises: Witness, times: Callable[[], tuple[float, float]]
    ) -> None:
        """times: when the calling process asked, and since when it is not suspended (Unix seconds)."""
        self._clock = clock
        self._browsers = browsers
        self._promises = promises
        self._times = times
        self._answers: list[Answer] = []

    def start(self, ticket: int, request: PushRequest, timeout: float) -> None:
        """Begin a POST. Raises Violation when it should not."""
        del timeout
        topic = next(value for name, value in request.headers if name == "Topic")
        self._promises.check_post(topic, request.url, *self._times())
        reply = Reply(410 if request.url in self._browsers.gone else 201)
        if reply.status == 201:
            data = json.loads(request.body)["notification"]["data"]
            browser = self._browsers.by_url[request.url]
            self._browsers.delivered.append(Delivered(browser, data["id"], data["k"], self._clock.now()))
            self._promises.check_accepted(topic, request.url)
        else:
            self._browsers.refused.add((topic, request.url))
        self._answers.append(Answer(ticket, PushResponse(reply.status, {}, b""), sent=True))

    def wait(self, timeout: float) -> Sequence[Answer]:
        """What ended."""
        self._clock.advance(min(POST_TAKES, timeout))
        answers, self._answers = self._answers, []
        return answers

    def cancel(self) -> None:
        """Abandon everything in flight."""
        self._answers.clear()
