"""A flow as an item and back; its steps are kept as text, for nothing asks for a part of them."""

import json
from typing import Any

from tocsin.adapters.dynamodb.catalogue import Kind
from tocsin.adapters.dynamodb.marshalling import Item, MalformedRecord, Record
from tocsin.domain.flow import DelayStep, DelayUnit, ExitStep, Flow, FlowStatus, SendStep, Step, Trigger
from tocsin.domain.ids import AppId, FlowId, SendId
from tocsin.domain.notification import Notification
from tocsin.domain.tenancy import DialectName


def to_item(flow: Flow) -> Item:
    """The item of a flow."""
    return {
        "id": flow.id,
        "app": flow.app,
        "dialect": flow.dialect,
        "name": flow.name,
        "description": flow.description,
        "trigger": flow.trigger,
        "source": flow.source,
        "status": flow.status,
        "steps": to_text(flow.steps),
        "steps_revision": flow.steps_revision,
        "steps_at": flow.steps_at,
        "interval": flow.interval,
        "created_by": flow.created_by,
        "created_at": flow.created_at,
        "updated_at": flow.updated_at,
        "awaits_since": flow.awaits_since,
    }


def from_record(record: Record) -> Flow:
    """The flow in a record. Raises MalformedRecord."""
    source = record.text_or_none("source")
    return Flow(
        FlowId(record.text("id")),
        AppId(record.text("app")),
        DialectName(record.text("dialect")),
        record.text("name"),
        record.text_or_none("description"),
        Trigger(record.text("trigger")),
        None if source is None else SendId(source),
        FlowStatus(record.text("status")),
        steps_in(record),
        record.number("steps_revision"),
        record.number("steps_at"),
        record.number("interval"),
        record.text("created_by"),
        record.number("created_at"),
        record.number("updated_at"),
        record.number("revision"),
        record.number_or_none("awaits_since") or 0,
    )


FLOWS = Kind("FLOW", to_item, from_record)


def to_text(steps: tuple[Step, ...]) -> str:
    """Steps as JSON."""
    return json.dumps([_fields(step) for step in steps], ensure_ascii=False, separators=(",", ":"))


def steps_in(record: Record) -> tuple[Step, ...]:
    """The steps in a record. Raises MalformedRecord."""
    try:
        return tuple(map(_step, json.loads(record.text("steps"))))
    except (KeyError, TypeError, ValueError) as error:
        raise MalformedRecord("steps") from error


def _fields(step: Step) -> dict[str, object]:
    match step:
        case SendStep(notification=shown):
            texts = {
                "title": shown.title,
                "body": shown.body,
                "url": shown.url,
                "icon": shown.icon,
                "image": shown.image,
            }
            return {"send": texts, "variables": dict(step.variables)}
        case DelayStep():
            return {"delay": step.value, "unit": step.unit}
        case ExitStep():
            return {}


def _step(fields: dict[str, Any]) -> Step:
    if "send" in fields:
        return SendStep(Notification(**fields["send"]), fields["variables"])
    if "delay" in fields:
        return DelayStep(fields["delay"], DelayUnit(fields["unit"]))
    return ExitStep()
