"""A template as an item and back."""

from tocsin.adapters.dynamodb.catalogue import Kind
from tocsin.adapters.dynamodb.marshalling import Item, Record
from tocsin.domain.ids import AppId, TemplateId
from tocsin.domain.template import Template


def _to_item(template: Template) -> Item:
    return {
        "id": template.id,
        "app": template.app,
        "name": template.name,
        "title": template.title,
        "body": template.body,
        "icon": template.icon,
        "image": template.image,
        "url": template.url,
        "created_at": template.created_at,
        "updated_at": template.updated_at,
    }


def _from_record(record: Record) -> Template:
    return Template(
        TemplateId(record.text("id")),
        AppId(record.text("app")),
        record.text("name"),
        record.text("title"),
        record.text("body"),
        record.text_or_none("icon"),
        record.text_or_none("image"),
        record.text_or_none("url"),
        record.number("created_at"),
        record.number("updated_at"),
        record.number("revision"),
    )


TEMPLATES = Kind("TMPL", _to_item, _from_record)
