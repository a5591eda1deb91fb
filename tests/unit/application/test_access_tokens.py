"""Access tokens: what we and the issuer whom the operator trusts sign is believed, and nothing anybody else could make.

Tokens are signed by hand here, for a library would not make the wrong ones.
"""

import base64
import hmac
import json
from collections.abc import Callable
from hashlib import sha256, sha384
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from tests import builders
from tests.engine import MemoryEngine
from tests.memory.tokens import MemorySigner, ScriptedIssuerKeys
from tocsin.application.access_tokens import MAX_LENGTH, SERVICE_SECONDS, AccessTokens, OtherIssuer
from tocsin.application.known_keys import KnownKeys
from tocsin.application.token_claims import MAX_FOREIGN_SECONDS, MAX_SECONDS, SKEW_SECONDS, RoleMapping
from tocsin.domain import uuids
from tocsin.domain.access import Bearer, RoleName, TokenKind
from tocsin.domain.errors import Fault, Refused
from tocsin.webpush.encoding import from_base64url

ENGINE = MemoryEngine()
SHOP, OTHER = builders.app(ENGINE), builders.app(ENGINE)
SHOP_ID, OTHER_ID = uuids.APP.render(SHOP.id), uuids.APP.render(OTHER.id)
NOW = int(ENGINE.clock.now())
OURS = ENGINE.access_tokens
KID = str(jwt.get_unverified_header(OURS.for_user(SHOP, "u-17", 60).text)["kid"])
LEFT_OUT = object()

ISSUER, AUDIENCE = "https://login.example/", "push"
RSA = rsa.generate_private_key(65537, 2048)
EC = ec.derive_private_key(23, ec.SECP256R1())
FOREIGN_KEYS = ScriptedIssuerKeys(
    {**json.loads(RSAAlgorithm.to_jwk(RSA.public_key())), "kid": "r1", "use": "sig"},
    {**json.loads(ECAlgorithm.to_jwk(EC.public_key())), "kid": "e1"},
)
MAPPING = RoleMapping("groups", {"push-admins": "platform_admin"})
BOTH = AccessTokens(
    ENGINE.signer,
    OtherIssuer(ISSUER, AUDIENCE, KnownKeys(FOREIGN_KEYS, ENGINE.clock), MAPPING),
    ENGINE.clock,
    ENGINE.randomness,
)


def part(value: object) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def by_ec(key: ec.EllipticCurvePrivateKey) -> Callable[[bytes], bytes]:
    def sign(message: bytes) -> bytes:
        r, s = decode_dss_signature(key.sign(message, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    return sign


def by_rsa(message: bytes) -> bytes:
    return RSA.sign(message, padding.PKCS1v15(), hashes.SHA256())


def by_mac(secret: bytes, digest: Any = sha256) -> Callable[[bytes], bytes]:
    return lambda message: hmac.new(secret, message, digest).digest()


USER = {"iss": "tocsin", "aud": SHOP_ID, "sub": "u-17", "token_type": "user", "iat": NOW, "exp": NOW + 600}
SERVICE = USER | {
    "aud": "tocsin",
    "sub": SHOP_ID,
    "token_type": "service",
    "scope": "push:send",
    "client_id": "kmc_12345678",
}
ADMIN = USER | {"aud": "tocsin", "token_type": "admin", "roles": ["platform_admin"]}
FOREIGN = {"iss": ISSUER, "aud": AUDIENCE, "sub": "u-17", "iat": NOW, "exp": NOW + 600}
HEADER = {"alg": "ES256", "kid": KID, "typ": "JWT"}
RS256, ES256 = HEADER | {"alg": "RS256", "kid": "r1"}, HEADER | {"kid": "e1"}


def token(
    claims: object = USER,
    header: object = HEADER,
    sign: Callable[[bytes], bytes] = ENGINE.signer.sign,
    **changes: object,
) -> str:
    if isinstance(claims, dict):
        claims = {name: value for name, value in (claims | changes).items() if value is not LEFT_OUT}
    signed = f"{part(header)}.{part(claims)}"
    return f"{signed}.{part(sign(signed.encode()))}"


def foreign(header: object = RS256, sign: Callable[[bytes], bytes] = by_rsa, **changes: object) -> str:
    return token(FOREIGN, header, sign, **changes)


def believed(text: str, tokens: AccessTokens = BOTH) -> Bearer | None:
    try:
        return tokens.bearer(text)
    except Refused as refused:
        if (refused.fault, refused.message) != (Fault.CREDENTIAL_INVALID, "Invalid token"):
            raise
        return None


GOOD, GOOD_FOREIGN = token(), foreign()
HEAD, BODY, MARK = GOOD.split(".")
DER = ENGINE.signer.public_key()
PEM = ENGINE.signer.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
RSA_PEM = RSA.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
HS256 = HEADER | {"alg": "HS256"}
FORGED = {
    # No signature, or one by an algorithm that the header chose.
    "none": f"{part({'alg': 'none', 'kid': KID})}.{BODY}.",
    "None": f"{part({'alg': 'None', 'kid': KID})}.{BODY}.",
    "NONE with our signature": f"{part({'alg': 'NONE', 'kid': KID})}.{BODY}.{MARK}",
    "no alg": f"{part({'kid': KID, 'typ': 'JWT'})}.{BODY}.{MARK}",
    "alg null": token(header=HEADER | {"alg": None}),
    "alg a list": token(header=HEADER | {"alg": ["ES256"]}),
    "es256": token(header=HEADER | {"alg": "es256"}),
    "ES384 in name": token(header=HEADER | {"alg": "ES384"}),
    "ES256K in name": token(header=HEADER | {"alg": "ES256K"}),
    "RS256 in name": token(header=HEADER | {"alg": "RS256"}),
    "signed in DER": token(sign=lambda message: ENGINE.signer.private.sign(message, ec.ECDSA(hashes.SHA256()))),
    "signed by zeros": token(sign=lambda _: bytes(64)),
    "signature cut short": GOOD[:-4],
    "no signature": f"{HEAD}.{BODY}.",
    # A public key as the secret of a MAC.
    "HS256 by the public key in PEM": token(header=HS256, sign=by_mac(PEM)),
    "HS256 by the public key in DER": token(header=HS256, sign=by_mac(DER)),
    "HS256 by the public key, called ES256": token(sign=by_mac(PEM)),
    "HS384 by the public key": token(header=HEADER | {"alg": "HS384"}, sign=by_mac(PEM, sha384)),
    "HS256 by the empty key": token(header=HS256, sign=by_mac(b"")),
    "HS256 by the key's own id": token(header=HS256, sign=by_mac(KID.encode())),
    "HS256 by an app's user token secret": token(
        header=HS256, sign=by_mac(ENGINE.derivation.user_token_secret(SHOP.id, 1))
    ),
    "the browsers' user token": ENGINE.user_tokens.issue(SHOP, "u-17", 600)[0].text,
    # Another key, or one that the header brings along.
    "another key": token(sign=MemorySigner(12).sign),
    "another key under its own id": token(header=HEADER | {"kid": "k2"}, sign=MemorySigner(12).sign),
    "the other issuer's key": token(header=ES256, sign=by_ec(EC)),
    "the other issuer's key, our id": token(sign=by_ec(EC)),
    "no kid": token(header={"alg": "ES256", "typ": "JWT"}),
    "kid null": token(header=HEADER | {"kid": None}),
    "kid a list": token(header=HEADER | {"kid": [KID]}),
    "kid a path": token(header=HEADER | {"kid": "../../dev/null"}, sign=by_mac(b"")),
    "kid a query": token(header=HEADER | {"kid": "' UNION SELECT 'k"}),
    "jwk": token(
        header=HEADER | {"jwk": json.loads(ECAlgorithm.to_jwk(MemorySigner(12).private.public_key()))},
        sign=MemorySigner(12).sign,
    ),
    "jwk beside our signature": token(header=HEADER | {"jwk": {}}),
    "jku": token(header=HEADER | {"jku": "https://evil.example/keys"}),
    "x5u": token(header=HEADER | {"x5u": "https://evil.example/key"}),
    "x5c": token(header=HEADER | {"x5c": [part(DER)]}),
    "crit": token(header=HEADER | {"crit": ["exp"]}),
    "not encoded (b64)": token(header=HEADER | {"b64": False, "crit": ["b64"]}),
    "encrypted": token(header=HEADER | {"enc": "A256GCM"}),
    "typ of something else": token(header=HEADER | {"typ": "logout+jwt"}),
    "typ a number": token(header=HEADER | {"typ": 1}),
    # Altered.
    "another body": f"{HEAD}.{part(USER | {'sub': 'u-18'})}.{MARK}",
    "another head": f"{part({'alg': 'ES256', 'kid': KID})}.{BODY}.{MARK}",
    # For somebody else, by somebody else.
    "issuer unknown": token(iss="https://evil.example/"),
    "issuer in capitals": token(iss="TOCSIN"),
    "issuer a list": token(iss=["tocsin"]),
    "issuer null": token(iss=None),
    "no issuer": token(iss=LEFT_OUT),
    "our key for the other issuer": token(iss=ISSUER, aud=AUDIENCE),
    "audience as our other API shows it": token(aud="app_aaaaaaaaaaaaaaaaaaaa"),
    "audience in hex": token(aud=SHOP.id),
    "audience a list with ours": token(aud=[SHOP_ID]),
    "audience a list with ours and another": token(aud=[SHOP_ID, "https://evil.example"]),
    "audience with more": token(aud=f"{SHOP_ID}0"),
    "audience of a service for a user": token(aud="tocsin"),
    "audience null": token(aud=None),
    "audience an object": token(aud={SHOP_ID: True}),
    "no audience": token(aud=LEFT_OUT),
    "service for a foreign audience": token(SERVICE, aud="push"),
    "admin for an app's audience": token(ADMIN, aud=SHOP_ID),
    "subject empty": token(sub=""),
    "subject blank": token(sub="  "),
    "subject a number": token(sub=17),
    "subject too long": token(sub="u" * 257),
    "no subject": token(sub=LEFT_OUT),
    "service of no app": token(SERVICE, sub="u-17"),
    # Another use.
    "no token_type": token(token_type=LEFT_OUT),
    "token_type unknown": token(token_type="refresh"),
    "token_type a list": token(token_type=["user"]),
    "service without a client": token(SERVICE, client_id=LEFT_OUT),
    "service without scope": token(SERVICE, scope=LEFT_OUT),
    "admin without roles": token(ADMIN, roles=LEFT_OUT),
    "admin with roles of another sort": token(ADMIN, roles={"platform_admin": True}),
    # Times.
    "over": token(exp=NOW),
    "long over": token(iat=NOW - 7200, exp=NOW - 3600),
    "no end": token(exp=LEFT_OUT),
    "end null": token(exp=None),
    "end a text": token(exp=str(NOW + 600)),
    "end true": token(exp=True),
    "end a list": token(exp=[NOW + 600]),
    "end 1e20": token(exp=1e20),
    "end infinite": token(json.dumps(USER).replace(str(NOW + 600), "1e999").encode()),
    "end NaN": token(json.dumps(USER).replace(str(NOW + 600), "NaN").encode()),
    "an hour and a second": token(exp=NOW + MAX_SECONDS + 1),
    "no begin": token(iat=LEFT_OUT),
    "begun in the future": token(iat=NOW + SKEW_SECONDS + 1, exp=NOW + 600),
    "not before later": token(nbf=NOW + SKEW_SECONDS + 1),
    "not before a text": token(nbf="now"),
    "not before true": token(nbf=True),
    # No token at all.
    "empty": "",
    "a word": "letmein",
    "two dots": "..",
    "body a list": token([USER]),
    "body a text": token(b'"tocsin"'),
    "body no JSON": token(b"{"),
    "head a list": token(header=[HEADER]),
    "head no JSON": token(header=b"{"),
    "four parts": f"{GOOD}.x",
    "padded": f"{HEAD}=.{BODY}.{MARK}",
    "with a space": f"{HEAD}. {BODY}.{MARK}",
    "with a character of no alphabet": f"{HEAD}.{BODY}é.{MARK}",
    "deeply nested": token(b"[" * 5000 + b"]" * 5000),
    "too long": token(sub="u-17", pad="x" * MAX_LENGTH),
}
FORGED_FOREIGN = {
    "over": foreign(exp=NOW),
    "an end beyond numbers": foreign(exp=10**400),
    "longer than a day": foreign(exp=NOW + MAX_FOREIGN_SECONDS + 1),
    "no end": foreign(exp=LEFT_OUT),
    "no begin": foreign(iat=LEFT_OUT),
    "another audience": foreign(aud="shop"),
    "audience with more": foreign(aud="pushx"),
    "audience a list with another": foreign(aud=[AUDIENCE, "shop"]),
    "audience a list of an app only": foreign(aud=[SHOP_ID]),
    "audience empty": foreign(aud=[]),
    "no audience": foreign(aud=LEFT_OUT),
    "no subject": foreign(sub=LEFT_OUT),
    "a service": foreign(token_type="service"),
    "refresh": foreign(token_type="refresh"),
    "issuer without its slash": foreign(iss=ISSUER.rstrip("/")),
    "our issuer": foreign(iss="tocsin"),
    "unknown kid": foreign(RS256 | {"kid": "r2"}),
    "no kid": foreign({"alg": "RS256"}),
    "RSA key called ES256": foreign(RS256 | {"alg": "ES256"}),
    "EC key called RS256": foreign(ES256 | {"alg": "RS256"}, by_ec(EC)),
    "RS384": foreign(RS256 | {"alg": "RS384"}, lambda m: RSA.sign(m, padding.PKCS1v15(), hashes.SHA384())),
    "PS256": foreign(
        RS256 | {"alg": "PS256"}, lambda m: RSA.sign(m, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())
    ),
    "HS256 by its public key": foreign(RS256 | {"alg": "HS256"}, by_mac(RSA_PEM)),
    "none": foreign(RS256 | {"alg": "none"}, lambda _: b""),
    "jku": foreign(RS256 | {"jku": "https://evil.example/keys"}),
    "signed by us": foreign(HEADER, ENGINE.signer.sign),
    "roles of another sort": foreign(groups={"push-admins": 1}),
}


@pytest.mark.row("KM-1", "KM-2", "KM-4")
@pytest.mark.parametrize("text", FORGED.values(), ids=FORGED.keys())
def test_nothing_is_believed_that_we_did_not_sign_as_it_stands(text: str) -> None:
    assert believed(text) is None


@pytest.mark.row("KM-2")
@pytest.mark.parametrize("text", FORGED_FOREIGN.values(), ids=FORGED_FOREIGN.keys())
def test_the_other_issuer_is_believed_within_bounds(text: str) -> None:
    assert believed(text) is None


def test_there_are_more_than_a_hundred_ways_to_be_wrong() -> None:
    assert len(FORGED) + len(FORGED_FOREIGN) > 100
    assert len({*FORGED.values(), *FORGED_FOREIGN.values()}) == len(FORGED) + len(FORGED_FOREIGN)


def test_the_tokens_that_the_forged_ones_are_made_from_are_believed() -> None:
    assert believed(GOOD) == Bearer(TokenKind.USER, "u-17", frozenset({SHOP.id}))
    assert believed(GOOD_FOREIGN) == Bearer(TokenKind.USER, "u-17")
    assert believed(foreign(ES256, by_ec(EC))) == Bearer(TokenKind.USER, "u-17")
    assert believed(token(header={**HEADER, "typ": "at+jwt"})) is not None
    assert believed(token(iat=NOW - 10.5, exp=NOW + 10.5)) is not None


@pytest.mark.row("KM-1")
def test_a_service_token_says_which_client_of_which_app_may_do_what_for_15_minutes() -> None:
    issued = OURS.for_service(SHOP, "kmc_12345678", {"push:send"})
    claims = jwt.decode(issued.text, options={"verify_signature": False})
    assert claims.pop("jti") != jwt.decode(OURS.for_service(SHOP, "c", ["x"]).text, options={"verify_signature": False})
    assert claims == {
        "iss": "tocsin",
        "aud": "tocsin",
        "sub": SHOP_ID,
        "token_type": "service",
        "scope": "push:send",
        "client_id": "kmc_12345678",
        "iat": NOW,
        "exp": NOW + SERVICE_SECONDS,
    }
    assert issued.seconds == SERVICE_SECONDS == 900
    assert believed(issued.text) == Bearer(
        TokenKind.SERVICE, SHOP_ID, frozenset({SHOP.id}), "kmc_12345678", frozenset({"push:send"})
    )


def test_the_longest_name_in_the_rarest_letters_fits_into_what_kms_signs_at_once() -> None:
    issued = OURS.for_user(SHOP, "\U0001f600" * 256, 60)
    assert len(issued.text.rpartition(".")[0]) <= 4096
    assert OURS.bearer(issued.text).subject == "\U0001f600" * 256


@pytest.mark.row("KM-3")
def test_roles_cover_one_app_all_of_a_tenant_or_all() -> None:
    def administered(*roles: RoleName) -> tuple[bool, bool]:
        bearer = OURS.bearer(OURS.for_admin(SHOP, "eve", roles, 60).text)
        return bearer.administers(SHOP), bearer.administers(OTHER)

    assert administered(RoleName.APP_ADMIN) == administered(RoleName.TENANT_ADMIN) == (True, False)
    assert administered(RoleName.PLATFORM_ADMIN) == (True, True)
    assert not OURS.bearer(GOOD).administers(SHOP)


@pytest.mark.row("KM-3")
def test_the_other_issuers_roles_are_mapped_and_what_is_not_mapped_is_none() -> None:
    assert BOTH.bearer(foreign(groups=["push-admins", "platform_admin"])).roles == {"platform_admin"}
    assert BOTH.bearer(foreign(groups=["staff", "platform_admin"])).roles == frozenset()
    assert BOTH.bearer(foreign(roles=["platform_admin"])).roles == frozenset()
    assert RoleMapping().of({"roles": "platform_admin"}) == {"platform_admin"}


@pytest.mark.row("KM-3")
def test_operators_write_the_mapping_as_a_text() -> None:
    written = RoleMapping.read("https://shop.example/roles", "team=push=platform_admin , shop=app_admin:1, ")
    assert written.claim == "https://shop.example/roles"
    assert written.roles == {"team=push": "platform_admin", "shop": "app_admin:1"}
    assert RoleMapping.read("", "") == RoleMapping()


@pytest.mark.row("KM-19")
def test_the_other_issuer_may_say_for_which_apps_a_token_is() -> None:
    bearer = BOTH.bearer(foreign(aud=[AUDIENCE, SHOP_ID]))
    assert (bearer.may_speak_at(SHOP.id), bearer.may_speak_at(OTHER.id)) == (True, False)
    assert BOTH.bearer(GOOD_FOREIGN).may_speak_at(OTHER.id)


def test_the_other_issuer_is_unknown_where_the_operator_names_none() -> None:
    assert believed(GOOD_FOREIGN, OURS) is None


@pytest.mark.row("KM-2")
def test_whoever_has_our_key_set_can_check_our_tokens() -> None:
    keys: Any = OURS.key_set()["keys"]
    (jwk,) = keys
    read = jwt.PyJWK.from_dict(jwk)
    options: Any = {"verify_exp": False, "verify_iat": False}  # the tests' clock is not the library's
    claims = jwt.decode(GOOD, read.key, algorithms=[jwk["alg"]], audience=SHOP_ID, issuer="tocsin", options=options)
    assert claims["sub"] == "u-17"
    assert (
        jwk["kid"]
        == KID
        == part(
            sha256(json.dumps({n: jwk[n] for n in ("crv", "kty", "x", "y")}, separators=(",", ":")).encode()).digest()
        )
    )
    assert jwk.keys() == {"kty", "crv", "x", "y", "kid", "use", "alg"}  # and nothing private


def test_a_token_ends_when_it_says() -> None:
    engine = MemoryEngine()
    issued = engine.access_tokens.for_user(builders.app(engine), "u-17", 60)
    engine.clock.advance(59)
    assert engine.access_tokens.bearer(issued.text).subject == "u-17"
    engine.clock.advance(1)
    assert believed(issued.text, engine.access_tokens) is None


@given(place=st.integers(0, len(GOOD) - 1), character=st.sampled_from("AZaz09-_.=é "))
def test_no_character_can_be_altered(place: int, character: str) -> None:
    altered = GOOD[:place] + character + GOOD[place + 1 :]
    try:
        same = [from_base64url(one) for one in altered.split(".")] == [from_base64url(one) for one in GOOD.split(".")]
    except ValueError:
        same = False
    assert same or believed(altered) is None


@given(
    text=st.text(max_size=80) | st.builds(lambda *parts: ".".join(parts), st.text(max_size=30), st.text(max_size=30))
)
def test_any_text_is_refused_alike(text: str) -> None:
    assert believed(text) is None


@given(
    header=st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=9),
        lambda i: (
            st.lists(i, max_size=3)
            | st.dictionaries(st.sampled_from(["alg", "kid", "typ", "crit"]) | st.text(max_size=5), i, max_size=4)
        ),
    )
)
def test_any_head_and_any_claims_are_refused_alike(header: object) -> None:
    assert believed(f"{part(header)}.{BODY}.{MARK}") is None
    assert believed(token(header)) is None
