"""Secrets and ids that follow from the deployment's one root secret, so that none of them has to be stored.

Each purpose has its own label and each app its own value; rotating the root secret would change them all.
"""

import hmac
from base64 import b32encode
from hashlib import sha256

from tocsin.domain.ids import ID_BYTES, AppId, FlowId, SubscriptionId, TenantId
from tocsin.domain.tenancy import DialectName


class Derivation:
    """HMAC-SHA-256 of `purpose \\0 app \\0 detail` under the root secret (at least 32 bytes)."""

    def __init__(self, root: bytes) -> None:
        if len(root) < sha256().digest_size:
            raise ValueError("the root secret is too short")
        self._root = root

    def email_pepper(self, app: AppId) -> bytes:
        """The key under which an app's e-mail addresses are hashed (PS-13)."""
        return self._derive("email", app)

    def identity_secret(self, app: AppId, version: int) -> bytes:
        """The secret with which a customer's server proves who its visitor is: 64 hex digits, used as text."""
        return self._derive("identity", app, str(version)).hex().encode()

    def user_token_secret(self, app: AppId, version: int) -> bytes:
        """The key that signs an app's user tokens."""
        return self._derive("user-token", app, str(version))

    def address_secret(self, app: AppId) -> bytes:
        """The key under which e-mail addresses are sealed where a dialect has to show them; 64 bytes."""
        return self._derive("address", app, "1") + self._derive("address", app, "2")

    def capability(self, app: AppId, subscription: SubscriptionId) -> bytes:
        """What only the browser of a subscription is told, 16 bytes: showing it is the right to change it."""
        return self._derive("browser", app, subscription)[:16]

    def cursor_secret(self, app: AppId) -> bytes:
        """The key that seals the cursors of an app's listings."""
        return self._derive("cursor", app)

    def who_secret(self, app: AppId) -> bytes:
        """The key of the tokens by which a worker knows its person."""
        return self._derive("who", app)

    def fetch_secret(self, app: AppId) -> bytes:
        """The key of the tokens with which workers fetch messages that were too long."""
        return self._derive("fetch", app)

    def webhook_secret(self, app: AppId, dialect: DialectName, version: int) -> bytes:
        """The secret that signs what a dialect's webhook is sent; 32 bytes."""
        return self._derive("webhook", app, f"{dialect}\0{version}")

    def webhook_auth_secret(self, app: AppId) -> bytes:
        """The key under which the credentials are sealed that webhooks are sent; 64 bytes."""
        return self._derive("webhook-auth", app, "1") + self._derive("webhook-auth", app, "2")

    def person_id(self, app: AppId, external_id: str) -> str:
        """The id of a person at one app: unguessable, and the same each time they come back; 24 hex digits."""
        return self._derive("person", app, external_id)[:ID_BYTES].hex()

    def tenant_person_id(self, tenant: TenantId, external_id: str) -> str:
        """The id of a person across the apps of a tenant (BN-13); 24 hex digits."""
        return self._derive("tenant-person", tenant, external_id)[:ID_BYTES].hex()

    def enrolment_code(self, app: AppId, external_id: str, seed: str) -> str:
        """The text of an enrolment code, 160 bits in 32 lower-case letters and digits."""
        return b32encode(self._derive("code", app, f"{seed}\0{external_id}")[:20]).decode().lower()

    def inbox_key(self, app: AppId, external_id: str) -> bytes:
        """What only browsers are told that brought a code of this person, 16 bytes: the right to their inbox."""
        return self._derive("inbox", app, external_id)[:16]

    def event_secret(self, app: AppId) -> bytes:
        """The key of the tokens with which workers report what became of messages."""
        return self._derive("event", app)

    def run_id(self, app: AppId, flow: FlowId, subscription: SubscriptionId, at: int) -> str:
        """The id of the run of a flow that something at this time (Unix seconds) begins; 24 hex digits."""
        return self._derive("run", app, f"{flow}\0{subscription}\0{at}")[:ID_BYTES].hex()

    def fingerprint(self, app: AppId, request: bytes) -> str:
        """What a request is known again by, 64 hex digits; says nothing of it to who cannot derive it."""
        return hmac.new(self._derive("fingerprint", app), request, sha256).hexdigest()

    def subscription_id(self, app: AppId, endpoint: str) -> SubscriptionId:
        """The id of an endpoint at one app: unguessable, and the same each time."""
        return SubscriptionId(self._derive("subscription", app, endpoint)[:ID_BYTES].hex())

    def _derive(self, purpose: str, owner: AppId | TenantId, detail: str = "") -> bytes:
        return hmac.new(self._root, f"{purpose}\0{owner}\0{detail}".encode(), sha256).digest()
