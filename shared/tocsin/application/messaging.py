"""Sending to users of an app by name: to enrolled ones only, all or nothing, counted by person (KM-18 to KM-24)."""

import contextlib
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256

from tocsin.application.membership import Membership
from tocsin.application.ports import Clock, Events, Subscriptions, Unavailable
from tocsin.application.send_command import IdempotencyKey, SendCommand
from tocsin.application.sending import Sending
from tocsin.domain.errors import Fault, Refused
from tocsin.domain.event import Event, EventKind, event_id
from tocsin.domain.identity import Identity, IdentityKind
from tocsin.domain.ids import ID_BYTES, AppId, SendId
from tocsin.domain.notification import Notification
from tocsin.domain.send import Charge, Chosen
from tocsin.domain.tenancy import App, DialectName

AT_ONCE = 16
"""Sends of a batch that are stored side by side; each waits for the table most of its time."""
NO_DEVICES = "no_devices"


@dataclass(frozen=True, slots=True)
class Message:
    """A notification, and who is to get it: distinct names, in the order by which receipts number them."""

    notification: Notification
    people: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MessageCommand:
    """Messages that are accepted together or not at all. queued: deliver after the answer, however few they are."""

    app: App
    dialect: DialectName
    messages: tuple[Message, ...]
    queued: bool
    idempotency: IdempotencyKey | None
    request_id: str


@dataclass(frozen=True, slots=True)
class Accepted:
    """One send for each message, in order. replayed: this is the answer to an earlier request with the same key."""

    sends: tuple[SendId, ...]
    replayed: bool


class Messaging:
    """The use case behind sends that name users."""

    def __init__(
        self, sending: Sending, membership: Membership, subscriptions: Subscriptions, events: Events, clock: Clock
    ) -> None:
        self._sending = sending
        self._membership = membership
        self._subscriptions = subscriptions
        self._events = events
        self._clock = clock

    def send(self, command: MessageCommand) -> Accepted:
        """Send every message to its people. The first send holds the quota of all, a unit for each person and message.

        If we fail in between, some messages are not sent; the same request with the same Idempotency-Key adds those.
        Raises Refused: FIELD_INVALID (somebody is not enrolled), and as Sending.send does; nothing is then sent.
        """
        app, names = command.app.id, {name for message in command.messages for name in message.people}
        if self._membership.strangers(app, names):
            raise Refused(Fault.FIELD_INVALID, "User not enrolled", field="user_id")
        units = sum(len(message.people) for message in command.messages)
        # Before anything is delivered: whom this send itself finds gone is told by the worker's report.
        unreached = self._unreached(app, names) if command.dialect in command.app.hooks else frozenset()
        first = self._sending.send(_send(command, command.messages[0], units, None))
        if first.send is None:
            raise AssertionError("a send that is kept has an id")
        ids = (first.send, *(derived(first.send, place) for place in range(1, len(command.messages))))
        if not first.replayed and unreached:
            with contextlib.suppress(Unavailable):  # it is accepted by now: an error would be untrue
                self._tell_unreachable(command, ids, unreached)
        self._send_others(command, ids, skip_stored=first.replayed)
        return Accepted(ids, first.replayed)

    def _send_others(self, command: MessageCommand, ids: Sequence[SendId], *, skip_stored: bool) -> None:
        others = list(zip(command.messages, ids, strict=True))[1:]

        def send(other: tuple[Message, SendId]) -> None:
            message, id_ = other
            # Stored once, it is delivered: by the queue, or by the sweep if that failed.
            if not (skip_stored and self._sending.progress(command.app.id, id_) is not None):
                again = _send(command, message, 0, id_)
                try:
                    self._sending.send(again)
                except Unavailable:  # its id is its own, so a second time changes nothing that the first one did
                    self._sending.send(again)

        if others:
            with ThreadPoolExecutor(AT_ONCE) as threads:
                list(threads.map(send, others))

    def _unreached(self, app: AppId, names: Collection[str]) -> frozenset[str]:
        people = [Identity(IdentityKind.EXTERNAL, name) for name in sorted(names)]
        reached = {identity for one in self._subscriptions.of(app, people) for identity in one.identities}
        return frozenset(identity.value for identity in people if identity not in reached)

    def _tell_unreachable(self, command: MessageCommand, ids: Sequence[SendId], unreached: Collection[str]) -> None:
        """Who has no device is in no chunk, so no worker will ever report on them (KM-21)."""
        events = [
            Event(
                event_id(NO_DEVICES, id_, place),
                command.app.id,
                EventKind.FAILED,
                int(self._clock.now()),
                person=name,
                send=id_,
                place=place,
                reason=NO_DEVICES,
                dialect=command.dialect,
            )
            for message, id_ in zip(command.messages, ids, strict=True)
            for place, name in enumerate(message.people)
            if name in unreached
        ]
        self._events.emit(events)


def derived(first: SendId, place: int) -> SendId:
    """The id of a later send of a batch: the same each time, so that a repeat adds what is missing and no more."""
    return SendId(sha256(f"{first}\0{place}".encode()).digest()[:ID_BYTES].hex())


def _send(command: MessageCommand, message: Message, units: int, id_: SendId | None) -> SendCommand:
    return SendCommand(
        app=command.app,
        dialect=command.dialect,
        audience=Chosen(identities=tuple(Identity(IdentityKind.EXTERNAL, name) for name in message.people)),
        notification=message.notification,
        charge=Charge.QUOTA,
        queued=command.queued,
        keeps_empty=True,
        idempotency=command.idempotency if id_ is None else None,
        request_id=command.request_id,
        id=id_,
        units=units,
        traced=command.dialect in command.app.hooks,
    )
