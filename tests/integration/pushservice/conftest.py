"""Who calls the pushService API."""

import pytest

from tests.customer import Customer, PushServiceClient


@pytest.fixture
def client(customer: Customer) -> PushServiceClient:
    """The customer's server."""
    return customer.client()
