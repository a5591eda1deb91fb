"""Rules of the code that no type says: who may open connections, and what a function's file may import."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FUNCTIONS = sorted((ROOT / "functions").glob("*/app.py"))
CLIENTS = ("http.client", "requests", "socket", "urllib.request", "urllib3")


def banned_in(code: str, path: str) -> set[str]:
    """What ruff says against `code`, if it stood at `path`."""
    done = subprocess.run(
        [
            *(str(Path(sys.executable).with_name("ruff")), "check", "--no-cache", "--select", "TID251"),
            *("--output-format", "json", "--stdin-filename", path, "-"),
        ],
        input=code,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return {finding["message"] for finding in json.loads(done.stdout)}


@pytest.mark.parametrize(
    "path",
    ["shared/tocsin/adapters/sqs.py", "shared/tocsin/dialects/tocsin/web.py", "functions/send/app.py"],
)
def test_only_the_push_transport_may_import_what_opens_connections(path: str) -> None:
    code = "".join(f"import {name}\n" for name in CLIENTS)
    assert banned_in(code, path) == {
        f"`{name}` is banned: only adapters/push_http opens connections" for name in CLIENTS
    }
    assert banned_in(code, "shared/tocsin/adapters/push_http.py") == set()


WEB_FRAMEWORK = {"fastapi", "mangum", "pydantic", "starlette"}
TOKENS = {"jwt"}


@pytest.mark.parametrize("path", FUNCTIONS, ids=lambda path: path.parent.name)
def test_a_cold_start_loads_nothing_that_the_function_may_not_need(path: Path) -> None:
    worker = path.parent.name in {"fanout", "deliver", "runs", "scheduler", "tally", "webhooks"}
    unwanted = TOKENS | {"pycurl"} | (WEB_FRAMEWORK if worker else set())
    done = subprocess.run(
        [sys.executable, "-c", "import json, sys, app; print(json.dumps(list(sys.modules)))"],
        cwd=path.parent,
        env={"METRICS_NAMESPACE": "Tocsin/test", "POWERTOOLS_SERVICE_NAME": "test", "AWS_REGION": "us-east-1"},
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = set(json.loads(done.stdout))
    assert loaded & unwanted == set()
    assert "tocsin.entrypoints.container" in loaded


@pytest.mark.parametrize("path", FUNCTIONS, ids=lambda path: path.parent.name)
def test_a_function_imports_entrypoints_only(path: Path) -> None:
    modules = set()
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.Import():
                modules |= {name.name for name in node.names}
            case ast.ImportFrom():
                modules.add(node.module or "")
    assert modules
    assert {module for module in modules if not module.startswith("tocsin.entrypoints.")} == set()
