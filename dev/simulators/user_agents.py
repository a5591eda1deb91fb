"""Simulated user agents: subscriptions with a key of their own, which really decrypt what reaches them (RFC 8291)."""

import asyncio
import json
import secrets
import sqlite3
import uuid
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import http_ece
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from dev.simulators.personalities import PERSONALITIES
from dev.simulators.push_services import Service
from dev.simulators.vapid_check import VapidClaims, encode_base64url

_KEPT_ANSWERS = 1000


@dataclass(frozen=True, slots=True)
class UserAgent:
    """A subscription and the secrets that its messages are encrypted to."""

    id: str
    service: Service
    endpoint: str
    private_key: ec.EllipticCurvePrivateKey
    auth: bytes
    application_server_key: bytes | None
    gone: bool

    @property
    def subscription(self) -> dict[str, object]:
        """What PushSubscription.toJSON() gives in a browser."""
        public = self.private_key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        keys = {"p256dh": encode_base64url(public), "auth": encode_base64url(self.auth)}
        return {"endpoint": self.endpoint, "expirationTime": None, "keys": keys}


class UserAgents:
    """All simulated user agents, live and gone, with the messages they received.

    Agents and messages outlive a restart; the answers given to each do not.
    """

    def __init__(self, database: sqlite3.Connection, clock: Callable[[], float]) -> None:
        self._database = database
        self._clock = clock
        self._arrivals: dict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self._answers: dict[str, deque[dict[str, object]]] = defaultdict(lambda: deque(maxlen=_KEPT_ANSWERS))

    def create(self, service: Service, application_server_key: bytes | None) -> UserAgent:
        """Subscribe a new user agent; without a key it takes messages of any valid VAPID key."""
        endpoint = PERSONALITIES[service].new_endpoint()
        private_key = ec.generate_private_key(ec.SECP256R1())
        secret = private_key.private_numbers().private_value.to_bytes(32, "big")
        agent_id = uuid.uuid4().hex
        self._database.execute(
            "INSERT INTO user_agents (id, service, token, endpoint, private_key, auth, application_server_key)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                agent_id,
                service,
                _token(service, endpoint),
                endpoint,
                secret,
                secrets.token_bytes(16),
                application_server_key,
            ),
        )
        return self._select("id = ?", agent_id)[0]

    def all(self) -> list[UserAgent]:
        """Every user agent, oldest first."""
        return self._select("TRUE")

    def find(self, agent_id: str) -> UserAgent | None:
        """The user agent with this id, gone or not."""
        return next(iter(self._select("id = ?", agent_id)), None)

    def find_token(self, service: Service, token: str) -> UserAgent | None:
        """The user agent that this service's token belongs to, gone or not."""
        return next((agent for agent in self._select("token = ?", token) if agent.service is service), None)

    def unsubscribe(self, agent_id: str) -> None:
        """End the subscription: its push service answers 410 from now on. Its messages stay readable."""
        self._database.execute("UPDATE user_agents SET gone = 1 WHERE id = ?", (agent_id,))

    def receive(self, agent: UserAgent, headers: Mapping[str, str], vapid: VapidClaims, body: bytes) -> str:
        """Decrypt and keep one push message; answers with its id. What cannot be decrypted is kept with an error."""
        text, error = _decrypt(agent, body)
        message = {
            "id": uuid.uuid4().hex,
            "received_at": self._clock(),
            "headers": dict(headers),
            "vapid": {**vapid.claims, "k": encode_base64url(vapid.key)},
            "text": text,
            "json": _parsed(text),
            "error": error,
        }
        self._database.execute(
            "INSERT INTO messages (user_agent, content) VALUES (?, ?)", (agent.id, json.dumps(message))
        )
        self._arrivals.pop(agent.id, asyncio.Event()).set()
        return str(message["id"])

    def messages(self, agent_id: str) -> list[dict[str, object]]:
        """Messages received and not cleared, oldest first."""
        rows = self._database.execute("SELECT content FROM messages WHERE user_agent = ? ORDER BY number", (agent_id,))
        return [json.loads(content) for (content,) in rows]

    async def wait_for(self, agent_id: str, count: int, seconds: float) -> list[dict[str, object]]:
        """Messages as soon as there are `count`, or those there are after `seconds`."""
        try:
            async with asyncio.timeout(seconds):
                while self._count(agent_id) < count:
                    await self._arrivals[agent_id].wait()
        except TimeoutError:
            pass
        return self.messages(agent_id)

    def clear(self, agent_id: str) -> None:
        """Forget the messages received so far."""
        self._database.execute("DELETE FROM messages WHERE user_agent = ?", (agent_id,))

    def note_answer(self, agent_id: str, status: int) -> None:
        """Remember what a POST to this user agent's endpoint was answered with."""
        self._answers[agent_id].append({"at": self._clock(), "status": status})

    def answers(self, agent_id: str) -> list[dict[str, object]]:
        """Time and status of every answer since the start, refusals too; at most the last 1,000."""
        return list(self._answers[agent_id])

    def all_answers(self) -> Mapping[str, list[dict[str, object]]]:
        """The same of every user agent that was sent to, by id."""
        return {agent_id: list(answers) for agent_id, answers in self._answers.items()}

    def _count(self, agent_id: str) -> int:
        row = self._database.execute("SELECT count(*) FROM messages WHERE user_agent = ?", (agent_id,)).fetchone()
        return int(row[0])

    def _select(self, condition: str, *values: str) -> list[UserAgent]:
        rows = self._database.execute(
            "SELECT id, service, endpoint, private_key, auth, application_server_key, gone FROM user_agents"
            f" WHERE {condition} ORDER BY rowid",
            values,
        )
        return [
            UserAgent(
                id=row[0],
                service=Service(row[1]),
                endpoint=row[2],
                private_key=ec.derive_private_key(int.from_bytes(row[3], "big"), ec.SECP256R1()),
                auth=row[4],
                application_server_key=row[5],
                gone=bool(row[6]),
            )
            for row in rows
        ]


def _token(service: Service, endpoint: str) -> str:
    url = urlsplit(endpoint)
    token = PERSONALITIES[service].token(f"{url.path}?{url.query}" if url.query else url.path)
    assert token is not None, "a personality reads the endpoints it hands out"
    return token


def _decrypt(agent: UserAgent, body: bytes) -> tuple[str | None, str | None]:
    if not body:
        return None, None
    try:
        plaintext = http_ece.decrypt(body, private_key=agent.private_key, auth_secret=agent.auth, version="aes128gcm")
        return plaintext.decode(), None
    except UnicodeDecodeError:
        return None, "decrypted, but not UTF-8"
    except (http_ece.ECEException, InvalidTag, ValueError) as error:
        return None, f"cannot be decrypted: {type(error).__name__}"


def _parsed(text: str | None) -> object:
    try:
        return json.loads(text) if text is not None else None
    except ValueError:
        return None
