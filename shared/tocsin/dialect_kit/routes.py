"""Walking a router: which paths it answers, and what is read of a request there."""

from collections.abc import Iterator
from typing import Any

from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from tocsin.dialect_kit.bodies import JsonBody


def api_routes(router: Any, prefix: str = "") -> Iterator[tuple[str, APIRoute]]:
    """A router's routes by their paths, and those of the routers in it."""
    for route in router.routes:
        if isinstance(route, APIRoute):
            yield prefix + route.path_format, route
        else:
            yield from api_routes(route.original_router, prefix + route.include_context.prefix)


def json_body_of(route: APIRoute) -> JsonBody[Any] | None:
    """What reads its body; None for a route that reads none."""
    return next((part.call for part in _parts(route.dependant) if isinstance(part.call, JsonBody)), None)


def query_of(route: APIRoute) -> dict[str, Any]:
    """FastAPI's FieldInfo of each query parameter that it declares, by name."""
    return {field.alias: field.field_info for part in _parts(route.dependant) for field in part.query_params}


def _parts(dependant: Dependant) -> Iterator[Dependant]:
    """A route's dependant and all that it depends on."""
    yield dependant
    for part in dependant.dependencies:
        yield from _parts(part)
