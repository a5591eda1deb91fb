"""Thousands of cases that schemathesis makes of the documents, over memory: no 5xx, and nothing that no document says.

Here is the bulk of them, with each border of each schema; tests/integration/test_openapi.py sends fewer to the deployed
template.
"""

from typing import Any
from urllib.parse import unquote

import pytest
from schemathesis import Case

from tests.customer import new_subscription
from tests.engine import MemoryEngine
from tests.fuzzing import Visitor, cases, every_document
from tests.http_api import HttpApi

SCHEMA = every_document(coverage=True)
SECONDS_APART = 2.5
"""Of the virtual clock: pages stay within what a network may ask, and tokens last for all cases of an operation."""
answered: dict[str, set[int]] = {}


@pytest.fixture
def engine() -> MemoryEngine:
    """A deployment for all cases of one operation: what one leaves behind is there for the next."""
    return MemoryEngine()


@pytest.fixture
def visitor(engine: MemoryEngine) -> Visitor:
    api = HttpApi(engine)
    return Visitor.arrive(
        api,
        lambda method, path, query, body, headers: api.call(method, unquote(path), body, headers, query=query),
        new_subscription(),
    )


@SCHEMA.parametrize()
@cases(50)
def test_an_answer_is_as_its_document_says(case: "Case[Any]", visitor: Visitor, engine: MemoryEngine) -> None:
    engine.clock.advance(SECONDS_APART)
    answered.setdefault(case.operation.label, set()).add(visitor.call(case))


def test_some_cases_of_each_operation_are_accepted() -> None:
    refused = {label: sorted(statuses) for label, statuses in answered.items() if min(statuses) >= 300}
    assert refused == {}
