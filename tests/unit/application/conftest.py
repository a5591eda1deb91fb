"""An engine in memory, an app, and its queue of runs."""

import pytest

from tests import builders
from tests.engine import MemoryEngine
from tests.unit.application.runs import RunQueue
from tocsin.domain.tenancy import App


@pytest.fixture
def engine() -> MemoryEngine:
    """A new one for each test."""
    return MemoryEngine()


@pytest.fixture
def shop(engine: MemoryEngine) -> App:
    """An app."""
    return builders.app(engine)


@pytest.fixture
def queue(engine: MemoryEngine) -> RunQueue:
    """The queue of runs."""
    return RunQueue(engine)
