"""Texts that are kept to be sent again: list, make, show, change, delete (PU-40 to PU-43)."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.status import HTTP_201_CREATED

from tocsin.application.templates import TemplateChange, TemplateTexts
from tocsin.dialect_kit.bodies import ChangeModel, SparseModel, WireModel, json_body
from tocsin.dialect_kit.callers import actor
from tocsin.dialect_kit.dependencies import EngineDependency
from tocsin.dialect_kit.fields import Name
from tocsin.dialect_kit.identifiers import parse, render
from tocsin.dialect_kit.times import iso
from tocsin.dialects.pushary.callers import Sender
from tocsin.dialects.pushary.own_names import TEXTS, own_names
from tocsin.dialects.pushary.paging import DEFAULT_LIMIT, MAX_LIMIT, Cursor, Limit, ListReply, listing, page_of
from tocsin.dialects.pushary.wordings import PictureUrl, WordedBody, WordedTitle, WordedUrl
from tocsin.domain.errors import Fault, Refused
from tocsin.domain.ids import TemplateId
from tocsin.domain.keep import KEEP
from tocsin.domain.template import Template

router = APIRouter(prefix="/api/v1/server/templates")


class TemplateReply(WireModel):
    """A template. Null: there is none."""

    id: str
    name: str
    title: str
    body: str
    iconUrl: str | None
    imageUrl: str | None
    actionUrl: str | None
    createdAt: str
    updatedAt: str

    @classmethod
    def of(cls, template: Template) -> "TemplateReply":
        """The document's form."""
        return cls(
            id=render("tmpl", template.id),
            name=template.name,
            title=template.title,
            body=template.body,
            iconUrl=template.icon,
            imageUrl=template.image,
            actionUrl=template.url,
            createdAt=iso(template.created_at),
            updatedAt=iso(template.updated_at),
        )


class TemplateRequest(SparseModel):
    """A template; title, body and actionUrl may have placeholders such as {{name}}."""

    name: Name
    title: WordedTitle
    body: WordedBody
    iconUrl: PictureUrl | None = None
    imageUrl: PictureUrl | None = None
    actionUrl: WordedUrl | None = None

    _own_names = own_names(TEXTS)

    def to_texts(self) -> TemplateTexts:
        """The core's form."""
        return TemplateTexts(self.name, self.title, self.body, self.iconUrl, self.imageUrl, self.actionUrl)


class TemplateChangeRequest(ChangeModel):
    """What shall be otherwise: each member that is given replaces what was; null clears a URL."""

    name: Name = ""
    title: WordedTitle = ""
    body: WordedBody = ""
    iconUrl: PictureUrl | None = None
    imageUrl: PictureUrl | None = None
    actionUrl: WordedUrl | None = None

    _own_names = own_names(TEXTS)

    def to_change(self) -> TemplateChange:
        """The core's form."""
        given = self.model_fields_set
        return TemplateChange(
            name=self.name if "name" in given else KEEP,
            title=self.title if "title" in given else KEEP,
            body=self.body if "body" in given else KEEP,
            icon=self.iconUrl if "iconUrl" in given else KEEP,
            image=self.imageUrl if "imageUrl" in given else KEEP,
            url=self.actionUrl if "actionUrl" in given else KEEP,
        )


def _template(template_id: str) -> TemplateId:
    id_ = parse("tmpl", template_id)
    if id_ is None:
        raise Refused(Fault.NOT_FOUND, "Template not found")
    return TemplateId(id_)


Named = Annotated[TemplateId, Depends(_template)]


@router.get("")
def list_templates(
    caller: Sender, engine: EngineDependency, cursor: Cursor = None, limit: Limit = DEFAULT_LIMIT
) -> ListReply[TemplateReply]:
    """List templates, newest first."""
    app = caller.app.id
    return page_of(
        engine,
        app,
        listing("templates"),
        cursor,
        partial(engine.templates.listed, app, min(limit, MAX_LIMIT)),
        TemplateReply.of,
    )


@router.post("", status_code=HTTP_201_CREATED)
def create_template(
    caller: Sender,
    body: Annotated[TemplateRequest, json_body(TemplateRequest)],
    request: Request,
    engine: EngineDependency,
) -> TemplateReply:
    """Create a template."""
    made = engine.templates.create(caller.app.id, body.to_texts(), actor(request, caller.key))
    return TemplateReply.of(made)


@router.get("/{template_id}")
def get_template(caller: Sender, template: Named, engine: EngineDependency) -> TemplateReply:
    """Show a template."""
    return TemplateReply.of(engine.templates.show(caller.app.id, template))


@router.patch("/{template_id}")
def change_template(
    caller: Sender,
    template: Named,
    body: Annotated[TemplateChangeRequest, json_body(TemplateChangeRequest)],
    request: Request,
    engine: EngineDependency,
) -> TemplateReply:
    """Change a template; what was made of it stays as it is."""
    changed = engine.templates.change(caller.app.id, template, body.to_change(), actor(request, caller.key))
    return TemplateReply.of(changed)


@router.delete("/{template_id}")
def delete_template(caller: Sender, template: Named, request: Request, engine: EngineDependency) -> dict[str, bool]:
    """Delete a template; what was made of it stays as it is."""
    engine.templates.delete(caller.app.id, template, actor(request, caller.key))
    return {"success": True}
