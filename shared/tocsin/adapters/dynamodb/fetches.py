"""Fetched messages on DynamoDB: an item a chunk, so that a large send is spread over as many partitions as chunks."""

from tocsin.adapters.dynamodb import keys
from tocsin.adapters.dynamodb.database import ConditionFailed, Database, Update
from tocsin.adapters.dynamodb.marshalling import Item
from tocsin.domain.ids import AppId, SendId

# Two with the same token can come at once: whoever adds the place is the one.
FIRST_TIME = "attribute_not_exists(#fetched) OR NOT contains(#fetched, :index)"


class DynamoFetches:
    """The Fetches port."""

    def __init__(self, database: Database, sends_table: str) -> None:
        self._database = database
        self._table = sends_table

    def first(self, app: AppId, send: SendId, chunk: int, index: int, expires_at: int) -> bool:
        """Note that a recipient fetches its message; False, and no change, when it did before."""
        values: Item = {"index": index, "indexes": frozenset({index}), "expires_at": expires_at}
        change = "SET #expires_at = :expires_at ADD #fetched :indexes"
        try:
            self._database.update(Update(self._table, keys.fetches(app, send, chunk), change, values, FIRST_TIME))
        except ConditionFailed:
            return False
        return True
