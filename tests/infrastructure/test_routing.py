"""The gateway sends each route of each dialect to the function that has it."""

import pytest

from dev.stack.routes import Route
from tests.http_api import function_of
from tests.infrastructure.template import resources
from tests.routes import KnownRoute, every_route

FUNCTIONS = resources("AWS::Serverless::Function")
GATEWAY = sorted(
    (
        Route("ANY", event["Properties"].get("Path", "$default"), function["CodeUri"])
        for function in FUNCTIONS.values()
        for event in function["Events"].values()
        if event["Type"] == "HttpApi"
    ),
    key=lambda route: route.precedence,
    reverse=True,
)


@pytest.mark.parametrize("route", list(every_route()), ids=str)
def test_a_route_reaches_the_function_that_has_it(route: KnownRoute) -> None:
    path = route.at(dict.fromkeys(route.variables, "x"))
    taken = next(known for known in GATEWAY if known.matches(path))
    assert taken.function == f"functions/{route.capability}/"
    assert function_of(path) is route.capability  # the in-process tests route by a table of their own
