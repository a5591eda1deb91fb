"""Small scenes that several tests of the use cases begin with."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests import builders
from tests.engine import MemoryEngine
from tests.memory.transport import Reply, Silence
from tests.unit.application import queues
from tocsin.application.send_command import SendResult, Shortage
from tocsin.domain.tenancy import App


def annas_browsers(engine: MemoryEngine, count: int, credits_: int) -> App:
    """An app with some browsers of Anna; the higher its number, the more recently one was seen."""
    owner = builders.app(engine, credits_=credits_)
    for number in range(1, count + 1):
        builders.subscribe(engine, owner, number, builders.email())
        engine.clock.advance(1)
    return owner


def to_anna(
    engine: MemoryEngine, owner: App, shortage: Shortage = Shortage.PARTIAL, most: int | None = None
) -> SendResult:
    people = builders.audience(engine, owner, builders.ANNA)
    return engine.sending.send(builders.send_command(owner, people, shortage=shortage, most=most))


def reached(engine: MemoryEngine) -> list[str]:
    return [request.url for request in engine.transport.requests]


def breaks(error: BaseException, *, effect: Callable[..., object] | None = None) -> Callable[..., object]:
    def broken(*args: object, **options: object) -> object:
        if effect is not None:
            effect(*args, **options)
        raise error

    return broken


def send_to_browsers(engine: MemoryEngine, *replies: Reply | Silence, ttl: int = 3600) -> tuple[App, SendResult]:
    """A send in one request; each browser's push service answers as said, and so on."""
    owner = builders.app(engine, credits_=100)
    for number, reply in enumerate(replies, 1):
        builders.subscribe(engine, owner, number)
        engine.transport.script(builders.endpoint(number), reply)
    return owner, engine.sending.send(
        builders.send_command(owner, notification=replace(builders.NOTIFICATION, ttl=ttl))
    )


def queued(engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch, browsers: int) -> App:
    """A send whose chunks are queued and not yet delivered."""
    monkeypatch.setattr("tocsin.application.sending.SYNC_RECIPIENTS", 0)
    owner, _ = builders.shop(engine, browsers)
    engine.sending.send(builders.send_command(owner))
    queues.plan(engine)
    return owner


def posts(engine: MemoryEngine, number: int = 1) -> int:
    return engine.transport.posts_to(builders.endpoint(number))
