"""What all tests share: row marks, and a network that is off unless a test says otherwise."""

import io
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

pytest_plugins = ["tests.row_marks", "tests.deployed"]
OFFLINE = ("tests/unit/",)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Unit tests open no socket, unless one is marked `enable_socket`; the others talk to loopback only."""
    for item in items:
        if any(place in item.nodeid for place in OFFLINE) and item.get_closest_marker("enable_socket") is None:
            item.add_marker(pytest.mark.disable_socket)


@pytest.fixture
def log_lines() -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """Reads what the product has logged since the test began, one object a line."""
    from tocsin.entrypoints.observability import logger

    handler, written = logger.registered_handler, io.StringIO()
    before = handler.setStream(written)  # type: ignore[attr-defined]  # it is a StreamHandler
    yield lambda: [json.loads(line) for line in written.getvalue().splitlines()]
    handler.setStream(before)  # type: ignore[attr-defined]
