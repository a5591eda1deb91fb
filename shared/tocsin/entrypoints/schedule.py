"""EventBridge schedules."""

from collections.abc import Callable
from typing import Any

from tocsin.entrypoints import observability
from tocsin.entrypoints.container import Container
from tocsin.entrypoints.settings import Settings


def sweep_handler() -> Callable[[dict[str, Any], Any], None]:
    """The Lambda handler that each minute resumes what got stuck."""
    container = Container(Settings.from_environment())

    def handler(_event: dict[str, Any], _context: Any) -> None:
        try:
            swept = container.sweeping.sweep()
            if swept:
                observability.log("sweep", {"swept": swept})
        finally:
            container.meter.flush()

    return handler
