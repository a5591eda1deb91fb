"""The contracts of Persons, Inbox and Codes."""

from dataclasses import replace

import pytest

from tests.contract.records import APP, BERT, NOW, OTHER_APP, UNLIMITED, send, subscription
from tests.contract.stores import Stores
from tocsin.application.ports import EnrolmentCode, MalformedCursor, Stale
from tocsin.domain.ids import AppId, SendId
from tocsin.domain.note import Note
from tocsin.domain.person import Person
from tocsin.domain.send import Charge

NAME = "bert#1/é"
LIFE = 30 * 86_400


def person(
    number: int = 1, name: str = NAME, *, owner: AppId = APP, subscribed: bool = True, created_at: int = NOW
) -> Person:
    return Person(owner, f"{number:02x}" * 12, name, subscribed, False, False, created_at, created_at, 7)


def code(number: int = 1, *, owner: AppId = APP, name: str = NAME, once: bool = False) -> EnrolmentCode:
    return EnrolmentCode(owner, name, f"{number:064x}", f"{number:024x}", NOW + LIFE, once)


def note_sent(stores: Stores, number: int = 1, name: str = NAME, created_at: int = NOW) -> SendId:
    """Reserve a send that leaves a note."""
    one = replace(send(number, 0, charge=Charge.QUOTA, created_at=created_at), inbox=name)
    stores.sends.reserve(one, None, None, created_at + 60, UNLIMITED)
    return one.id


# --- people ---


def test_a_person_is_read_back_as_they_were(stores: Stores) -> None:
    full = replace(person(), muted=True, enrolled=True, updated_at=NOW + 1)
    stores.persons.put(full, None)
    assert stores.persons.get(APP, NAME) == full
    assert stores.persons.get(APP, "bert") is None


def test_a_person_of_another_app_is_not_seen(stores: Stores) -> None:
    stores.persons.put(person(), None)
    assert stores.persons.get(OTHER_APP, NAME) is None
    assert stores.persons.listed(OTHER_APP, 10, None).items == []
    stores.persons.remove(OTHER_APP, NAME)
    assert stores.persons.get(APP, NAME) is not None


def test_a_person_is_changed_only_where_they_were_read(stores: Stores) -> None:
    first = person()
    stores.persons.put(first, None)
    with pytest.raises(Stale):
        stores.persons.put(first, None)
    second = replace(first, muted=True, revision=8)
    stores.persons.put(second, first)
    with pytest.raises(Stale):
        stores.persons.put(replace(first, revision=8), first)
    assert stores.persons.get(APP, NAME) == second


def test_a_person_leaves_their_browsers_where_they_are(stores: Stores) -> None:
    one = subscription(1, BERT)
    stores.subscriptions.put(one, None)
    stores.persons.put(person(name=BERT.value), None)
    stores.codes.add(code(name=BERT.value))
    assert stores.subscriptions.known(APP, BERT) == [one]
    stores.persons.remove(APP, BERT.value)
    stores.persons.remove(APP, BERT.value)
    assert stores.persons.get(APP, BERT.value) is None
    assert stores.subscriptions.known(APP, BERT) == [one]


@pytest.mark.row("BN-12")
def test_who_is_subscribed_is_listed_newest_first_in_pages_that_join(stores: Stores) -> None:
    everybody = [person(number, f"u-{number}", created_at=NOW + number % 3) for number in range(1, 24)]
    for one in everybody:
        stores.persons.put(one, None)
    gone, away = everybody[4], person(99, "away", subscribed=False)
    stores.persons.put(replace(gone, subscribed=False, revision=8), gone)
    stores.persons.put(away, None)
    expected = sorted((one for one in everybody if one != gone), key=lambda one: (one.created_at, one.id), reverse=True)
    listed: list[Person] = []
    cursor = None
    while True:
        page = stores.persons.listed(APP, 5, cursor)
        listed += page.items
        if (cursor := page.cursor) is None:
            break
        assert len(page.items) == 5
    assert listed == expected
    assert stores.persons.listed(APP, 22, None).cursor is None
    with pytest.raises(MalformedCursor):
        stores.persons.listed(APP, 5, "made up")


# --- inbox ---


@pytest.mark.row("BN-18")
def test_a_send_leaves_its_note_with_its_person_and_nobody_else(stores: Stores) -> None:
    first, second = note_sent(stores, 1), note_sent(stores, 2, created_at=NOW + 1)
    note_sent(stores, 3, "somebody else")
    stored = send(1)
    told = stored.notification
    assert stores.inbox.notes(APP, NAME, 10) == [
        Note(APP, NAME, second, told.title, told.body, NOW + 1, 0),
        Note(APP, NAME, first, told.title, told.body, NOW, 0),
    ]
    assert [one.send for one in stores.inbox.notes(APP, NAME, 1)] == [second]
    assert stores.inbox.notes(OTHER_APP, NAME, 10) == []


@pytest.mark.row("BN-19")
def test_a_note_is_read_once_and_keeps_the_first_time(stores: Stores) -> None:
    first, second = note_sent(stores, 1), note_sent(stores, 2)
    assert stores.inbox.mark_read(APP, NAME, NOW, first, NOW + 5)
    assert not stores.inbox.mark_read(APP, NAME, NOW, first, NOW + 9)
    assert {one.send: one.read_at for one in stores.inbox.notes(APP, NAME, 10)} == {first: NOW + 5, second: 0}
    assert not stores.inbox.mark_read(APP, "somebody else", NOW, second, NOW)
    assert not stores.inbox.mark_read(OTHER_APP, NAME, NOW, second, NOW)


def test_a_note_is_kept_for_ninety_days(stores: Stores) -> None:
    note_sent(stores)
    stores.clock.advance(90 * 86_400 - 1)
    assert len(stores.inbox.notes(APP, NAME, 10)) == 1
    stores.clock.advance(1)
    assert stores.inbox.notes(APP, NAME, 10) == []


def test_an_inbox_is_cleared_whole_and_no_other(stores: Stores) -> None:
    for number in range(101):
        note_sent(stores, number)
    note_sent(stores, 200, "somebody else")
    stores.inbox.clear(APP, NAME)
    stores.inbox.clear(APP, NAME)
    assert stores.inbox.notes(APP, NAME, 1000) == []
    assert len(stores.inbox.notes(APP, "somebody else", 10)) == 1


# --- codes ---


@pytest.mark.row("BN-7")
def test_a_code_is_found_by_its_digest_and_as_its_persons(stores: Stores) -> None:
    stores.codes.add(code())
    assert stores.codes.find(code().digest) == code() == stores.codes.live(APP, NAME)
    assert stores.codes.find(code(2).digest) is None
    assert stores.codes.live(APP, "somebody else") is None
    assert stores.codes.live(OTHER_APP, NAME) is None


@pytest.mark.row("BN-7")
def test_a_person_has_one_code_that_can_be_used_again_until_it_expires(stores: Stores) -> None:
    stores.codes.add(code())
    with pytest.raises(Stale):
        stores.codes.add(code(2))
    assert stores.codes.find(code(2).digest) is None
    stores.clock.advance(LIFE)
    assert stores.codes.live(APP, NAME) is None
    assert stores.codes.find(code().digest) is None
    renewed = replace(code(2), expires_at=NOW + 2 * LIFE)
    stores.codes.add(renewed)
    assert stores.codes.live(APP, NAME) == renewed


@pytest.mark.row("BN-7")
def test_codes_for_one_device_stand_beside_and_are_used_once(stores: Stores) -> None:
    stores.codes.add(code())
    for number in (2, 3):
        stores.codes.add(code(number, once=True))
    assert stores.codes.live(APP, NAME) == code()
    assert stores.codes.use(code(2, once=True))
    assert not stores.codes.use(code(2, once=True))
    used, unused = stores.codes.find(code(2).digest), stores.codes.find(code(3).digest)
    assert used is not None
    assert unused is not None
    assert (used.used, unused.used) == (True, False)
    assert not stores.codes.use(code(4, once=True))


def test_all_codes_of_a_person_are_revoked_at_once(stores: Stores) -> None:
    stores.codes.add(code())
    stores.codes.add(code(2, once=True))
    stores.codes.add(code(3, name="somebody else"))
    assert stores.codes.revoke(APP, NAME) == 2
    assert stores.codes.revoke(APP, NAME) == 0
    assert [stores.codes.find(code(number).digest) is None for number in (1, 2, 3)] == [True, True, False]
    stores.codes.add(code(4))
