"""Every route of every dialect, found as the product finds them: a new one joins by existing."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tocsin.dialect_kit.bodies import WireModel
from tocsin.dialect_kit.contract import Capability, Dialect
from tocsin.dialect_kit.routes import api_routes, json_body_of, query_of
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
            for path, route in api_routes(module.router) if module else ():
                read = json_body_of(route)
                body = None if read is None else read.model
                for method in sorted(route.methods or ()):
                    yield KnownRoute(dialect, capability, method, path, body, tuple(query_of(route)))
