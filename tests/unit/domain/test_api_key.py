"""The form of API keys (PS-3, PS-5)."""

import re

import pytest

from tests.memory.system import SeededRandomness
from tocsin.domain.api_key import BASE62, ID_LENGTH, SECRET_LENGTH, compose, digest_of, id_in


def key(seed: int = 0) -> str:
    chance = SeededRandomness(seed)
    return compose("psk", chance.base62(ID_LENGTH), chance.base62(SECRET_LENGTH))


@pytest.mark.row("PS-3")
def test_ps_3_a_key_has_its_dialects_prefix_and_more_than_32_random_characters() -> None:
    assert re.fullmatch(r"psk_[0-9A-Za-z]{57}", key())
    assert SECRET_LENGTH >= 32


def test_the_id_is_read_from_the_text_alone() -> None:
    found = id_in(key())
    assert found == ("psk", key()[4:12])


def test_any_one_wrong_character_is_noticed_before_any_look_up() -> None:
    text = key()
    for place in range(len(text)):
        for other in "aZ0_":
            if text[place] != other:
                assert id_in(text[:place] + other + text[place + 1 :]) is None


def test_swapped_neighbours_are_noticed() -> None:
    text = key()
    for place in range(4, len(text) - 1):
        if text[place] != text[place + 1]:
            assert id_in(text[:place] + text[place + 1] + text[place] + text[place + 2 :]) is None


@pytest.mark.parametrize(
    "text",
    ["", "psk_", "psk", key() + "a", key()[:-1], " " + key(), key() + "\n", key().replace("_", "-"), "\ud800", "ключ"],
)
def test_what_is_not_of_our_form_is_no_key(text: str) -> None:
    assert id_in(text) is None


@pytest.mark.row("PS-5")
def test_ps_5_what_is_kept_is_the_sha_256_of_the_text() -> None:
    assert digest_of("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_the_checksum_is_base62_whatever_the_key() -> None:
    for seed in range(200):
        assert set(key(seed)[4:]) <= set(BASE62)
        assert id_in(key(seed)) is not None
