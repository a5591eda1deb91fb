"""Reading a request's body into a wire model, as a dependency that runs where a route lists it.

FastAPI's own body parsing comes before every dependency, so a malformed body would be reported ahead of a wrong key;
the documents want it after (PS-29). A route therefore lists its caller first and its body second.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from fastapi import Depends
from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler, TypeAdapter, ValidationError, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, ErrorDetails
from starlette.requests import Request

from tocsin.application.send_command import IdempotencyKey
from tocsin.dialect_kit.strict_json import load_list, load_object
from tocsin.domain.errors import Fault, Refused

MAX_BODY = 64 * 1024
MAX_IDEMPOTENCY_KEY = 256
Model = TypeVar("Model", bound="WireModel")


class WireModel(BaseModel):
    """A wire format: types are not coerced; what a document does not name is ignored, as its own service does."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)


class ExactModel(WireModel, extra="forbid"):
    """A wire format in which a member that it does not name is refused, as a typo whose meaning would be lost."""


class SparseModel(WireModel):
    """A wire format in which a member that is null counts as absent: many clients write out what they do not set."""

    @model_validator(mode="before")
    @classmethod
    def _leave_out_nulls(cls, fields: object) -> object:
        if not isinstance(fields, dict):
            return fields
        return {name: value for name, value in fields.items() if value is not None}

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        told = handler(core)
        whole = handler.resolve_ref_schema(told)
        for name in whole["properties"].keys() - set(whole.get("required", ())):
            member = whole["properties"][name]
            if {"type": "null"} not in member.get("anyOf", ()):
                kept = {key: member.pop(key) for key in ("default", "description") if key in member}
                whole["properties"][name] = {"anyOf": [member, {"type": "null"}], **kept}
        return told


class ChangeModel(WireModel):
    """A wire format of changes: what is left out stays as it was, so its defaults mean nothing and are not told."""

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        told = handler(core)
        for member in handler.resolve_ref_schema(told)["properties"].values():
            member.pop("default", None)
        return told


def json_body(model: type[Model], *, most: int = MAX_BODY, declared: bool = False) -> Any:
    """A dependency that yields the body as `model`.

    most: its bytes. declared: whether the Content-Type must say that it is JSON (CS-3) or may say anything (PS-1).
    Raises Refused: BODY_TOO_LARGE, BODY_NOT_JSON, FIELD_MISSING, FIELD_INVALID.
    """
    return Depends(JsonBody(model, most, declared))


@dataclass(frozen=True, slots=True)
class JsonBody(Generic[Model]):
    """What json_body depends on; a class, so that whoever walks the routes finds the model."""

    model: type[Model]
    most: int
    declared: bool

    @property
    def too_large(self) -> str:
        """What whoever sends more is told."""
        return too_large(self.most)

    async def __call__(self, request: Request) -> Model:
        """The body of a request. Raises Refused."""
        if self.declared and _media_type(request) != "application/json":
            raise Refused(Fault.BODY_NOT_JSON, "Content-Type must be application/json", field="Content-Type")
        body = await request.body()
        if len(body) > self.most:
            raise Refused(Fault.BODY_TOO_LARGE, self.too_large)
        fields = load_object(body)
        try:
            return self.model.model_validate(fields)
        except ValidationError as error:
            raise refusal_of(error) from None  # the cause would carry the input, which is not ours to log


def json_list(model: type[Model], *, items: int, most: int = MAX_BODY) -> Any:
    """A dependency that yields the body as a list of at most `items` of `model`. most: its bytes.

    Raises Refused: BODY_TOO_LARGE, BODY_NOT_JSON, FIELD_MISSING, FIELD_INVALID.
    """
    list_of = TypeAdapter(list[model])  # type: ignore[valid-type]  # known when it runs

    async def read(request: Request) -> list[Model]:
        body = await request.body()
        if len(body) > most:
            raise Refused(Fault.BODY_TOO_LARGE, too_large(most))
        found = load_list(body)
        if len(found) > items:
            raise Refused(Fault.FIELD_INVALID, f"The body must be a list of at most {items}", field="body")
        try:
            return list_of.validate_python(found)
        except ValidationError as error:
            raise refusal_of(error) from None  # as above

    return Depends(read)


def too_large(most: int) -> str:
    """What whoever sends more than `most` bytes is told."""
    return f"The body is larger than {most // 1024} KiB"


def idempotency_key(request: Request, route: str, body: WireModel) -> IdempotencyKey | None:
    """What the Idempotency-Key header says, or None without one (X-4). Raises Refused: FIELD_INVALID."""
    text = request.headers.get("idempotency-key")
    if text is None:
        return None
    if not (0 < len(text) <= MAX_IDEMPOTENCY_KEY and all("!" <= character <= "~" for character in text)):
        message = f"Idempotency-Key must be 1 to {MAX_IDEMPOTENCY_KEY} visible ASCII characters"
        raise Refused(Fault.FIELD_INVALID, message, field="Idempotency-Key")
    return repeatable(route, text, body)


def repeatable(route: str, text: str, body: WireModel) -> IdempotencyKey:
    """The idempotency key `text` of a request with this body."""
    canonical = json.dumps(body.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
    return IdempotencyKey(route, text, canonical.encode())


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def refusal_of(error: ValidationError) -> Refused:
    """The first problem in the model's order, missing fields before malformed ones."""
    problems = error.errors(include_url=False, include_context=False, include_input=False)
    problem = next((p for p in problems if p["type"] == "missing"), problems[0])
    name = _name(problem["loc"])
    if problem["type"] == "missing":
        missing = tuple(_name(p["loc"]) for p in problems if p["type"] == "missing")
        return Refused(Fault.FIELD_MISSING, f"{name} is required", field=name, missing=missing)
    return Refused(Fault.FIELD_INVALID, f"{name} {rule_of(problem)}", field=name)


def rule_of(problem: ErrorDetails) -> str:
    """What a value has to be, after its name: pydantic's words without its jargon."""
    match problem["type"]:
        case "missing":
            return "is required"
        case "extra_forbidden":
            return "is not known here"
        case kind if kind.startswith("int_"):
            return "must be an integer"
        case "model_type" | "model_attributes_type" | "dict_type":
            return "must be an object"
    text = problem["msg"].removeprefix("Value error, ").removeprefix("Input should be ").removeprefix("String should ")
    text = re.sub(r"^List should (.*) after validation, not \d+$", r"\1", text)
    text = (text[:1].lower() + text[1:]).replace("a valid ", "a ")
    if not text.startswith(("must ", "have ", "is ")):
        text = f"must be {text}"
    return text.replace("have ", "must have ", 1) if text.startswith("have ") else text


def _name(location: Sequence[int | str]) -> str:
    return ".".join(str(part) for part in location) or "body"
