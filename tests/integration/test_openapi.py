"""The references as they are deployed, and cases made of them by schemathesis against the deployed template.

The bulk of the cases goes through the same application over memory, in tests/unit/dialects/test_cases.py: thousands
there cost what a few hundred cost here. These show that gateway, functions and tables answer alike.
"""

from typing import Any

import pytest
from schemathesis import Case

from tests.fuzzing import Visitor, cases, every_document
from tests.integration.deployed_api import DeployedApi, Simulator
from tocsin.domain.errors import Fault, Refused
from tocsin.domain.tenancy import DialectName
from tocsin.entrypoints.documents import document, documented
from tocsin.entrypoints.registry import dialects

SCHEMA = every_document(coverage=False)


@pytest.fixture(scope="module")
def visitor(api: DeployedApi, simulator: Simulator) -> Visitor:
    return Visitor.arrive(
        api,
        lambda method, path, query, body, headers: api.call(method, f"{path}?{query}", body, headers),
        simulator.user_agent().subscription,
    )


@SCHEMA.parametrize()
@cases(10)
def test_an_answer_of_the_deployed_template_is_as_its_document_says(case: "Case[Any]", visitor: Visitor) -> None:
    visitor.call(case)


@pytest.mark.parametrize("name", documented())
def test_the_document_and_its_page_are_served_with_the_address_in_them(name: DialectName, api: DeployedApi) -> None:
    served = api.call("GET", f"/openapi/{name}.json")
    assert (served.status, served.headers["access-control-allow-origin"]) == (200, "*")
    told = served.json
    [server] = told.pop("servers")
    expected = dict(document(name, "") or {})
    expected.pop("servers")
    assert told == expected
    page = api.call("GET", f"/docs/{name}")
    assert page.status == 200
    assert f"curl {server['url']}/".encode() in page.body.replace(b"&#x27;", b"").replace(b"-X DELETE ", b"")


@pytest.mark.row("X-9")
@pytest.mark.parametrize("name", documented())
def test_x_9_what_no_document_names_is_a_404_or_a_405_in_the_dialects_shape(
    name: DialectName, api: DeployedApi, visitor: Visitor
) -> None:
    dialect, told = dialects()[name], document(name, "") or {}
    key = next(headers for scheme, headers in visitor.keys.items() if scheme.startswith(f"{name}."))
    shape = dialect.render(Refused(Fault.ROUTE_UNKNOWN, "")).body.keys()
    for prefix in dialect.prefixes:
        unknown = api.call("GET", f"{prefix}/no/such/thing/at/all", headers=key)
        assert (unknown.status, unknown.json.keys()) == (404, shape), prefix
    for path, item in told["paths"].items():
        wrong = next(method for method in ("PUT", "PATCH", "DELETE") if method.lower() not in item)
        for method in (wrong, "HEAD") if "get" in item else (wrong,):
            answer = api.call(method, path.replace("{", "").replace("}", ""), headers=key)
            assert answer.status == 405, f"{method} {path}"
            assert method == "HEAD" or answer.json.keys() == shape, f"{method} {path}"
            # More where another route takes the same path for an id, as `count` for a subscriber's.
            assert set(answer.headers["allow"].split(", ")) >= {one.upper() for one in item}, f"{method} {path}"
