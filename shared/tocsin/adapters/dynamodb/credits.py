"""Balances and their ledger on DynamoDB, and the steps that money takes in other stores' transactions.

available + reserved + spent is what was granted; only `grant` changes the sum, and no condition lets one go below zero.
"""

import re
from collections.abc import Iterator

from tocsin.adapters.dynamodb import keys
from tocsin.adapters.dynamodb.database import ConditionsFailed, Database, Put, Update
from tocsin.adapters.dynamodb.marshalling import Item, Record
from tocsin.adapters.dynamodb.pages import Listing
from tocsin.application.ports import Page, ReferenceTaken
from tocsin.domain.ids import AppId, SendId
from tocsin.domain.ledger import LedgerEntry, RowKind
from tocsin.domain.send import Balance, Send

# A ledger row is written once; whatever it stands for then happens once too.
FIRST_TIME = "attribute_not_exists(#pk)"
# Nobody spends what is not there, however many try at once.
COVERED = "#available >= :held"
# Holds by construction; a settlement that would break it is a bug, and must not pass.
HELD = "#reserved >= :held"

BY_REFERENCE = re.compile(r"\d{12}#(grant|reserve|settle)#[ -~]{1,128}", re.ASCII)


class DynamoCredits:
    """The Credits port."""

    def __init__(self, database: Database, table: str) -> None:
        self._database = database
        self._table = table
        self._ledger = Listing(table, "pk", "at_ref", keys.BY_TIME, BY_REFERENCE)

    def balance(self, app: AppId) -> Balance:
        """The balance; zeros when nothing was ever granted."""
        record = self._database.get(self._table, keys.balance(app))
        if record is None:
            return Balance(0, 0, 0)
        return Balance(*(record.number_or_none(name) or 0 for name in ("available", "reserved", "spent")))

    def grant(self, app: AppId, amount: int, reference: str, at: int, request_id: str) -> bool:
        """Add credits once for each reference; False when this grant was made before. Raises ReferenceTaken."""
        row = _row(self._table, app, RowKind.GRANT, reference, amount, at, {"request_id": request_id})
        added = Update(self._table, keys.balance(app), "ADD #available :amount", {"amount": amount})
        try:
            self._database.transact([row, added])
        except ConditionsFailed as refusal:
            granted = refusal.stored(row)
            if granted is None:
                raise
            if granted.number("amount") != amount:
                raise ReferenceTaken from refusal
            return False
        return True

    def ledger(self, app: AppId, limit: int, cursor: str | None) -> Page[LedgerEntry]:
        """The ledger, newest first; may lag a moment behind. Raises MalformedCursor."""
        return self._ledger.page(self._database, keys.money(app), _entry, limit, cursor)

    def rows(self, app: AppId, kind: RowKind, after: str) -> Iterator[tuple[str, LedgerEntry]]:
        """All rows of a kind that follow a reference, in the order of those that they are filed under."""
        first, last = keys.ledger_rows(kind, after)
        values = {"pk": keys.money(app), "first": first, "last": last}
        for record in self._database.query(self._table, "#pk = :pk AND #sk BETWEEN :first AND :last", values):
            yield keys.reference_in(record.text("sk"), kind), _entry(record)

    def row(self, app: AppId, kind: RowKind, reference: str) -> LedgerEntry | None:
        """The row that is filed under this reference, or None. A consistent read."""
        record = self._database.get(self._table, keys.ledger_row(app, kind, reference))
        return None if record is None else _entry(record)


class CreditSteps:
    """The writes by which a send moves money, for transactions that change the send in the same instant."""

    def __init__(self, table: str) -> None:
        self._table = table

    def reserved(self, send: Send, held: int) -> Put:
        """The ledger row of a reservation, with amount 0 for a send that costs nothing."""
        details: Item = {"recipients": send.reserved, "request_id": send.request_id}
        return _row(self._table, send.app, RowKind.RESERVE, send.id, held, send.created_at, details)

    def hold(self, app: AppId, held: int) -> Update:
        """available -> reserved, if there is enough."""
        change = "SET #available = #available - :held ADD #reserved :held"
        return Update(self._table, keys.balance(app), change, {"held": held}, COVERED)

    def settled(self, app: AppId, send: SendId, held: int, spent: int, accepted: int, at: int) -> Put:
        """The ledger row of a settlement."""
        return _row(self._table, app, RowKind.SETTLE, send, spent, at, {"held": held, "accepted": accepted})

    def spend(self, app: AppId, held: int, spent: int) -> Update:
        """reserved -> spent, and what was not used back to available."""
        change = "SET #reserved = #reserved - :held ADD #available :returned, #spent :spent"
        values: Item = {"held": held, "returned": held - spent, "spent": spent}
        return Update(self._table, keys.balance(app), change, values, HELD)


def _row(table: str, app: AppId, kind: RowKind, reference: str, amount: int, at: int, details: Item) -> Put:
    item: Item = {
        **keys.ledger_row(app, kind, reference),
        "kind": kind,
        "reference": reference,
        "amount": amount,
        "at": at,
        "at_ref": keys.place(at, f"{kind}#{reference}"),
        "details": details,
    }
    return Put(table, item, FIRST_TIME)


def _entry(record: Record) -> LedgerEntry:
    return LedgerEntry(
        record.text("kind"),
        record.text("reference"),
        record.number("amount"),
        record.number("at"),
        record.details("details"),
    )
