"""RFC 8292: keys in every form they are exported in, subjects as the strictest service wants them, cached tokens."""

import base64
import hashlib
import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from hypothesis import given
from hypothesis import strategies as st
from py_vapid import Vapid02
from py_vapid.jwt import decode

from tocsin.webpush.vapid import (
    LIFETIME,
    RENEWAL,
    InvalidSubject,
    InvalidVapidKey,
    VapidKey,
    VapidTokens,
    check_subject,
)

NOW = 1_800_000_000
ORIGIN = "https://updates.push.services.mozilla.com"
SUBJECT = "mailto:push@example.com"
KEY = VapidKey.from_raw(hashlib.sha256(b"a key for tests").digest())
OTHER = VapidKey.from_raw(hashlib.sha256(b"another key for tests").digest())
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def unb64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def b64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def pem(key: VapidKey, form: PrivateFormat = PrivateFormat.PKCS8) -> str:
    return key.signer.private_bytes(Encoding.PEM, form, NoEncryption()).decode()


def der(key: VapidKey, form: PrivateFormat = PrivateFormat.PKCS8) -> bytes:
    return key.signer.private_bytes(Encoding.DER, form, NoEncryption())


def jwk(key: VapidKey, **changes: object) -> str:
    point = b64(key.public)
    members: dict[str, object] = {
        "kty": "EC",
        "crv": "P-256",
        "d": unb64(key.private_raw),
        "x": unb64(point[1:33]),
        "y": unb64(point[33:]),
    }
    return json.dumps({name: value for name, value in (members | changes).items() if value is not None})


EC_PARAMETERS = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"

PRIVATE_FORMS = {
    "PEM, PKCS 8": pem(KEY),
    "PEM, SEC 1": pem(KEY, PrivateFormat.TraditionalOpenSSL),
    "PEM as `openssl ecparam -genkey` prints it": EC_PARAMETERS + pem(KEY, PrivateFormat.TraditionalOpenSSL),
    "PEM with CRLF": pem(KEY).replace("\n", "\r\n"),
    "PEM in one line with escaped line ends": pem(KEY).replace("\n", "\\n"),
    "PEM with spaces around": f"\n  {pem(KEY)}  \n",
    "DER, PKCS 8, base64": base64.b64encode(der(KEY)).decode(),
    "DER, PKCS 8, base64url": unb64(der(KEY)),
    "DER, SEC 1, base64": base64.b64encode(der(KEY, PrivateFormat.TraditionalOpenSSL)).decode(),
    "DER in lines of 64": base64.encodebytes(der(KEY)).decode(),
    "raw, base64url": unb64(KEY.private_raw),
    "raw, padded": unb64(KEY.private_raw) + "=",
    "raw, plain base64": base64.b64encode(KEY.private_raw).decode(),
    "JWK": jwk(KEY),
    "JWK without the public part": jwk(KEY, x=None, y=None),
    "JWK with members of other libraries": jwk(KEY, alg="ES256", use="sig", kid="1", ext=True, key_ops=["sign"]),
}
PUBLIC_FORMS = {
    "raw": KEY.public,
    "raw, padded": KEY.public + "=",
    "raw, plain base64": base64.b64encode(b64(KEY.public)).decode(),
    "PEM": KEY.signer.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(),
    "DER": unb64(KEY.signer.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)),
}


@pytest.mark.parametrize("text", PRIVATE_FORMS.values(), ids=PRIVATE_FORMS)
def test_a_private_key_in_any_usual_form_gives_the_same_pair(text: str) -> None:
    key = VapidKey.from_text(text, KEY.public)
    assert (key.private_raw, key.public, key.id) == (KEY.private_raw, KEY.public, KEY.id)


@pytest.mark.parametrize("text", PUBLIC_FORMS.values(), ids=PUBLIC_FORMS)
def test_a_public_key_in_any_usual_form_is_recognised(text: str) -> None:
    assert VapidKey.from_text(unb64(KEY.private_raw), text).public == KEY.public


@pytest.mark.parametrize("private", PRIVATE_FORMS.values(), ids=PRIVATE_FORMS)
def test_two_halves_of_different_pairs_are_refused(private: str) -> None:
    with pytest.raises(InvalidVapidKey, match="not a pair"):
        VapidKey.from_text(private, OTHER.public)


@pytest.mark.parametrize("text", PUBLIC_FORMS.values(), ids=PUBLIC_FORMS)
def test_the_other_half_in_any_form_is_refused(text: str) -> None:
    with pytest.raises(InvalidVapidKey, match="not a pair"):
        VapidKey.from_text(unb64(OTHER.private_raw), text)


def test_a_jwk_whose_own_halves_differ_is_refused() -> None:
    with pytest.raises(InvalidVapidKey, match="not a pair"):
        VapidKey.from_text(jwk(OTHER, d=unb64(KEY.private_raw)))


def foreign(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def encrypted_pem() -> str:
    return KEY.signer.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"password")).decode()


NO_PRIVATE_KEYS = {
    "nothing": "",
    "text": "not a key",
    "other letters": "ключ",
    "31 bytes": unb64(KEY.private_raw[1:]),
    "33 bytes": unb64(b"\x00" + KEY.private_raw),
    "zero": unb64(bytes(32)),
    "the group's order": unb64(ORDER.to_bytes(32, "big")),
    "over the group's order": unb64(b"\xff" * 32),
    "the public key": KEY.public,
    "a public PEM": PUBLIC_FORMS["PEM"],
    "a cut PEM": pem(KEY)[:100],
    "a cut DER": unb64(der(KEY)[:-5]),
    "an encrypted PEM": encrypted_pem(),
    "another curve": foreign(ec.generate_private_key(ec.SECP384R1())),
    "another curve of the same size": foreign(ec.generate_private_key(ec.SECP256K1())),
    "RSA": foreign(rsa.generate_private_key(65537, 2048)),
    "Ed25519": foreign(ed25519.Ed25519PrivateKey.generate()),
    "a JWK of another curve": jwk(KEY, crv="P-384"),
    "a JWK of another type": jwk(KEY, kty="oct"),
    "a JWK without d": jwk(KEY, d=None),
    "a JWK with a number for d": jwk(KEY, d=5),
    "a JWK with a short d": jwk(KEY, d="AAAA"),
    "a JWK with a broken d": jwk(KEY, d="A"),
    "a JWK with a broken x": jwk(KEY, x="*"),
    "broken JSON": jwk(KEY)[:-1],
    "deep JSON": '{"a":' * 800,
    "far too long": "A" * 5000,
    "one letter too many": unb64(KEY.private_raw) + "AA",
}


@pytest.mark.parametrize("text", NO_PRIVATE_KEYS.values(), ids=NO_PRIVATE_KEYS)
def test_what_is_no_private_key_on_p_256_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(InvalidVapidKey) as refusal:
        VapidKey.from_text(text)
    assert len(refusal.value.reason) < 60
    assert unb64(KEY.private_raw) not in refusal.value.reason


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "*",
        "A" * 9000,
        KEY.public[:-4],
        "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
        rsa.generate_private_key(65537, 2048)
        .public_key()
        .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        .decode(),
        ec.generate_private_key(ec.SECP384R1())
        .public_key()
        .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        .decode(),
    ],
)
def test_what_is_no_public_key_is_refused(text: str) -> None:
    with pytest.raises(InvalidVapidKey):
        VapidKey.from_text(pem(KEY), text)


@pytest.mark.parametrize("private", [b"", bytes(32), b"\x01" * 31, b"\x01" * 33, b"\xff" * 32])
def test_raw_keys_are_checked(private: bytes) -> None:
    with pytest.raises(InvalidVapidKey):
        VapidKey.from_raw(private)


@given(st.text(max_size=200), st.none() | st.text(max_size=100))
def test_any_text_is_a_key_or_refused(private: str, public: str | None) -> None:
    with pytest.raises(InvalidVapidKey):
        VapidKey.from_text(private, public)


@given(st.integers(1, ORDER - 1))
def test_keys_survive_being_stored(scalar: int) -> None:
    raw = scalar.to_bytes(32, "big")
    key = VapidKey.from_raw(raw)
    assert key.private_raw == raw
    assert len(b64(key.public)) == 65
    assert VapidKey.from_text(unb64(raw), key.public).id == key.id


def test_each_generated_key_is_new() -> None:
    assert VapidKey.generate().public != VapidKey.generate().public


def test_the_id_is_the_start_of_the_hash_of_the_public_key() -> None:
    assert KEY.id == unb64(hashlib.sha256(b64(KEY.public)).digest())[:12]


def test_a_key_does_not_show_in_a_log_line() -> None:
    assert repr(KEY) == f"VapidKey(id={KEY.id!r})"


def test_py_vapid_reads_the_same_key() -> None:
    theirs = Vapid02.from_pem(pem(KEY).encode())
    assert theirs.private_key.private_numbers() == KEY.signer.private_numbers()


PUBLIC_SUBJECTS = [
    "mailto:ops@example.com",
    "mailto:web.push+tag@mail.example.co.uk",
    "mailto:o'brien@example.org",
    "mailto:a@b.xn--p1ai",
    "https://example.com",
    "https://example.com/",
    "https://www.example.com/contact?x=1",
    "https://example.com:8443/contact",
]
REFUSED_SUBJECTS = [
    *("", "ops@example.com", "example.com", "http://example.com", "tel:+4912345", "MAILTO:ops@example.com"),
    *("mailto:", "mailto:ops", "mailto:@example.com", "mailto:ops@", "mailto:ops@example", "mailto: ops@example.com"),
    *("mailto:ops@localhost", "mailto:ops@push.localhost", "mailto:ops@printer.local", "mailto:ops@PRINTER.LOCAL"),
    *("mailto:ops@x.invalid", "mailto:ops@x.test", "mailto:ops@x.example", "mailto:ops@x.internal", "mailto:ops@x.lan"),
    *("mailto:ops@home.arpa", "mailto:ops@x.onion", "mailto:ops@127.0.0.1", "mailto:ops@[127.0.0.1]", "mailto:ops@1.2"),
    *("mailto:<ops@example.com>", "mailto:Ops <ops@example.com>", "mailto:a@example.com,b@example.com"),
    *(
        "mailto:ops@example.com?subject=x",
        "mailto:ops@example.com ",
        " mailto:ops@example.com",
        "mailto:ops@example.com\n",
    ),
    *(
        "mailto:ops@example.com\r\nX: y",
        "mailto:ops@exa\x00mple.com",
        'mailto:"ops"@example.com',
        "mailto:öps@example.com",
    ),
    *("mailto:ops@exämple.com", "mailto:ops@-example.com", "mailto:ops@example-.com", "mailto:ops@example..com"),
    *("mailto:ops@.com", "mailto:ops@example.com.", f"mailto:ops@{'a' * 64}.com", f"mailto:{'a' * 65}@example.com"),
    *(
        "https://",
        "https:///x",
        "https://localhost",
        "https://localhost:8000/x",
        "https://example",
        "https://x.local/y",
    ),
    *(
        "https://user@example.com",
        "https://example.com@localhost",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://x.y.local",
    ),
    *(
        "https://example.com#x",
        "https://example.com/a b",
        "https://example.com\\x",
        'https://example.com/"',
        "https://example.com:x",
    ),
    *(
        f"https://example.com/{'a' * 300}",
        "javascript:alert(1)",
        "mailto:ops@example.com\x7f",
        "mailto:%0d@example.com\t",
    ),
]


@pytest.mark.parametrize("subject", PUBLIC_SUBJECTS)
def test_a_contact_at_a_public_domain_is_taken_as_it_is(subject: str) -> None:
    assert check_subject(subject) == subject


@pytest.mark.parametrize("subject", REFUSED_SUBJECTS)
def test_what_apple_would_refuse_is_refused_first(subject: str) -> None:
    with pytest.raises(InvalidSubject) as refusal:
        check_subject(subject)
    assert not subject or subject not in refusal.value.reason


def parts(header: str) -> tuple[str, str]:
    scheme, _, rest = header.partition(" ")
    assert scheme == "vapid"
    token, key = rest.split(", ")
    return token.removeprefix("t="), key.removeprefix("k=")


def claims(header: str) -> dict[str, object]:
    found: dict[str, object] = decode(*parts(header))
    return found


def test_the_example_of_rfc_8292_is_what_the_reader_of_these_tests_accepts() -> None:
    example = (
        "vapid t=eyJ0eXAiOiJKV1QiLCJhbGciOiJFUzI1NiJ9.eyJhdWQiOiJodHRwczovL3B1c2guZXhhbXBsZS5uZXQiLCJleHAiOjE0NTM1M"
        "jM3NjgsInN1YiI6Im1haWx0bzpwdXNoQGV4YW1wbGUuY29tIn0.i3CYb7t4xfxCDquptFOepC9GAu_HLGkMlMuCGSK2rpiUfnK9ojFwDXb1"
        "JrErtmysazNjjvW2L9OkSSHzvoD1oA, "
        "k=BA1Hxzyi1RUM1b5wjxsn7nGxAszw2u61m164i3MrAIxHF6YK5h4SDYic-dRuU_RCPCfA5aq9ojSwk5Y2EmClBPs"
    )
    assert claims(example) == {"aud": "https://push.example.net", "exp": 1453523768, "sub": "mailto:push@example.com"}
    ours = VapidTokens().authorization(KEY, SUBJECT, "https://push.example.net", 1453523768 - LIFETIME)
    assert parts(ours)[0].split(".")[:2] == parts(example)[0].split(".")[:2]


def test_a_token_names_the_origin_the_subject_and_an_end_within_a_day() -> None:
    header = VapidTokens().authorization(KEY, SUBJECT, ORIGIN, NOW)
    assert claims(header) == {"aud": ORIGIN, "exp": NOW + 12 * 3600, "sub": SUBJECT}
    assert parts(header)[1] == KEY.public


def test_py_vapid_accepts_the_header() -> None:
    header = VapidTokens().authorization(KEY, SUBJECT, ORIGIN, NOW)
    assert Vapid02.verify(header.replace(", k=", ",k="))


@pytest.mark.parametrize(
    ("age", "same"), [(0, True), (1, True), (RENEWAL - 1, True), (RENEWAL, False), (LIFETIME, False), (-1, False)]
)
def test_a_token_is_used_for_half_of_its_life(age: int, same: bool) -> None:
    tokens = VapidTokens()
    first = tokens.authorization(KEY, SUBJECT, ORIGIN, NOW)
    again = tokens.authorization(KEY, SUBJECT, ORIGIN, NOW + age)
    assert (again == first) is same
    exp = claims(again)["exp"]
    assert isinstance(exp, int)
    assert LIFETIME - RENEWAL < exp - (NOW + age) <= LIFETIME


def test_origins_keys_and_subjects_have_tokens_of_their_own() -> None:
    tokens = VapidTokens()
    headers = {
        tokens.authorization(key, subject, origin, NOW)
        for key in (KEY, OTHER)
        for subject in (SUBJECT, "mailto:other@example.com")
        for origin in (ORIGIN, "https://web.push.apple.com")
    }
    assert len(headers) == 8


def test_a_refused_header_is_signed_anew_and_others_stay() -> None:
    tokens = VapidTokens()
    apple = "https://web.push.apple.com"
    before = [tokens.authorization(key, SUBJECT, origin, NOW) for key in (KEY, OTHER) for origin in (ORIGIN, apple)]
    tokens.forget(before[0])
    after = [tokens.authorization(key, SUBJECT, origin, NOW) for key in (KEY, OTHER) for origin in (ORIGIN, apple)]
    assert [a == b for a, b in zip(before, after, strict=True)] == [False, True, True, True]


def test_a_header_that_was_replaced_already_takes_nothing_with_it() -> None:
    """A window of refusals of one token costs one new signature, not one each."""
    tokens = VapidTokens()
    refused = tokens.authorization(KEY, SUBJECT, ORIGIN, NOW)
    tokens.forget(refused)
    renewed = tokens.authorization(KEY, SUBJECT, ORIGIN, NOW)
    tokens.forget(refused)
    assert tokens.authorization(KEY, SUBJECT, ORIGIN, NOW) == renewed != refused


def test_forgetting_what_is_not_known_does_nothing() -> None:
    tokens = VapidTokens()
    known = tokens.authorization(KEY, SUBJECT, ORIGIN, NOW)
    tokens.forget("vapid t=a, k=b")
    assert tokens.authorization(KEY, SUBJECT, ORIGIN, NOW) == known


def test_the_cache_is_bounded_and_gives_up_the_oldest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tocsin.webpush.vapid._CACHED_TOKENS", 3)
    tokens = VapidTokens()
    origins = [f"https://wns{n}.notify.windows.com" for n in range(4)]
    first = [tokens.authorization(KEY, SUBJECT, origin, NOW) for origin in origins]
    assert [tokens.authorization(KEY, SUBJECT, origin, NOW) for origin in origins[1:]] == first[1:]
    assert tokens.authorization(KEY, SUBJECT, origins[0], NOW) != first[0]
