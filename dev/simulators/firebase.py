"""Simulated Firebase projects: a service account each, access tokens, and devices that keep what reaches them."""

import asyncio
import json
import secrets
import sqlite3
import uuid
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

TOKEN_HOST = "oauth2.googleapis.com"
TOKEN_URI = f"https://{TOKEN_HOST}/token"
TOKEN_SECONDS = 3599


@dataclass(frozen=True, slots=True)
class Project:
    """A project and what is known of its service account's key. public_key: PEM."""

    id: str
    email: str
    key_id: str
    public_key: str


@dataclass(frozen=True, slots=True)
class Device:
    """An app on a phone, as FCM knows it."""

    id: str
    project: str
    token: str
    gone: bool


class Firebase:
    """Projects, devices and messages outlive a restart; access tokens do not."""

    def __init__(self, database: sqlite3.Connection, clock: Callable[[], float]) -> None:
        self._database = database
        self._clock = clock
        self._access: dict[str, tuple[str, float]] = {}
        self._arrivals: dict[str, asyncio.Event] = defaultdict(asyncio.Event)

    def create_project(self) -> dict[str, str]:
        """A new project; answers with its service account's file, as Google's console gives it out."""
        project, key_id = f"demo-{secrets.token_hex(4)}", secrets.token_hex(20)
        email = f"firebase-adminsdk@{project}.iam.gserviceaccount.com"
        key = rsa.generate_private_key(65537, 2048)
        public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
        self._database.execute("INSERT INTO projects VALUES (?, ?, ?, ?)", (project, email, key_id, public))
        return {
            "type": "service_account",
            "project_id": project,
            "private_key_id": key_id,
            "private_key": key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
            "client_email": email,
            "client_id": str(secrets.randbelow(10**21)),
            "auth_uri": "https://accounts.google.com/o/oauth2/auth",
            "token_uri": TOKEN_URI,
            "auth_provider_x509_cert_url": "https://www.googleapis.com/oauth2/v1/certs",
            "client_x509_cert_url": f"https://www.googleapis.com/robot/v1/metadata/x509/{email}",
            "universe_domain": "googleapis.com",
        }

    def project_of(self, email: str) -> Project | None:
        """The project whose service account this is."""
        rows = self._database.execute("SELECT id, email, key_id, public_key FROM projects WHERE email = ?", (email,))
        return next((Project(*row) for row in rows), None)

    def delete_account(self, project: str) -> None:
        """Delete a project's service account; its tokens end, and no new ones are given out."""
        self._database.execute("DELETE FROM projects WHERE id = ?", (project,))
        self.revoke(project)

    def grant(self, project: str) -> str:
        """A new access token."""
        token = f"ya29.{secrets.token_urlsafe(100)}"
        self._access[token] = project, self._clock() + TOKEN_SECONDS
        return token

    def revoke(self, project: str) -> None:
        """End all access tokens of a project."""
        self._access = {token: known for token, known in self._access.items() if known[0] != project}

    def granted(self, token: str) -> str | None:
        """The project that an access token is good for, None when it is not any more."""
        project, ends_at = self._access.get(token, ("", 0.0))
        return project if self._clock() < ends_at else None

    def register(self, project: str) -> Device:
        """A new device, with a token of the length and the letters that FCM's have."""
        device = Device(
            uuid.uuid4().hex, project, f"{secrets.token_urlsafe(16)}:APA91b{secrets.token_urlsafe(100)}", gone=False
        )
        row = (device.id, device.project, device.token, 0)
        self._database.execute("INSERT INTO devices VALUES (?, ?, ?, ?)", row)
        return device

    def device(self, id_: str) -> Device | None:
        """The device with this id, gone or not."""
        return self._device("id", id_)

    def device_of(self, token: str) -> Device | None:
        """The device with this registration token, gone or not."""
        return self._device("token", token)

    def uninstall(self, id_: str) -> None:
        """Remove the app: its token is unregistered from now on."""
        self._database.execute("UPDATE devices SET gone = 1 WHERE id = ?", (id_,))

    def receive(self, device: Device, message: Mapping[str, object]) -> str:
        """Keep a message; answers with its id."""
        number = f"0:{secrets.randbelow(10**16)}%{secrets.token_hex(8)}"
        self._database.execute(
            "INSERT INTO messages (user_agent, content) VALUES (?, ?)", (device.id, json.dumps(message))
        )
        self._arrivals.pop(device.id, asyncio.Event()).set()
        return number

    def messages(self, id_: str) -> list[dict[str, object]]:
        """Messages that a device received, oldest first."""
        rows = self._database.execute("SELECT content FROM messages WHERE user_agent = ? ORDER BY number", (id_,))
        return [json.loads(content) for (content,) in rows]

    async def wait_for(self, id_: str, count: int, seconds: float) -> list[dict[str, object]]:
        """Messages as soon as there are `count`, or those there are after `seconds`."""
        try:
            async with asyncio.timeout(seconds):
                while len(self.messages(id_)) < count:
                    await self._arrivals[id_].wait()
        except TimeoutError:
            pass
        return self.messages(id_)

    def _device(self, column: str, value: str) -> Device | None:
        rows = self._database.execute(f"SELECT id, project, token, gone FROM devices WHERE {column} = ?", (value,))
        return next((Device(row[0], row[1], row[2], gone=bool(row[3])) for row in rows), None)
