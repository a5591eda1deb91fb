"""Two browsers and one set of push service simulators for all browser tests; each test has a site of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from dev.simulators import Simulators
from dev.stack import Stack
from tests.browser.browser import Browser
from tests.browser.chromium import Chromium
from tests.browser.firefox import Firefox
from tests.browser.served import ServerThread
from tests.browser.shop import Shop

BROWSERS = ("firefox", "chromium")
TRIES_MORE = 1
"""Two real browsers share a machine with all else that runs: what fails once there is tried again, and the run says so.
What fails because of the code fails twice."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Try tests in browsers again."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.flaky(reruns=TRIES_MORE))


@pytest.fixture(scope="session")
def simulators(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulators]:
    started = Simulators(tmp_path_factory.mktemp("simulators"))
    started.start()
    yield started
    started.stop()


@pytest.fixture(scope="session")
def firefox(simulators: Simulators, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firefox]:
    """A Firefox whose push service is the simulators'."""
    with Firefox(simulators.firefox_url, tmp_path_factory.mktemp("firefox")) as started:
        yield started


@pytest.fixture(scope="session")
def chromium(simulators: Simulators, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    """A Chromium whose push service is the simulators'."""
    with Chromium(simulators.chromium_switches, tmp_path_factory.mktemp("chromium")) as started:
        yield started


@pytest.fixture(scope="session", params=BROWSERS)
def browser(request: pytest.FixtureRequest) -> Browser:
    """Each browser in turn, its push service the simulators'."""
    started: Browser = request.getfixturevalue(request.param)
    return started


@pytest.fixture(scope="session")
def visitors_firefox(deployed: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firefox]:
    """A Firefox whose push service is the deployed stack's."""
    with Firefox(deployed.firefox_url, tmp_path_factory.mktemp("firefox")) as started:
        yield started


@pytest.fixture(scope="session")
def visitors_chromium(deployed: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    """A Chromium whose push service is the deployed stack's."""
    with Chromium(deployed.chromium_switches, tmp_path_factory.mktemp("chromium")) as started:
        yield started


@pytest.fixture(scope="session", params=BROWSERS)
def visitors_browser(request: pytest.FixtureRequest) -> Browser:
    """Each browser in turn, its push service the deployed stack's."""
    started: Browser = request.getfixturevalue(f"visitors_{request.param}")
    return started


@pytest.fixture
def servers() -> Iterator[ServerThread]:
    """For the sites of one test; they end with it, for hundreds of them would be a thousand open sockets."""
    with ServerThread() as started:
        yield started


@pytest.fixture
def shop(browser: Browser, simulators: Simulators, servers: ServerThread) -> Iterator[Shop]:
    """A site on an origin of its own, so that no permission, worker or subscription is left from another test."""
    opened = Shop.open(browser, simulators, servers)
    yield opened
    browser.visit("about:blank")
    browser.close_alerts()
    browser.close_other_tabs()
