"""Service accounts of apps on DynamoDB."""

from tocsin.adapters.dynamodb import keys
from tocsin.adapters.dynamodb.audit_log import AuditSteps
from tocsin.adapters.dynamodb.database import ConditionsFailed, Database, Delete, Put
from tocsin.adapters.dynamodb.marshalling import Item, Record
from tocsin.application.ports import SealedServiceAccount
from tocsin.domain.audit import AuditEntry
from tocsin.domain.ids import AppId

THERE = "attribute_exists(#pk)"


class DynamoServiceAccounts:
    """The ServiceAccounts port."""

    def __init__(self, database: Database, tenants_table: str) -> None:
        self._database = database
        self._table = tenants_table
        self._audit = AuditSteps(tenants_table)

    def get(self, app: AppId) -> SealedServiceAccount | None:
        """The app's, or None."""
        record = self._database.get(self._table, keys.service_account(app))
        return None if record is None else _account_in(record)

    def put(self, app: AppId, account: SealedServiceAccount, audit: AuditEntry) -> None:
        """Store it in place of any earlier one."""
        item: Item = {
            **keys.service_account(app),
            "project": account.project,
            "email": account.email,
            "key_id": account.key_id,
            "ciphertext": account.ciphertext,
            "created_at": account.created_at,
        }
        self._database.transact([Put(self._table, item), self._audit.written(audit)])

    def remove(self, app: AppId, audit: AuditEntry) -> bool:
        """Forget it; False, and no change, when there is none."""
        removed = Delete(self._table, keys.service_account(app), THERE)
        try:
            self._database.transact([removed, self._audit.written(audit)])
        except ConditionsFailed:
            return False
        return True


def _account_in(record: Record) -> SealedServiceAccount:
    """The account in a record. Raises MalformedRecord."""
    return SealedServiceAccount(
        record.text("project"),
        record.text("email"),
        record.text("key_id"),
        record.binary("ciphertext"),
        record.number("created_at"),
    )
