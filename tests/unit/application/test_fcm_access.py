"""Access tokens for FCM: asked for once an hour and app, and what happens while there is none."""

import threading
from collections.abc import Mapping

import jwt
import pytest

from tests import builders, firebase
from tests.engine import MemoryEngine
from tests.memory.fcm import ScriptedOauth
from tocsin.application.fcm_access import (
    ACCOUNT_REFUSED,
    ACCOUNT_SECONDS,
    NO_TOKEN,
    REFUSED_SECONDS,
    UNREACHED_SECONDS,
    UNSUPPORTED,
    Access,
    FcmAccess,
    NoAccess,
    fcm_context,
)
from tocsin.application.ports import OauthAnswer, Unavailable
from tocsin.domain.service_account import TOKEN_URI
from tocsin.domain.tenancy import App

REFUSED = OauthAnswer(400, {}, b'{"error": "invalid_grant", "error_description": "Invalid JWT Signature."}')
BUSY = OauthAnswer(503, {}, b"")


class Shop:
    """An app with a service account, and who looks after its access tokens."""

    def __init__(self) -> None:
        self.engine = MemoryEngine()
        self.app: App = builders.app(self.engine)
        firebase.enroll(self.engine, self.app)
        self.oauth = self.engine.oauth
        self.fcm = FcmAccess(self.engine.service_accounts, self.engine.vault, self.oauth, self.engine.clock)

    def prepared(self, after: float = 0) -> Access | NoAccess:
        self.engine.clock.advance(after)
        self.fcm.prepare(self.app.tenant, self.app.id)
        return self.fcm.access(self.app.id)


@pytest.fixture
def shop() -> Shop:
    return Shop()


def token(number: int) -> Access:
    return Access(firebase.PROJECT, f"token-{number}")


def test_a_token_is_asked_for_by_an_assertion_that_the_service_account_signed(shop: Shop) -> None:
    assert shop.prepared() == token(1)
    ((url, form),) = shop.oauth.asked
    assert url == TOKEN_URI
    assert form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
    now = int(shop.engine.clock.now())
    assert jwt.get_unverified_header(form["assertion"])["kid"] == firebase.service_account()["private_key_id"]
    claims = jwt.decode(
        form["assertion"],
        firebase.private_key().public_key(),
        ["RS256"],
        audience=TOKEN_URI,
        options={"verify_exp": False, "verify_iat": False},
    )
    assert claims == {
        "iss": firebase.service_account()["client_email"],
        "scope": "https://www.googleapis.com/auth/firebase.messaging",
        "aud": TOKEN_URI,
        "iat": now,
        "exp": now + 3600,
    }


def test_a_token_is_used_until_shortly_before_its_end(shop: Shop) -> None:
    assert shop.prepared() == shop.prepared(3599 - 301) == token(1)
    assert shop.prepared(2) == token(2)


def test_whoever_did_not_prepare_is_told_that_there_is_nothing() -> None:
    assert Shop().fcm.access(builders.app(MemoryEngine()).id) == NoAccess(UNSUPPORTED)


def test_an_app_without_an_account_asks_nobody() -> None:
    shop = Shop()
    shop.engine.fcm_accounts.remove(shop.app.id, builders.OPERATOR)
    assert shop.prepared() == NoAccess(UNSUPPORTED)
    assert not shop.oauth.asked


def test_an_account_that_comes_or_goes_is_noticed_within_a_minute(shop: Shop) -> None:
    assert shop.prepared() == token(1)
    shop.engine.fcm_accounts.remove(shop.app.id, builders.OPERATOR)
    assert shop.prepared(ACCOUNT_SECONDS) == NoAccess(UNSUPPORTED)
    firebase.enroll(shop.engine, shop.app)
    assert shop.prepared(ACCOUNT_SECONDS) == token(2)
    assert ACCOUNT_SECONDS <= 60


def test_another_key_of_the_account_is_used_at_once_when_it_is_seen(shop: Shop) -> None:
    assert shop.prepared() == token(1)
    other = firebase.service_account(private_key_id="f" * 40)
    shop.engine.fcm_accounts.put(shop.app.id, other, builders.OPERATOR)
    assert shop.prepared(ACCOUNT_SECONDS) == token(2)
    assert jwt.get_unverified_header(shop.oauth.asked[1][1]["assertion"])["kid"] == "f" * 40


def test_a_key_that_was_sealed_for_another_app_is_none(shop: Shop) -> None:
    other = builders.app(shop.engine)
    firebase.enroll(shop.engine, other)
    stolen = shop.engine.storage.service_accounts[other.id]
    shop.engine.storage.service_accounts[shop.app.id] = stolen
    assert shop.prepared() == NoAccess(UNSUPPORTED)
    assert fcm_context(shop.app.tenant, shop.app.id) != fcm_context(other.tenant, other.id)


@pytest.mark.parametrize("answer", [None, BUSY, OauthAnswer(429, {}, b""), OauthAnswer(302, {}, b"")])
def test_a_token_service_in_trouble_is_asked_again_soon(shop: Shop, answer: OauthAnswer | None) -> None:
    shop.oauth.script.append(answer)
    soon = int(shop.engine.clock.now()) + UNREACHED_SECONDS
    assert shop.prepared() == shop.prepared(UNREACHED_SECONDS - 1) == NoAccess(NO_TOKEN, soon)
    assert len(shop.oauth.asked) == 1
    assert shop.prepared(1) == token(2)


def test_a_refused_account_is_asked_for_once_a_minute(shop: Shop) -> None:
    shop.oauth.script.append(REFUSED)
    later = int(shop.engine.clock.now()) + REFUSED_SECONDS
    assert shop.prepared() == shop.prepared(REFUSED_SECONDS - 1) == NoAccess(ACCOUNT_REFUSED, later)
    assert len(shop.oauth.asked) == 1
    assert shop.prepared(1) == token(2)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b'{"access_token": "x"}',
        b'{"access_token": "", "expires_in": 3599}',
        b'{"access_token": "a\\r\\nX: 1", "expires_in": 3599}',
        b'{"access_token": 5, "expires_in": 3599}',
        b'{"access_token": "x", "expires_in": "3599"}',
        b'{"access_token": "x", "expires_in": true}',
        b"[" * 100_000,
    ],
)
def test_an_answer_without_a_token_that_could_be_used_is_trouble(shop: Shop, body: bytes) -> None:
    shop.oauth.script.append(OauthAnswer(200, {}, body))
    assert shop.prepared() == NoAccess(NO_TOKEN, int(shop.engine.clock.now()) + UNREACHED_SECONDS)


def test_a_refused_token_is_replaced_once(shop: Shop) -> None:
    assert shop.prepared() == token(1)
    for _ in range(3):
        shop.fcm.renew(shop.app.tenant, shop.app.id, "token-1")
    assert shop.fcm.access(shop.app.id) == token(2)
    assert len(shop.oauth.asked) == 2


def test_a_refused_token_that_cannot_be_replaced_now_is_not_used_again(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(ciphertext: bytes, context: Mapping[str, str]) -> bytes:
        raise Unavailable

    assert shop.prepared() == token(1)
    monkeypatch.setattr(shop.engine.vault, "open", silent)
    shop.fcm.renew(shop.app.tenant, shop.app.id, "token-1")
    assert isinstance(shop.fcm.access(shop.app.id), NoAccess)
    monkeypatch.undo()
    assert shop.prepared() == token(2)


def test_threads_that_need_a_token_at_once_ask_for_one() -> None:
    shop, together = Shop(), threading.Barrier(8)

    class Slow(ScriptedOauth):
        def post_form(self, url: str, form: Mapping[str, str]) -> OauthAnswer:
            together_again.wait(5)
            return super().post_form(url, form)

    together_again = threading.Event()
    oauth = Slow()
    fcm = FcmAccess(shop.engine.service_accounts, shop.engine.vault, oauth, shop.engine.clock)

    def prepare() -> None:
        together.wait()
        fcm.prepare(shop.app.tenant, shop.app.id)

    threads = [threading.Thread(target=prepare) for _ in range(8)]
    for thread in threads:
        thread.start()
    together_again.set()
    for thread in threads:
        thread.join()
    assert len(oauth.asked) == 1


def test_no_secret_shows(shop: Shop) -> None:
    shop.prepared()
    assert "token-1" not in repr(shop.fcm.access(shop.app.id))
