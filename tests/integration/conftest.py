"""The deployed API, the simulators behind it, and a customer of one's own."""

import pytest

from dev.stack import Stack
from tests.customer import Customer
from tests.integration.deployed_api import DeployedApi, Simulator


@pytest.fixture(scope="session")
def api(deployed: Stack) -> DeployedApi:
    return DeployedApi(deployed.api, deployed.dev["admin_key"])


@pytest.fixture(scope="session")
def simulator(deployed: Stack) -> Simulator:
    return Simulator(deployed.simulator)


@pytest.fixture
def customer(api: DeployedApi) -> Customer:
    """A new app with 100 credits that asks for no proof of identity."""
    return Customer.sign_up(api)
