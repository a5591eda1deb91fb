"""Members of texts with placeholders, of the values for them, and of the template that they may come from (PU-43)."""

import json
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ValidationError
from pydantic.config import JsonDict
from pydantic_core import InitErrorDetails, PydanticCustomError

from tocsin.application.engine import Engine
from tocsin.dialect_kit.fields import Body, Rule, Title, web_url
from tocsin.dialect_kit.identifiers import parse
from tocsin.domain.errors import Fault, Refused
from tocsin.domain.ids import AppId, TemplateId
from tocsin.domain.notification import MAX_URL, Notification
from tocsin.domain.template import MAX_NAME, check_worded_url, check_wording, is_name, text_of

MAX_VARIABLES = 50
MAX_VALUE = 1024
MAX_BYTES = 8192


def _wording(value: str) -> str:
    check_wording(value)
    return value


def _worded_url(value: str) -> str:
    if len(value) > MAX_URL:
        raise ValueError(f"must be at most {MAX_URL} characters")
    web_url(check_worded_url(value))
    return value


def _picture(value: str) -> str:
    if "{{" in value or "}}" in value:
        raise ValueError("must have no placeholders: a picture is the same for everybody")
    return web_url(value)


def _texts(values: Mapping[str, object]) -> dict[str, str]:
    if len(values) > MAX_VARIABLES:
        raise ValueError(f"must have at most {MAX_VARIABLES} members")
    if not all(map(is_name, values)):
        raise ValueError(f"must have names of 1 to {MAX_NAME} letters, digits, _ and .")
    texts = {name: text_of(value) for name, value in values.items() if value is not None}
    if None in texts.values():
        raise ValueError("must have texts, numbers, true or false as its values")
    known = {name: text for name, text in texts.items() if text is not None}
    if any(len(text.encode()) > MAX_VALUE for text in known.values()):
        raise ValueError(f"must have values of at most {MAX_VALUE} bytes")
    if len(json.dumps(known, ensure_ascii=False, separators=(",", ":")).encode()) > MAX_BYTES:
        raise ValueError(f"must be at most {MAX_BYTES} bytes of compact JSON")
    return known


WordedTitle = Annotated[Title, AfterValidator(_wording)]
WordedBody = Annotated[Body, AfterValidator(_wording)]
WordedUrl = Annotated[
    str,
    AfterValidator(
        Rule(
            _worded_url,
            {"maxLength": MAX_URL, "description": "An http or https URL, with placeholders only behind its host."},
        )
    ),
]
PictureUrl = Annotated[str, AfterValidator(Rule(_picture, {"format": "uri", "maxLength": MAX_URL}))]
Variables = Annotated[
    dict[str, Any],
    AfterValidator(
        Rule(
            _texts,
            {
                "maxProperties": MAX_VARIABLES,
                "propertyNames": {"pattern": f"^[A-Za-z0-9_.]{{1,{MAX_NAME}}}$"},
                "additionalProperties": {"type": ["string", "number", "boolean", "null"]},
            },
        )
    ),
]
"""Values as texts; one that is null counts as absent."""


TEXTS_OR_TEMPLATE = JsonDict(anyOf=[{"required": ["title", "body"]}, {"required": ["templateId"]}])
"""JSON Schema of what `require` asks for."""


def require(model: type[BaseModel], fields: object, *names: str) -> None:
    """That a model's members are there, for a validator before its own; a template stands for title and body.

    Raises ValidationError, which names those that are missing in the order of `names`.
    """
    if not isinstance(fields, Mapping):
        return
    given = {"title", "body"} if fields.get("templateId") is not None else set()
    missing = [name for name in names if name not in given and fields.get(name) is None]
    if missing:
        errors = [InitErrorDetails(type="missing", loc=(name,), input=None) for name in missing]
        raise ValidationError.from_exception_data(model.__name__, errors)


def require_wordings(model: type[BaseModel], title: str | None, body: str | None, url: str | None) -> None:
    """That texts which were not known to be wordings can be such, for a validator after. Raises ValidationError."""
    for name, value, check in (("title", title, _wording), ("body", body, _wording), ("url", url, _worded_url)):
        if value is None:
            continue
        try:
            check(value)
        except ValueError as error:
            told = InitErrorDetails(type=PydanticCustomError("wording", str(error)), loc=(name,), input=None)
            raise ValidationError.from_exception_data(model.__name__, [told]) from None


def worded(
    engine: Engine,
    app: AppId,
    template: str | None,
    *,
    title: str | None,
    body: str | None,
    url: str | None,
    icon: str | None,
    image: str | None,
) -> Notification:
    """What is to be shown: what is given, and for the rest the template, whose texts are copied.

    Without a template there have to be title and body. Raises Refused: FIELD_INVALID for a template that is none.
    """
    if template is None:
        return Notification(title or "", body or "", url, icon=icon, image=image)
    id_ = parse("tmpl", template)
    if id_ is None:
        raise Refused(Fault.FIELD_INVALID, "Unknown template", field="templateId")
    found = engine.templates.get(app, TemplateId(id_))
    return Notification(
        found.title if title is None else title,
        found.body if body is None else body,
        found.url if url is None else url,
        icon=found.icon if icon is None else icon,
        image=found.image if image is None else image,
    )
