from collections.abc import Iterator

import pytest

from dev.simulators import Simulators
from tests.integration.simulators.sender import Sender


@pytest.fixture(scope="module")
def simulators(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulators]:
    running = Simulators(tmp_path_factory.mktemp("simulators"))
    running.start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def sender(simulators: Simulators) -> Iterator[Sender]:
    sender = Sender(simulators)
    yield sender
    sender.close()
