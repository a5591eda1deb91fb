"""The contract of Members."""

from dataclasses import replace

import pytest

from tests.contract.records import ANNA, APP, BERT, NOW, OTHER_APP, subscription
from tests.contract.stores import Stores
from tocsin.application.ports import EnrolmentCode
from tocsin.domain.person import Person
from tocsin.domain.subscription import SubscriptionState

NAME = BERT.value


def person(name: str) -> Person:
    return Person(APP, "01" * 12, name, False, False, True, NOW, NOW, 7)


@pytest.mark.row("KM-19")
@pytest.mark.parametrize("state", SubscriptionState)
def test_whoever_has_a_device_in_whatever_state_is_a_member_of_that_app(
    stores: Stores, state: SubscriptionState
) -> None:
    device = replace(subscription(1), identities=(ANNA, BERT), state=state)
    stores.subscriptions.put(device, None)
    assert stores.members.among(APP, [NAME, "anna", ANNA.value, NAME]) == {NAME}
    assert stores.members.among(OTHER_APP, [NAME]) == set()


def test_whoever_goes_by_no_device_any_more_is_none(stores: Stores) -> None:
    device = replace(subscription(1), identities=(BERT,))
    stores.subscriptions.put(device, None)
    stores.subscriptions.put(replace(device, identities=(), revision=device.revision + 1), device)
    assert stores.members.among(APP, [NAME]) == set()


@pytest.mark.row("KM-19")
def test_whoever_has_a_record_is_a_member_without_any_device(stores: Stores) -> None:
    stores.persons.put(person("carl"), None)
    assert stores.members.among(APP, ["carl", "car", "carla"]) == {"carl"}
    stores.persons.remove(APP, "carl")
    assert stores.members.among(APP, ["carl"]) == set()


def test_an_enrolment_code_makes_nobody_a_member(stores: Stores) -> None:
    stores.codes.add(EnrolmentCode(APP, NAME, "0" * 64, "0" * 24, NOW + 60, False))
    stores.codes.add(EnrolmentCode(APP, NAME, "1" * 64, "1" * 24, NOW + 60, True))
    assert stores.members.among(APP, [NAME]) == set()


def test_five_hundred_are_asked_about_at_once(stores: Stores) -> None:
    names = [f"user-{number}" for number in range(500)]
    for name in names[::50]:
        stores.persons.put(person(name), None)
    assert stores.members.among(APP, names) == set(names[::50])
    assert stores.members.among(APP, []) == set()
