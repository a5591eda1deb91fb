"""Access tokens for FCM, by the service accounts of apps."""

import json
import re
import threading
from collections import defaultdict
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.serialization import load_der_private_key

from tocsin.application.ports import (
    Clock,
    OauthAnswer,
    OauthServers,
    SealedServiceAccount,
    ServiceAccounts,
    Unavailable,
    Vault,
    WrongContext,
)
from tocsin.domain.ids import AppId, TenantId
from tocsin.domain.service_account import TOKEN_URI
from tocsin.webpush.fcm import SCOPE

ACCOUNT_SECONDS = 30
"""An account that was replaced or removed is used no longer than this by a process that knew it."""
EARLY_SECONDS = 300
"""A token is renewed so long before its end that no pass outlives it."""
UNREACHED_SECONDS, REFUSED_SECONDS = 5, 60
"""How long nobody asks again after no answer, and after a refusal that only a person can mend."""
UNSUPPORTED, NO_TOKEN, ACCOUNT_REFUSED = "unsupported", "no access token", "account refused"
_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_TOKEN = re.compile(r"[!-~]{1,4096}", re.ASCII)


def fcm_context(tenant: TenantId, app: AppId) -> dict[str, str]:
    """What the sealed key of a service account is bound to."""
    return {"tenant": tenant, "app": app, "purpose": "fcm"}


@dataclass(frozen=True, slots=True)
class Access:
    """The right to send to a project's devices."""

    project: str
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class NoAccess:
    """Why there is none. until: Unix seconds, when it is worth another try; None: when a person has done something."""

    reason: str
    until: int | None = None


@dataclass(slots=True)
class _Known:
    """What is known of an app. checked_at: when its account was read; fresh_until: how long `access` holds."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    checked_at: float = 0.0
    account: SealedServiceAccount | None = None
    access: Access | NoAccess = NoAccess(UNSUPPORTED)
    fresh_until: float = 0.0


class FcmAccess:
    """Access tokens, asked for once an hour and app by the OAuth flow of service accounts (RFC 7523); for all threads.

    Whoever wants to send prepares first, while nothing is in flight: that may wait for Google. What was prepared is
    then told at once.
    """

    def __init__(self, accounts: ServiceAccounts, vault: Vault, servers: OauthServers, clock: Clock) -> None:
        self._accounts = accounts
        self._vault = vault
        self._servers = servers
        self._clock = clock
        self._lock = threading.Lock()
        self._apps: defaultdict[AppId, _Known] = defaultdict(_Known)

    def prepare(self, tenant: TenantId, app: AppId) -> None:
        """Look after the app's token, waiting up to four seconds for a new one; others of the app wait meanwhile.

        Raises Unavailable: the store or the vault did not answer.
        """
        known = self._of(app)
        with known.lock:
            now = self._clock.now()
            if now >= known.checked_at + ACCOUNT_SECONDS:
                account = self._accounts.get(app)
                if account != known.account:
                    known.account, known.fresh_until = account, 0.0
                known.checked_at = now
            if now >= known.fresh_until:
                known.access, known.fresh_until = self._asked(tenant, app, known.account, now)

    def access(self, app: AppId) -> Access | NoAccess:
        """What was prepared last."""
        return self._of(app).access

    def renew(self, tenant: TenantId, app: AppId, refused: str) -> None:
        """Ask for another token, for FCM refused this one; no change if it was replaced already. Never raises."""
        known = self._of(app)
        with known.lock:
            if not isinstance(known.access, Access) or known.access.token != refused:
                return
            now = self._clock.now()
            known.access, known.fresh_until = NoAccess(NO_TOKEN, int(now) + 1), 0.0
            try:
                known.access, known.fresh_until = self._asked(tenant, app, known.account, now)
            except Unavailable:
                return  # whoever prepares next tries again

    def _of(self, app: AppId) -> _Known:
        with self._lock:
            return self._apps[app]

    def _asked(
        self, tenant: TenantId, app: AppId, account: SealedServiceAccount | None, now: float
    ) -> tuple[Access | NoAccess, float]:
        """What Google says, and until when to believe it."""
        if account is None:
            return NoAccess(UNSUPPORTED), 0.0
        try:
            key = self._vault.open(account.ciphertext, fcm_context(tenant, app))
        except WrongContext:
            return NoAccess(UNSUPPORTED), 0.0
        assertion = signed_assertion(account, key, int(now))
        try:
            answer = self._servers.post_form(TOKEN_URI, {"grant_type": _GRANT, "assertion": assertion})
        except Unavailable:
            return _not_now(NO_TOKEN, now + UNREACHED_SECONDS)
        found = _token_in(answer)
        if found is not None:
            token, lives = found
            return Access(account.project, token), now + lives - EARLY_SECONDS
        if answer.status // 100 == 4 and answer.status != 429:  # noqa: PLR2004
            return _not_now(ACCOUNT_REFUSED, now + REFUSED_SECONDS)
        return _not_now(NO_TOKEN, now + UNREACHED_SECONDS)


def signed_assertion(account: SealedServiceAccount, key: bytes, now: int) -> str:
    """What is exchanged for a token. key: PKCS #8 in DER; now: Unix seconds.

    https://developers.google.com/identity/protocols/oauth2/service-account#authorizingrequests
    """
    # Imported here: it is a part of each cold start, and hardly any needs it.
    import jwt  # noqa: PLC0415

    claims = {"iss": account.email, "scope": SCOPE, "aud": TOKEN_URI, "iat": now, "exp": now + 3600}
    private = load_der_private_key(key, None)
    return jwt.encode(claims, private, algorithm="RS256", headers={"kid": account.key_id})  # type: ignore[arg-type]


def _not_now(reason: str, until: float) -> tuple[NoAccess, float]:
    return NoAccess(reason, int(until)), until


def _token_in(answer: OauthAnswer) -> tuple[str, int] | None:
    """The token and the seconds that it lives, None where the answer holds none that could be used."""
    if answer.status != 200:  # noqa: PLR2004
        return None
    try:
        told = json.loads(answer.body)
        token, lives = told["access_token"], told["expires_in"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    if not isinstance(token, str) or not _TOKEN.fullmatch(token) or type(lives) is not int:
        return None
    return token, lives
