"""The end of a send in one transaction: state, counts, money, quota and ledger row together."""

from collections.abc import Collection

from tocsin.adapters.dynamodb import keys, report_record
from tocsin.adapters.dynamodb.credits import CreditSteps
from tocsin.adapters.dynamodb.database import ConditionsFailed, Database, Update, Write
from tocsin.adapters.dynamodb.marshalling import Item, Record
from tocsin.adapters.dynamodb.quotas import QuotaSteps, still_present
from tocsin.adapters.dynamodb.send_record import counts_item, from_record, held_by
from tocsin.application.ports import LeaseLost
from tocsin.domain.quota import QuotaWindow
from tocsin.domain.report import Report
from tocsin.domain.send import SYNC_RECIPIENTS, Charge, Everyone, Send, SendState, Tally

# The first who settles does it; what he releases is what the stored record holds.
SENDING = "#state = :sending AND #charge = :charge AND #reserved = :reserved"


class Settlement:
    """Settles sends, with their only chunk or without."""

    def __init__(self, database: Database, sends_table: str, credits_table: str, subscriptions_table: str) -> None:
        self._database = database
        self._table = sends_table
        self._subscriptions_table = subscriptions_table
        self._credits = CreditSteps(credits_table)
        self._quotas = QuotaSteps(database, credits_table)

    def settle(self, send: Send, counts: Tally, report: Report, at: int, only_chunk: Update | None) -> bool:
        """SENDING -> SETTLED. False if it was not SENDING; raises LeaseLost if only the chunk's condition failed."""
        # What the caller read is nearly always what is stored, and the windows that a send was created in are nearly
        # always the present ones; if not, the refusal says what is.
        believed: Send | None = send
        own: Collection[QuotaWindow] = list(QuotaWindow)
        while believed is not None:
            settled = self._settled(believed, counts, report, at)
            returned = (
                self._quotas.give_back(believed, counts, report, own) if believed.charge is Charge.QUOTA else None
            )
            writes: list[Write] = [settled, *self._money(believed, counts, at), *self._broadcast(believed, at)]
            writes += [write for write in (returned, only_chunk) if write is not None]
            try:
                self._database.transact(writes)
            except ConditionsFailed as refusal:
                if refusal.stopped(settled):
                    believed = _still_sending(refusal.stored(settled))
                elif refusal.stopped(only_chunk):
                    raise LeaseLost from refusal
                elif returned is not None and refusal.stopped(returned):
                    present = still_present(believed, refusal.stored(returned))
                    if len(present) == len(own):
                        raise
                    own = present
                else:
                    raise
            else:
                return True
        return False

    def _settled(self, send: Send, counts: Tally, report: Report, at: int) -> Update:
        change = (
            "SET #state = :settled, #counts = :counts, #report = :report, #settled_at = :at, #held = :none "
            "REMOVE #due_pk, #due_at"
        )
        values: Item = {
            "sending": SendState.SENDING,
            "settled": SendState.SETTLED,
            "counts": counts_item(counts),
            "report": report_record.to_text(report),
            "at": at,
            "charge": send.charge,
            "reserved": send.reserved,
            "none": 0,
        }
        return Update(self._table, keys.send(send.app, send.id), change, values, SENDING)

    def _money(self, send: Send, counts: Tally, at: int) -> list[Write]:
        # Never more than was held: an error in counting must not charge anybody.
        held = held_by(send)
        spent = min(counts.accepted, held)
        row = self._credits.settled(send.app, send.id, held, spent, counts.accepted, at)
        return [row] if held == 0 else [row, self._credits.spend(send.app, held, spent)]

    def _broadcast(self, send: Send, at: int) -> list[Write]:
        """A large send to everyone is counted once for the app, instead of once for each subscription."""
        if not isinstance(send.audience, Everyone) or send.reserved <= SYNC_RECIPIENTS:
            return []
        change = "SET #last_at = :at ADD #count :one"
        return [Update(self._subscriptions_table, keys.broadcasts(send.app), change, {"at": at, "one": 1})]


def _still_sending(stored: Record | None) -> Send | None:
    """The send as it is stored, None if it cannot be settled."""
    send = None if stored is None else from_record(stored)
    return send if send is not None and send.state is SendState.SENDING else None
