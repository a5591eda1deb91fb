"""The contracts of Credits and RequestWindows."""

from dataclasses import replace

import pytest

from tests.contract.records import APP, NOW, OTHER_APP, REQUEST, UNLIMITED, send
from tests.contract.stores import Stores
from tocsin.application.ports import LedgerEntry, MalformedCursor, ReferenceTaken, Window
from tocsin.domain.ledger import RowKind
from tocsin.domain.report import Report
from tocsin.domain.send import Balance, Charge, Tally

MINUTE = NOW // 60 * 60


def test_an_app_without_grants_has_nothing(stores: Stores) -> None:
    assert stores.credits.balance(APP) == Balance(0, 0, 0)


@pytest.mark.row("PS-33")
def test_a_grant_adds_once_for_each_reference(stores: Stores) -> None:
    assert stores.credits.grant(APP, 100, "invoice 1", NOW, REQUEST)
    assert not stores.credits.grant(APP, 100, "invoice 1", NOW, REQUEST)
    assert not stores.credits.grant(APP, 100, "invoice 1", NOW + 60, REQUEST)
    assert stores.credits.grant(APP, 100, "invoice 2", NOW, REQUEST)
    assert stores.credits.balance(APP) == Balance(200, 0, 0)


def test_a_reference_with_another_amount_is_refused(stores: Stores) -> None:
    stores.credits.grant(APP, 100, "invoice 1", NOW, REQUEST)
    with pytest.raises(ReferenceTaken):
        stores.credits.grant(APP, 101, "invoice 1", NOW, REQUEST)
    assert stores.credits.balance(APP) == Balance(100, 0, 0)


def test_apps_have_their_own_balances_and_references(stores: Stores) -> None:
    stores.credits.grant(APP, 100, "invoice 1", NOW, REQUEST)
    assert stores.credits.balance(OTHER_APP) == Balance(0, 0, 0)
    assert stores.credits.grant(OTHER_APP, 7, "invoice 1", NOW, REQUEST)
    assert stores.credits.balance(APP) == Balance(100, 0, 0)


@pytest.mark.row("X-10")
def test_the_ledger_is_newest_first_and_pages_without_gaps(stores: Stores) -> None:
    stores.credits.grant(APP, 100, "invoice 1", NOW, REQUEST)
    stores.credits.grant(APP, 7, "invoice 2", NOW, REQUEST)
    stores.credits.grant(OTHER_APP, 9, "theirs", NOW, REQUEST)
    one = replace(send(1, 3, created_at=NOW + 1), request_id="request 1")
    stores.sends.reserve(one, None, None, NOW, UNLIMITED)
    stores.sends.settle(one, Tally(accepted=2), Report(), NOW + 2)
    seen: list[LedgerEntry] = []
    cursor = None
    for size in (1, 2, 1):
        page = stores.credits.ledger(APP, size, cursor)
        assert len(page.items) == size
        seen += page.items
        cursor = page.cursor
    assert cursor is None
    assert seen == [
        LedgerEntry("settle", one.id, 2, NOW + 2, {"held": 3, "accepted": 2}),
        LedgerEntry("reserve", one.id, 3, NOW + 1, {"recipients": 3, "request_id": "request 1"}),
        LedgerEntry("grant", "invoice 2", 7, NOW, {"request_id": REQUEST}),
        LedgerEntry("grant", "invoice 1", 100, NOW, {"request_id": REQUEST}),
    ]
    theirs = LedgerEntry("grant", "theirs", 9, NOW, {"request_id": REQUEST})
    assert stores.credits.ledger(OTHER_APP, 10, None).items == [theirs]


def test_what_is_not_paid_with_credits_stands_in_the_ledger_with_nothing(stores: Stores) -> None:
    for number, charge in enumerate([Charge.QUOTA, Charge.NONE]):
        one = send(number, 3, charge=charge)
        stores.sends.reserve(one, None, None, NOW, UNLIMITED)
        stores.sends.settle(one, Tally(accepted=2), Report(), NOW)
    rows = stores.credits.ledger(APP, 10, None).items
    assert [row.amount for row in rows] == [0, 0, 0, 0]
    assert {row.kind for row in rows} == {"reserve", "settle"}


@pytest.mark.parametrize("cursor", ["", "x", f"{NOW:012}#grant", f"{NOW:012}#other#1", f"{NOW:012}#grant#a\n"])
def test_a_ledger_cursor_of_another_form_is_refused(stores: Stores, cursor: str) -> None:
    with pytest.raises(MalformedCursor):
        stores.credits.ledger(APP, 3, cursor)


def test_rows_of_a_kind_come_in_the_order_of_their_references(stores: Stores) -> None:
    references = ["invoice 10", "invoice 1", "invoice", "invoice 1#a", "~", "!"]
    for number, reference in enumerate(references):
        stores.credits.grant(APP, 1 + number, reference, NOW + number, REQUEST)
    stores.credits.grant(OTHER_APP, 9, "theirs", NOW, REQUEST)
    for number in (3, 1, 2):
        stores.sends.reserve(send(number, 2), None, None, NOW, UNLIMITED)
    stores.sends.settle(send(2, 2), Tally(accepted=1), Report(), NOW + 5)
    rows = list(stores.credits.rows(APP, RowKind.GRANT, ""))
    assert [name for name, _ in rows] == sorted(references)
    assert all(name == row.reference and references[row.amount - 1] == name for name, row in rows)
    assert [name for name, _ in stores.credits.rows(APP, RowKind.RESERVE, "")] == [send(n).id for n in (1, 2, 3)]
    settle = LedgerEntry("settle", send(2).id, 1, NOW + 5, {"held": 2, "accepted": 1})
    assert list(stores.credits.rows(APP, RowKind.SETTLE, "")) == [(send(2).id, settle)]
    assert list(stores.credits.rows(OTHER_APP, RowKind.SETTLE, "")) == []


@pytest.mark.parametrize("after", ["!", "invoice", "invoice 1", "invoice 1#a", "in", "~"])
def test_rows_go_on_after_a_reference(stores: Stores, after: str) -> None:
    references = ["invoice 10", "invoice 1", "invoice", "invoice 1#a", "~", "!"]
    for reference in references:
        stores.credits.grant(APP, 1, reference, NOW, REQUEST)
    found = [name for name, _ in stores.credits.rows(APP, RowKind.GRANT, after)]
    assert found == sorted(reference for reference in references if reference > after)


def test_a_row_is_found_by_its_kind_and_reference(stores: Stores) -> None:
    stores.credits.grant(APP, 2, "first", NOW, REQUEST)
    stores.sends.reserve(send(1, 2), None, None, NOW, UNLIMITED)
    row = stores.credits.row(APP, RowKind.RESERVE, send(1).id)
    assert row == LedgerEntry("reserve", send(1).id, 2, NOW, {"recipients": 2, "request_id": ""})
    assert stores.credits.row(APP, RowKind.SETTLE, send(1).id) is None
    assert stores.credits.row(OTHER_APP, RowKind.RESERVE, send(1).id) is None


@pytest.mark.row("PS-31")
def test_a_window_lets_exactly_its_limit_through(stores: Stores) -> None:
    taken = [stores.windows.take("key", 3, 60, MINUTE + second) for second in range(5)]
    end = MINUTE + 60
    assert taken == [
        Window(True, 3, 2, end),
        Window(True, 3, 1, end),
        Window(True, 3, 0, end),
        Window(False, 3, 0, end),
        Window(False, 3, 0, end),
    ]


def test_a_look_at_a_window_counts_nothing(stores: Stores) -> None:
    end = MINUTE + 60
    assert stores.windows.look("key", 2, 60, MINUTE) == Window(True, 2, 2, end)
    stores.windows.take("key", 2, 60, MINUTE)
    for _ in range(3):
        assert stores.windows.look("key", 2, 60, MINUTE + 1) == Window(True, 2, 1, end)
    stores.windows.take("key", 2, 60, MINUTE)
    assert stores.windows.look("key", 2, 60, MINUTE + 1) == Window(False, 2, 0, end)
    assert stores.windows.look("key", 1, 60, MINUTE + 1) == Window(False, 1, 0, end)
    assert stores.windows.look("key", 2, 60, end) == Window(True, 2, 2, end + 60)
    stores.windows.take("key", 2, 60, end)
    assert stores.windows.look("key", 2, 60, MINUTE + 1) == Window(True, 2, 1, end + 60)  # a clock that lags


def test_the_next_window_starts_anew(stores: Stores) -> None:
    for _ in range(4):
        stores.windows.take("key", 3, 60, MINUTE + 59.9)
    assert stores.windows.take("key", 3, 60, MINUTE + 60) == Window(True, 3, 2, MINUTE + 120)


def test_subjects_do_not_share_a_window(stores: Stores) -> None:
    stores.windows.take("one", 1, 60, MINUTE)
    assert stores.windows.take("two", 1, 60, MINUTE).allowed


def test_a_clock_that_lags_counts_in_the_current_window(stores: Stores) -> None:
    assert stores.windows.take("key", 2, 60, MINUTE + 60).allowed
    assert stores.windows.take("key", 2, 60, MINUTE + 59) == Window(True, 2, 0, MINUTE + 120)
    assert stores.windows.take("key", 2, 60, MINUTE + 59) == Window(False, 2, 0, MINUTE + 120)


def test_a_limit_that_was_lowered_leaves_nothing_and_not_less(stores: Stores) -> None:
    for _ in range(3):
        stores.windows.take("key", 3, 60, MINUTE)
    assert stores.windows.take("key", 1, 60, MINUTE) == Window(False, 1, 0, MINUTE + 60)


def test_a_limit_of_zero_lets_nobody_through(stores: Stores) -> None:
    assert stores.windows.take("key", 0, 60, MINUTE) == Window(False, 0, 0, MINUTE + 60)
    assert stores.windows.take("key", 1, 60, MINUTE).allowed
