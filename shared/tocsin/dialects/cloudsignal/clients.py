"""Clients on the wire: the document's word for subscriptions, by their registration ids (CS-29 to CS-33)."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from tocsin.application.identifying import Claim
from tocsin.application.listing import States, SubscriptionView
from tocsin.application.subscribing import SubscribeCommand
from tocsin.dialect_kit.bodies import WireModel
from tocsin.dialect_kit.fields import ExternalId
from tocsin.dialect_kit.identifiers import parse, render
from tocsin.dialect_kit.subscriptions import AnyProof, PushSubscription, proof_in
from tocsin.dialect_kit.times import iso
from tocsin.domain.errors import Fault, Refused
from tocsin.domain.identity import IdentityKind, normalise_email
from tocsin.domain.ids import SubscriptionId
from tocsin.domain.subscription import Device, SubscriptionState
from tocsin.domain.tenancy import App

NOT_FOUND = "Client registration not found"
STATES: Mapping[str, States] = {
    "active": frozenset({SubscriptionState.ACTIVE}),
    # The document has no word for who is refused for good: like who withdrew, it is there and not sent to.
    "inactive": frozenset({SubscriptionState.INACTIVE, SubscriptionState.BOUNCED}),
    "expired": frozenset({SubscriptionState.EXPIRED}),
    "unregistered": frozenset({SubscriptionState.UNREGISTERED}),
}
"""The document's statuses."""


def _address(value: str) -> str:
    normalise_email(value)
    return value


Address = Annotated[str, AfterValidator(_address)]
Told = Annotated[str, Field(min_length=1, max_length=64)]


class DeviceInfo(WireModel):
    """A client's device; null where nobody said."""

    browser_name: Told | None = None
    browser_version: Told | None = None
    os_name: Told | None = None
    device_type: Literal["desktop", "mobile", "tablet"] | None = None


class DeviceReply(WireModel):
    """A client's device as it is shown; null where nobody said."""

    browser_name: str | None
    browser_version: str | None
    os_name: str | None
    device_type: str | None


class ClientReply(WireModel):
    """A client (CS-29). user_email: where it came in through this API; user_id: our addition to the document."""

    registration_id: str
    organization_id: str
    service_id: str
    status: str
    is_active: bool
    is_online: bool
    is_installed: bool
    is_subscribed: bool
    user_email: str | None
    user_id: str | None
    last_active: str
    notification_count: int
    device_info: DeviceReply
    created_at: str

    @classmethod
    def of(cls, app: App, view: SubscriptionView) -> "ClientReply":
        """The document's form."""
        client, device = view.subscription, view.subscription.device
        active, external = client.state is SubscriptionState.ACTIVE, client.identity(IdentityKind.EXTERNAL)
        return cls(
            registration_id=render("reg", client.id),
            organization_id=render("org", app.tenant),
            service_id=render("svc", app.id),
            status=next(status for status, states in STATES.items() if client.state in states),
            is_active=active,
            is_online=view.online,
            is_installed=device.standalone is True,
            is_subscribed=active,  # nobody is active here without a subscription that can be sent to
            user_email=view.address,
            user_id=None if external is None else external.value,
            last_active=iso(view.last_active),
            notification_count=view.notified,
            device_info=DeviceReply(
                browser_name=device.browser,
                browser_version=device.browser_version,
                os_name=device.os,
                device_type=device.kind,
            ),
            created_at=iso(client.created_at),
        )


class Registration(WireModel):
    """Which client a request is about."""

    registration_id: str


class RegisterRequest(WireModel):
    """A browser's subscription, and what a page knows of it; the document describes no such request (CS-34).

    identity: proof of user_email or user_id. is_installed: it runs as an installed app. device_info: what the page
    knows better than its headers tell. renew: a program reports, not a person: what somebody has ended stays so.
    application_server_key: the VAPID key that the page subscribed with, if that is not the app's present one.
    """

    subscription: PushSubscription
    user_email: Address | None = None
    user_id: ExternalId | None = None
    is_installed: bool | None = None
    identity: AnyProof | None = None
    device_info: DeviceInfo | None = None
    renew: bool = False
    application_server_key: Annotated[str, Field(max_length=128)] | None = None

    def told(self) -> Device:
        """What the page tells of its device."""
        told = self.device_info or DeviceInfo()
        return Device(
            standalone=self.is_installed,
            browser=told.browser_name,
            browser_version=told.browser_version,
            os=told.os_name,
            kind=told.device_type,
        )

    def to_command(self, app: App, device: Device) -> SubscribeCommand:
        """The core's form; the address is kept to be shown (CS-29)."""
        proof = proof_in(self.identity)
        named = ((IdentityKind.EMAIL, self.user_email), (IdentityKind.EXTERNAL, self.user_id))
        return SubscribeCommand(
            app=app,
            endpoint=self.subscription.endpoint,
            p256dh=self.subscription.keys.p256dh,
            auth=self.subscription.keys.auth,
            trusted=False,
            claims=tuple(Claim(kind, name, proof) for kind, name in named if name is not None),
            device=device,
            renew=self.renew,
            application_server_key=self.application_server_key,
            keeps_address=True,
            untold=True,  # our worker learns its person from the SDK only
        )


def registration(name: str) -> SubscriptionId:
    """The core's form of a registration id. Raises Refused: NOT_FOUND."""
    id_ = parse("reg", name)
    if id_ is None:
        raise Refused(Fault.NOT_FOUND, NOT_FOUND)
    return SubscriptionId(id_)


@contextmanager
def absence_told() -> Iterator[None]:
    """What is not found is told in the document's words (CS-31)."""
    try:
        yield
    except Refused as error:
        if error.fault in {Fault.NOT_FOUND, Fault.GONE}:
            raise Refused(error.fault, NOT_FOUND) from error
        raise
