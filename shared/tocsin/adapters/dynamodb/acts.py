"""What recipients did with their messages, on DynamoDB: an item a chunk, so that a large send is spread widely."""

from tocsin.adapters.dynamodb import keys
from tocsin.adapters.dynamodb.database import ConditionFailed, Database, Update
from tocsin.adapters.dynamodb.marshalling import Item
from tocsin.adapters.dynamodb.send_record import KEPT_SECONDS
from tocsin.application.ports import Act
from tocsin.domain.ids import AppId, SendId


class DynamoActs:
    """The Acts port."""

    def __init__(self, database: Database, sends_table: str) -> None:
        self._database = database
        self._table = sends_table

    def first(self, app: AppId, send: SendId, chunk: int, index: int, act: Act) -> bool:
        """Note an act of a recipient; False, and no change, when it was noted before."""
        until = self._database.now() + KEPT_SECONDS
        values: Item = {"index": index, "indexes": frozenset({index}), "expires_at": until}
        change = f"SET #expires_at = :expires_at ADD #{act} :indexes"
        # Two with the same token can come at once: whoever adds the place is the one.
        first_time = f"attribute_not_exists(#{act}) OR NOT contains(#{act}, :index)"
        try:
            self._database.update(Update(self._table, keys.acts(app, send, chunk), change, values, first_time))
        except ConditionFailed:
            return False
        return True
