"""One Firefox and one set of push service simulators for all browser tests; each test has a site of its own."""

from collections.abc import Iterator

import pytest

from dev.simulators import Simulators
from dev.stack import Stack
from tests.browser.firefox import Firefox
from tests.browser.served import ServerThread
from tests.browser.shop import Shop


@pytest.fixture(scope="session")
def simulators(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulators]:
    started = Simulators(tmp_path_factory.mktemp("simulators"))
    started.start()
    yield started
    started.stop()


@pytest.fixture(scope="session")
def firefox(simulators: Simulators, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firefox]:
    """A browser whose push service is the simulators'."""
    with Firefox(simulators.firefox_url, tmp_path_factory.mktemp("firefox")) as started:
        yield started


@pytest.fixture(scope="session")
def visitors_firefox(deployed: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firefox]:
    """A browser whose push service is the deployed stack's."""
    with Firefox(deployed.firefox_url, tmp_path_factory.mktemp("firefox")) as started:
        yield started


@pytest.fixture(scope="session")
def servers() -> Iterator[ServerThread]:
    with ServerThread() as started:
        yield started


@pytest.fixture
def shop(firefox: Firefox, simulators: Simulators, servers: ServerThread) -> Iterator[Shop]:
    """A site on an origin of its own, so that no permission, worker or subscription is left from another test."""
    opened = Shop.open(firefox, simulators, servers)
    yield opened
    firefox.marionette.visit("about:blank")
    firefox.close_alerts()
    firefox.close_other_tabs()
