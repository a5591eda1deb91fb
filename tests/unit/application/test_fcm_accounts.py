"""The operator's use cases on service accounts."""

import pytest

from tests import builders, firebase
from tests.engine import MemoryEngine
from tocsin.domain.audit import Action
from tocsin.domain.errors import Fault, Refused
from tocsin.domain.ids import AppId


def test_what_was_put_is_shown_without_its_key(engine: MemoryEngine) -> None:
    owner = builders.app(engine)
    put = engine.fcm_accounts.put(owner.id, firebase.service_account(), builders.OPERATOR)
    assert put == engine.fcm_accounts.get(owner.id)
    assert (put.account.project, put.account.created_at) == (firebase.PROJECT, int(engine.clock.now()))
    assert b"PRIVATE" not in put.account.ciphertext


def test_active_devices_that_are_reached_by_it_are_counted(engine: MemoryEngine) -> None:
    owner = builders.app(engine)
    firebase.enroll(engine, owner)
    phones = [firebase.phone(engine, owner, number) for number in range(3)]
    builders.subscribe(engine, owner, 1)
    engine.subscribing.withdraw(owner, phones[0].id)
    assert engine.fcm_accounts.get(owner.id).devices == 2


def test_each_change_is_written_down_without_a_secret(engine: MemoryEngine) -> None:
    owner = builders.app(engine)
    engine.clock.advance(1)
    firebase.enroll(engine, owner)
    engine.clock.advance(1)
    engine.fcm_accounts.remove(owner.id, builders.OPERATOR)
    removed, put = engine.configuring.audit(owner.id, 2, None).items
    assert (put.action, removed.action) == (Action.FCM_ACCOUNT_SET, Action.FCM_ACCOUNT_REMOVED)
    assert put.details == {"project": firebase.PROJECT, "key": firebase.service_account()["private_key_id"]}


def test_what_is_refused_leaves_the_earlier_one(engine: MemoryEngine) -> None:
    owner = builders.app(engine)
    firebase.enroll(engine, owner)
    before = engine.fcm_accounts.get(owner.id)
    with pytest.raises(Refused) as refused:
        engine.fcm_accounts.put(owner.id, firebase.service_account(token_uri="https://x.example"), builders.OPERATOR)
    assert (refused.value.fault, refused.value.field) == (Fault.FIELD_INVALID, "token_uri")
    assert engine.fcm_accounts.get(owner.id) == before


def test_what_is_not_there_is_not_found(engine: MemoryEngine) -> None:
    owner, use = builders.app(engine), engine.fcm_accounts
    for call in (
        lambda: use.get(owner.id),
        lambda: use.remove(owner.id, builders.OPERATOR),
        lambda: use.get(AppId("0" * 24)),
        lambda: use.put(AppId("0" * 24), firebase.service_account(), builders.OPERATOR),
        lambda: use.remove(AppId("0" * 24), builders.OPERATOR),
    ):
        with pytest.raises(Refused) as refused:
            call()
        assert refused.value.fault is Fault.NOT_FOUND
