"""Our engine: a function's own handler, with botocore and libcurl; only the names of hosts lead to this machine.

`task.events` are Lambda's events as text; parsing them is a part of the work, as it is on Lambda.
"""

import json
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest import mock

import pycurl

from tests.bench.contenders.stopwatch import Stopwatch
from tests.bench.lambda_event import Context


def load(function: str) -> ModuleType:
    """A function's app.py."""
    spec = spec_from_file_location(f"functions.{function}.app", f"functions/{function}/app.py")
    assert spec
    assert spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def lead_to(port: int) -> None:
    """Connect to a port of loopback, whatever the URL says. Only at a connection's start does this cost anything."""

    class Curl(pycurl.Curl):
        def __init__(self) -> None:
            super().__init__()
            self.setopt(pycurl.CONNECT_TO, [f"::127.0.0.1:{port}"])

    mock.patch("tocsin.adapters.push_http.pycurl.Curl", Curl).start()
    mock.patch("tocsin.adapters.push_http.is_public", return_value=True).start()


def main() -> None:
    task = json.loads(Path(sys.argv[1]).read_text())
    lead_to(task["port"])
    handler = load(task["function"]).handler
    failed: list[Any] = []

    def work(events: list[str]) -> None:
        for event in events:
            answer = handler(json.loads(event), Context())
            failed.extend(answer["batchItemFailures"])

    work(task["warm_up"])
    watch = Stopwatch()
    work(task["events"])
    watch.stop(task["messages"], task["result"])
    if failed:
        raise SystemExit(f"{len(failed)} jobs failed")


if __name__ == "__main__":
    main()
