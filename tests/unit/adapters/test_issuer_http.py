"""An issuer's keys: found by its own metadata, and nothing else is taken for them."""

import json

import pytest

from tocsin.adapters.issuer_http import HttpIssuerKeys
from tocsin.adapters.oauth_http import OauthHttp
from tocsin.application.ports import OauthAnswer, Unavailable

ISSUER, KEYS = "https://login.example/realm", "https://keys.example/jwks"
METADATA = {"issuer": ISSUER, "jwks_uri": KEYS}


class ScriptedHttp(OauthHttp):
    """Answers with these bodies by URL; any other is a 404."""

    def __init__(self, answers: dict[str, object], status: int = 200) -> None:
        super().__init__()
        self.answers, self.status = answers, status
        self.asked: list[str] = []

    def get(self, url: str) -> OauthAnswer:
        """The scripted answer."""
        self.asked.append(url)
        if url not in self.answers:
            return OauthAnswer(404, {}, b"{}")
        body = self.answers[url]
        return OauthAnswer(self.status, {}, body if isinstance(body, bytes) else json.dumps(body).encode())


def fetched(metadata: object, keys: object, status: int = 200) -> object:
    http = ScriptedHttp({f"{ISSUER}/.well-known/openid-configuration": metadata, KEYS: keys}, status)
    return HttpIssuerKeys(http, ISSUER).fetch()


@pytest.mark.row("KM-2")
def test_keys_are_found_by_the_issuers_metadata() -> None:
    assert fetched(METADATA, {"keys": [{"kid": "a"}, "no key", {"kid": "b"}]}) == [{"kid": "a"}, {"kid": "b"}]


def test_a_slash_at_the_issuers_end_is_not_doubled() -> None:
    issuer = f"{ISSUER}/"
    http = ScriptedHttp(
        {f"{issuer}.well-known/openid-configuration": METADATA | {"issuer": issuer}, KEYS: {"keys": []}}
    )
    assert HttpIssuerKeys(http, issuer).fetch() == []
    assert http.asked == [f"{issuer}.well-known/openid-configuration", KEYS]


@pytest.mark.parametrize(
    ("metadata", "keys"),
    [
        (METADATA | {"issuer": "https://evil.example"}, {"keys": []}),
        ({"jwks_uri": KEYS}, {"keys": []}),
        ({"issuer": ISSUER}, {"keys": []}),
        (METADATA | {"jwks_uri": "http://keys.example/jwks"}, {"keys": []}),
        (METADATA | {"jwks_uri": 7}, {"keys": []}),
        (METADATA | {"jwks_uri": "https://other.example/"}, {"keys": []}),
        (b"<html>", {"keys": []}),
        ([], {"keys": []}),
        (METADATA, {"keys": {}}),
        (METADATA, {}),
        (METADATA, b"{"),
        (METADATA, b"[" * 100_000),
    ],
)
def test_anything_else_is_no_set_of_keys(metadata: object, keys: object) -> None:
    with pytest.raises(Unavailable):
        fetched(metadata, keys)


def test_an_error_page_is_no_set_of_keys_whatever_it_says() -> None:
    with pytest.raises(Unavailable):
        fetched(METADATA, {"keys": []}, status=500)
