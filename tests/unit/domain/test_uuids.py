"""Ids as UUIDs: every id survives the way there and back, and what was altered or is of another kind is none."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.dialects.keymaster import identifiers
from tocsin.domain.ids import AppId, SendId, SubscriptionId
from tocsin.domain.uuids import APP, TENANT, UuidForm

NUMBERED = UuidForm("notification", number_bits=9)
GOOD = APP.render("0" * 24)
IDS = st.binary(min_size=12, max_size=12).map(bytes.hex)


@pytest.mark.row("KM-26")
@given(id_=IDS, number=st.integers(0, 511))
def test_an_id_and_its_number_come_back_from_a_uuid_of_version_4_in_any_case(id_: str, number: int) -> None:
    text = NUMBERED.render(id_, number)
    assert (uuid.UUID(text).version, uuid.UUID(text).variant, str(uuid.UUID(text))) == (4, uuid.RFC_4122, text)
    assert NUMBERED.parse(text) == NUMBERED.parse(text.upper()) == (id_, number)


def test_every_number_of_an_id_has_a_uuid_of_its_own() -> None:
    assert len({NUMBERED.render("0" * 24, number) for number in range(512)}) == 512


@pytest.mark.parametrize("form", [APP, NUMBERED], ids=lambda form: form.kind)
def test_no_bit_can_be_altered(form: UuidForm) -> None:
    good = uuid.UUID(form.render("0123456789abcdef01234567", 0))
    altered = [str(uuid.UUID(int=good.int ^ 1 << bit)) for bit in range(128)]
    assert [text for text in altered if form.parse(text) is not None] == []


def test_a_uuid_of_one_kind_is_none_of_another() -> None:
    id_ = "0123456789abcdef01234567"
    app, device = identifiers.app_id(AppId(id_)), identifiers.device_id(SubscriptionId(id_))
    assert (identifiers.app_in(app), identifiers.device_in(device)) == (id_, id_)
    assert (identifiers.app_in(device), identifiers.device_in(app), APP.parse(TENANT.render(id_))) == (None, None, None)
    assert len({app, device, identifiers.notification_id(SendId(id_), 0), identifiers.delivery_id(id_)}) == 4


@pytest.mark.parametrize(
    "text",
    [
        *("", "x", "app_aaaaaaaaaaaaaaaaaaaa", "0" * 36, str(uuid.UUID(int=0)), str(uuid.UUID(int=2**128 - 1))),
        *(f"{GOOD}\n", f"{{{GOOD}}}", f"urn:uuid:{GOOD}", GOOD.replace("-", ""), "\u0660" * 8 + GOOD[8:]),
    ],
)
def test_what_is_no_uuid_of_ours_is_told_apart(text: str) -> None:
    assert APP.parse(text) is None


@given(text=st.text(max_size=50))
def test_any_text_can_be_asked_about(text: str) -> None:
    assert APP.parse(text) is None
