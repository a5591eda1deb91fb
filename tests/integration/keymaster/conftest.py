"""Who calls the Keymaster API."""

import pytest

from tests.customer import Customer
from tests.keymaster import Gym


@pytest.fixture
def gym(customer: Customer) -> Gym:
    """A new app with push enabled."""
    return Gym.opened(customer)
