"""How a send is going, as the operator is shown it: counts, what each push service answered and why, and the cost."""

from collections.abc import Iterable, Mapping

from tocsin.application.settling import Progress
from tocsin.dialect_kit.identifiers import render
from tocsin.dialect_kit.times import iso
from tocsin.domain import prices
from tocsin.domain.chunk import Wait
from tocsin.domain.cost import Cost, cost
from tocsin.domain.refusals import advice
from tocsin.domain.report import NOBODY, Fate, Report, Said
from tocsin.domain.send import Tally

Answers = Iterable[tuple[Said, int]]


def progress_reply(progress: Progress) -> dict[str, object]:
    """A send with all that is known of it."""
    send, report = progress.send, progress.report
    services = dict.fromkeys([said.service for said in report.said if said.service != NOBODY])
    return {
        "id": render("snd", send.id),
        "status": send.state,
        "course": send.course,
        "repeat": send.repeat,
        "dialect": send.dialect,
        "targets": send.reserved,
        "created_at": iso(send.created_at),
        "expires_at": iso(send.expires_at),
        "settled_at": None if send.settled_at is None else iso(send.settled_at),
        **counts_reply(progress.counts),
        "retried": report.count(Fate.RETRIED),
        "push_services": {
            service: _push_service(_of(service, report), progress.waits.get(service)) for service in sorted(services)
        },
        "not_sent": _explained(_of(NOBODY, report)),
        "cost": _cost(cost(send, progress.counts, report)),
    }


def counts_reply(counts: Tally) -> dict[str, object]:
    """What became of the recipients."""
    return {
        "accepted": counts.accepted,
        "failed": counts.failed,
        "gone": counts.gone,
        "uncertain": counts.uncertain,
        "pending": counts.pending,
    }


def _of(service: str, report: Report) -> list[tuple[Said, int]]:
    """Its answers, the most frequent first."""
    said = [(said, number) for said, number in report.said.items() if said.service == service]
    return sorted(said, key=lambda entry: (-entry[1], entry[0]))


def _push_service(answers: list[tuple[Said, int]], wait: Wait | None) -> Mapping[str, object]:
    counts = {fate.value: sum(number for said, number in answers if said.fate is fate) for fate in Fate}
    return {
        **counts,
        "waiting_until": None if wait is None else iso(wait.until),
        "answers": _explained((said, number) for said, number in answers if said.reason),
    }


def _explained(answers: Answers) -> list[Mapping[str, object]]:
    explained: list[Mapping[str, object]] = []
    for said, number in answers:
        told = advice(said)
        explained.append(
            {"fate": said.fate, "reason": said.reason, "count": number, "cause": told.cause, "cure": told.cure}
        )
    return explained


def _cost(found: Cost) -> Mapping[str, object]:
    parts = [
        {
            "of": resource,
            "units": float(round(units, 6)),
            "micro_dollars": float(round(found.micro_dollars(resource), 3)),
        }
        for resource, units in found.units.items()
    ]
    return {
        "micro_dollars": float(round(found.total, 3)),
        "prices_of": prices.AS_OF.isoformat(),
        "parts": parts,
    }
