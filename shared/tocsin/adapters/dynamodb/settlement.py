"""The end of a send in one transaction: state, counts, money and ledger row together."""

from tocsin.adapters.dynamodb import keys
from tocsin.adapters.dynamodb.credits import CreditSteps
from tocsin.adapters.dynamodb.database import ConditionsFailed, Database, Update, Write
from tocsin.adapters.dynamodb.marshalling import Item, Record
from tocsin.adapters.dynamodb.send_record import counts_item, held_by
from tocsin.application.ports import LeaseLost
from tocsin.domain.send import Send, SendState, Tally

# The first who settles does it; what he releases is what the stored record holds.
SENDING = "#state = :sending AND #held = :held"


class Settlement:
    """Settles sends, with their only chunk or without."""

    def __init__(self, database: Database, sends_table: str, credits_table: str) -> None:
        self._database = database
        self._table = sends_table
        self._credits = CreditSteps(credits_table)

    def settle(self, send: Send, counts: Tally, at: int, only_chunk: Update | None) -> bool:
        """SENDING -> SETTLED. False if it was not SENDING; raises LeaseLost if only the chunk's condition failed."""
        # What the caller read is nearly always what is stored; if not, the refusal says what is.
        held: int | None = held_by(send)
        while held is not None:
            settled = self._settled(send, counts, at, held)
            writes = [settled, *self._money(send, counts, at, held), *([] if only_chunk is None else [only_chunk])]
            try:
                self._database.transact(writes)
            except ConditionsFailed as refusal:
                if refusal.stopped(settled):
                    held = _still_held(refusal.stored(settled))
                elif refusal.stopped(only_chunk):
                    raise LeaseLost from refusal
                else:
                    raise
            else:
                return True
        return False

    def _settled(self, send: Send, counts: Tally, at: int, held: int) -> Update:
        change = "SET #state = :settled, #counts = :counts, #settled_at = :at, #held = :none REMOVE #due_pk, #due_at"
        values: Item = {
            "sending": SendState.SENDING,
            "settled": SendState.SETTLED,
            "counts": counts_item(counts),
            "at": at,
            "held": held,
            "none": 0,
        }
        return Update(self._table, keys.send(send.app, send.id), change, values, SENDING)

    def _money(self, send: Send, counts: Tally, at: int, held: int) -> list[Write]:
        # Never more than was held: an error in counting must not charge anybody.
        spent = min(counts.accepted, held)
        row = self._credits.settled(send.app, send.id, held, spent, counts.accepted, at)
        return [row] if held == 0 else [row, self._credits.spend(send.app, held, spent)]


def _still_held(stored: Record | None) -> int | None:
    """What a send holds that can be settled, None if it cannot be."""
    if stored is None or stored.text("state") != SendState.SENDING:
        return None
    return stored.number("held")
