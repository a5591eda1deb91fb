"""A customer in this process, over an engine in memory and in virtual time."""

import pytest

from tests.customer import Customer
from tests.engine import MemoryEngine
from tests.http_api import HttpApi


@pytest.fixture
def engine() -> MemoryEngine:
    """A deployment without AWS."""
    return MemoryEngine()


@pytest.fixture
def customer(engine: MemoryEngine) -> Customer:
    """An app of a new tenant."""
    return Customer.sign_up(HttpApi(engine))
