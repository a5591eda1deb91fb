"""A customer in this process, over an engine in memory and in virtual time."""

import pytest

from tests.customer import Customer
from tests.engine import MemoryEngine
from tests.http_api import HttpApi
from tests.keymaster import Gym


@pytest.fixture
def engine() -> MemoryEngine:
    """A deployment without AWS."""
    return MemoryEngine()


@pytest.fixture
def customer(engine: MemoryEngine) -> Customer:
    """An app of a new tenant."""
    return Customer.sign_up(HttpApi(engine))


@pytest.fixture
def gym(engine: MemoryEngine, customer: Customer) -> Gym:
    """An app with Keymaster's push enabled, of which everybody has heard by now."""
    opened = Gym.opened(customer)
    engine.clock.advance(31)
    return opened
