"""A report as an attribute and back: a dense text, since a chunk's record is written often and must stay small."""

from tocsin.adapters.dynamodb.marshalling import MalformedRecord, Record
from tocsin.domain.report import Fate, Report, Said

FATES = {fate[0]: fate for fate in Fate}


def to_text(report: Report) -> str:
    r"""`posts writes cpu_ms missing`, then a line for each service: `fcm\ta480 \tf2 NotRegistered`.

    A letter for the fate, the number, and the reason, which is one line without tabs.
    """
    by_service: dict[str, list[str]] = {}
    for (service, fate, reason), number in report.said.items():
        by_service.setdefault(service, [service]).append(f"{fate[0]}{number} {reason}")
    head = f"{report.posts} {report.writes} {report.cpu_ms} {report.missing}"
    return "\n".join([head, *map("\t".join, by_service.values())])


def from_record(record: Record, name: str) -> Report:
    """The report in an attribute. Raises MalformedRecord."""
    head, *rows = record.text(name).split("\n")
    said: dict[Said, int] = {}
    try:
        posts, writes, cpu_ms, missing = map(int, head.split(" "))
        for row in rows:
            service, *answers = row.split("\t")
            for answer in answers:
                counted, _, reason = answer.partition(" ")
                said[Said(service, FATES[counted[:1]], reason)] = int(counted[1:])
    except (ValueError, KeyError) as error:
        raise MalformedRecord(name) from error
    return Report(said, posts, writes, cpu_ms, missing)
