"""Every route of every dialect, found as the product finds them: a new one joins by existing."""

import inspect
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from tocsin.dialect_kit.bodies import WireModel
from tocsin.dialect_kit.contract import Capability, Dialect
from tocsin.entrypoints.registry import dialects, routes


@dataclass(frozen=True, slots=True)
class KnownRoute:
    """A method of a path. path: with {variables}. body: what it reads, None for nothing. query: parameter names."""

    dialect: Dialect
    capability: Capability
    method: str
    path: str
    body: type[WireModel] | None
    query: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def variables(self) -> list[str]:
        """The names in its path."""
        return re.findall(r"\{(\w+)", self.path)

    def at(self, values: Mapping[str, str]) -> str:
        """The path with these values in it; all of its variables must be there."""
        return re.sub(r"\{(\w+)[^}]*\}", lambda match: values[match[1]], self.path)


def every_route() -> Iterator[KnownRoute]:
    """All routes of all dialects and capabilities."""
    for dialect in dialects().values():
        for capability in Capability:
            module = routes(dialect, capability)
            for route in _api_routes(module.router) if module else ():
                parts = list(_parts(route.dependant))
                body = next(filter(None, (_model_read_by(part.call) for part in parts)), None)
                query = tuple(dict.fromkeys(field.alias for part in parts for field in part.query_params))
                for method in sorted(route.methods or ()):
                    yield KnownRoute(dialect, capability, method, route.path, body, query)


def _api_routes(router: Any) -> Iterator[APIRoute]:
    """A router's routes, and those of the routers in it."""
    for route in router.routes:
        if isinstance(route, APIRoute):
            yield route
        else:
            yield from _api_routes(route.original_router)


def _parts(dependant: Dependant) -> Iterator[Dependant]:
    """A route's dependant and all that it depends on."""
    yield dependant
    for part in dependant.dependencies:
        yield from _parts(part)


def _model_read_by(call: Any) -> type[WireModel] | None:
    """The model of a dependency that json_body made."""
    if not inspect.isfunction(call) or call.__module__ != "tocsin.dialect_kit.bodies":
        return None
    found: type[WireModel] | None = inspect.getclosurevars(call).nonlocals.get("model")
    return found
