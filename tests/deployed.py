"""The deployed template, once for all tests that need it."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from dev.stack import Stack


@pytest.fixture(scope="session")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[Stack]":
    """Everything that `make dev` runs, with data of its own. Tests share it: make an app of your own to count on."""
    from dev.stack import Stack  # here, so that unit tests do not wait for it

    with Stack(tmp_path_factory.mktemp("stack")) as stack:
        yield stack
