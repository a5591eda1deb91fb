"""The OpenAPI document of each dialect, made when it is first asked for: that imports all of a dialect's routes."""

import importlib
import importlib.util
import json
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import tocsin.dialects
from tocsin.adapters.system import SystemClock
from tocsin.dialect_kit.contract import Capability
from tocsin.dialect_kit.openapi import openapi
from tocsin.dialect_kit.reference import AHEAD, Reference
from tocsin.dialect_kit.routes import api_routes
from tocsin.domain.tenancy import DialectName
from tocsin.entrypoints.registry import dialects, routes


def document(name: DialectName, server: str) -> dict[str, Any] | None:
    """A dialect's OpenAPI document, not to be changed; None when it is none or has no reference.

    server: the deployment's address, "" if it has none.
    """
    # The first day of a month, so that the document stays the same for one.
    ahead = datetime.fromtimestamp(SystemClock().now(), UTC) + timedelta(days=62)
    return _document(name, server, f"{ahead:%Y-%m}-01")


@lru_cache
def _document(name: DialectName, server: str, ahead: str) -> dict[str, Any] | None:
    dialect = dialects().get(name)
    if dialect is None or (reference := _reference(name)) is None:
        return None
    modules = [module for capability in Capability if (module := routes(dialect, capability)) is not None]
    about = importlib.import_module(f"{tocsin.dialects.__name__}.{name}").__doc__ or name
    every_route = [route for module in modules for route in api_routes(module.router)]
    made = json.dumps(openapi(dialect, about.strip(), every_route, reference, server))
    told: dict[str, Any] = json.loads(made.replace(AHEAD, ahead))
    return told


def documented() -> list[DialectName]:
    """The dialects that have a document."""
    return sorted(name for name in dialects() if _reference(name) is not None)


def _reference(name: DialectName) -> Reference | None:
    module = f"{tocsin.dialects.__name__}.{name}.reference"
    if importlib.util.find_spec(module) is None:
        return None
    reference: Reference = importlib.import_module(module).REFERENCE
    return reference
