"""A send's totals as somebody has last added them up, as an item and back."""

from dataclasses import asdict, fields

from tocsin.adapters.dynamodb import keys
from tocsin.adapters.dynamodb.marshalling import Item, Record
from tocsin.adapters.dynamodb.send_record import KEPT_SECONDS
from tocsin.domain.campaign import Totals
from tocsin.domain.glance import Glance
from tocsin.domain.send import Send

_FIGURES = [figure.name for figure in fields(Totals)]


def to_item(send: Send, glance: Glance) -> Item:
    """The item; it ends with its send."""
    return {
        **keys.glance(send.app, send.id),
        **asdict(glance.totals),
        "at": glance.at,
        "settled": glance.settled,
        "expires_at": send.created_at + KEPT_SECONDS,
    }


def from_record(record: Record) -> Glance:
    """The totals in a record. Raises MalformedRecord."""
    totals = Totals(**{name: record.number(name) for name in _FIGURES if name in record})
    return Glance(totals, record.number("at"), record.flag("settled"))
