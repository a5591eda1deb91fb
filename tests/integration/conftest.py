"""The deployed API, the simulators behind it, and a customer of one's own."""

import pytest

from dev.stack import Stack
from dev.stack.deploy import STACK
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


@pytest.fixture(scope="session")
def platform_key(deployed: Stack) -> str:
    """The platform-wide service key, from where the template puts it."""
    stack = deployed.aws("cloudformation").describe_stacks(StackName=STACK)["Stacks"][0]
    secret = next(output["OutputValue"] for output in stack["Outputs"] if output["OutputKey"] == "ServiceSecretArn")
    return str(deployed.aws("secretsmanager").get_secret_value(SecretId=secret)["SecretString"])
