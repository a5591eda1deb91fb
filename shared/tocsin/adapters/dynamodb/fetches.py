"""Who fetched a message that was too long, on DynamoDB: an item a chunk, so that a large send is spread widely."""

from tocsin.adapters.dynamodb import keys
from tocsin.adapters.dynamodb.database import ConditionFailed, Database, Update
from tocsin.adapters.dynamodb.marshalling import Item
from tocsin.adapters.dynamodb.send_record import KEPT_SECONDS
from tocsin.domain.ids import AppId, SendId

FIRST_TIME = "attribute_not_exists(#fetched) OR NOT contains(#fetched, :index)"


class DynamoFetches:
    """The Fetches port."""

    def __init__(self, database: Database, sends_table: str) -> None:
        self._database = database
        self._table = sends_table

    def first(self, app: AppId, send: SendId, chunk: int, index: int) -> bool:
        """Note that a recipient fetches it; False, and no change, when that was noted before."""
        until = self._database.now() + KEPT_SECONDS
        values: Item = {"index": index, "indexes": frozenset({index}), "expires_at": until}
        change = "SET #expires_at = :expires_at ADD #fetched :indexes"
        # Two with the same token can come at once: whoever adds the place is the one.
        try:
            self._database.update(Update(self._table, keys.fetches(app, send, chunk), change, values, FIRST_TIME))
        except ConditionFailed:
            return False
        return True
