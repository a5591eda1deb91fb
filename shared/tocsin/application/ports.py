"""What the use cases need from outside. Each docstring is the contract that every adapter is tested against.

A method that takes an app keeps to that app: nothing of another one can be read or written through it.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from tocsin.application.jobs import DeliverChunk, FanOut
from tocsin.application.metrics import Metric
from tocsin.domain.api_key import ApiKey
from tocsin.domain.chunk import Chunk
from tocsin.domain.identity import Identity
from tocsin.domain.ids import AppId, KeyId, SendId, SubscriptionId, TenantId
from tocsin.domain.send import Balance, Send, Tally
from tocsin.domain.subscription import Counts, Subscription
from tocsin.domain.tenancy import App, Tenant
from tocsin.webpush.outcome import PushResponse
from tocsin.webpush.request import PushRequest

Item_co = TypeVar("Item_co", covariant=True)


class Unavailable(Exception):
    """A store, queue or key service did not answer, retries included. What was asked may have happened."""


class Clock(Protocol):
    """The time."""

    def now(self) -> float:
        """Unix seconds."""

    def sleep(self, seconds: float) -> None:
        """Wait."""


class Randomness(Protocol):
    """Unguessable names."""

    def new_id(self) -> str:
        """A new 96-bit id: 24 hex digits."""

    def base62(self, length: int) -> str:
        """Letters and digits, every position uniform."""


class Meter(Protocol):
    """Counters for the people who run this."""

    def count(self, metric: Metric, amount: int = 1) -> None:
        """Add to a counter."""


@dataclass(frozen=True, slots=True)
class Page(Generic[Item_co]):
    """A page of a listing. cursor: opaque text that the next page starts from, None at the end."""

    items: Sequence[Item_co]
    cursor: str | None


class MalformedCursor(Exception):
    """A cursor that this listing did not give out."""


# --- tenants, apps, keys ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SealedVapidKey:
    """A VAPID key at rest. public: base64url; ciphertext: the private scalar under the vault's key."""

    id: str
    public: str
    ciphertext: bytes
    created_at: int


class Registry(Protocol):
    """Tenants, their apps, and the keys that open them. Listings are newest first and may lag a moment behind."""

    def add_tenant(self, tenant: Tenant) -> None:
        """Store a new tenant."""

    def tenant(self, tenant: TenantId) -> Tenant | None:
        """The tenant, or None."""

    def tenants(self, limit: int, cursor: str | None) -> Page[Tenant]:
        """All tenants. Raises MalformedCursor."""

    def add_app(self, app: App, key: SealedVapidKey) -> None:
        """Store a new app together with its first VAPID key: both or neither."""

    def app(self, app: AppId) -> App | None:
        """The app, or None."""

    def apps(self, tenant: TenantId, limit: int, cursor: str | None) -> Page[App]:
        """The apps of a tenant. Raises MalformedCursor."""

    def vapid_key(self, app: AppId, key: str) -> SealedVapidKey | None:
        """One VAPID key of an app, or None."""

    def add_key(self, key: ApiKey) -> bool:
        """Store a new API key; False, and nothing stored, when its id is taken."""

    def key(self, key: KeyId) -> ApiKey | None:
        """The key, revoked or not, or None."""

    def keys(self, app: AppId, limit: int, cursor: str | None) -> Page[ApiKey]:
        """The keys of an app, revoked ones included. Raises MalformedCursor."""

    def revoke_key(self, app: AppId, key: KeyId, at: int) -> bool:
        """Revoke a key of this app; the first revocation's time stays. False when the app has no such key."""

    def touch_key(self, key: KeyId, at: int) -> None:
        """Note that a key was used."""


class Vault(Protocol):
    """Encryption of secrets at rest, bound to a context: what was sealed for one app opens for no other."""

    def seal(self, plaintext: bytes, context: Mapping[str, str]) -> bytes:
        """The ciphertext."""

    def open(self, ciphertext: bytes, context: Mapping[str, str]) -> bytes:
        """The plaintext. Raises WrongContext when it was sealed for something else."""


class WrongContext(Exception):
    """A ciphertext that was not sealed for this context."""


# --- subscriptions ------------------------------------------------------------------------------------------------


class Stale(Exception):
    """The record changed since it was read: read it again."""


@dataclass(frozen=True, slots=True)
class Walk:
    """A stretch of an app's active subscriptions, in a fixed order. after: resume from here, None at the end."""

    subscriptions: Sequence[Subscription]
    after: str | None


class Subscriptions(Protocol):
    """The subscriptions of apps, found by id or by identity right after a write."""

    def get(self, app: AppId, subscription: SubscriptionId) -> Subscription | None:
        """The subscription, in whatever state, or None."""

    def put(self, new: Subscription, old: Subscription | None) -> None:
        """Store `new` where `old` was read (None: where nothing was), its identities and the counters: all or nothing.

        Raises Stale: somebody else wrote in between.
        """

    def of(self, app: AppId, identities: Collection[Identity]) -> Sequence[Subscription]:
        """The active subscriptions of these people, each once, most recently seen first."""

    def load(self, app: AppId, subscriptions: Sequence[SubscriptionId]) -> Mapping[SubscriptionId, Subscription]:
        """Those of these subscriptions that exist, in whatever state."""

    def walk(self, app: AppId, after: str | None, limit: int) -> Walk:
        """Up to `limit` active subscriptions that follow `after` (None: from the start). Consistent reads."""

    def expire(self, app: AppId, subscription: SubscriptionId, endpoint: str) -> bool:
        """Mark as expired, if it is active and still has this endpoint; False, and no change, otherwise."""

    def counts(self, app: AppId) -> Counts:
        """How many there are in each state: exact at every instant."""


# --- credits and request windows ----------------------------------------------------------------------------------


class ReferenceTaken(Exception):
    """A grant with this reference exists, of another amount."""


class Credits(Protocol):
    """Balances and their append-only ledger."""

    def balance(self, app: AppId) -> Balance:
        """The balance; zeros when nothing was ever granted."""

    def grant(self, app: AppId, amount: int, reference: str, at: int) -> bool:
        """Add credits once for each reference; False when this grant was made before. Raises ReferenceTaken."""


@dataclass(frozen=True, slots=True)
class Window:
    """A fixed window of requests. reset_at: Unix seconds. A refused request takes nothing."""

    allowed: bool
    limit: int
    remaining: int
    reset_at: int


class RequestWindows(Protocol):
    """Requests counted in fixed windows that start at multiples of their length."""

    def take(self, subject: str, limit: int, seconds: int, now: float) -> Window:
        """Count one request of `subject`, unless `limit` were made in this window."""


# --- sends and chunks ---------------------------------------------------------------------------------------------


class InsufficientCredits(Exception):
    """The balance did not cover the reservation; nothing was written."""


class IdempotencyKeyTaken(Exception):
    """A send with this idempotency key exists; nothing was written."""


class LeaseLost(Exception):
    """Another worker holds the chunk: stop at once and retry nothing."""


@dataclass(frozen=True, slots=True)
class Idempotency:
    """The idempotency key of a request, at one app and route.

    key: hex SHA-256 of the header. fingerprint: hex SHA-256 of the canonical request. expires_at: Unix seconds.
    """

    route: str
    key: str
    fingerprint: str
    expires_at: int


@dataclass(frozen=True, slots=True)
class EarlierSend:
    """What a used idempotency key leads to. balance: the credits that the first answer told, None before it."""

    send: SendId
    fingerprint: str
    balance: int | None


@dataclass(frozen=True, slots=True)
class Frozen:
    """The recipients of a chunk, in order, for good. after: where the walk of the audience goes on, None at its end."""

    ids: tuple[SubscriptionId, ...]
    after: str | None


class Sends(Protocol):
    """Sends, and the money they hold. A charged send moves credits available -> reserved -> spent, each step once."""

    def reserve(
        self, send: Send, only_chunk: tuple[Chunk, Frozen] | None, idempotency: Idempotency | None, due_at: int
    ) -> None:
        """Hold the credits and store the send, its ledger row, its idempotency key and its only chunk: all or nothing.

        Raises InsufficientCredits or IdempotencyKeyTaken. due_at: when the sweep is to look at it.
        """

    def get(self, app: AppId, send: SendId) -> Send | None:
        """The send, or None."""

    def earlier(self, app: AppId, idempotency: Idempotency) -> EarlierSend | None:
        """What this idempotency key was used for, or None."""

    def note_answer(self, app: AppId, idempotency: Idempotency, balance: int) -> None:
        """Keep the balance that the first answer told, so that a repeat is told the same."""

    def all_opened(self, app: AppId, send: SendId, chunks: int) -> None:
        """PLANNED -> SENDING with this many chunks; no change in any other state."""

    def chunk_done(self, app: AppId, send: SendId) -> bool:
        """Count one more finished chunk; True when that seems to be the last. A hint: a crash may lose a count."""

    def settle(self, send: Send, counts: Tally, at: int) -> bool:
        """SENDING -> SETTLED: spend what was accepted, release the rest, add the ledger row.

        False, and no change, if it was not SENDING. The stored record says what is held; `send` names it.
        """

    def due(self, now: int, limit: int) -> Iterable[tuple[AppId, SendId]]:
        """Sends that are not settled and are due by now, the longest waiting first."""

    def postpone(self, app: AppId, send: SendId, due_at: int) -> None:
        """Have the sweep look again at due_at; no change once settled."""


class Chunks(Protocol):
    """The chunks of sends. A write that is not the owner's raises LeaseLost and changes nothing."""

    def add(self, chunk: Chunk, frozen: Frozen) -> bool:
        """Store a chunk with its recipients, both or neither; False, and no change, if it exists."""

    def get(self, app: AppId, send: SendId, number: int) -> Chunk | None:
        """The chunk, or None. A consistent read."""

    def frozen(self, app: AppId, send: SendId, number: int) -> Frozen | None:
        """The recipients of a chunk, or None."""

    def of(self, app: AppId, send: SendId) -> Sequence[Chunk]:
        """All chunks of a send, by number. A consistent read."""

    def claim(self, chunk: Chunk) -> None:
        """Store the claimed record if the stored one is open and of the version before it. Raises LeaseLost."""

    def save(self, chunk: Chunk) -> None:
        """Store the record if the stored one is open and of the same epoch. Raises LeaseLost."""

    def finish_only(self, chunk: Chunk, send: Send, counts: Tally, at: int) -> bool:
        """Save a send's only chunk and settle the send, in one transaction. Raises LeaseLost.

        False when the send is not SENDING any more: then the chunk was not saved either.
        """


class Jobs(Protocol):
    """The queues. A job may arrive more than once, late, or out of order."""

    def fan_out(self, job: FanOut) -> None:
        """Queue the planning of a send."""

    def deliver(self, job: DeliverChunk, delay: int = 0) -> None:
        """Queue a chunk, to be seen after `delay` seconds (at most 900)."""


# --- push services ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Answer:
    """How a POST ended. response None: no answer; `sent` False then says that surely nothing reached the service."""

    ticket: int
    response: PushResponse | None
    sent: bool


class PushTransport(Protocol):
    """Concurrent POSTs to push services, driven from one thread."""

    def start(self, ticket: int, request: PushRequest, timeout: float) -> None:
        """Begin a POST that ends within `timeout` seconds; never blocks."""

    def wait(self, timeout: float) -> Sequence[Answer]:
        """What ended, waiting at most `timeout` seconds for the first; empty if nothing did."""

    def cancel(self) -> None:
        """Abandon everything in flight; nothing of it is ever reported."""
