"""Enrolment codes on DynamoDB: each by its digest, and in its person's partition, from where an erasure finds it."""

from tocsin.adapters.dynamodb import keys
from tocsin.adapters.dynamodb.database import ConditionFailed, ConditionsFailed, Database, Delete, Put, Update
from tocsin.adapters.dynamodb.marshalling import Item, Record
from tocsin.application.ports import EnrolmentCode, Stale
from tocsin.domain.identity import Identity, IdentityKind
from tocsin.domain.ids import AppId

# One that has expired stays until DynamoDB gets to removing it.
NONE_LIVE = "attribute_not_exists(#pk) OR #expires_at <= :now"
UNUSED = "attribute_exists(#pk) AND #used = :no"
LISTED_UNDER = "#pk = :pk AND begins_with(#sk, :prefix)"


class DynamoCodes:
    """The Codes port."""

    def __init__(self, database: Database, table: str) -> None:
        self._database = database
        self._table = table

    def live(self, app: AppId, person: str) -> EnrolmentCode | None:
        """The code of a person that may be used again and again, or None."""
        return self._unexpired(self._database.get(self._table, keys.person_code(app, person)))

    def find(self, digest: str) -> EnrolmentCode | None:
        """The code with this digest, used or not, or None."""
        return self._unexpired(self._database.get(self._table, keys.enrolment_code(digest)))

    def add(self, code: EnrolmentCode) -> None:
        """Store a code, as the live one unless it is for one device. Raises Stale."""
        of_person = keys.person_code(code.app, code.person, code.digest if code.once else None)
        writes = [
            Put(self._table, {**keys.enrolment_code(code.digest), **_kept(code)}),
            Put(self._table, {**of_person, **_kept(code)}, NONE_LIVE, {"now": self._database.now()}),
        ]
        try:
            self._database.transact(writes)
        except ConditionsFailed as refusal:
            raise Stale from refusal

    def use(self, code: EnrolmentCode) -> bool:
        """Note that a code for one device was used; False, and no change, if it was before or is gone."""
        values = {"yes": True, "no": False}
        try:
            self._database.change(
                Update(self._table, keys.enrolment_code(code.digest), "SET #used = :yes", values, UNUSED)
            )
        except ConditionFailed:
            return False
        return True

    def revoke(self, app: AppId, person: str) -> int:
        """Remove all codes of a person; how many there were."""
        partition = keys.person(app, Identity(IdentityKind.EXTERNAL, person))
        found = list(
            map(_code, self._database.query(self._table, LISTED_UNDER, {"pk": partition, "prefix": keys.CODES}))
        )
        for code in found:
            of_person = keys.person_code(app, person, code.digest if code.once else None)
            self._database.transact(
                [Delete(self._table, keys.enrolment_code(code.digest)), Delete(self._table, of_person)]
            )
        return len(found)

    def _unexpired(self, record: Record | None) -> EnrolmentCode | None:
        code = None if record is None else _code(record)
        return None if code is None or code.expires_at <= self._database.now() else code


def _kept(code: EnrolmentCode) -> Item:
    return {
        "app": code.app,
        "person": code.person,
        "digest": code.digest,
        "seed": code.seed,
        "once": code.once,
        "used": code.used,
        "expires_at": code.expires_at,
    }


def _code(record: Record) -> EnrolmentCode:
    """Raises MalformedRecord."""
    return EnrolmentCode(
        AppId(record.text("app")),
        record.text("person"),
        record.text("digest"),
        record.text("seed"),
        record.number("expires_at"),
        record.flag("once"),
        record.flag("used"),
    )
