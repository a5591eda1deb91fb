"""Who calls the Pushary API."""

import pytest

from tests.integration.deployed_api import DeployedApi, Simulator
from tests.integration.pushary.site import Site


@pytest.fixture
def site(api: DeployedApi, simulator: Simulator) -> Site:
    """A new site with a monthly limit of 10,000."""
    return Site.open(api, simulator)
