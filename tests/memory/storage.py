"""What the memory adapters share, so that money, sends and chunks change in one step, as in a transaction."""

import threading
from dataclasses import dataclass, field

from tocsin.application.ports import (
    EarlierSend,
    EnrolmentCode,
    Frozen,
    Place,
    SealedServiceAccount,
    SealedVapidKey,
)
from tocsin.domain.api_key import ApiKey
from tocsin.domain.audit import AuditEntry
from tocsin.domain.campaign import Campaign
from tocsin.domain.chunk import Chunk
from tocsin.domain.engagement import Block
from tocsin.domain.glance import Glance
from tocsin.domain.ids import AppId, KeyId, SendId, SubscriptionId, TenantId
from tocsin.domain.importing import Import, ImportId
from tocsin.domain.ledger import LedgerEntry, RowKind
from tocsin.domain.note import Note
from tocsin.domain.person import Person
from tocsin.domain.send import Balance, Charge, Send
from tocsin.domain.subscription import Broadcasts, Subscription
from tocsin.domain.tenancy import App, DialectName, Tenant
from tocsin.domain.webhook import PendingEvent, Webhook

ChunkKey = tuple[AppId, SendId, int]
Entry = RowKind


@dataclass(frozen=True, slots=True)
class StoredSend:
    """A send as stored. due_at: None once settled."""

    send: Send
    due_at: int | None

    @property
    def held(self) -> int:
        """The credits that this send holds until it is settled."""
        return self.send.reserved if self.send.charge is Charge.CREDITS else 0


@dataclass(slots=True)
class Progress:
    """How far a large send came. planned: each planned part's chunks; done: how many finished ones were counted."""

    planned: dict[int, int] = field(default_factory=dict)
    done: int = 0


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """What stands under an idempotency key."""

    earlier: EarlierSend
    expires_at: int


@dataclass(frozen=True, slots=True)
class Meter:
    """What an app used of its newest hour, day and month; each is named by when it started."""

    hour: int
    hour_used: int
    day: int
    day_used: int
    month: int
    month_used: int


@dataclass(slots=True)
class Storage:
    """All records of a deployment. `lock` is held for each port call, so that each is one atomic step."""

    lock: threading.RLock = field(default_factory=threading.RLock)
    tenants: dict[TenantId, Tenant] = field(default_factory=dict)
    apps: dict[AppId, App] = field(default_factory=dict)
    vapid_keys: dict[tuple[AppId, str], SealedVapidKey] = field(default_factory=dict)
    service_accounts: dict[AppId, SealedServiceAccount] = field(default_factory=dict)
    keys: dict[KeyId, ApiKey] = field(default_factory=dict)
    imports: dict[tuple[AppId, ImportId], Import] = field(default_factory=dict)
    audit: list[AuditEntry] = field(default_factory=list)
    subscriptions: dict[tuple[AppId, SubscriptionId], Subscription] = field(default_factory=dict)
    broadcasts: dict[AppId, Broadcasts] = field(default_factory=dict)
    marks: dict[tuple[AppId, str, int], tuple[Place, float]] = field(default_factory=dict)
    persons: dict[tuple[AppId, str], Person] = field(default_factory=dict)
    codes: dict[str, EnrolmentCode] = field(default_factory=dict)
    balances: dict[AppId, Balance] = field(default_factory=dict)
    ledger: dict[tuple[AppId, Entry, str], LedgerEntry] = field(default_factory=dict)
    meters: dict[AppId, Meter] = field(default_factory=dict)
    windows: dict[str, tuple[int, int]] = field(default_factory=dict)
    sends: dict[tuple[AppId, SendId], StoredSend] = field(default_factory=dict)
    progress: dict[tuple[AppId, SendId], Progress] = field(default_factory=dict)
    idempotency: dict[tuple[AppId, str, str], StoredAnswer] = field(default_factory=dict)
    chunks: dict[ChunkKey, Chunk] = field(default_factory=dict)
    frozen: dict[ChunkKey, Frozen] = field(default_factory=dict)
    fetches: set[tuple[ChunkKey, int]] = field(default_factory=set)
    seen: dict[ChunkKey, Block] = field(default_factory=dict)
    glances: dict[tuple[AppId, SendId], Glance] = field(default_factory=dict)
    hooks: dict[tuple[AppId, DialectName], Webhook] = field(default_factory=dict)
    pending_events: dict[tuple[AppId, DialectName, str], PendingEvent] = field(default_factory=dict)
    notes: dict[tuple[AppId, str, SendId], Note] = field(default_factory=dict)
    campaigns: dict[tuple[AppId, str], Campaign] = field(default_factory=dict)

    def balance(self, app: AppId) -> Balance:
        """The balance of an app; zeros when nothing was ever granted."""
        return self.balances.get(app, Balance(0, 0, 0))

    def write_down(self, app: AppId, kind: Entry, reference: str, amount: int, at: int, **details: str | int) -> None:
        """Add a row to the ledger."""
        self.ledger[app, kind, reference] = LedgerEntry(kind, reference, amount, at, details)
