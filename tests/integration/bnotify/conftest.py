"""Who calls the bNotify API."""

import pytest

from tests.customer import Customer
from tests.integration.bnotify.channel import Channel
from tests.integration.deployed_api import Simulator


@pytest.fixture
def channel(customer: Customer, simulator: Simulator) -> Channel:
    """A new channel with its key."""
    return Channel(customer, customer.bnotify(), simulator)
