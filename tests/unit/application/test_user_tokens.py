"""Tokens that name a person: what is issued is believed, and nothing that anybody else could make."""

import base64
import hmac
import json
from hashlib import sha256, sha384, sha512
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import builders
from tests.engine import MemoryEngine
from tocsin.application.user_tokens import MAX_SECONDS, SKEW_SECONDS
from tocsin.domain.identity import UserToken
from tocsin.domain.tenancy import App

ENGINE = MemoryEngine()
SHOP, OTHER = builders.app(ENGINE), builders.app(ENGINE)
NOW = int(ENGINE.clock.now())
SECRET = ENGINE.derivation.user_token_secret(SHOP.id, 1)
CLAIMS = {"iss": "tocsin", "aud": SHOP.id, "sub": "u-17", "iat": NOW, "exp": NOW + 600}
HEADER = {"alg": "HS256", "typ": "JWT"}
LEFT_OUT = object()


def part(value: object) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def token(
    claims: object = CLAIMS, header: object = HEADER, secret: bytes = SECRET, digest: Any = sha256, **changes: object
) -> str:
    """A token signed by hand, for a library would not make the wrong ones."""
    if isinstance(claims, dict):
        claims = {name: value for name, value in (claims | changes).items() if value is not LEFT_OUT}
    signed = f"{part(header)}.{part(claims)}"
    return f"{signed}.{part(hmac.new(secret, signed.encode(), digest).digest())}"


def believed(text: str, app: App = SHOP) -> str | None:
    return ENGINE.user_tokens.name_in(app, UserToken(text))


GOOD = token()
HEAD, BODY, MAC = GOOD.split(".")
POINT = ec.derive_private_key(7, ec.SECP256R1()).public_key()
PEM = POINT.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
VAPID_PUBLIC = SHOP.vapid_public.encode()
IDENTITY_SECRET = ENGINE.derivation.identity_secret(SHOP.id, 1)
FORGED = {
    # No signature, or one by an algorithm that the header chose.
    "none": f"{part({'alg': 'none'})}.{BODY}.",
    "None": f"{part({'alg': 'None'})}.{BODY}.",
    "NONE with our mac": f"{part({'alg': 'NONE'})}.{BODY}.{MAC}",
    "nOnE": f"{part({'alg': 'nOnE', 'typ': 'JWT'})}.{BODY}.",
    "empty alg": f"{part({'alg': ''})}.{BODY}.{MAC}",
    "no alg": f"{part({'typ': 'JWT'})}.{BODY}.{MAC}",
    "alg null": token(header=HEADER | {"alg": None}),
    "alg a list": token(header=HEADER | {"alg": ["HS256"]}),
    "HS384": token(header=HEADER | {"alg": "HS384"}, digest=sha384),
    "HS512": token(header=HEADER | {"alg": "HS512"}, digest=sha512),
    "hs256": token(header=HEADER | {"alg": "hs256"}),
    "RS256 in name": token(header=HEADER | {"alg": "RS256"}),
    "ES256 in name": token(header=HEADER | {"alg": "ES256"}),
    "EdDSA in name": token(header=HEADER | {"alg": "EdDSA"}),
    "HS256 in truth SHA-512": token(digest=sha512),
    # Another key.
    "the empty key": token(secret=b""),
    "the word secret": token(secret=b"secret"),
    "a public key as PEM": token(secret=PEM),
    "the app's VAPID key": token(secret=VAPID_PUBLIC),
    "the app's identity secret": token(secret=IDENTITY_SECRET),
    "another app's secret": token(secret=ENGINE.derivation.user_token_secret(OTHER.id, 1)),
    "a later version's secret": token(secret=ENGINE.derivation.user_token_secret(SHOP.id, 2)),
    "the cursor secret": token(secret=ENGINE.derivation.cursor_secret(SHOP.id)),
    "our secret in hex": token(secret=SECRET.hex().encode()),
    # A key that the header brings along.
    "jwk": token(header=HEADER | {"jwk": {"kty": "oct", "k": part(b"k" * 32)}}, secret=b"k" * 32),
    "jku": token(header=HEADER | {"jku": "https://evil.example/keys"}, secret=b"k" * 32),
    "x5u": token(header=HEADER | {"x5u": "https://evil.example/key"}, secret=b"k" * 32),
    "kid a path": token(header=HEADER | {"kid": "../../dev/null"}, secret=b""),
    "kid a query": token(header=HEADER | {"kid": "' UNION SELECT 'k"}, secret=b"k"),
    "crit": token(header=HEADER | {"crit": ["exp"]}),
    "crit that nobody knows": token(header=HEADER | {"crit": ["x"], "x": 1}),
    "not encoded (b64)": token(header=HEADER | {"b64": False, "crit": ["b64"]}),
    # For somebody else, by somebody else.
    "other audience": token(aud=OTHER.id),
    "audience as shown": token(aud="app_aaaaaaaaaaaaaaaaaaaa"),
    "a list with ours": token(aud=[SHOP.id]),
    "a list with ours and another": token(aud=[SHOP.id, "https://evil.example"]),
    "longer audience": token(aud=SHOP.id + "0"),
    "shorter audience": token(aud=SHOP.id[:-1]),
    "empty audience": token(aud=""),
    "audience null": token(aud=None),
    "audience an object": token(aud={SHOP.id: True}),
    "no audience": token(aud=LEFT_OUT),
    "other issuer": token(iss="https://evil.example"),
    "issuer in capitals": token(iss="TOCSIN"),
    "issuer a list": token(iss=["tocsin"]),
    "issuer null": token(iss=None),
    "no issuer": token(iss=LEFT_OUT),
    # Times.
    "over": token(exp=NOW),
    "long over": token(iat=NOW - 7200, exp=NOW - 3600),
    "no end": token(exp=LEFT_OUT),
    "end null": token(exp=None),
    "end a text": token(exp=str(NOW + 600)),
    "end true": token(exp=True),
    "end a list": token(exp=[NOW + 600]),
    "end with a fraction": token(exp=NOW + 600.5),
    "end 1e20": token(exp=1e20),
    "end 10**20": token(exp=10**20),
    "end infinite": token(json.dumps(CLAIMS).replace(str(NOW + 600), "1e999").encode()),
    "end negative": token(exp=-1),
    "an hour and a second": token(exp=NOW + MAX_SECONDS + 1),
    "from afar to afar": token(iat=10**20 - MAX_SECONDS, exp=10**20),
    "begun tomorrow": token(iat=NOW + 86_400, exp=NOW + 86_400 + 600),
    "begun beyond all skew": token(iat=NOW + SKEW_SECONDS + 1),
    "no begin": token(iat=LEFT_OUT),
    "begin null": token(iat=None),
    "begin a text": token(iat=str(NOW)),
    "begin with a fraction": token(iat=NOW + 0.5),
    # Nobody, or no name.
    "no name": token(sub=LEFT_OUT),
    "name null": token(sub=None),
    "name empty": token(sub=""),
    "name a number": token(sub=17),
    "name true": token(sub=True),
    "name a list": token(sub=["u-17"]),
    "name an object": token(sub={"id": "u-17"}),
    "name too long": token(sub="u" * 257),
    # No token.
    "nothing": "",
    "dots": "..",
    "two parts": f"{HEAD}.{BODY}",
    "four parts": f"{GOOD}.x",
    "no signature": f"{HEAD}.{BODY}.",
    "another's signature": f"{HEAD}.{part(CLAIMS | {'sub': 'u-18'})}.{MAC}",
    "signature cut short": GOOD[:-3],
    "swapped": f"{BODY}.{HEAD}.{MAC}",
    "claims a list": token([CLAIMS]),
    "claims a text": token("u-17"),
    "claims null": token(None),
    "claims not JSON": token(b"{"),
    "claims not UTF-8": token(b"\xff"),
    "header not JSON": f"{part(b'{')}.{BODY}.{MAC}",
    "header a list": f"{part([])}.{BODY}.{MAC}",
    "header nested deep": f"{part(b'[' * 3000)}.{BODY}.{MAC}",
    "a number without end": f"{part(b'9' * 3000)}.{BODY}.{MAC}",
    "not base64": f"{HEAD}.{BODY}.§§§",
    "not ASCII": "ü.ü.ü",
    "a lone surrogate": "\ud800.a.b",
    "a null character": f"{GOOD}\0",
}


def test_there_are_more_than_60_forgeries() -> None:
    assert len(FORGED) > 60
    assert len(set(FORGED.values())) == len(FORGED)
    assert believed(GOOD) == "u-17"  # so that each of them differs from a good one by what its name says


@pytest.mark.parametrize("text", FORGED.values(), ids=FORGED.keys())
def test_a_forged_token_names_nobody(text: str) -> None:
    assert believed(text) is None


@settings(max_examples=500, deadline=None, derandomize=True)
@given(place=st.integers(0, len(GOOD) - 1), other=st.sampled_from("ABab01-_.="))
def test_a_token_with_one_other_character_names_nobody_or_reads_the_same(place: int, other: str) -> None:
    text = GOOD[:place] + other + GOOD[place + 1 :]
    # The last character of a base64 text has spare bits.
    assert believed(text) is None or (text == GOOD or place == len(GOOD) - 1)


@pytest.mark.parametrize("name", ["u-17", "a b", "ü" * 256, "€", "0", "<script>", "a.b.c"])
def test_what_is_issued_is_believed_for_its_time_at_its_app(name: str) -> None:
    engine = MemoryEngine()
    shop, other = builders.app(engine), builders.app(engine)
    issued, until = engine.user_tokens.issue(shop, name, 60)
    assert until == int(engine.clock.now()) + 60
    assert engine.user_tokens.name_in(shop, issued) == name
    assert engine.user_tokens.name_in(other, issued) is None
    engine.clock.advance(59)
    assert engine.user_tokens.name_in(shop, issued) == name
    engine.clock.advance(1)
    assert engine.user_tokens.name_in(shop, issued) is None


def test_a_container_whose_clock_lags_a_little_believes_as_well() -> None:
    assert believed(token(iat=NOW + SKEW_SECONDS)) == "u-17"
    assert believed(token(iat=NOW, exp=NOW + MAX_SECONDS)) == "u-17"


def test_a_token_is_not_told_by_its_repr() -> None:
    assert GOOD not in repr(UserToken(GOOD))
