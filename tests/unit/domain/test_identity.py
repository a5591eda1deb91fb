"""Names of people: their normal form, their hash, and the proof of them."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.memory.system import START
from tocsin.domain.identity import (
    MAX_PROOF_LIFE,
    Identity,
    IdentityKind,
    Proof,
    email_identity,
    normalise_email,
    proof_mac,
    proves,
)

NOW = int(START)
SECRET, OTHER_SECRET = b"s" * 32, b"t" * 32
NAME = "anna@shop.example"
EMAIL, EXTERNAL = IdentityKind.EMAIL, IdentityKind.EXTERNAL


def made(secret: bytes = SECRET, kind: IdentityKind = EMAIL, name: str = NAME, exp: int = NOW + 60) -> Proof:
    return Proof(exp, proof_mac(secret, kind, name, exp))


def holds(proof: Proof, kind: IdentityKind = EMAIL, name: str = NAME) -> bool:
    return proves(proof, SECRET, kind, name, NOW)


@pytest.mark.row("PS-13")
@pytest.mark.parametrize(
    "written", ["anna@shop.example", "  Anna@Shop.Example\n", "ANNA@SHOP.EXAMPLE", "\u00a0anna@shop.example"]
)
def test_ps_13_one_address_has_one_form(written: str) -> None:
    assert normalise_email(written) == NAME


def test_an_accent_is_the_same_composed_or_not() -> None:
    assert normalise_email("rene\u0301@shop.example") == normalise_email("ren\u00e9@shop.example")


@pytest.mark.row("PS-12")
@pytest.mark.parametrize(
    "written",
    [
        "",
        " ",
        "anna",
        "@shop.example",
        "anna@",
        "a@b@c",
        "an na@shop.example",
        "anna@shop\t.example",
        "a\x00@b",
        "a\u200b@b",
        "\ud800@b",
        "a" * 243 + "@shop.exampl",
    ],
)
def test_ps_12_what_is_no_address_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="must be"):
        normalise_email(written)


@pytest.mark.row("PS-12")
def test_ps_12_an_address_of_254_characters_is_taken() -> None:
    longest = "a" * 252 + "@b"
    assert normalise_email(longest) == longest
    with pytest.raises(ValueError, match="254"):
        normalise_email("a" + longest)


@given(st.text(max_size=20), st.text(max_size=20))
def test_the_normal_form_is_normal(local: str, domain: str) -> None:
    try:
        once = normalise_email(f"{local}@{domain}")
    except ValueError:
        return
    assert normalise_email(once) == once


@pytest.mark.row("PS-13")
def test_ps_13_an_address_cannot_be_read_from_its_identity_or_joined_across_apps() -> None:
    mine, other = email_identity(NAME, b"pepper of one app"), email_identity(NAME, b"pepper of another")
    assert mine == email_identity(" ANNA@shop.example", b"pepper of one app") != other
    assert mine.value.startswith("1:")
    assert len(mine.value) == 42
    assert "anna" not in mine.value


def test_a_proof_holds_for_what_it_was_made_for() -> None:
    assert holds(made())
    assert holds(made(exp=NOW))
    assert holds(made(exp=NOW + MAX_PROOF_LIFE))


@pytest.mark.parametrize(
    "forged",
    [
        made(secret=OTHER_SECRET),
        made(kind=EXTERNAL),
        made(name="bert@shop.example"),
        made(exp=NOW - 1),
        made(exp=NOW + MAX_PROOF_LIFE + 1),
        Proof(NOW + 61, made().mac),
        Proof(NOW + 60, made().mac.upper()),
        Proof(NOW + 60, made().mac + " "),
        Proof(NOW + 60, made().mac[:-1]),
        Proof(NOW + 60, ""),
        Proof(NOW + 60, "é" * 64),
        Proof(NOW + 60, "\ud800"),
        Proof(-1, proof_mac(SECRET, EMAIL, NAME, -1)),
    ],
    ids=range(13),
)
def test_a_forged_proof_does_not_hold(forged: Proof) -> None:
    assert not holds(forged)


def test_no_bit_of_a_proof_can_be_changed() -> None:
    mac = bytes.fromhex(made().mac)
    for bit in range(len(mac) * 8):
        flipped = bytearray(mac)
        flipped[bit // 8] ^= 1 << bit % 8
        assert not holds(Proof(NOW + 60, flipped.hex()))


def test_ten_thousand_guesses_never_hold() -> None:
    chance = random.Random(7)
    assert not any(holds(Proof(NOW + chance.randrange(3600), chance.randbytes(32).hex())) for _ in range(10_000))


def test_a_name_cannot_be_stretched_into_the_time_of_a_proof() -> None:
    proof = made(kind=EXTERNAL, name="17", exp=NOW + 60)
    assert not holds(proof, EXTERNAL, f"17.{NOW + 60}")
    assert not holds(proof, EXTERNAL, "1")


def test_kinds_of_identity_do_not_mix() -> None:
    assert Identity(EMAIL, "17") != Identity(EXTERNAL, "17")
