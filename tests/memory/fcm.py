"""Service accounts in memory, and Google's token endpoint as a test's script has it."""

import json
from collections import deque
from collections.abc import Mapping

from tests.memory.storage import Storage
from tocsin.application.ports import OauthAnswer, SealedServiceAccount, Unavailable
from tocsin.domain.audit import AuditEntry
from tocsin.domain.ids import AppId


class MemoryServiceAccounts:
    """The ServiceAccounts port."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def get(self, app: AppId) -> SealedServiceAccount | None:
        """The app's, or None."""
        return self._storage.service_accounts.get(app)

    def put(self, app: AppId, account: SealedServiceAccount, audit: AuditEntry) -> None:
        """Store it in place of any earlier one."""
        with self._storage.lock:
            self._storage.service_accounts[app] = account
            self._storage.audit.append(audit)

    def remove(self, app: AppId, audit: AuditEntry) -> bool:
        """Forget it; False, and no change, when there is none."""
        with self._storage.lock:
            if self._storage.service_accounts.pop(app, None) is None:
                return False
            self._storage.audit.append(audit)
            return True


class ScriptedOauth:
    """The OauthServers port: a new token each time, `token-1` first, unless the script says otherwise."""

    def __init__(self) -> None:
        self.script: deque[OauthAnswer | None] = deque()
        self.asked: list[tuple[str, Mapping[str, str]]] = []

    def post_form(self, url: str, form: Mapping[str, str]) -> OauthAnswer:
        """The next answer of the script; None in it is none."""
        self.asked.append((url, form))
        if self.script:
            answer = self.script.popleft()
            if answer is None:
                raise Unavailable
            return answer
        told = {"access_token": f"token-{len(self.asked)}", "expires_in": 3599, "token_type": "Bearer"}
        return OauthAnswer(200, {}, json.dumps(told).encode())
