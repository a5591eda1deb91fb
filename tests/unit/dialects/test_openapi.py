"""Each dialect's OpenAPI document: valid, whole, and with examples that are what it says."""

import html
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from itertools import groupby
from typing import Any

import pytest
import schemathesis
from jsonschema_rs import Draft202012Validator

from tests.customer import SITE, Customer
from tests.engine import MemoryEngine
from tests.http_api import HttpApi
from tests.integration.isolation import KINDS, OPEN
from tests.routes import every_route
from tocsin.dialect_kit.reference import AHEAD
from tocsin.dialects.pushary.rules import NAMES as RULE_FIELDS
from tocsin.dialects.pushary.rules import Rules, to_rule
from tocsin.domain.api_key import KeyKind
from tocsin.domain.errors import Refused
from tocsin.domain.segment import Operator
from tocsin.domain.tenancy import DialectName
from tocsin.entrypoints.documents import document, documented
from tocsin.entrypoints.registry import dialects

NAMES = documented()
ENVIRONMENT = {"PYTHONPATH": "shared"}


def of(name: DialectName) -> dict[str, Any]:
    found = document(name, "https://push.example")
    assert found is not None
    return found


def operations(name: DialectName) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each with its name, `POST /v1/send`."""
    for path, item in of(name)["paths"].items():
        for method, operation in item.items():
            yield f"{method.upper()} {path}", operation


def contents(name: DialectName) -> Iterator[tuple[str, dict[str, Any]]]:
    """What has a schema of every body and answer, each with where it stands."""
    for label, operation in operations(name):
        parts = {"body": operation.get("requestBody", {}), **operation["responses"]}
        for part, told in parts.items():
            for content in told.get("content", {}).values():
                if "schema" in content:
                    yield f"{label} {part}", content


def test_every_dialect_with_keys_has_a_document() -> None:
    assert {name for name, dialect in dialects().items() if dialect.keys} == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_document_is_valid_openapi(name: DialectName) -> None:
    schemathesis.openapi.from_dict(of(name)).validate()


@pytest.mark.parametrize("name", NAMES)
def test_every_route_is_in_the_document_and_nothing_else(name: DialectName) -> None:
    known = {re.sub(r":\w+}", "}", str(route)) for route in every_route() if route.dialect.name == name}
    assert {label for label, _ in operations(name)} == known


@pytest.mark.parametrize("name", NAMES)
def test_no_two_operations_have_one_name(name: DialectName) -> None:
    names = [operation["operationId"] for _, operation in operations(name)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("name", NAMES)
def test_every_example_is_what_its_schema_says(name: DialectName) -> None:
    components = of(name)["components"]
    for where, content in contents(name):
        holds = Draft202012Validator({**content["schema"], "components": components}).validate
        for example in content.get("examples", {}).values():
            try:
                holds(example["value"])
            except ValueError as error:
                pytest.fail(f"{where}, {example['summary']}: {error}")


@pytest.mark.parametrize(
    ("config", "possible"),
    [
        ({"notification": {"title": "Hi", "body": "Welcome"}}, True),
        ({"notification": {"title": "Hi"}, "templateId": "tmpl_a"}, True),
        ({"templateId": "tmpl_a"}, True),
        ({"delay": {"value": 1, "unit": "days"}}, True),
        ({}, True),
        ({"notification": {"title": "Hi"}}, False),
        ({"notification": {}}, False),
    ],
)
def test_what_a_flow_shows_has_texts_or_a_template(config: dict[str, Any], possible: bool) -> None:
    components = of(DialectName("pushary"))["components"]
    schema = {"$ref": "#/components/schemas/ConfigForm", "components": components}
    assert Draft202012Validator(schema).is_valid(config) is possible


VALUES: tuple[object, ...] = (
    None, "x", "CH", "x" * 256, "x" * 257, "", 1, 0, 7.5, True, ["x"], ["CH"], ["x", 1], [], ["x"] * 100, ["x"] * 101,
)  # fmt: skip
CONDITIONS = [
    {"field": field, "operator": operator, **({} if value is None else {"value": value})}
    for field in (*(name for name in RULE_FIELDS if name != "customData"), "customData.plan", "customData", "plan")
    for operator in (*Operator, "is")
    for value in VALUES
]
SOME = {"field": "tags", "operator": "has", "value": "vip"}
RULES: list[object] = [
    *CONDITIONS,
    *({group: rules} for group in ("all", "any") for rules in ([SOME], [SOME, {"not": SOME}], [], SOME, ["tags"])),
    *({"not": rule} for rule in (SOME, {"all": [SOME]}, [SOME], {}, {"field": "tags"})),
    {"everyone": True},
    {"everyone": False},
    {"all": [SOME], "any": [SOME]},
    {**SOME, "values": 1},
    {},
]


def test_the_schema_of_a_segments_rules_takes_what_is_taken_and_nothing_else() -> None:
    components = of(DialectName("pushary"))["components"]
    told = Draft202012Validator({"$ref": "#/components/schemas/Rules", "components": components})

    def is_taken(rules: object) -> bool:
        try:
            to_rule(Rules.model_validate(rules))
        except Refused:
            return False
        return True

    assert [rules for rules in RULES if told.is_valid(rules) != is_taken(rules)] == []
    assert {is_taken(rules) for rules in RULES} == {True, False}


def test_the_page_of_a_segments_rules_lists_each_field_with_its_operators() -> None:
    text, _ = page("/docs/pushary")
    [listed, *_] = re.findall(r"<ul><li><code>tags.*?</ul>", text, re.DOTALL)
    names = [name if name != "customData" else "customData.&lt;path&gt;" for name in RULE_FIELDS]
    assert [name for name in (*names, *Operator) if f"<code>{name}</code>" not in listed] == []


@pytest.mark.parametrize("name", NAMES)
def test_every_answer_has_named_members(name: DialectName) -> None:
    schemas = of(name)["components"]["schemas"]

    def is_told(schema: dict[str, Any]) -> bool:
        if "$ref" in schema:
            return is_told(schemas[schema["$ref"].rpartition("/")[2]])
        if schema.get("type") == "array":
            return is_told(schema["items"])
        return "properties" in schema or all(map(is_told, schema.get("anyOf", [{}])))

    assert [where for where, content in contents(name) if not is_told(content["schema"])] == []


@pytest.mark.parametrize("name", NAMES)
def test_every_call_that_reads_a_body_or_a_record_shows_an_example(name: DialectName) -> None:
    shown = {where for where, content in contents(name) if "examples" in content}
    assert {f"{label} body" for label, operation in operations(name) if "requestBody" in operation} <= shown


@pytest.mark.parametrize("name", NAMES)
def test_keys_are_asked_for_as_the_isolation_table_has_it(name: DialectName) -> None:
    kinds = {kind.value for kind in dialects()[name].keys}
    for label, operation in operations(name):
        # Who asks for a token shows the client's credentials, in a header or in the form, and opens nothing else.
        told = {scheme for schemes in operation.get("security", ()) for scheme in schemes} - {"client"}
        assert bool(told) != (label in OPEN), label
        if told <= kinds:  # the others are no keys but tokens
            assert told == (set() if label in OPEN else set(KINDS.get(label, kinds - {KeyKind.PUBLISHABLE}))), label


@pytest.mark.parametrize("name", [name for name in NAMES if name != "keymaster"])
def test_a_server_is_told_of_a_rate_limit_where_there_is_one_and_nowhere_else(name: DialectName) -> None:
    api = HttpApi(MemoryEngine())
    customer = Customer.sign_up(api)
    header = dialects()[name].keys[KeyKind.SECRET].header
    for label, operation in operations(name):
        if KeyKind.SECRET.value not in {scheme for schemes in operation.get("security", ()) for scheme in schemes}:
            continue
        key = customer.key(KeyKind.SECRET, dialect=name, requests_per_minute=1)["key"]
        method, _, path = label.partition(" ")
        at = path.replace("{channel}", customer.channel).replace("{", "").replace("}", "")
        sent = {header: f"Bearer {key}" if header == "authorization" else key}
        _, second = (api.call(method, at, {}, sent).status for _ in range(2))
        limits = operation["responses"].get("429", {}).get("content", {}).get("application/json", {})
        # A page's key is limited by its network instead, which these two calls are not enough for.
        told = "rate_limited" in limits.get("examples", {}) and len(operation["security"]) < 3
        assert (second == 429) == told, label


@pytest.mark.parametrize(
    ("name", "label", "kilobytes"),
    [
        ("pushservice", "POST /v1/send", 64),
        ("cloudsignal", "POST /v2/push/send", 256),
        ("pushary", "POST /api/v1/server/send", 256),
        ("keymaster", "POST /push/send/batch", 5120),
    ],
)
def test_a_body_is_told_the_size_that_its_own_route_takes(name: DialectName, label: str, kilobytes: int) -> None:
    responses = dict(operations(name))[label]["responses"]
    assert f"The body is larger than {kilobytes} KiB" in json.dumps(responses)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_wrong_in_an_example_of_an_error_is_a_member_of_that_body(name: DialectName) -> None:
    components = of(name)["components"]["schemas"]
    for label, operation in operations(name):
        body = operation.get("requestBody", {}).get("content", {}).get("application/json")
        shown = operation["responses"].get("400", {}).get("content", {}).get("application/json", {})
        wrong = shown.get("examples", {}).get("field_missing")
        if body is not None and wrong is not None:
            known = components[body["schema"]["$ref"].rpartition("/")[2]]["properties"]
            assert any(re.search(rf"\b{member}\b", json.dumps(wrong["value"])) for member in known), label


@pytest.mark.parametrize("path", ["/send", "/campaigns", "/templates", "/segments", "/flows"])
def test_an_empty_body_is_refused_as_the_example_has_it(path: str) -> None:
    customer = Customer.sign_up(HttpApi(MemoryEngine()))
    answered = customer.pushary().call("POST", path, {}).json
    operation = of(DialectName("pushary"))["paths"][f"/api/v1/server{path}"]["post"]
    examples = operation["responses"]["400"]["content"]["application/json"]["examples"]
    assert answered == examples["field_missing"]["value"]


@pytest.mark.parametrize("name", [name for name in NAMES if name != "keymaster"])
def test_a_secret_key_in_a_browser_is_refused_as_the_example_has_it(name: DialectName) -> None:
    api = HttpApi(MemoryEngine())
    customer = Customer.sign_up(api)
    header = dialects()[name].keys[KeyKind.SECRET].header
    key = customer.key(KeyKind.SECRET, dialect=name)["key"]
    sent = {header: f"Bearer {key}" if header == "authorization" else key, "Origin": SITE}
    for label, operation in operations(name):
        method, _, path = label.partition(" ")
        for response in operation["responses"].values():
            content = response.get("content", {}).get("application/json", {})
            if example := content.get("examples", {}).get("secret_key_in_browser"):
                at = path.replace("{channel}", customer.channel).replace("{", "").replace("}", "")
                assert api.call(method, at, {}, sent).json == example["value"], label


@pytest.mark.parametrize("name", NAMES)
def test_a_time_that_an_example_asks_for_is_ahead(name: DialectName) -> None:
    asked = json.dumps(
        [
            example
            for where, content in contents(name)
            if where.endswith(" body")
            for example in content.get("examples", {}).values()
        ]
    )
    for text in re.findall(r"\d{4}-\d\d-\d\dT[0-9:]+(?:Z|[+-]\d\d:\d\d)", asked):
        assert timedelta(days=30) < datetime.fromisoformat(text) - datetime.now(UTC) < timedelta(days=63)
    assert AHEAD not in json.dumps(of(name))


@pytest.mark.parametrize("name", NAMES)
def test_no_two_operations_have_one_title(name: DialectName) -> None:
    titles = [operation["summary"] for label, operation in operations(name) if is_shown(label, operation)]
    assert len(titles) == len(set(titles))


@pytest.mark.parametrize("name", NAMES)
def test_every_operation_belongs_to_a_resource_and_stands_beside_the_others_of_it(name: DialectName) -> None:
    told = [operation["tags"] for _, operation in operations(name)]
    assert [tag for tag, _ in groupby(one for [one] in told)] == [tag["name"] for tag in of(name)["tags"]]


def test_a_preview_stands_next_to_its_send() -> None:
    known = [label for label, _ in operations(DialectName("pushary"))]
    for send in ("POST /api/v1/server/send", "POST /api/v1/server/campaigns/{campaign_id}/send"):
        preview = known.index(send.removesuffix("/send") + "/preview" if "{" in send else f"{send}/preview")
        assert abs(known.index(send) - preview) == 1


def test_a_body_of_changes_tells_no_defaults() -> None:
    schemas = of(DialectName("pushary"))["components"]["schemas"]
    for name in ("CampaignChangeRequest", "FlowChangeRequest"):
        assert [member for member in schemas[name]["properties"].values() if "default" in member] == []


@pytest.mark.parametrize("name", NAMES)
def test_no_python_shows_through(name: DialectName) -> None:
    text, _ = page(f"/docs/{name}")
    assert re.findall(r"\bNone\b|\bTrue\b|\bFalse\b|\{'", html.unescape(text)) == []


@pytest.mark.parametrize("name", NAMES)
def test_no_row_of_our_table_is_left_in_what_customers_read(name: DialectName) -> None:
    assert re.findall(r"\b(?:PS|CS|BN|PU|KM|X)-\d+", json.dumps(of(name))) == []


def is_shown(label: str, operation: dict[str, Any]) -> bool:
    """Whether the page has a part of its own for it: for no preflight, and for no second address."""
    return not label.startswith("OPTIONS") and "x-same-as" not in operation


class Page(HTMLParser):
    """What a browser without JavaScript makes of a page: its elements are closed, its links lead somewhere."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: set[str] = set()
        self.links: set[str] = set()
        self.tags: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note it."""
        self.tags.add(tag)
        if tag not in {"meta", "link"}:
            self.open.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.add(value or "")
            if name == "href":
                self.links.add(value or "")

    def handle_endtag(self, tag: str) -> None:
        """It ends what was opened last."""
        assert self.open.pop() == tag


def page(path: str) -> tuple[str, Page]:
    answer = HttpApi(MemoryEngine()).call("GET", path)
    assert (answer.status, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    text = answer.body.decode()
    return text, Page(text)


@pytest.mark.parametrize("name", NAMES)
def test_the_page_shows_every_call_and_every_link_leads_somewhere(name: DialectName) -> None:
    _, read = page(f"/docs/{name}")
    assert (read.open, read.tags & {"script", "style", "img"}) == ([], set())
    wanted = {operation["operationId"] for label, operation in operations(name) if is_shown(label, operation)}
    assert wanted == read.ids
    assert read.links == {f"#{id_}" for id_ in wanted} | {"/docs", "/page.css", "/docs.css", f"/openapi/{name}.json"}
    api = HttpApi(MemoryEngine())
    assert [link for link in read.links if link.startswith("/") and api.call("GET", link).status != 200] == []


@pytest.mark.parametrize("name", NAMES)
def test_the_curl_lines_of_the_page_are_the_examples_of_the_document(name: DialectName) -> None:
    text, _ = page(f"/docs/{name}")
    lines = [html.unescape(line) for line in re.findall(r"<pre><code>(curl .*?)</code></pre>", text, re.DOTALL)]
    words = [shlex.split(line) for line in lines]
    bodies = [json.loads(line[line.index("-d") + 1]) for line in words if "-d" in line]
    examples = [
        example["value"]
        for label, operation in operations(name)
        if is_shown(label, operation)
        for example in operation.get("requestBody", {})
        .get("content", {})
        .get("application/json", {})
        .get("examples", {})
        .values()
    ]
    assert bodies == examples
    assert all(any(word.startswith("https://push.example.com/") for word in line) for line in words)


def test_no_function_loads_a_reference_before_it_is_asked_for_one() -> None:
    started = """
import sys
from tocsin.dialect_kit.contract import Capability
from tocsin.entrypoints import http
from tocsin.entrypoints.registry import dialects, routes
for dialect in dialects().values():
    for capability in Capability:
        routes(dialect, capability)
print(*(name for name in sys.modules if name.startswith("tocsin.") and name.endswith((".openapi", ".reference"))))
"""
    told = subprocess.run([sys.executable, "-c", started], check=True, capture_output=True, text=True, env=ENVIRONMENT)
    assert told.stdout.strip() == ""


def test_the_index_names_all_references() -> None:
    _, read = page("/docs")
    assert {link for link in read.links if link.startswith("/docs/")} == {f"/docs/{name}" for name in NAMES}


@pytest.mark.parametrize(
    "path", ["/openapi/tocsin.json", "/openapi/nothing.json", "/openapi/pushservice", "/docs/nothing"]
)
def test_there_is_no_reference_of_what_is_none(path: str) -> None:
    answer = HttpApi(MemoryEngine()).call("GET", path)
    assert (answer.status, answer.json["error"]["code"]) == (404, "not_found")


def test_links_and_servers_name_the_host_that_was_asked() -> None:
    engine = MemoryEngine()
    engine.public_url = "https://push.shop.example"
    api = HttpApi(engine)
    assert api.call("GET", "/openapi/pushservice.json").json["servers"] == [{"url": "https://push.shop.example"}]
    assert "curl https://push.shop.example/v1/send" in api.call("GET", "/docs/pushservice").body.decode()
