"""Records for contract tests: valid, small, and different where a test says so."""

from collections import Counter
from dataclasses import replace
from hashlib import sha256

from tests.memory.system import START
from tocsin.application.ports import Frozen, SealedVapidKey
from tocsin.domain.api_key import ApiKey, KeyKind, Scope
from tocsin.domain.audit import Action, Actor, AuditEntry
from tocsin.domain.chunk import Chunk, Repeat, claimed, opened
from tocsin.domain.identity import Identity, IdentityKind
from tocsin.domain.ids import ALL_SHARDS, AppId, KeyId, SendId, SubscriptionId, TenantId, shard_of
from tocsin.domain.notification import Notification
from tocsin.domain.quota import Limits
from tocsin.domain.report import NOBODY, Fate, Report, Said
from tocsin.domain.send import Audience, Charge, Everyone, Send, SendState, Tally
from tocsin.domain.subscription import Counts, Device, Subscription, SubscriptionState
from tocsin.domain.tenancy import App, DialectName, IdentityMode, Tenant
from tocsin.webpush.encryption import RecipientKeys

NOW = int(START)
REQUEST = "req-1"
APP = AppId("a0" * 12)
OTHER_APP = AppId("b0" * 12)
TENANT = TenantId("c0" * 12)
EVERYONE = Everyone()
UNLIMITED = Limits(None, None)
ANNA = Identity(IdentityKind.EMAIL, "1:" + "ab" * 20)
BERT = Identity(IdentityKind.EXTERNAL, "bert#1/é")
REPORT = Report(
    {
        Said("fcm", Fate.ACCEPTED, ""): 2,
        Said("wns", Fate.FAILED, "Ttl value conflicts with X-WNS-Cache-Policy."): 1,
        Said("fcm", Fate.RETRIED, "status 429"): 40,
        Said(NOBODY, Fate.FAILED, "unsubscribed"): 1,
    },
    43,
    4,
    25,
    7,
)


def tenant(number: int = 1, created_at: int = NOW) -> Tenant:
    """A tenant."""
    return Tenant(TenantId(f"{number:024x}"), f"Tenant {number}", created_at)


def app(number: int = 1, owner: TenantId = TENANT, created_at: int = NOW) -> App:
    """An app."""
    return App(
        AppId(f"{number:024x}"),
        owner,
        f"App {number}",
        "https://shop.example/",
        ("https://shop.example", "https://www.shop.example"),
        "mailto:push@shop.example",
        IdentityMode.REPORT,
        1,
        "vapid-1",
        "BPublic",
        None,
        Limits(None, 1000, 20_000),
        frozenset({DialectName("pushary"), DialectName("bnotify")}),
        created_at,
    )


def sealed(name: str = "vapid-1", created_at: int = NOW) -> SealedVapidKey:
    """A VAPID key at rest."""
    return SealedVapidKey(name, "BPublic", b"\x00ciphertext\xff", created_at)


def entry(number: int = 1, owner: AppId = APP, at: int = NOW) -> AuditEntry:
    """An entry of the audit log."""
    actor = Actor("operator", "request#1")
    return AuditEntry(f"{number:024x}", owner, at, actor, Action.APP_CHANGED, {"changed": ["name", "é"], "n": 1.5})


def api_key(name: str = "AAAAAAAA", owner: AppId = APP, created_at: int = NOW) -> ApiKey:
    """An API key."""
    return ApiKey(
        KeyId(name),
        TENANT,
        owner,
        DialectName("pushservice"),
        KeyKind.SECRET,
        frozenset({Scope.SEND, Scope.CLIENTS_READ}),
        "server",
        sha256(name.encode()).hexdigest(),
        "wxyz",
        created_at,
        None,
        None,
    )


def subscription(
    number: int = 1,
    *identities: Identity,
    owner: AppId = APP,
    state: SubscriptionState = SubscriptionState.ACTIVE,
    created_at: int = NOW,
    seen_at: int = NOW,
    vapid_key: str = "vapid-1",
) -> Subscription:
    """A subscription; its number decides the shard."""
    return Subscription(
        SubscriptionId(f"{number % 256:02x}{number:022x}"),
        owner,
        f"https://push.example/{number}",
        RecipientKeys(b"\x04" + bytes(64), bytes([number % 256]) * 16),
        vapid_key,
        state,
        identities,
        (),
        Device("de-CH", None, False),
        created_at,
        seen_at,
        0,
        updated_at=NOW,
    )


def counted(*everybody: Subscription) -> Counts:
    """The counters when these are all that there is."""
    states = Counter(one.state for one in everybody)
    active = [one for one in everybody if one.state is SubscriptionState.ACTIVE]
    shards = Counter(shard_of(one.id) for one in active)
    return Counts(
        **{state.value: states[state] for state in SubscriptionState},
        by_key=Counter(one.vapid_key for one in active),
        by_shard=tuple(shards[shard] for shard in ALL_SHARDS),
    )


def changed(
    old: Subscription,
    *,
    state: SubscriptionState | None = None,
    identities: tuple[Identity, ...] | None = None,
    vapid_key: str | None = None,
) -> Subscription:
    """The next revision of a subscription."""
    return replace(
        old,
        state=old.state if state is None else state,
        identities=old.identities if identities is None else identities,
        vapid_key=old.vapid_key if vapid_key is None else vapid_key,
        revision=old.revision + 1,
    )


def send(
    number: int = 1,
    reserved: int = 3,
    *,
    state: SendState = SendState.SENDING,
    charge: Charge = Charge.CREDITS,
    audience: Audience = EVERYONE,
    owner: AppId = APP,
    created_at: int = NOW,
) -> Send:
    """A send; its number decides the due partition. One that is planned has one part."""
    return Send(
        SendId(f"{number % 16:x}{number:023x}"),
        owner,
        TENANT,
        DialectName("pushservice"),
        audience,
        Notification("Title", "Text é", ttl=0),
        "https://shop.example/",
        "mailto:push@shop.example",
        charge,
        Repeat.RESEND,
        reserved,
        1 if state is SendState.SENDING else 0,
        state,
        Tally(),
        created_at,
        created_at + 600,
        None,
        parts=(reserved,) if state is SendState.PLANNED else (),
    )


def chunk(owner: Send, number: int = 0, size: int = 3) -> tuple[Chunk, Frozen]:
    """An unclaimed chunk of a send, with its recipients."""
    ids = tuple(SubscriptionId(f"{number:02x}{index:022x}") for index in range(size))
    digest = sha256("".join(ids).encode()).hexdigest()
    return opened(owner.app, owner.id, number, size, digest), Frozen(ids, None)


def only_chunk(owner: Send, size: int = 3) -> tuple[Chunk, Frozen]:
    """The only chunk of a send, claimed as it is stored."""
    unclaimed, frozen = chunk(owner, 0, size)
    return claimed(unclaimed, NOW, owner.repeat), frozen
