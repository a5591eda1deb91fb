"""Request windows on DynamoDB: one conditional write for each request, one more when a window begins."""

from tocsin.adapters.dynamodb import keys
from tocsin.adapters.dynamodb.database import ConditionFailed, Database, Update
from tocsin.application.ports import Window

# Counts only in the window that the caller believes in, and never past the limit.
ROOM_LEFT = "#w = :w AND #n < :limit"
# A window begins once; a caller whose clock lags must not wind it back.
NEWER = "attribute_not_exists(#w) OR #w < :w"
# Others may begin this window, and then the next one, between two of our writes; more is a storm, and is refused.
ATTEMPTS = 4


class DynamoRequestWindows:
    """The RequestWindows port."""

    def __init__(self, database: Database, table: str) -> None:
        self._database = database
        self._table = table

    def take(self, subject: str, limit: int, seconds: int, now: float) -> Window:
        """Count one request of `subject`, unless `limit` were made in this window."""
        window = int(now) // seconds * seconds
        refused = Window(False, limit, 0, window + seconds)
        if limit < 1:
            return refused
        for _ in range(ATTEMPTS):
            refused = Window(False, limit, 0, window + seconds)
            try:
                taken = self._count(subject, limit, window)
            except ConditionFailed as refusal:
                stored = None if refusal.stored is None else refusal.stored.number("w")
            else:
                return Window(True, limit, limit - taken, window + seconds)
            if stored == window:
                return refused
            if stored is not None and stored > window:
                # Our clock lags: count in the window that others have begun.
                window = stored
            elif self._begin(subject, window, seconds):
                return Window(True, limit, limit - 1, window + seconds)
        return refused

    def look(self, subject: str, limit: int, seconds: int, now: float) -> Window:
        """The window as it is, counting nothing."""
        window, taken = int(now) // seconds * seconds, 0
        record = self._database.get(self._table, keys.request_window(subject))
        if record is not None and record.number("w") >= window:
            window, taken = record.number("w"), record.number("n")
        return Window(taken < limit, limit, max(0, limit - taken), window + seconds)

    def _count(self, subject: str, limit: int, window: int) -> int:
        values = {"one": 1, "w": window, "limit": limit}
        return self._database.update(
            Update(self._table, keys.request_window(subject), "ADD #n :one", values, ROOM_LEFT)
        ).number("n")

    def _begin(self, subject: str, window: int, seconds: int) -> bool:
        change = "SET #w = :w, #n = :one, #expires_at = :expires_at"
        values = {"w": window, "one": 1, "expires_at": window + 2 * seconds}
        try:
            self._database.update(Update(self._table, keys.request_window(subject), change, values, NEWER))
        except ConditionFailed:
            return False
        return True
