"""The deployed API and the push service simulators, over real HTTP."""

import http.client
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlencode, urlsplit

from dev.simulators.receivers import HOST
from tests import conformance
from tests.customer import expect
from tests.http_api import Answer

SECONDS = 30


def request(url: str, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None) -> Answer:
    """One request on a connection of its own. body: bytes go as they are, anything else as JSON."""
    raw = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=SECONDS)
    try:
        connection.request(method, path, raw, {"Content-Type": "application/json", **(headers or {})})
        answer = connection.getresponse()
        received = {name.lower(): value for name, value in answer.getheaders()}
        return Answer(answer.status, received, answer.read())
    finally:
        connection.close()


@dataclass(frozen=True, slots=True)
class DeployedApi:
    """What tests.http_api.HttpApi is for the application in this process. url: without a closing slash."""

    url: str
    operator_key: str

    def call(
        self,
        method: str,
        path: str,
        body: object = None,
        headers: Mapping[str, str] | None = None,
        *,
        query: Mapping[str, str] | None = None,
    ) -> Answer:
        """Call a path. body: bytes go as they are, anything else as JSON."""
        answer = request(self.url, method, f"{path}?{urlencode(query)}" if query else path, body, headers)
        conformance.check(method, unquote(path.partition("?")[0]), answer)
        return answer

    def operator(self, method: str, path: str, body: object = None) -> Answer:
        """Call as the operator."""
        return self.call(method, path, body, {"Authorization": f"Bearer {self.operator_key}"})


@dataclass(frozen=True, slots=True)
class UserAgent:
    """A simulated user agent."""

    simulator: str
    id: str
    subscription: dict[str, Any]

    @property
    def endpoint(self) -> str:
        """Where its push service takes messages for it."""
        return str(self.subscription["endpoint"])

    def messages(self, count: int = 0) -> list[dict[str, Any]]:
        """What it received and decrypted, after waiting up to 10 s for `count` messages."""
        wait = f"?wait=10&count={count}" if count else ""
        received: list[dict[str, Any]] = expect(200, self._call("GET", f"/messages{wait}"))
        return received

    def titles(self) -> list[str]:
        """The titles of the notifications it received so far."""
        return [message["json"]["notification"]["title"] for message in self.messages()]

    def statuses(self) -> list[int]:
        """What its push service answered to the POSTs so far."""
        return [answer["status"] for answer in expect(200, self._call("GET", ""))["answers"]]

    def report(self, act: str, app: str, message: int, origin: str) -> None:
        """Tell an app what its reader did with a message, by its number."""
        told = {"event": act, "app": app, "message": message, "origin": origin}
        expect(202, self._call("POST", "/events", told))

    def behave(self, **script: object) -> None:
        """Let its push service answer otherwise: status, headers, body, times, delay_ms, hang, most_bytes."""
        expect(204, self._call("PUT", "/behaviour", script))

    def delete(self) -> None:
        """Unsubscribe at the push service, which answers 410 from now on."""
        expect(204, self._call("DELETE", ""))

    def _call(self, method: str, path: str, body: object = None) -> Answer:
        return request(self.simulator, method, f"/user-agents/{self.id}{path}", body)


@dataclass(frozen=True, slots=True)
class Phone:
    """An app on a simulated phone."""

    simulator: str
    id: str
    token: str

    def messages(self, count: int = 0) -> list[dict[str, Any]]:
        """What it received, after waiting up to 10 s for `count` messages."""
        wait = f"?wait=10&count={count}" if count else ""
        received: list[dict[str, Any]] = expect(200, self._call("GET", f"/messages{wait}"))
        return received

    def behave(self, **script: object) -> None:
        """Let FCM answer otherwise, as for a user agent."""
        expect(204, self._call("PUT", "/behaviour", script))

    def uninstall(self) -> None:
        """Remove the app: its token is unregistered from now on."""
        expect(204, self._call("DELETE", ""))

    def _call(self, method: str, path: str, body: object = None) -> Answer:
        return request(self.simulator, method, f"/fcm/devices/{self.id}{path}", body)


@dataclass(frozen=True, slots=True)
class FirebaseProject:
    """A simulated project. account: the file of its service account."""

    simulator: str
    account: dict[str, str]

    def phone(self) -> Phone:
        """A new phone that runs its app."""
        made = expect(201, request(self.simulator, "POST", f"{self._path}/devices"))
        return Phone(self.simulator, made["id"], made["token"])

    def delete_account(self) -> None:
        """Delete the service account: its tokens end, and no new ones are given out."""
        expect(204, request(self.simulator, "DELETE", self._path))

    @property
    def _path(self) -> str:
        return f"/fcm/projects/{self.account['project_id']}"


@dataclass(frozen=True, slots=True)
class Receiver:
    """A customer's server that webhooks are sent to."""

    simulator: str
    name: str

    @property
    def url(self) -> str:
        """Where it is reached."""
        return f"https://{HOST}/{self.name}"

    def arrived(self, count: int = 0) -> list[dict[str, Any]]:
        """What it was sent, answered well or not, after waiting up to 25 s for `count` requests."""
        wait = f"?wait=25&count={count}" if count else ""
        arrived: list[dict[str, Any]] = expect(200, request(self.simulator, "GET", f"/hooks/{self.name}{wait}"))
        assert len(arrived) >= count
        return arrived

    def behave(self, **script: object) -> None:
        """Let it answer otherwise: status, headers, body, times, delay_ms, hang; without any, 200."""
        expect(204, request(self.simulator, "PUT", f"/hooks/{self.name}", script))


@dataclass(frozen=True, slots=True)
class Simulator:
    """The control API of the push service simulators."""

    url: str

    def receiver(self) -> Receiver:
        """A new customer's server."""
        return Receiver(self.url, secrets.token_hex(8))

    def user_agent(self, service: str = "mozilla", application_server_key: str | None = None) -> UserAgent:
        """A new user agent; one with an application server key takes messages of that key only."""
        wanted = {"service": service, "application_server_key": application_server_key}
        given = {name: value for name, value in wanted.items() if value is not None}
        described = expect(201, request(self.url, "POST", "/user-agents", given))
        return UserAgent(self.url, described["id"], described["subscription"])

    def firebase_project(self) -> FirebaseProject:
        """A new Firebase project."""
        return FirebaseProject(self.url, expect(201, request(self.url, "POST", "/fcm/projects")))

    def answers(self) -> dict[str, list[dict[str, Any]]]:
        """What push services answered (`at`: Unix seconds, `status`), oldest first, by the user agent's id."""
        answers: dict[str, list[dict[str, Any]]] = expect(200, request(self.url, "GET", "/answers"))
        return answers
