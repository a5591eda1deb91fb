"""Enrolment codes: told again until they end, and used by whoever brings them."""

import re

import pytest

from tests.engine import MemoryEngine
from tocsin.application.ports import EnrolmentCode, Unavailable
from tocsin.domain.errors import Fault, Refused
from tocsin.domain.ids import AppId

APP, OTHER = AppId("a0" * 12), AppId("b0" * 12)
NAME = "u-17"


def refused(engine: MemoryEngine, code: str) -> Fault:
    with pytest.raises(Refused) as caught:
        engine.enrolling.redeem(code)
    return caught.value.fault


@pytest.mark.row("BN-7")
def test_a_person_has_the_same_code_until_it_expires_and_everybody_another(engine: MemoryEngine) -> None:
    code = engine.enrolling.code(APP, NAME)
    assert re.fullmatch(r"[a-z2-7]{32}", code)  # 160 bits
    engine.clock.advance(30 * 86_400 - 1)
    assert engine.enrolling.code(APP, NAME) == code
    others = {engine.enrolling.code(APP, "u-18"), engine.enrolling.code(OTHER, NAME)}
    engine.clock.advance(1)
    assert len({code, engine.enrolling.code(APP, NAME), *others}) == 4


@pytest.mark.row("BN-7")
def test_a_code_leads_to_its_person_as_often_as_it_is_brought(engine: MemoryEngine) -> None:
    code = engine.enrolling.code(APP, NAME)
    for _ in range(3):
        found = engine.enrolling.redeem(code)
        assert (found.app, found.person) == (APP, NAME)
    engine.clock.advance(30 * 86_400)
    assert refused(engine, code) is Fault.NOT_FOUND


@pytest.mark.row("BN-7")
def test_a_code_for_one_device_is_new_each_time_and_used_once(engine: MemoryEngine) -> None:
    first, second = (engine.enrolling.code(APP, NAME, once=True) for _ in range(2))
    assert len({first, second, engine.enrolling.code(APP, NAME)}) == 3
    assert engine.enrolling.find(first).person == NAME  # looking is not using
    engine.enrolling.redeem(first)
    assert refused(engine, first) is Fault.NOT_FOUND
    with pytest.raises(Refused):
        engine.enrolling.find(first)
    assert engine.enrolling.redeem(second).person == NAME


@pytest.mark.row("BN-7")
def test_a_revoked_code_opens_nothing_and_the_next_one_is_new(engine: MemoryEngine) -> None:
    code, once = engine.enrolling.code(APP, NAME), engine.enrolling.code(APP, NAME, once=True)
    assert engine.enrolling.revoke(APP, NAME) == 2
    assert {refused(engine, each) for each in (code, once)} == {Fault.NOT_FOUND}
    assert engine.enrolling.code(APP, NAME) != code


@pytest.mark.parametrize("code", ["", "a" * 31, "A" * 32, "a" * 32, "1" * 32, "é" * 32, "a" * 10_000])
def test_what_is_no_code_leads_nowhere(engine: MemoryEngine, code: str) -> None:
    assert refused(engine, code) is Fault.NOT_FOUND


def test_nothing_that_is_stored_opens_anything(engine: MemoryEngine) -> None:
    code = engine.enrolling.code(APP, NAME)
    assert code not in repr(engine.storage)


def test_two_who_ask_at_once_are_told_the_same(engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    real, elsewhere = engine.codes.add, []

    def slow(code: EnrolmentCode) -> None:
        monkeypatch.setattr(engine.codes, "add", real)
        elsewhere.append(engine.enrolling.code(APP, NAME))
        real(code)

    monkeypatch.setattr(engine.codes, "add", slow)
    assert [engine.enrolling.code(APP, NAME)] == elsewhere


def test_a_code_that_cannot_be_stored_is_not_told(engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(_: EnrolmentCode) -> None:
        raise Unavailable

    monkeypatch.setattr(engine.codes, "add", away)
    with pytest.raises(Unavailable):
        engine.enrolling.code(APP, NAME)
