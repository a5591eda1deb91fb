"""The operator's route that proves the money of an app: recomputes it, and tells what does not agree."""

import re
from dataclasses import asdict, astuple
from typing import Annotated

from fastapi import APIRouter, Query

from tocsin.application.reconciling import EXAMINED_DAYS
from tocsin.dialect_kit.dependencies import EngineDependency
from tocsin.dialect_kit.identifiers import render
from tocsin.dialect_kit.times import iso
from tocsin.dialects.tocsin.callers import AppInPath, operator
from tocsin.domain.ledger import Sums
from tocsin.domain.reconciliation import Drift, DriftKind, Progress, Reconciliation

router = APIRouter(prefix="/admin/apps/{app}", dependencies=[operator])

SECONDS = 12
"""How long a call goes on; its last step and four looks at the balance fit into the rest of the gateway's 29."""

MEANING = {
    DriftKind.RECIPIENTS: "The recipients that are frozen for a chunk are not those that it was opened for.",
    DriftKind.CHUNKS: "The send has other chunks than it says, an open one, or more recipients than it reserved.",
    DriftKind.COUNTS: "The send says something else of its recipients than its chunks do.",
    DriftKind.RESERVE_ROW: "The ledger says something else of the reservation than the send does.",
    DriftKind.RESERVE_ROW_MISSING: "The ledger has no row for the reservation of this send.",
    DriftKind.SETTLE_ROW: "The ledger says something else of the settlement than the send came to.",
    DriftKind.SETTLE_ROW_MISSING: "The send is settled, and the ledger has no row for it.",
    DriftKind.SETTLED_TOO_EARLY: "The ledger has a settlement of a send that is not settled.",
    DriftKind.OVERDUE: "The send ended over an hour ago and is not settled, so it still holds its credits.",
    DriftKind.SEND_MISSING: "The ledger has rows of a send that is not there.",
    DriftKind.UNREADABLE: "The send, or a chunk of it, has an attribute that nothing of ours wrote.",
    DriftKind.MISFILED_ROW: "A ledger row stands under a key that is not its own: it was doubled or moved.",
    DriftKind.BALANCE: "The balance is not what the ledger adds up to.",
    DriftKind.NEGATIVE: "The balance is below zero, by the ledger too.",
}

_ID = re.compile(r"[0-9a-f]{24}", re.ASCII)
_CURSORS = "reconciliation"


@router.get("/reconciliation")
def reconcile(
    app: AppInPath,
    engine: EngineDependency,
    cursor: str | None = None,
    days: Annotated[int, Query(ge=1, le=EXAMINED_DAYS)] = EXAMINED_DAYS,
) -> dict[str, object]:
    """Recompute the money of an app, as far as one call comes; the next one goes on with its cursor, which has `days`.

    days: sends that have a row in the ledger since then are examined, and those that are not settled; others are only
    added up.
    """
    engine.accounts.app(app)
    if cursor is None:
        progress = engine.reconciling.begin(days)
    else:  # sealed: with the sums of another app, everything would seem to drift
        progress = _progress(engine.cursors.open(app, _CURSORS, cursor))
    found = engine.reconciling.reconcile(app, progress, engine.clock.now() + SECONDS)
    further = None if found.complete else engine.cursors.seal(app, _CURSORS, _place(found.progress))
    return _reconciliation(found, further)


def _reconciliation(found: Reconciliation, next_cursor: str | None) -> dict[str, object]:
    progress, ledger = found.progress, found.ledger.balance()
    return {
        "complete": found.complete,
        "next_cursor": next_cursor,
        "as_of": iso(progress.as_of),
        "since": iso(progress.since),
        "ledger": {"granted": found.ledger.granted, **asdict(ledger)},
        "balance": None if found.balance is None else asdict(found.balance),
        "sends": progress.sends,
        "unsettled": progress.unsettled,
        "examined": {"sends": found.examined, "chunks": found.chunks},
        "drifts": [_drift(drift) for drift in found.drifts],
    }


def _drift(drift: Drift) -> dict[str, object]:
    return {
        "kind": drift.kind,
        "subject": _subject(drift),
        "meaning": MEANING[drift.kind],
        "stored": drift.stored,
        "recomputed": drift.recomputed,
    }


def _subject(drift: Drift) -> str:
    """An id as our API shows it; the reference of a ledger row as it stands where it is no id."""
    prefix = "app" if drift.kind in {DriftKind.BALANCE, DriftKind.NEGATIVE} else "snd"
    return render(prefix, drift.subject) if _ID.fullmatch(drift.subject) else drift.subject


def _place(progress: Progress) -> str:
    numbers = [
        *(progress.as_of, progress.since, progress.chunk, progress.sends, progress.unsettled),
        *astuple(progress.sums),
        *astuple(progress.explained),
    ]
    return " ".join(map(str, [*numbers, progress.after]))


def _progress(place: str) -> Progress:
    *numbers, after = place.split(" ", 13)
    as_of, since, chunk, sends, unsettled, *sums = map(int, numbers)
    return Progress(as_of, since, after, chunk, Sums(*sums[:4]), Sums(*sums[4:]), sends, unsettled)
