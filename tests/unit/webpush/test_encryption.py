"""RFC 8291 and RFC 8188: exact vectors, the record's limits, and two other implementations as the oracle."""

import base64
import json

import http_ece
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st
from pywebpush import WebPusher

from tocsin.webpush.encryption import (
    MAX_PLAINTEXT,
    InvalidKeys,
    PayloadTooLarge,
    RecipientKeys,
    encrypt,
    parse_keys,
)

# RFC 8291 section 5 and appendix A.
RFC_PLAINTEXT = b"When I grow up, I want to be a watermelon"
RFC_SENDER_PRIVATE = "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"
RFC_RECEIVER_PRIVATE = "q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94"
RFC_RECEIVER_PUBLIC = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
RFC_AUTH = "BTBZMqHH6r4Tts7J_aSIgg"
RFC_SALT = "DGv6ra1nlYgDCS1FRnbzlw"
RFC_BODY = (
    "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6Tlz"
    "AC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
)


def b64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def unb64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def private_key(text: str) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(int.from_bytes(b64(text), "big"), ec.SECP256R1())


def point(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


USER_AGENT = private_key(RFC_RECEIVER_PRIVATE)
AUTH = b64(RFC_AUTH)
KEYS = RecipientKeys(point(USER_AGENT), AUTH)


def decrypt(body: bytes) -> bytes:
    plaintext: bytes = http_ece.decrypt(body, private_key=USER_AGENT, auth_secret=AUTH, version="aes128gcm")
    return plaintext


def test_the_example_of_rfc_8291_byte_for_byte() -> None:
    body = encrypt(
        RFC_PLAINTEXT,
        parse_keys(RFC_RECEIVER_PUBLIC, RFC_AUTH),
        ephemeral=private_key(RFC_SENDER_PRIVATE),
        salt=b64(RFC_SALT),
    )
    assert unb64(body) == RFC_BODY


def test_the_header_is_that_of_rfc_8188_with_one_record_and_no_padding() -> None:
    body = encrypt(b"x" * 100, KEYS)
    salt, record_size, key_length = body[:16], body[16:20], body[20]
    assert len(set(salt)) > 1
    assert int.from_bytes(record_size, "big") == 4096
    assert key_length == 65
    assert body[21] == 4
    assert len(body) == 86 + 100 + 1 + 16


def test_each_message_has_its_own_key_pair_and_salt() -> None:
    bodies = [encrypt(b"same", KEYS) for _ in range(20)]
    assert len({body[:16] for body in bodies}) == 20
    assert len({body[21:86] for body in bodies}) == 20


@given(st.binary(max_size=MAX_PLAINTEXT))
def test_http_ece_reads_what_is_encrypted(plaintext: bytes) -> None:
    assert decrypt(encrypt(plaintext, KEYS)) == plaintext


# http_ece writes no record at all for an empty plaintext, so it is left out.
@given(st.binary(min_size=1, max_size=600), st.integers(1, 2**250), st.binary(min_size=16, max_size=16))
def test_given_the_same_randomness_http_ece_writes_the_same_bytes(plaintext: bytes, scalar: int, salt: bytes) -> None:
    sender = ec.derive_private_key(scalar, ec.SECP256R1())
    theirs = http_ece.encrypt(
        plaintext, salt=salt, private_key=sender, dh=KEYS.p256dh, auth_secret=AUTH, version="aes128gcm", rs=4096
    )
    assert encrypt(plaintext, KEYS, ephemeral=sender, salt=salt) == theirs


def test_pywebpush_takes_the_same_subscription_to_the_same_effect() -> None:
    subscription = {
        "endpoint": "https://updates.push.services.mozilla.com/wpush/v2/x",
        "keys": {"p256dh": RFC_RECEIVER_PUBLIC, "auth": RFC_AUTH},
    }
    data = json.dumps({"title": "Türkçe ✓"})
    theirs = WebPusher(subscription).encode(data.encode(), content_encoding="aes128gcm")["body"]
    ours = encrypt(data.encode(), parse_keys(RFC_RECEIVER_PUBLIC, RFC_AUTH))
    assert decrypt(ours) == decrypt(theirs) == data.encode()


@pytest.mark.parametrize("size", [0, 1, 3992, 3993])
def test_up_to_3993_bytes_fit_into_a_body_of_4096(size: int) -> None:
    body = encrypt(b"a" * size, KEYS)
    assert len(body) == size + 103 <= 4096
    assert decrypt(body) == b"a" * size


@pytest.mark.parametrize("size", [3994, 4096, 100_000])
def test_a_larger_payload_is_refused_with_its_size(size: int) -> None:
    with pytest.raises(PayloadTooLarge) as refusal:
        encrypt(b"a" * size, KEYS)
    assert refusal.value.size == size


@pytest.mark.parametrize(
    "padding", ["", "=", "=="], ids=["none", "one", "two, as some pages send without counting them"]
)
def test_padding_is_optional(padding: str) -> None:
    keys = parse_keys(RFC_RECEIVER_PUBLIC + padding, RFC_AUTH + padding)
    assert (keys.p256dh, keys.auth) == (b64(RFC_RECEIVER_PUBLIC), AUTH)


def test_plain_base64_from_btoa_is_read_too() -> None:
    plain = base64.b64encode(KEYS.p256dh).decode()
    assert plain != RFC_RECEIVER_PUBLIC + "="
    assert parse_keys(plain, base64.b64encode(AUTH).decode()) == KEYS


OFF_CURVE = unb64(KEYS.p256dh[:-1] + bytes([KEYS.p256dh[-1] ^ 1]))


@pytest.mark.row("PS-21")
@pytest.mark.parametrize(
    ("p256dh", "auth", "reason"),
    [
        ("", RFC_AUTH, "p256dh is not 65 bytes"),
        ("A", RFC_AUTH, "p256dh is not base64url"),
        (RFC_RECEIVER_PUBLIC + "\n", RFC_AUTH, "p256dh is not base64url"),
        (" " + RFC_RECEIVER_PUBLIC, RFC_AUTH, "p256dh is not base64url"),
        (RFC_RECEIVER_PUBLIC[:-1] + "é", RFC_AUTH, "p256dh is not base64url"),
        ("A" * 10_000, RFC_AUTH, "p256dh is not 65 bytes"),
        (RFC_RECEIVER_PUBLIC[:-4], RFC_AUTH, "p256dh is not 65 bytes"),
        (RFC_RECEIVER_PUBLIC + "AAAA", RFC_AUTH, "p256dh is not 65 bytes"),
        (unb64(b"\x02" + KEYS.p256dh[1:33]), RFC_AUTH, "p256dh is not 65 bytes"),
        (OFF_CURVE, RFC_AUTH, "p256dh is not a point on P-256"),
        (unb64(b"\x04" + bytes(64)), RFC_AUTH, "p256dh is not a point on P-256"),
        (unb64(b"\x05" + KEYS.p256dh[1:]), RFC_AUTH, "p256dh is not a point on P-256"),
        (unb64(b"\x04" + b"\xff" * 64), RFC_AUTH, "p256dh is not a point on P-256"),
        (unb64(bytes(65)), RFC_AUTH, "p256dh is not a point on P-256"),
        (RFC_RECEIVER_PUBLIC, "", "auth is not 16 bytes"),
        (RFC_RECEIVER_PUBLIC, "A===", "auth is not base64url"),
        (RFC_RECEIVER_PUBLIC, unb64(bytes(15)), "auth is not 16 bytes"),
        (RFC_RECEIVER_PUBLIC, unb64(bytes(17)), "auth is not 16 bytes"),
    ],
)
def test_keys_that_cannot_work_are_refused(p256dh: str, auth: str, reason: str) -> None:
    with pytest.raises(InvalidKeys) as refusal:
        parse_keys(p256dh, auth)
    assert refusal.value.reason == reason


@given(st.text(max_size=100), st.text(max_size=40))
def test_any_text_is_either_keys_or_refused(p256dh: str, auth: str) -> None:
    try:
        keys = parse_keys(p256dh, auth)
    except InvalidKeys:
        return
    assert (len(keys.p256dh), len(keys.auth)) == (65, 16)


def test_keys_that_were_never_checked_are_refused_when_used() -> None:
    with pytest.raises(InvalidKeys):
        encrypt(b"", RecipientKeys(b64(OFF_CURVE), AUTH))


def test_keys_do_not_show_in_a_log_line() -> None:
    assert repr(KEYS) == "RecipientKeys()"
