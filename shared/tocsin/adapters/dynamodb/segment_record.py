"""A segment as an item and back."""

from tocsin.adapters.dynamodb import rule_record
from tocsin.adapters.dynamodb.catalogue import Kind
from tocsin.adapters.dynamodb.marshalling import Item, Record
from tocsin.domain.ids import AppId, SegmentId
from tocsin.domain.segment import Segment


def _to_item(segment: Segment) -> Item:
    return {
        "id": segment.id,
        "app": segment.app,
        "name": segment.name,
        "description": segment.description,
        "rule": rule_record.to_text(segment.rule),
        "created_at": segment.created_at,
        "updated_at": segment.updated_at,
    }


def _from_record(record: Record) -> Segment:
    return Segment(
        AppId(record.text("app")),
        SegmentId(record.text("id")),
        record.text("name"),
        record.text_or_none("description"),
        rule_record.from_record(record, "rule"),
        record.number("created_at"),
        record.number("updated_at"),
        record.number("revision"),
    )


SEGMENTS = Kind("SEG", _to_item, _from_record)
