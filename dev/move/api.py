"""The operator's API over HTTP, with patience for a network that fails now and then."""

import json
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

from dev.move.failure import MoveFailure

TRIES = 8
LONGEST_WAIT = 60.0
SECONDS = 60
AGAIN = {429, 500, 502, 503, 504}
LOCAL = {"localhost", "127.0.0.1", "::1"}


@dataclass(frozen=True, slots=True)
class Reply:
    """A good answer; header names in lower case."""

    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, which is JSON."""
        return json.loads(self.body)


class Refusal(Exception):
    """The server understood the request and says no."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"The server answers {status}: {message}")
        self.status = status


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirect would carry the operator's key to wherever it points."""

    def redirect_request(self, *_: object) -> None:
        return None


@dataclass(frozen=True, slots=True)
class OperatorApi:
    """Calls below one app. say: tells a person why they have to wait."""

    url: str
    app: str
    key: str = field(repr=False)
    say: Callable[[str], None]

    def call(
        self, method: str, path: str, body: object = None, *, query: Mapping[str, str | int] | None = None
    ) -> Reply:
        """Call a path below the app; bytes go as lines, all else as JSON. What fails is tried again for some minutes.

        Every call of a move may be repeated. Raises Refusal, MoveFailure.
        """
        request = self._request(method, path, body, query)
        for attempt in range(TRIES):
            try:
                return self._once(request)
            except urllib.error.HTTPError as error:
                with error:
                    told = _message(error)
                    if error.code not in AGAIN:
                        raise Refusal(error.code, told) from None
                    pause = error.headers.get("Retry-After", "")
                    asked = float(pause) if pause.isdigit() else 0.0
            except (OSError, urllib.error.URLError) as error:  # time-outs and connections that break among them
                _check_certificate(error)
                told, asked = str(getattr(error, "reason", error)), 0.0
            seconds = min(LONGEST_WAIT, max(asked, 2.0**attempt))
            self.say(f"{told.rstrip('.')}. Trying again in {seconds:.0f} s ...")
            time.sleep(seconds)
        raise MoveFailure(f"No answer from {self.url} after {TRIES} tries. The same command goes on from here later.")

    def _once(self, request: urllib.request.Request) -> Reply:
        here = [urllib.request.ProxyHandler({})] if urlsplit(self.url).hostname in LOCAL else []
        opener = urllib.request.build_opener(_NoRedirects, *here)
        with opener.open(request, timeout=SECONDS) as answer:
            return Reply({name.lower(): value for name, value in answer.headers.items()}, answer.read())

    def _request(
        self, method: str, path: str, body: object, query: Mapping[str, str | int] | None
    ) -> urllib.request.Request:
        raw = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        url = f"{self.url}/admin/apps/{self.app}{path}" + (f"?{urlencode(query)}" if query else "")
        kind = "application/x-ndjson" if isinstance(body, bytes) else "application/json"
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": kind, "User-Agent": "tocsin-move"}
        return urllib.request.Request(url, raw, headers, method=method)


def checked_url(text: str) -> str:
    """The address of a deployment, without a slash at its end. Raises MoveFailure."""
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.path.strip("/") or parts.query:
        raise MoveFailure("--url must be the bare address of your deployment, such as https://push.example.com.")
    if parts.scheme == "http" and parts.hostname not in LOCAL:
        raise MoveFailure("--url must be https: the operator's key and all endpoints go over this connection.")
    return text.rstrip("/")


def _message(error: urllib.error.HTTPError) -> str:
    try:
        return str(json.loads(error.read())["error"]["message"])
    except (ValueError, KeyError, TypeError, OSError):
        return str(error.reason or "no reason given")


def _check_certificate(error: Exception) -> None:
    """A certificate that is wrong does not become right by waiting. Raises MoveFailure."""
    reason = getattr(error, "reason", error)
    if isinstance(reason, ssl.SSLCertVerificationError):
        raise MoveFailure(f"The server's certificate is not accepted: {reason.verify_message}.") from None
