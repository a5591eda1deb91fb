"""The operator's routes of what an app may still send: credits with their ledger, and quotas."""

import re
from typing import Annotated

from fastapi import APIRouter
from pydantic import AfterValidator, Field
from starlette.responses import Response

from tocsin.application.ports import LedgerEntry
from tocsin.dialect_kit.bodies import ExactModel, json_body
from tocsin.dialect_kit.dependencies import EngineDependency
from tocsin.dialect_kit.identifiers import render
from tocsin.dialect_kit.times import iso
from tocsin.dialects.tocsin.callers import AppInPath, OperatorActor, operator
from tocsin.dialects.tocsin.paging import Cursor, Limit, next_cursor
from tocsin.domain.quota import QuotaWindow
from tocsin.domain.send import Balance

router = APIRouter(prefix="/admin/apps/{app}", dependencies=[operator])

_REFERENCE = re.compile(r"[!-~]{1,128}")


def _reference(text: str) -> str:
    if not _REFERENCE.fullmatch(text):
        raise ValueError("must be 1 to 128 visible ASCII characters, without spaces")
    return text


class GrantRequest(ExactModel):
    """Credits to add. reference: the biller's own id of this purchase; the same one again adds nothing."""

    amount: Annotated[int, Field(ge=1, le=1_000_000_000)]
    reference: Annotated[str, AfterValidator(_reference)]


@router.post("/credits", status_code=201)
def grant_credits(
    app: AppInPath,
    body: Annotated[GrantRequest, json_body(GrantRequest)],
    actor: OperatorActor,
    engine: EngineDependency,
    response: Response,
) -> dict[str, object]:
    """Add credits: 201; 200 when this reference added them before (PS-33)."""
    balance, added = engine.accounts.grant(app, body.amount, body.reference, actor)
    response.status_code = 201 if added else 200
    return {**_balance(balance), "added": added}


@router.get("/credits")
def get_credits(app: AppInPath, engine: EngineDependency) -> dict[str, object]:
    """The credits of an app."""
    return _balance(engine.accounts.balance(app))


@router.get("/ledger")
def list_ledger(app: AppInPath, engine: EngineDependency, cursor: Cursor, limit: Limit = 100) -> dict[str, object]:
    """Every grant, reservation and settlement of an app, newest first."""
    page = engine.accounts.ledger(app, limit, cursor)
    return {"entries": [_entry(entry) for entry in page.items], "next_cursor": next_cursor(page.cursor)}


@router.get("/quota")
def get_quota(app: AppInPath, engine: EngineDependency) -> dict[str, object]:
    """What an app used of its hour, its day and its month, by the dialects that count so (CS-24)."""
    limits, now = engine.accounts.app(app).limits, int(engine.clock.now())
    usage = engine.quotas.usage(app, now)
    return {
        name: {"limit": limits.of(window), "used": usage.of(window), "resets_at": iso(window.end(now))}
        for name, window in (("hourly", QuotaWindow.HOUR), ("daily", QuotaWindow.DAY), ("monthly", QuotaWindow.MONTH))
    }


def _balance(balance: Balance) -> dict[str, object]:
    return {"available": balance.available, "reserved": balance.reserved, "spent": balance.spent}


def _entry(entry: LedgerEntry) -> dict[str, object]:
    """reference: the biller's, or the id of the send that the credits were held or spent for."""
    reference = entry.reference if entry.kind == "grant" else render("snd", entry.reference)
    return {
        "at": iso(entry.at),
        "kind": entry.kind,
        "reference": reference,
        "amount": entry.amount,
        "details": entry.details,
    }
