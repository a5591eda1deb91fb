"""Sends on DynamoDB, and the money they hold."""

from collections.abc import Collection, Iterable, Sequence
from itertools import chain, islice

from tocsin.adapters.dynamodb import keys, send_record
from tocsin.adapters.dynamodb.campaigns import CampaignSteps
from tocsin.adapters.dynamodb.chunks import new_chunk
from tocsin.adapters.dynamodb.credits import CreditSteps
from tocsin.adapters.dynamodb.database import ConditionFailed, ConditionsFailed, Database, Put, Update
from tocsin.adapters.dynamodb.inbox import note_item
from tocsin.adapters.dynamodb.marshalling import Item, Record
from tocsin.adapters.dynamodb.pages import PAGE_BYTES, Listing
from tocsin.adapters.dynamodb.quotas import QuotaSteps
from tocsin.adapters.dynamodb.settlement import Settlement
from tocsin.application.ports import (
    CampaignChange,
    EarlierSend,
    Frozen,
    Idempotency,
    IdempotencyKeyTaken,
    InsufficientCredits,
    Page,
    Stale,
    Told,
    Unavailable,
)
from tocsin.domain.chunk import Chunk
from tocsin.domain.ids import AppId, SendId, SubscriptionId
from tocsin.domain.quota import Limits
from tocsin.domain.report import Report
from tocsin.domain.send import Charge, Course, Send, SendState, Source, Tally, note_of

FIRST_TIME = "attribute_not_exists(#pk)"
# DynamoDB removes what has expired when it gets to it, up to days later: until then it counts as absent.
UNUSED = "attribute_not_exists(#pk) OR #expires_at <= :now"
# The first answer counts, and it answers the request that made the record.
UNTOLD = "attribute_exists(#pk) AND attribute_not_exists(#balance)"
PLANNED = "#state = :planned"
UNPLANNED = "NOT contains(#planned, :part)"
STEERABLE = "attribute_exists(#pk) AND #state <> :settled AND #course <> :cancelled"
UNSETTLED = "attribute_exists(#due_pk)"
# Others may begin an hour, and then the next one, between two of our attempts; more is a storm.
ATTEMPTS = 4


class DynamoSends:
    """The Sends port."""

    def __init__(
        self,
        database: Database,
        sends_table: str,
        credits_table: str,
        subscriptions_table: str,
        campaigns: CampaignSteps | None = None,
    ) -> None:
        """campaigns: where sends of campaigns are made or steered."""
        self._database = database
        self._table = sends_table
        self._campaigns = campaigns
        self._listed = Listing(sends_table, "listed", "listed_at", keys.BY_CREATED)
        self._credits = CreditSteps(credits_table)
        self._quotas = QuotaSteps(database, credits_table)
        self._settlement = Settlement(database, sends_table, credits_table, subscriptions_table)

    def reserve(
        self,
        send: Send,
        only_chunk: tuple[Chunk, Frozen] | None,
        idempotency: Idempotency | None,
        due_at: int,
        limits: Limits,
        campaign: CampaignChange | None = None,
    ) -> None:
        """Hold credits or quota and store the send with all that belongs to it, or nothing.

        Raises InsufficientCredits, InsufficientQuota, IdempotencyKeyTaken or Stale.
        """
        held = send_record.held_by(send)
        stored = Put(self._table, send_record.to_item(send, due_at), FIRST_TIME)
        used = None if idempotency is None else self._used(send, idempotency)
        row = self._credits.reserved(send, held)
        others: list[Put] = [] if only_chunk is None else self._chunk(send, *only_chunk)
        if (note := note_of(send)) is not None:
            others.append(Put(self._table, note_item(note)))
        sent, noted = self._changed(campaign)
        others += noted
        hold = self._hold(send, limits)
        for _ in range(ATTEMPTS):
            try:
                writes = (stored, used, hold, row, sent, *others)
                self._database.transact([write for write in writes if write is not None])
            except ConditionsFailed as refusal:
                # Before the send: it is there as well when somebody else has sent the campaign.
                if refusal.stopped(sent):
                    raise Stale from refusal
                # The send is there: an earlier attempt of ours went through, its answer got lost.
                if refusal.stopped(stored):
                    return
                # Before the balance: the earlier request may have spent what this one misses.
                if refusal.stopped(used):
                    raise IdempotencyKeyTaken from refusal
                if hold is None or not refusal.stopped(hold):
                    raise
                if send.charge is Charge.CREDITS:
                    raise InsufficientCredits from refusal
                hold = self._quotas.hold_again(send, limits, refusal.stored(hold))
            else:
                return
        raise Unavailable

    def get(self, app: AppId, send: SendId) -> Send | None:
        """The send, or None."""
        record = self._database.get(self._table, keys.send(app, send))
        return None if record is None else send_record.from_record(record)

    def earlier(self, app: AppId, idempotency: Idempotency) -> EarlierSend | None:
        """What this idempotency key was used for, or None."""
        record = self._database.get(self._table, keys.idempotency(app, idempotency.route, idempotency.key))
        if record is None or record.number("expires_at") <= self._database.now():
            return None
        return EarlierSend(SendId(record.text("send")), record.text("fingerprint"), _told(record))

    def note_answer(self, app: AppId, idempotency: Idempotency, told: Told) -> None:
        """Keep what the first answer told, so that a repeat is told the same."""
        key = keys.idempotency(app, idempotency.route, idempotency.key)
        change = "SET #balance = :balance, #unreachable = :unreachable"
        self._try(Update(self._table, key, change, {"balance": told.balance, "unreachable": told.unreachable}, UNTOLD))

    def opened(self, send: Send, part: int, chunks: int) -> bool:
        """Count the chunks of a part that is planned whole, once; with the last part PLANNED -> SENDING."""
        progress = keys.progress(send.app, send.id)
        values: Item = {
            "chunks": chunks,
            "part": part,
            "parts": frozenset({part}),
            "expires_at": self._expires_at(send),
        }
        change = "SET #expires_at = :expires_at ADD #planned :parts, #chunks :chunks"
        counted = self._try(Update(self._table, progress, change, values, UNPLANNED))
        counted = counted or self._database.get(self._table, progress)
        if counted is None or len(counted.numbers("planned")) < len(send.parts):
            return False
        values = {"planned": SendState.PLANNED, "sending": SendState.SENDING, "chunks": counted.number("chunks")}
        change = "SET #state = :sending, #chunks = :chunks"
        self._try(Update(self._table, keys.send(send.app, send.id), change, values, PLANNED))
        return True

    def steer(self, app: AppId, send: SendId, course: Course, campaign: CampaignChange | None = None) -> Send | None:
        """Change the course of a send that is neither settled nor cancelled; None if that is so. Raises Stale."""
        values: Item = {"course": course, "settled": SendState.SETTLED, "cancelled": Course.CANCELLED}
        steered = Update(self._table, keys.send(app, send), "SET #course = :course", values, STEERABLE)
        written, noted = self._changed(campaign)
        if written is None:
            changed = self._try(steered)
            return None if changed is None else send_record.from_record(changed)
        try:
            self._database.transact([steered, written, *noted])
        except ConditionsFailed as refusal:
            if refusal.stopped(written):
                raise Stale from refusal
            return None
        return self.get(app, send)

    def chunk_done(self, app: AppId, send: SendId) -> int:
        """Count one more finished chunk; how many there are now."""
        values: Item = {"one": 1, "expires_at": self._database.now() + send_record.KEPT_SECONDS}
        change = "SET #expires_at = :expires_at ADD #done :one"
        return self._database.update(Update(self._table, keys.progress(app, send), change, values)).number("done")

    def settle(self, send: Send, counts: Tally, report: Report, at: int) -> bool:
        """SENDING -> SETTLED, with the money; False, and no change, if it was not SENDING."""
        return self._settlement.settle(send, counts, report, at, None)

    def due(self, now: int, limit: int) -> Iterable[tuple[AppId, SendId]]:
        """Sends that are not settled and are due by now, the longest waiting first."""
        waiting: list[tuple[int, str]] = []
        for partition in keys.all_due():
            records = self._database.query(
                self._table,
                "#due_pk = :due AND #due_at <= :now",
                {"due": partition, "now": now},
                index=keys.BY_DUE,
                page=limit,
            )
            waiting += [(record.number("due_at"), record.text("pk")) for record in islice(records, limit)]
        return [keys.send_in(pk) for _, pk in sorted(waiting)[:limit]]

    def postpone(self, app: AppId, send: SendId, due_at: int) -> None:
        """Have the sweep look again at due_at; no change once settled."""
        self._try(Update(self._table, keys.send(app, send), "SET #due_at = :due_at", {"due_at": due_at}, UNSETTLED))

    def listed(self, app: AppId, sources: Collection[Source], limit: int, cursor: str | None) -> Page[Send]:
        """The sends of an app from these sources, newest first. Raises MalformedCursor."""
        pages = [
            self._listed.page(self._database, keys.listed_sends(app, source), lambda record: record, limit, cursor)
            for source in sources
        ]
        found = sorted(chain.from_iterable(page.items for page in pages), key=_listed_at, reverse=True)
        more = len(found) > limit or any(page.cursor is not None for page in pages)
        wanted = [keys.send(*keys.send_in(record.text("pk"))) for record in found[:limit]]
        stored = {record.text("pk"): record for record in self._database.load(self._table, wanted)}
        shown: list[Record] = []
        size, place = 0, None
        for entry in found[:limit]:
            record = stored.get(entry.text("pk"))
            size += 0 if record is None else record.size()
            if size > PAGE_BYTES and shown:
                more = True
                break
            shown += [] if record is None else [record]
            place = _listed_at(entry)
        return Page([send_record.from_record(record) for record in shown], place if more else None)

    def _hold(self, send: Send, limits: Limits) -> Update | None:
        if send.charge is Charge.QUOTA and send.metered:
            return self._quotas.hold(send, limits)
        if send.charge is Charge.CREDITS and send.reserved:
            return self._credits.hold(send.app, send.reserved)
        return None

    def _changed(self, campaign: CampaignChange | None) -> tuple[Put | None, Sequence[Put]]:
        if campaign is None:
            return None, []
        if self._campaigns is None:
            raise ValueError("these sends know of no campaigns")
        return self._campaigns.changed(campaign)

    def _chunk(self, send: Send, chunk: Chunk, frozen: Frozen) -> list[Put]:
        return new_chunk(self._table, chunk, frozen, self._expires_at(send))

    def _expires_at(self, send: Send) -> int:
        return send.created_at + send_record.KEPT_SECONDS

    def _used(self, send: Send, idempotency: Idempotency) -> Put:
        item: Item = {
            **keys.idempotency(send.app, idempotency.route, idempotency.key),
            "send": send.id,
            "fingerprint": idempotency.fingerprint,
            "expires_at": idempotency.expires_at,
        }
        return Put(self._table, item, UNUSED, {"now": send.created_at})

    def _try(self, change: Update) -> Record | None:
        """The item after the change, None when its condition did not hold: then nothing was to be done."""
        try:
            return self._database.update(change)
        except ConditionFailed:
            return None


def _listed_at(record: Record) -> str:
    return record.text("listed_at")


def _told(record: Record) -> Told | None:
    if "balance" not in record:
        return None
    return Told(record.number("balance"), tuple(map(SubscriptionId, record.texts("unreachable"))))
