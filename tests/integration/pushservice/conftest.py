"""Who calls the pushService API."""

import pytest

from dev.stack import Stack
from dev.stack.deploy import STACK
from tests.customer import Customer, PushServiceClient


@pytest.fixture
def client(customer: Customer) -> PushServiceClient:
    """The customer's server."""
    return customer.client()


@pytest.fixture(scope="session")
def platform_key(deployed: Stack) -> str:
    """The platform-wide service key, from where the template puts it."""
    stack = deployed.aws("cloudformation").describe_stacks(StackName=STACK)["Stacks"][0]
    secret = next(output["OutputValue"] for output in stack["Outputs"] if output["OutputKey"] == "ServiceSecretArn")
    return str(deployed.aws("secretsmanager").get_secret_value(SecretId=secret)["SecretString"])
