"""The README of our own API names every route of the operator, with what its body may hold, and no other."""

import re
from pathlib import Path

import pytest

from tests.routes import KnownRoute, every_route

README = Path(__file__).parents[3] / "shared/tocsin/dialects/tocsin/README.md"
ROWS = [line for line in README.read_text("utf-8").splitlines() if line.startswith("| `")]
ROUTES = [route for route in every_route() if route.path.startswith("/admin/")]
NAMED = re.compile(r"`([A-Z]+ /admin/[^` ]+)`")


def test_the_table_has_every_route_of_the_operator_once_and_no_other() -> None:
    assert sorted(name for row in ROWS for name in NAMED.findall(row)) == sorted(map(str, ROUTES))


@pytest.mark.parametrize("route", [route for route in ROUTES if route.body is not None], ids=str)
def test_a_row_names_every_member_of_the_body(route: KnownRoute) -> None:
    assert route.body is not None
    [row] = [row for row in ROWS if f"`{route}`" in row]
    assert {name for name in route.body.model_fields if not re.search(rf"\b{name}\b", row)} == set()
