"""How a send is going, as the operator is shown it: counts, what each push service answered and why, and the cost."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict

from tocsin.application.settling import Progress
from tocsin.dialect_kit.identifiers import render
from tocsin.dialect_kit.times import iso
from tocsin.domain import prices
from tocsin.domain.chunk import Repeat, Wait
from tocsin.domain.cost import Cost, cost, cost_of_reports
from tocsin.domain.engagement import Engagement
from tocsin.domain.refusals import advice
from tocsin.domain.report import NOBODY, Fate, Report, Said
from tocsin.domain.send import Send, Tally

Answers = Iterable[tuple[Said, int]]
_LOST = "A worker was lost, or a push service did not answer, while these were on their way: they may have arrived."
_REPEATED = {
    Repeat.RESEND: "Nothing to do while the send runs: they are sent the message once more, which replaces the first "
    "one where it did arrive. Who is left here when the send is settled is not tried again, and was not charged.",
    Repeat.SKIP: "They are not tried again, so that nobody gets the message twice, and were not charged: the send was "
    "made with repeat: skip. With repeat: resend, which is the default, they are sent it once more.",
}


def progress_reply(progress: Progress, engagement: Engagement | None) -> dict[str, object]:
    """A send with all that is known of it. engagement: what its readers did, None where nobody was asked."""
    send, report = progress.send, progress.report
    services = dict.fromkeys([said.service for said in report.said if said.service != NOBODY])
    return {
        **send_reply(send),
        **counts_reply(progress.counts),
        "retried": report.count(Fate.RETRIED),
        "push_services": {
            service: _push_service(_of(service, report), progress.waits.get(service)) for service in sorted(services)
        },
        "not_sent": _explained(_of(NOBODY, report)),
        "in_doubt": _in_doubt(progress.counts.uncertain, send.repeat),
        "engagement": None if engagement is None else _engagement(engagement),
        "cost": _cost(cost(send, progress.counts, report)),
        "cost_of_reports": None if engagement is None else _cost(cost_of_reports(engagement.reports)),
    }


def send_reply(send: Send) -> dict[str, object]:
    """What stands in a send's own record from its beginning on."""
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


def _engagement(found: Engagement) -> Mapping[str, object]:
    return {
        "displayed": found.displayed,
        "clicked": found.clicked,
        "dismissed": found.dismissed,
        "hours": [{"hour": iso(hour), **asdict(figures)} for hour, figures in found.by_hour.items()],
        "push_services": {service: asdict(figures) for service, figures in found.by_service.items()},
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


def _in_doubt(number: int, repeat: Repeat) -> list[Mapping[str, object]]:
    """Who was perhaps reached, in the form of answers."""
    if not number:
        return []
    return [{"fate": "uncertain", "reason": "unknown", "count": number, "cause": _LOST, "cure": _REPEATED[repeat]}]


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
