"""What readers did with the messages of a send, on DynamoDB: an item for each block of its recipients."""

from tocsin.adapters.dynamodb import glance_record, keys, seen_record
from tocsin.adapters.dynamodb.database import ConditionFailed, Database, Put
from tocsin.application.ports import Stale
from tocsin.domain.engagement import Block, Engagement, engagement
from tocsin.domain.glance import Glance
from tocsin.domain.ids import AppId, SendId
from tocsin.domain.send import Send


class DynamoEngagements:
    """The Engagements port."""

    def __init__(self, database: Database, sends_table: str) -> None:
        self._database = database
        self._table = sends_table

    def block(self, app: AppId, send: SendId, number: int) -> Block:
        """A block as it is."""
        record = self._database.get(self._table, keys.seen(app, send, number))
        return Block(app, send, number) if record is None else seen_record.from_record(app, send, number, record)

    def put(self, block: Block, created_at: int) -> None:
        """Store a block if the stored one is of the version before it. Raises Stale."""
        unchanged = "#version = :before" if block.version > 1 else "attribute_not_exists(#pk)"
        values = {"before": block.version - 1} if block.version > 1 else {}
        try:
            self._database.put(Put(self._table, seen_record.to_item(block, created_at), unchanged, values))
        except ConditionFailed as error:
            raise Stale from error

    def of(self, app: AppId, send: SendId) -> Engagement:
        """The figures of a send."""
        records = self._database.query(
            self._table,
            "#pk = :pk AND begins_with(#sk, :prefix)",
            {"pk": keys.send_partition(app, send), "prefix": keys.SEEN},
            attributes=f"#{seen_record.FIGURES}",
            consistent=False,
        )
        return engagement(map(seen_record.figures_from, records))

    def glance(self, app: AppId, send: SendId) -> Glance | None:
        """The totals of a send as they were last kept."""
        record = self._database.get(self._table, keys.glance(app, send))
        return None if record is None else glance_record.from_record(record)

    def keep(self, send: Send, glance: Glance) -> None:
        """Keep the totals of a send."""
        self._database.put(Put(self._table, glance_record.to_item(send, glance)))
