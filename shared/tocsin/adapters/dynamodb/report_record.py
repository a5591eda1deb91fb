"""A report as an attribute and back: compact JSON, since it is rewritten with each save of a chunk."""

import json
from collections import Counter

from tocsin.adapters.dynamodb.marshalling import MalformedRecord, Record
from tocsin.domain.report import Fate, Report, Said


def to_text(report: Report) -> str:
    """`[posts, writes, cpu_ms, [[service, fate, reason, number], ...]]`."""
    said = [[each.service, each.fate, each.reason, number] for each, number in report.said.items()]
    return json.dumps([report.posts, report.writes, report.cpu_ms, said], separators=(",", ":"))


def from_record(record: Record, name: str) -> Report:
    """The report in an attribute. Raises MalformedRecord."""
    try:
        posts, writes, cpu_ms, rows = json.loads(record.text(name))
        said = {Said(service, Fate(fate), reason): number for service, fate, reason, number in rows}
    except (ValueError, TypeError) as error:
        raise MalformedRecord(name) from error
    return Report(Counter(said), posts, writes, cpu_ms)
