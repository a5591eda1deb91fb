"""A dialect as an OpenAPI 3.1 document, made from its routes, their models, its errors and its reference."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any

from fastapi.routing import APIRoute
from pydantic.json_schema import JsonSchemaMode

from tocsin.dialect_kit.bodies import JsonBody
from tocsin.dialect_kit.contract import Dialect, Rendered
from tocsin.dialect_kit.reference import ANY, IDEMPOTENCY, JSON_BODY, Call, Parameter, Reference
from tocsin.dialect_kit.refused_bodies import refusals_of
from tocsin.dialect_kit.routes import json_body_of, query_of
from tocsin.dialect_kit.schemas import Schema, schemas_of, shape, without_rows
from tocsin.domain.errors import Fault, Refused

VERSION = "1.0.0"
"""Of each API: their documents have no versions, and what changes is only ever added."""
_JSON, _FORM = "application/json", "application/x-www-form-urlencoded"
_RETRY_AFTER = {
    Fault.RATE_LIMITED: 60,
    Fault.QUOTA_EXCEEDED: 3600,
    Fault.IDEMPOTENCY_IN_FLIGHT: 2,
    Fault.UNAVAILABLE: 2,
}
"""Seconds, as an example; the faults that come with a time to wait."""
_REQUEST_ID = {"required": True, "schema": {"type": "string"}, "description": "Names the request in our logs."}
_ON_A_SEND = {
    "X-Send-Id": {"schema": {"type": "string"}, "description": "Names the send for the operator."},
    "Idempotency-Replayed": {
        "schema": {"type": "string", "const": "true"},
        "description": "There when the answer repeats the first one's.",
    },
}
_IDEMPOTENCY_KEY = Parameter(
    "Idempotency-Key",
    "Makes a retry safe for 24 hours: the same key gives the same answer, and nothing is sent twice.",
    {"type": "string", "minLength": 1, "maxLength": 256, "pattern": "^[!-~]+$"},
)


def openapi(
    dialect: Dialect, about: str, routes: Iterable[tuple[str, APIRoute]], reference: Reference, server: str
) -> dict[str, Any]:
    """The document. about: "<title>: <what it is for>". routes: by path. server: the deployment's address, or "".

    Raises LookupError: the reference has no entry for a route.
    """
    found = [
        _Operation.of(dialect, reference, method, path, route)
        for path, route in routes
        for method in sorted(route.methods or ())
    ]
    resources = _resources(dict.fromkeys(operation.path for operation in found))
    tags, order = [*dict.fromkeys(resources.values())], [*reference.calls.values(), Call()]
    operations = sorted(found, key=lambda one: (tags.index(resources[one.path]), order.index(one.call)))
    types = {
        (number, part): type_
        for number, operation in enumerate(operations)
        for part, type_ in operation.types().items()
    }
    schemas, components = schemas_of(types)
    functions = Counter(operation.route.name for operation in operations)
    first: dict[str, str] = {}
    paths: dict[str, dict[str, Any]] = {}
    for number, operation in enumerate(operations):
        own = {part: schema for (of, part), schema in schemas.items() if of == number}
        told = operation.told(own, components)
        name = operation.route.name
        if functions[name] > 1:
            name = _slug(f"{operation.method} {operation.path}")
        if (same := first.setdefault(operation.route.name, name)) != name:
            told["x-same-as"] = same
        tag = {"tags": [resources[operation.path]]}
        paths.setdefault(operation.path, {})[operation.method.lower()] = {"operationId": name, **tag, **told}
    title, _, description = about.partition(": ")
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": VERSION, "description": description[:1].upper() + description[1:]},
        "servers": [{"url": server or "/"}],
        "tags": [{"name": tag} for tag in tags],
        "paths": paths,
        "components": {"schemas": components, "securitySchemes": reference.schemes or _schemes(dialect)},
    }


@dataclass(frozen=True, slots=True)
class _Operation:
    """A method of a path."""

    dialect: Dialect
    reference: Reference
    method: str
    path: str
    route: APIRoute
    call: Call
    body: JsonBody[Any] | None

    @classmethod
    def of(cls, dialect: Dialect, reference: Reference, method: str, path: str, route: APIRoute) -> "_Operation":
        """With its entry in the reference; an answer to a preflight needs none. Raises LookupError."""
        call = Call() if method == "OPTIONS" else reference.calls.get(f"{method} {path}")
        if call is None:
            raise LookupError(f"{method} {path} is not in dialects/{dialect.name}/reference.py")
        return cls(dialect, reference, method, path, route, call, json_body_of(route))

    def types(self) -> dict[str, tuple[JsonSchemaMode, Any]]:
        """The Python types of its body, of its answer, and of the query parameters that FastAPI knows."""
        found: dict[str, tuple[JsonSchemaMode, Any]] = {
            f"query {name}": ("validation", Annotated[info.annotation, info])
            for name, info in query_of(self.route).items()
        }
        if self.body is not None:
            found["body"] = "validation", self.body.model
        if self.route.response_model is not None:
            found["answer"] = "serialization", self.route.response_model
        return found

    def told(self, schemas: Mapping[str, Schema], components: Mapping[str, Schema]) -> dict[str, Any]:
        """OpenAPI's operation, but for its name. schemas: of the types above."""
        description = without_rows(self.route.description)
        told: dict[str, Any] = {
            "summary": re.split(r"[.;:]", description, maxsplit=1)[0],
            "description": description,
            "parameters": [*self._parameters(schemas)],
            "security": [{name: []} for name in self.call.credentials],
        }
        told = {name: value for name, value in told.items() if value}
        if self.body is not None:
            told["requestBody"] = {"required": True, "content": {_JSON: self._content(schemas["body"], "body")}}
        if self.call.form is not None:
            told["requestBody"] = {"required": True, "content": {_FORM: self._content(self.call.form, "body")}}
        status = self.route.status_code or (204 if self.method == "OPTIONS" else 200)
        answer = self.call.answer or schemas.get("answer")
        success: dict[str, Any] = {
            "description": HTTPStatus(status).phrase,
            "headers": {"X-Request-Id": _REQUEST_ID, **(_ON_A_SEND if self.call.sends else {}), **self._rates()},
        }
        if answer is not None:
            schema = _without(answer, self.route.response_model_exclude, components)
            success["content"] = {_JSON: self._content(schema, "answer")}
        told["responses"] = {str(status): success, **self._refusals()}
        for number, media_type in self.call.media_types.items():
            told["responses"][str(number)]["content"] = {media_type: {}}
        return told

    def _content(self, schema: Mapping[str, object], part: str) -> dict[str, Any]:
        shown = {
            _slug(example.summary): {"summary": example.summary, "value": getattr(example, part)}
            for example in self.call.examples
            if getattr(example, part) is not None
        }
        return {"schema": schema, **({"examples": shown} if shown else {})}

    def _parameters(self, schemas: Mapping[str, Schema]) -> Iterator[dict[str, Any]]:
        in_path = re.findall(r"\{(\w+)\}", self.path)
        said = {name: Parameter(name, "", {"type": "string", "minLength": 1}) for name in in_path}
        for name, info in query_of(self.route).items():
            schema = _without_null(schemas[f"query {name}"])
            said[name] = Parameter(name, schema.pop("description", ""), schema, required=info.is_required())
        said |= {parameter.name: parameter for parameter in self.call.parameters}
        for name, parameter in said.items():
            yield self._parameter("path" if name in in_path else "query", parameter)
        for parameter in (*self.call.headers, *((_IDEMPOTENCY_KEY,) if self.call.sends else ())):
            yield self._parameter("header", parameter)

    def _parameter(self, place: str, parameter: Parameter) -> dict[str, Any]:
        name = parameter.name
        shown = {
            _slug(example.summary): {"value": getattr(example, place)[name]}
            for example in self.call.examples
            if place != "header" and name in getattr(example, place)
        }
        return {
            "name": name,
            "in": place,
            "required": place == "path" or parameter.required,
            "schema": parameter.schema,
            **({"description": parameter.description} if parameter.description else {}),
            **({"examples": shown} if shown else {}),
        }

    def _refusals(self) -> dict[str, Any]:
        if self.method == "OPTIONS":
            return {}
        texts = {
            **ANY,
            **({Fault.FIELD_INVALID: "limit must be an integer"} if self._has_rules() else {}),
            **(IDEMPOTENCY if self.call.sends else {}),
            **({**JSON_BODY, Fault.BODY_TOO_LARGE: self.body.too_large} if self.body else {}),
        }
        refused = {fault: _refused(fault, text) for fault, text in texts.items()}
        if self.body is not None:
            refused |= refusals_of(self.body, next((one.body for one in self.call.examples if one.body), {}))
        refused |= {fault: _refused(fault, text) for fault, text in self.call.refusals.items()}
        rendered = {fault.value: self.dialect.render(one) for fault, one in refused.items()}
        by_status: dict[int, dict[str, Rendered]] = {}
        for name, one in {**rendered, **self.call.others}.items():
            by_status.setdefault(one.status, {})[name] = one
        return {str(status): self._refusal(status, by_status[status]) for status in sorted(by_status)}

    def _refusal(self, status: int, rendered: Mapping[str, Rendered]) -> dict[str, Any]:
        """OpenAPI's response for what shares a status."""
        shapes = [shape(one.body) for one in rendered.values()]
        distinct = [one for place, one in enumerate(shapes) if one not in shapes[:place]]
        headers: dict[str, Any] = {"X-Request-Id": _REQUEST_ID}
        for name in sorted({name for one in rendered.values() for name in one.headers}):
            values = sorted({one.headers[name] for one in rendered.values() if name in one.headers})
            always = all(name in one.headers for one in rendered.values())
            headers[name] = {"required": always, "schema": {"type": "string", "enum": values}}
        if rendered.keys() & _RETRY_AFTER.keys():
            headers["Retry-After"] = {"schema": {"type": "integer", "minimum": 0}, "description": "Seconds."}
        if status != HTTPStatus.UNAUTHORIZED:
            headers |= self._rates()
        examples = {
            name: {"summary": name.replace("_", " ").capitalize(), "value": one.body} for name, one in rendered.items()
        }
        schema = distinct[0] if len(distinct) == 1 else {"anyOf": distinct}
        return {
            "description": HTTPStatus(status).phrase,
            "headers": headers,
            "content": {_JSON: {"schema": schema, "examples": examples}},
        }

    def _has_rules(self) -> bool:
        """Whether FastAPI would refuse some values of its query parameters."""
        plain = (str, str | None)
        return any(info.annotation not in plain or info.metadata for info in query_of(self.route).values())

    def _rates(self) -> dict[str, Any]:
        told = self.reference.rate_headers if self.call.credentials else {}
        return {name: {"schema": {"type": "integer"}, "description": text} for name, text in told.items()}


def _resources(paths: Iterable[str]) -> dict[str, str]:
    """What each path is about: the last word of the shortest path that it begins with, variables at the end aside."""
    collections = {path: re.sub(r"(/\{\w+\})+$", "", path) for path in paths}
    shortest = sorted(collections.values(), key=len)
    above = {path: next(one for one in shortest if f"{path}/".startswith(f"{one}/")) for path in collections}
    return {path: collection.rpartition("/")[2] for path, collection in above.items()}


def _refused(fault: Fault, message: str) -> Refused:
    """An example of a refusal."""
    name = message.partition(" ")[0]
    return Refused(
        fault,
        message,
        field=name if fault in {Fault.FIELD_MISSING, Fault.FIELD_INVALID} else None,
        missing=(name,) if fault is Fault.FIELD_MISSING else (),
        retry_after=_RETRY_AFTER.get(fault),
        link="https://push.example.com/plans" if fault is Fault.QUOTA_EXCEEDED else None,
    )


def _without(schema: Mapping[str, object], left_out: Any, components: Mapping[str, Schema]) -> Mapping[str, object]:
    """The schema of an answer without the members that its route leaves out."""
    if not left_out:
        return schema
    whole = components[str(schema["$ref"]).rpartition("/")[2]]
    kept = {name: member for name, member in whole["properties"].items() if name not in left_out}
    return {**whole, "properties": kept, "required": [name for name in whole["required"] if name in kept]}


def _without_null(schema: Schema) -> Schema:
    """Of a query parameter: in a URL there is no null."""
    choices = [one for one in schema.get("anyOf", ()) if one != {"type": "null"}]
    if len(choices) != 1:
        return dict(schema)
    return {**choices[0], **{name: value for name, value in schema.items() if name != "anyOf"}}


def _schemes(dialect: Dialect) -> dict[str, Any]:
    return {
        kind.value: {"type": "apiKey", "in": "header", "name": form.header.title(), "x-form": f"{form.prefix}_..."}
        for kind, form in dialect.keys.items()
    }


def _slug(summary: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", summary.lower()).strip("-")
