"""A person whom an app knows by its own name for them, with the devices that go by that name below."""

from dataclasses import dataclass

from tocsin.domain.ids import AppId


@dataclass(frozen=True, slots=True)
class Person:
    """One record for each (app, external id): a bNotify subscription, a Keymaster user.

    id: 24 hex digits, derived, so that who comes back is the same. subscribed: at least one device could be sent to
    when somebody last looked. muted: sends keep their note and reach no device (BN-20). enrolled: the customer has said
    that this is a user of its. created_at, updated_at: Unix seconds; what a device does moves neither, unless it is the
    first or the last. revision: counts changes; a write names the revision that it read.
    """

    app: AppId
    id: str
    external_id: str
    subscribed: bool
    muted: bool
    enrolled: bool
    created_at: int
    updated_at: int
    revision: int
