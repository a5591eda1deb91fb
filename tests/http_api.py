"""HTTP as Lambda sees it: requests become events of an HTTP API (payload 2.0), answers are read back from the reply."""

import asyncio
import atexit
import base64
import gzip
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, reduce
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlencode

from mangum import Mangum
from mangum.types import LambdaContext

from tests import conformance
from tests.engine import OPERATOR_KEY, MemoryEngine
from tests.infrastructure.template import resources
from tocsin.application.engine import Engine
from tocsin.application.ports import Meter
from tocsin.entrypoints.http import Application, Capability

# Made while modules are imported, because unit tests may open no socket and a loop wakes itself by one.
_LOOP = asyncio.new_event_loop()
atexit.register(_LOOP.close)


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, which must be JSON."""
        return json.loads(self.body)


class _Current:
    """The engine of the call under way, or a part of it: applications take long to make, so all tests share them."""

    engine: MemoryEngine

    def __init__(self, *path: str) -> None:
        self._path = path

    def __getattr__(self, name: str) -> Any:
        return reduce(getattr, (*self._path, name), _Current.engine)


@cache
def _served(function: Capability) -> Mangum:
    asyncio.set_event_loop(_LOOP)
    engine, meter = cast("Engine", _Current()), cast("Meter", _Current("meter"))
    return Mangum(Application(function, engine, meter), lifespan="off")


class HttpApi:
    """All functions' web applications over one engine, reached without a network."""

    def __init__(self, engine: MemoryEngine) -> None:
        self.engine = engine

    def call(
        self,
        method: str,
        path: str,
        body: object = None,
        headers: Mapping[str, str] | None = None,
        *,
        function: Capability | None = None,
        query: Mapping[str, str] | str | None = None,
        address: str = "203.0.113.9",
    ) -> Answer:
        """Call a path. body: bytes go as they are, anything else as JSON. query: by name, or as it stands in a URL.

        function: None takes the one that owns it.
        """
        raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        context = {
            "http": {"method": method, "path": path, "sourceIp": address, "protocol": "HTTP/1.1", "userAgent": "test"},
            "requestId": "request-1",
            "stage": "$default",
        }
        event = {
            "version": "2.0",
            "rawPath": path,
            "rawQueryString": query if isinstance(query, str) else urlencode(query or {}),
            "headers": {"host": "push.example", "content-type": "application/json", **_lower(headers or {})},
            "requestContext": context,
            "body": base64.b64encode(raw).decode(),
            "isBase64Encoded": True,
        }
        _Current.engine = self.engine
        asyncio.set_event_loop(_LOOP)
        reply = _served(function or function_of(path))(event, cast("LambdaContext", None))
        content = reply["body"].encode() if not reply["isBase64Encoded"] else base64.b64decode(reply["body"])
        answered = _lower(reply["headers"])
        if answered.get("content-encoding") == "gzip":
            content = gzip.decompress(content)
        answer = Answer(reply["statusCode"], answered, content)
        if function is None:  # no other function has the path's route
            conformance.check(method, path, answer)
        return answer

    def operator(self, method: str, path: str, body: object = None) -> Answer:
        """Call as the operator."""
        return self.call(method, path, body, {"Authorization": f"Bearer {OPERATOR_KEY}"})


def function_of(path: str) -> Capability:
    """The function that the template routes a path to."""
    return next((function for route, function in _routes() if route.fullmatch(path)), Capability.WEB)


@cache
def _routes() -> list[tuple[re.Pattern[str], Capability]]:
    """The template's routes as API Gateway tries them: whole paths, then parameters, then the longest rest."""
    found = [
        (event["Properties"]["Path"], Capability(Path(function["CodeUri"]).name))
        for function in resources("AWS::Serverless::Function").values()
        for event in function.get("Events", {}).values()
        if event["Type"] == "HttpApi" and "Path" in event["Properties"]
    ]
    found.sort(key=lambda route: ("+}" in route[0], "+}" not in route[0] and route[0].count("{"), -len(route[0])))
    return [(_pattern(path), capability) for path, capability in found]


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"{\w+}", "[^/]+", path.replace("{proxy+}", ".+")), re.DOTALL)


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}
