"""Apps, browsers and commands for use-case tests: valid, small, and different only where a test says so."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.engine import MemoryEngine
from tocsin.application.accounts import NewApp, VapidPair
from tocsin.application.identifying import Claim
from tocsin.application.send_command import IdempotencyKey, SendCommand, Shortage
from tocsin.application.subscribing import SubscribeCommand
from tocsin.domain.audit import Actor
from tocsin.domain.identity import IdentityKind, Proof, proof_mac
from tocsin.domain.notification import Notification
from tocsin.domain.quota import LIMITS_OF, Limits, Plan
from tocsin.domain.send import Audience, Charge, Chosen, Everyone
from tocsin.domain.subscription import Subscription
from tocsin.domain.tenancy import App, DialectName, IdentityMode
from tocsin.webpush.encoding import to_base64url

DIALECT = DialectName("pushservice")
OPERATOR = Actor("operator", "req-1")
EVERYONE = Everyone()
ANNA, BERT = "anna@shop.example", "bert@shop.example"
VAPID_PRIVATE = to_base64url(bytes(31) + b"\x07")
"""One key pair for all tests: making one for each app would only cost time."""
NOTIFICATION = Notification("Title", "Text", ttl=3600)


@dataclass(frozen=True, slots=True)
class UserAgent:
    """The keys of a browser's subscription: real points on P-256, as text."""

    private: ec.EllipticCurvePrivateKey
    p256dh: str
    auth: str


@cache
def user_agent(number: int) -> UserAgent:
    """A user agent; the same number is the same one all session long."""
    private = ec.generate_private_key(ec.SECP256R1())
    point = private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return UserAgent(private, to_base64url(point), to_base64url(number.to_bytes(16, "big")))


def endpoint(number: int) -> str:
    """The endpoint of a user agent's subscription at Mozilla's push service."""
    return f"https://updates.push.services.mozilla.com/wpush/v2/{number:08d}"


def app(
    engine: MemoryEngine,
    *,
    credits_: int = 0,
    identity: IdentityMode = IdentityMode.OFF,
    icon: str | None = None,
    limits: Limits = LIMITS_OF[Plan.SCALE],
) -> App:
    """An app of a new tenant, with this many credits."""
    new = NewApp(
        name="Shop",
        site_url="https://shop.example/",
        origins=("https://shop.example",),
        contact="mailto:push@tocsin.example.org",
        identity=identity,
        icon=icon,
        limits=limits,
        vapid=VapidPair(VAPID_PRIVATE, None),
    )
    made, _ = engine.accounts.create_app(engine.accounts.create_tenant("Tenant").id, new, OPERATOR)
    if credits_:
        engine.accounts.grant(made.id, credits_, "first", OPERATOR)
    return made


def email(address: str = ANNA, proof: Proof | None = None) -> Claim:
    """A claim to an e-mail address."""
    return Claim(IdentityKind.EMAIL, address, proof)


def external(name: str, proof: Proof | None = None) -> Claim:
    """A claim to a name of the customer's own."""
    return Claim(IdentityKind.EXTERNAL, name, proof)


def proof(engine: MemoryEngine, owner: App, kind: IdentityKind, name: str, *, life: int = 3600) -> Proof:
    """What the customer's server signs for its visitor; name in its normalised form."""
    exp = int(engine.clock.now()) + life
    secret = engine.derivation.identity_secret(owner.id, owner.identity_version)
    return Proof(exp, proof_mac(secret, kind, name, exp))


def subscribe_command(
    owner: App,
    number: int = 1,
    *claims: Claim,
    trusted: bool = True,
    previous: str | None = None,
    labels: tuple[str, ...] | None = None,
) -> SubscribeCommand:
    """A browser asks to be subscribed."""
    browser = user_agent(number)
    return SubscribeCommand(
        owner,
        endpoint(number),
        browser.p256dh,
        browser.auth,
        trusted=trusted,
        claims=claims,
        previous=previous,
        labels=labels,
    )


def subscribe(engine: MemoryEngine, owner: App, number: int = 1, *claims: Claim) -> Subscription:
    """A stored subscription, by the word of the customer's server."""
    return engine.subscribing.subscribe(subscribe_command(owner, number, *claims))


def audience(engine: MemoryEngine, owner: App, *addresses: str) -> Audience:
    """The people with these addresses; everyone when there are none."""
    if not addresses:
        return EVERYONE
    return Chosen(
        tuple(engine.identifying.identity(owner, IdentityKind.EMAIL, address) for address in addresses),
    )


def send_command(
    owner: App,
    to: Audience = EVERYONE,
    *,
    notification: Notification = NOTIFICATION,
    charge: Charge = Charge.CREDITS,
    shortage: Shortage = Shortage.REFUSE,
    most: int | None = None,
    queued: bool = False,
    keeps_empty: bool = False,
    idempotency: IdempotencyKey | None = None,
) -> SendCommand:
    """A request to send."""
    return SendCommand(owner, DIALECT, to, notification, charge, shortage, most, queued, keeps_empty, idempotency)


def idempotency_key(text: str = "order-17", request: bytes = b"{}") -> IdempotencyKey:
    """An Idempotency-Key as a dialect hands it on."""
    return IdempotencyKey("/v1/send", text, request)


def shop(engine: MemoryEngine, browsers: int, *, credits_: int = 1_000) -> tuple[App, Sequence[Subscription]]:
    """An app with this many anonymous browsers, in the order in which they are walked."""
    owner = app(engine, credits_=credits_)
    for number in range(1, browsers + 1):
        subscribe(engine, owner, number)
    walked = [recipient.id for recipient in engine.subscriptions.walk(owner.id, None, browsers or 1).recipients]
    stored = engine.subscriptions.load(owner.id, walked)
    return owner, [stored[name] for name in walked]
