"""Who calls the CloudSignal API."""

import pytest

from tests.customer import CloudSignalClient, Customer
from tests.integration.cloudsignal.shop import Shop
from tests.integration.deployed_api import Simulator


@pytest.fixture
def shop(customer: Customer, simulator: Simulator) -> Shop:
    """A new customer with both keys."""
    return Shop.of(customer, simulator)


@pytest.fixture
def client(shop: Shop) -> CloudSignalClient:
    """The shop's server."""
    return shop.server
