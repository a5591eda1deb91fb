"""Who is a user of an app, on DynamoDB: whoever has anything in the partition of a person but enrolment codes."""

from collections.abc import Collection

from tocsin.adapters.dynamodb import keys
from tocsin.adapters.dynamodb.database import Database
from tocsin.adapters.dynamodb.side_by_side import side_by_side
from tocsin.domain.ids import AppId

# The record of a person comes before the aliases of subscriptions, and before it come the codes.
RECORD_OR_DEVICE = "#pk = :pk AND #sk BETWEEN :first AND :end"


class DynamoMembers:
    """The Members port."""

    def __init__(self, database: Database, table: str) -> None:
        self._database = database
        self._table = table

    def among(self, app: AppId, names: Collection[str]) -> frozenset[str]:
        """Those of these names that a device goes by, in whatever state, or that a record is kept under."""
        asked = list(dict.fromkeys(names))
        found = side_by_side(lambda name: self._is_known(app, name), asked)
        return frozenset(name for name, known in zip(asked, found, strict=True) if known)

    def _is_known(self, app: AppId, name: str) -> bool:
        record = keys.person_record(app, name)
        values = {"pk": record["pk"], "first": record["sk"], "end": keys.AFTER_SUBSCRIPTIONS}
        return any(True for _ in self._database.query(self._table, RECORD_OR_DEVICE, values, page=1, attributes="#sk"))
