"""Cursors that customers hold, in virtual time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.engine import MemoryEngine
from tocsin.application.cursors import LIFE
from tocsin.application.ports import MalformedCursor
from tocsin.domain.ids import AppId

APP, OTHER = AppId("a" * 24), AppId("b" * 24)


@given(st.text(), st.text())
def test_a_cursor_leads_to_its_place(listing: str, place: str) -> None:
    cursors = MemoryEngine().cursors
    assert cursors.open(APP, listing, cursors.seal(APP, listing, place)) == place


def test_a_cursor_of_another_app_or_list_opens_nothing() -> None:
    cursors = MemoryEngine().cursors
    sealed = cursors.seal(APP, "clients", "17")
    for app, listing in ((OTHER, "clients"), (APP, "clients?status=active"), (APP, "client"), (APP, "")):
        with pytest.raises(MalformedCursor):
            cursors.open(app, listing, sealed)


def test_a_cursor_ends_after_24_hours() -> None:
    engine = MemoryEngine()
    sealed = engine.cursors.seal(APP, "clients", "17")
    engine.clock.advance(LIFE)
    assert engine.cursors.open(APP, "clients", sealed) == "17"
    engine.clock.advance(1)
    with pytest.raises(MalformedCursor):
        engine.cursors.open(APP, "clients", sealed)


@pytest.mark.parametrize("place", ["", "1", "12", "123"])  # all lengths that base64 rounds differently
def test_a_cursor_with_any_character_altered_opens_nothing(place: str) -> None:
    cursors = MemoryEngine().cursors
    sealed = cursors.seal(APP, "clients", place)
    altered = [
        sealed[:at] + other + sealed[at + 1 :] for at in range(len(sealed)) for other in "ABgw-" if sealed[at] != other
    ]
    for text in (*altered, sealed[:-1], sealed[1:], f"{sealed}A", f"{sealed}=", f"{sealed}==", f" {sealed}", ""):
        with pytest.raises(MalformedCursor):
            cursors.open(APP, "clients", text)


@given(st.text() | st.binary(max_size=40).map(lambda raw: raw.decode("latin-1")))
def test_a_cursor_that_is_made_up_opens_nothing(text: str) -> None:
    with pytest.raises(MalformedCursor):
        MemoryEngine().cursors.open(APP, "clients", text)
