"""Readers of a send's messages, whose workers report what became of them."""

from collections.abc import Sequence

from tests.engine import MemoryEngine
from tocsin.application.reporting import Beacon
from tocsin.application.sightings import batches
from tocsin.domain.engagement import Act
from tocsin.domain.ids import AppId, SendId
from tocsin.domain.place_token import Place, place_token
from tocsin.webpush.origins import PushService


def token(engine: MemoryEngine, app: AppId, send: SendId, index: int, chunk: int = 0) -> str:
    """What a recipient's message carries."""
    return place_token(engine.derivation.event_secret(app), send, Place(chunk, index, PushService.FCM))


def beacon(engine: MemoryEngine, app: AppId, send: SendId, act: Act, index: int, at: int | None = None) -> Beacon:
    """What the worker of a recipient reports, just now by default."""
    return Beacon(act, send, token(engine, app, send, index), int(engine.clock.now()) if at is None else at)


def report(engine: MemoryEngine, app: AppId, send: SendId, act: Act, *indexes: int) -> None:
    """Have the workers of these recipients report, each by itself."""
    for index in indexes:
        assert engine.reporting.report(app, [beacon(engine, app, send, act, index)]) == 1


def count(engine: MemoryEngine) -> Sequence[int]:
    """Count all that waits, at once; how much was new in each block."""
    return [engine.counting.count(batch) for batch in batches(enumerate(engine.sightings.take()))]
