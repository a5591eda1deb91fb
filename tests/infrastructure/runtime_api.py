"""The Lambda Runtime API, so that a built artefact runs under awslambdaric as it does on AWS."""

import contextlib
import importlib.util
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

TIMEOUT_S = 30.0
RUNTIME = ("awslambdaric", "runtime_client", "simplejson", "snapshot_restore_py")  # what Lambda's own image holds


class _Server(ThreadingHTTPServer):
    """Says nothing of a runtime that went away: the test ends it."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class RuntimeApi:
    """Serves one runtime process: hands out events and takes the results.

    https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
    """

    def __init__(self) -> None:
        self.events: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self.results: queue.Queue[tuple[str, Any]] = queue.Queue()
        self.server = _Server(("127.0.0.1", 0), self._handler())
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def invoke(self, event: dict[str, Any]) -> Any:
        """The function's answer. Fails when the function, or its start, failed."""
        self.events.put(event)
        kind, answer = self.results.get(timeout=TIMEOUT_S)
        assert kind == "response", answer
        return answer

    def close(self) -> None:
        """Let the waiting runtime go and close the port."""
        self.events.put(None)
        self.server.shutdown()
        self.server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the base class's name
                pass

            def do_GET(self) -> None:
                """invocation/next"""
                event = api.events.get()
                if event is None:
                    self.close_connection = True
                    return
                deadline = str(int((time.time() + TIMEOUT_S) * 1000))
                arn = "arn:aws:lambda:us-east-1:000000000000:function:under-test"
                self._answer(
                    200,
                    json.dumps(event).encode(),
                    {
                        "Lambda-Runtime-Aws-Request-Id": "8476a536-e9f4-11e8-9739-2dfe598c3fcd",
                        "Lambda-Runtime-Deadline-Ms": deadline,
                        "Lambda-Runtime-Invoked-Function-Arn": arn,
                    },
                )

            def do_POST(self) -> None:
                """invocation/{id}/response, invocation/{id}/error, init/error"""
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                api.results.put((self.path.rsplit("/", 1)[1], json.loads(body or b"null")))
                self._answer(202, b"{}", {})

            def _answer(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
                self.send_response(status)
                for name, value in {
                    "Content-Type": "application/json",
                    "Content-Length": str(len(body)),
                    **headers,
                }.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

        return Handler


@contextlib.contextmanager
def running(code: Path, layers: list[Path], environment: Mapping[str, str]) -> Iterator[RuntimeApi]:
    """The function in `code` with these layers, and no other package in sight, ready to be invoked."""
    with contextlib.closing(RuntimeApi()) as api, tempfile.TemporaryDirectory() as runtime:
        for module in RUNTIME:
            found = importlib.util.find_spec(module)
            assert found is not None
            assert found.origin is not None
            source = Path(found.origin)
            source = source.parent if source.name == "__init__.py" else source
            (Path(runtime) / source.name).symlink_to(source)
        process = subprocess.Popen(
            [sys.executable, "-S", "-m", "awslambdaric", "app.handler"],  # -S: without the venv's site-packages
            cwd=code,
            env={
                "PATH": os.environ["PATH"],
                "PYTHONPATH": ":".join([str(code), *(f"{layer}/python" for layer in layers), runtime]),
                "PYTHONDONTWRITEBYTECODE": "1",
                "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{api.server.server_port}",
                "LAMBDA_TASK_ROOT": str(code),
                "AWS_LAMBDA_FUNCTION_NAME": "under-test",
                "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
                "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1024",
                **environment,
            },
        )
        try:
            yield api
        finally:
            process.kill()
            process.wait()
