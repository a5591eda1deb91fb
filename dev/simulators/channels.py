"""Subscriptions of real browsers and the messages that wait for them; both outlive a restart."""

import sqlite3
import uuid
from collections.abc import Callable
from dataclasses import dataclass

from dev.simulators.personalities import PERSONALITIES
from dev.simulators.push_request import PushHeaders
from dev.simulators.push_services import Service


@dataclass(frozen=True, slots=True)
class Channel:
    """One subscription: `client` is the browser and `channel_id` its own name of the subscription.

    `application_server_key` is None when the page gave none.
    """

    token: str
    client: str
    channel_id: str
    application_server_key: bytes | None
    gone: bool


@dataclass(frozen=True, slots=True)
class WaitingMessage:
    """A message that its browser has not acknowledged yet."""

    id: str
    channel: Channel
    body: bytes


@dataclass(frozen=True, slots=True)
class Channels:
    """What the browsers of one push service subscribed to."""

    database: sqlite3.Connection
    service: Service
    clock: Callable[[], float]

    def open(self, client: str, channel_id: str, application_server_key: bytes | None) -> str:
        """A new endpoint for the browser's channel; an earlier one of the same name then has no user."""
        endpoint = PERSONALITIES[self.service].new_endpoint()
        self.database.execute(
            "UPDATE channels SET gone = 1 WHERE service = ? AND client = ? AND channel_id = ?",
            (self.service, client, channel_id),
        )
        self.database.execute(
            "INSERT INTO channels VALUES (?, ?, ?, ?, ?, 0)",
            (endpoint.rpartition("/")[2], self.service, client, channel_id, application_server_key),
        )
        return endpoint

    def close(self, client: str, channel_id: str) -> None:
        """End a subscription, and forget what waits for it."""
        found = (self.service, client, channel_id)
        self.database.execute(
            "DELETE FROM waiting_messages WHERE token IN"
            " (SELECT token FROM channels WHERE service = ? AND client = ? AND channel_id = ?)",
            found,
        )
        self.database.execute("UPDATE channels SET gone = 1 WHERE service = ? AND client = ? AND channel_id = ?", found)

    def find_token(self, token: str) -> Channel | None:
        """The channel behind an endpoint, gone or not."""
        return next(iter(self._select("token = ?", token)), None)

    def of(self, client: str) -> list[Channel]:
        """Every channel of one browser, gone or not."""
        return self._select("client = ?", client)

    def all(self) -> list[Channel]:
        """Every channel of every browser, gone or not, oldest first."""
        return self._select("TRUE")

    def keep(self, channel: Channel, push: PushHeaders, body: bytes) -> WaitingMessage:
        """Keep a message until its TTL ends; one with a topic replaces the waiting one (RFC 8030 section 5.4)."""
        message = WaitingMessage(uuid.uuid4().hex, channel, body)
        if push.topic is not None:
            self.database.execute(
                "DELETE FROM waiting_messages WHERE token = ? AND topic = ?", (channel.token, push.topic)
            )
        self.database.execute(
            "INSERT INTO waiting_messages VALUES (?, ?, ?, ?, ?)",
            (message.id, channel.token, body, push.topic, self.clock() + push.ttl),
        )
        return message

    def waiting(self, client: str) -> list[WaitingMessage]:
        """What waits for one browser, oldest first; a message whose TTL has ended (so any of TTL 0) is dropped."""
        self.database.execute("DELETE FROM waiting_messages WHERE expires_at <= ?", (self.clock(),))
        channels = {channel.token: channel for channel in self.of(client)}
        rows = self.database.execute(
            "SELECT id, token, body FROM waiting_messages JOIN channels USING (token)"
            " WHERE service = ? AND client = ? ORDER BY waiting_messages.rowid",
            (self.service, client),
        )
        return [WaitingMessage(message_id, channels[token], body) for message_id, token, body in rows]

    def acknowledge(self, client: str, message_id: str) -> None:
        """The browser has the message: it does not wait any longer."""
        self.database.execute(
            "DELETE FROM waiting_messages WHERE id = ? AND token IN"
            " (SELECT token FROM channels WHERE service = ? AND client = ?)",
            (message_id, self.service, client),
        )

    def _select(self, condition: str, *values: str) -> list[Channel]:
        rows = self.database.execute(
            "SELECT token, client, channel_id, application_server_key, gone FROM channels"
            f" WHERE service = ? AND {condition} ORDER BY rowid",
            (self.service, *values),
        )
        return [Channel(row[0], row[1], row[2], row[3], bool(row[4])) for row in rows]
