"""An OpenAPI document as HTML for people: what a page of the reference shows, readable without JavaScript."""

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any, TypeAlias

from tocsin.dialects.tocsin.schema_words import member_rule, members

Json: TypeAlias = Mapping[str, Any]
PLACEHOLDER = "https://push.example.com"
"""Stands in example calls for the address of a deployment that knows none."""


def title_of(document: Json) -> str:
    """How the page is called."""
    return str(document["info"]["title"])


def index(documents: Mapping[str, Json]) -> str:
    """The list of all references. documents: by dialect."""
    items = "".join(
        f'<li><a href="/docs/{escape(name)}">{escape(title_of(document))}</a>: '
        f"{escape(document['info']['description'])}</li>"
        for name, document in documents.items()
    )
    return f"<h1>Five push APIs on one host</h1><ul>{items}</ul>"


def reference(name: str, document: Json) -> str:
    """The reference of one dialect."""
    operations = [*_operations(document)]
    groups = {tag: [one for one in operations if one[2]["tags"] == [tag]] for tag in _tags(document)}
    return (
        f"<h1>{escape(title_of(document))}</h1><p>{escape(document['info']['description'])} For programs: "
        f'<a href="/openapi/{escape(name)}.json">OpenAPI 3.1</a>. <a href="/docs">The other APIs</a>.</p>'
        f"{_credentials(document)}<nav>{''.join(_contents(tag, group) for tag, group in groups.items())}</nav>"
        + "".join(_operation(document, *operation) for group in groups.values() for operation in group)
        + "<footer>Every answer has X-Request-Id, which names the request in this deployment's logs. An address that "
        "is none of these is a 404, a method that an address does not take is a 405 with Allow, both in the shape of "
        "the other errors.</footer>"
    )


def curl(document: Json, method: str, path: str, told: Json, example: str | None) -> str:
    """A line to paste. example: the name of the one it shows, None where there is none."""
    places: dict[str, dict[str, str]] = {"path": {}, "query": {}}
    for parameter in told.get("parameters", ()):
        if example in parameter.get("examples", {}):
            places[parameter["in"]][parameter["name"]] = str(parameter["examples"][example]["value"])
    query = "&".join(f"{name}={value}" for name, value in places["query"].items())
    url = _server(document) + path.format_map(_Filled(places["path"])) + (f"?{query}" if query else "")
    sends = any(example in body.get("examples", {}) for body in told.get("requestBody", {}).get("content", {}).values())
    told_by_curl = method == ("POST" if sends else "GET")
    words = [f"curl {shlex.quote(url)}" if told_by_curl else f"curl -X {method} {shlex.quote(url)}"]
    words += [f"-H {shlex.quote(line)}" for line in _credential_lines(document, told)]
    for media_type, body in told.get("requestBody", {}).get("content", {}).items():
        if example in body.get("examples", {}):
            words += _body_words(media_type, body["examples"][example]["value"])
    return " \\\n  ".join(words)


def _body_words(media_type: str, value: Any) -> list[str]:
    if media_type == "application/json":
        text = json.dumps(value, indent=2, ensure_ascii=False)
        return ["-H 'Content-Type: application/json'", f"-d {shlex.quote(text)}"]
    return [f"--data-urlencode {shlex.quote(f'{name}={member}')}" for name, member in value.items()]


class _Filled(dict[str, str]):
    """The variables of a path; one without an example stays."""

    def __missing__(self, name: str) -> str:
        return f"{{{name}}}"


def _operations(document: Json) -> Iterator[tuple[str, str, Json]]:
    """All but what browsers ask by themselves before a page's call, and second addresses of the same."""
    for path, item in document["paths"].items():
        for method, told in item.items():
            if method != "options" and "x-same-as" not in told:
                yield method.upper(), path, told


def _tags(document: Json) -> Iterator[str]:
    yield from (tag["name"] for tag in document["tags"])


def _contents(tag: str, operations: list[tuple[str, str, Json]]) -> str:
    """What the page has of a resource."""
    calls = "".join(
        f'<li><b>{method}</b> <a href="#{_anchor(told)}"><code>{escape(path)}</code></a> {escape(told["summary"])}</li>'
        for method, path, told in operations
    )
    return f"<h3>{escape(tag[:1].upper() + tag[1:])}</h3><ul>{calls}</ul>" if calls else ""


def _operation(document: Json, method: str, path: str, told: Json) -> str:
    return (
        f'<article id="{_anchor(told)}"><h2><b>{method}</b> <code>{escape(path)}</code></h2>'
        f"<p>{_text(told['description'])}</p>{_parameters(told)}{_body(document, told)}"
        f"{_examples(document, method, path, told)}{_answers(document, told)}</article>"
    )


def _credentials(document: Json) -> str:
    schemes = document["components"]["securitySchemes"]
    rows = [
        [f"<code>{escape(_header(scheme))}</code>", escape(name), escape(scheme.get("description", ""))]
        for name, scheme in schemes.items()
    ]
    return _table(["Header", "Key", ""], rows)


def _parameters(told: Json) -> str:
    needed = " or ".join(name for scheme in told.get("security", ()) for name in scheme)
    key = f"<p>Key: {escape(needed)}.</p>" if needed else "<p>Without a key.</p>"
    rows = [
        [f"<code>{escape(each['name'])}</code>, {each['in']}", _rule_of(each)] for each in told.get("parameters", ())
    ]
    return key + (_table(["Parameter", "Rule"], rows) if rows else "")


def _rule_of(parameter: Json) -> str:
    words = member_rule(parameter["schema"], {}, needed=parameter["required"])
    return _said(words, parameter.get("description", ""))


def _said(rule: str, about: str) -> str:
    return f"{escape(rule)}. {_text(about)}" if about else escape(rule)


def _body(document: Json, told: Json) -> str:
    if "requestBody" not in told:
        return ""
    [(media_type, content)] = told["requestBody"]["content"].items()
    title = "Body" if media_type == "application/json" else "Form"
    return f"<h3>{title}</h3>{_members(document, content['schema'])}"


def _members(document: Json, schema: Json) -> str:
    schemas = document["components"]["schemas"]
    rows = [[f"<code>{escape(each.name)}</code>", _said(each.rule, each.about)] for each in members(schema, schemas)]
    whole = schemas[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
    about = whole.get("description", "")
    return (f"<p>{_text(about)}</p>" if about else "") + _table(["Member", "Rule"], rows)


def _examples(document: Json, method: str, path: str, told: Json) -> str:
    answers = _success(told)[1].get("content", {}).get("application/json", {}).get("examples", {})
    shown = answers or {None: {}}
    return "".join(
        f"<h3>{escape(example.get('summary', 'Call'))}</h3>"
        f"<pre><code>{escape(curl(document, method, path, told, name))}</code></pre>"
        + (f"<pre><code>{_json(example['value'])}</code></pre>" if "value" in example else "")
        for name, example in shown.items()
    )


def _answers(document: Json, told: Json) -> str:
    status, success = _success(told)
    schema = success.get("content", {}).get("application/json", {}).get("schema")
    answer = "" if schema is None else _members(document, schema)
    headers = ", ".join(f"<code>{escape(name)}</code>" for name in success.get("headers", {}))
    rows = [
        [f"{status_}, {escape(example['summary'].lower())}", f"<code>{_line(example['value'])}</code>"]
        for status_, response in told["responses"].items()
        if status_ != status
        for example in response["content"].get("application/json", {"examples": {}})["examples"].values()
    ]
    return (
        f"<details><summary>Answer {status}</summary>{answer}<p>Headers: {headers}.</p></details>"
        f"<details><summary>Errors</summary>{_table(['Status', 'Body'], rows)}</details>"
    )


def _success(told: Json) -> tuple[str, Json]:
    return next((status, response) for status, response in told["responses"].items() if status < "400")


def _credential_lines(document: Json, told: Json) -> list[str]:
    scheme = next((name for scheme in told.get("security", ()) for name in scheme), None)
    return [] if scheme is None else [_header(document["components"]["securitySchemes"][scheme])]


def _header(scheme: Json) -> str:
    """The line of a credential."""
    before = f"Authorization: {scheme['scheme'].title()}" if scheme["type"] == "http" else f"{scheme['name']}:"
    return f"{before} {scheme['x-form']}"


def _server(document: Json) -> str:
    address = str(document["servers"][0]["url"])
    return PLACEHOLDER if address == "/" else address


def _anchor(told: Json) -> str:
    return escape(told["operationId"])


def _table(head: list[str], rows: list[list[str]]) -> str:
    """A table. rows: HTML."""
    top = "".join(f"<th>{cell}</th>" for cell in head)
    lines = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{top}</tr></thead><tbody>{lines}</tbody></table>"


def _text(plain: str) -> str:
    """Plain words, with what stands between backticks as code, and lines that begin with a dash as a list."""
    coded = re.sub("`([^`]+)`", r"<code>\1</code>", escape(plain))
    listed = re.sub(r"^- (.*)$", r"<li>\1</li>", coded, flags=re.MULTILINE)
    return re.sub(r"((?:<li>.*</li>\n?)+)", r"<ul>\1</ul>", listed)


def _line(value: object) -> str:
    return escape(json.dumps(value, ensure_ascii=False))


def _json(value: object) -> str:
    return escape(json.dumps(value, indent=2, ensure_ascii=False))
