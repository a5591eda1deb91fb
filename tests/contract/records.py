"""Records for contract tests: valid, small, and different where a test says so."""

from dataclasses import replace
from hashlib import sha256

from tests.memory.system import START
from tocsin.application.ports import Frozen, SealedVapidKey
from tocsin.domain.api_key import SCOPES_OF, ApiKey, KeyKind
from tocsin.domain.chunk import Chunk, Repeat, claimed, opened
from tocsin.domain.identity import Identity, IdentityKind
from tocsin.domain.ids import AppId, KeyId, SendId, SubscriptionId, TenantId
from tocsin.domain.notification import Notification
from tocsin.domain.send import Audience, Charge, Everyone, Send, SendState, Tally
from tocsin.domain.subscription import Device, Subscription, SubscriptionState
from tocsin.domain.tenancy import App, DialectName, IdentityMode, Tenant
from tocsin.webpush.encryption import RecipientKeys

NOW = int(START)
APP = AppId("a0" * 12)
OTHER_APP = AppId("b0" * 12)
TENANT = TenantId("c0" * 12)
EVERYONE = Everyone()
ANNA = Identity(IdentityKind.EMAIL, "1:" + "ab" * 20)
BERT = Identity(IdentityKind.EXTERNAL, "bert#1/é")


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
        created_at,
    )


def sealed(name: str = "vapid-1") -> SealedVapidKey:
    """A VAPID key at rest."""
    return SealedVapidKey(name, "BPublic", b"\x00ciphertext\xff", NOW)


def api_key(name: str = "AAAAAAAA", owner: AppId = APP, created_at: int = NOW) -> ApiKey:
    """An API key."""
    return ApiKey(
        KeyId(name),
        TENANT,
        owner,
        DialectName("pushservice"),
        KeyKind.SECRET,
        SCOPES_OF[KeyKind.SECRET],
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
    seen_at: int = NOW,
) -> Subscription:
    """A subscription; its number decides the shard."""
    return Subscription(
        SubscriptionId(f"{number % 256:02x}{number:022x}"),
        owner,
        f"https://push.example/{number}",
        RecipientKeys(b"\x04" + bytes(64), bytes([number % 256]) * 16),
        "vapid-1",
        state,
        identities,
        (),
        Device("de-CH", None, False),
        NOW,
        seen_at,
        0,
    )


def changed(
    old: Subscription, *, state: SubscriptionState | None = None, identities: tuple[Identity, ...] | None = None
) -> Subscription:
    """The next revision of a subscription."""
    return replace(
        old,
        state=old.state if state is None else state,
        identities=old.identities if identities is None else identities,
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
) -> Send:
    """A send; its number decides the due partition."""
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
        NOW,
        NOW + 600,
        None,
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
