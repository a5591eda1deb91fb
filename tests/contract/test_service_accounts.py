"""The contract of ServiceAccounts: one for each app, changed together with its audit log."""

from tests.contract.records import APP, NOW, OTHER_APP
from tests.contract.stores import Stores
from tocsin.application.ports import SealedServiceAccount
from tocsin.domain.audit import Action, Actor, AuditEntry
from tocsin.domain.ids import AppId

FIRST = SealedServiceAccount("shop-12345", "push@shop-12345.iam.gserviceaccount.com", "0" * 40, b"\x00sealed\xff", NOW)
SECOND = SealedServiceAccount("shop-67890", "push@shop-67890.iam.gserviceaccount.com", "1" * 40, b"other", NOW + 1)


def entry(number: int, owner: AppId = APP, action: Action = Action.FCM_ACCOUNT_SET) -> AuditEntry:
    return AuditEntry(f"{number:024x}", owner, NOW + number, Actor("operator", "req-1"), action)


def test_the_newest_one_is_kept(stores: Stores) -> None:
    assert stores.service_accounts.get(APP) is None
    stores.service_accounts.put(APP, FIRST, entry(1))
    assert stores.service_accounts.get(APP) == FIRST
    stores.service_accounts.put(APP, SECOND, entry(2))
    assert stores.service_accounts.get(APP) == SECOND
    assert list(stores.registry.audit(APP, 9, None).items) == [entry(2), entry(1)]


def test_one_that_is_removed_is_gone_and_once(stores: Stores) -> None:
    stores.service_accounts.put(APP, FIRST, entry(1))
    removed = entry(2, action=Action.FCM_ACCOUNT_REMOVED)
    assert stores.service_accounts.remove(APP, removed)
    assert stores.service_accounts.get(APP) is None
    assert not stores.service_accounts.remove(APP, entry(3, action=Action.FCM_ACCOUNT_REMOVED))
    assert list(stores.registry.audit(APP, 9, None).items) == [removed, entry(1)]


def test_apps_do_not_see_each_others(stores: Stores) -> None:
    stores.service_accounts.put(APP, FIRST, entry(1))
    stores.service_accounts.put(OTHER_APP, SECOND, entry(1, OTHER_APP))
    assert stores.service_accounts.get(APP) == FIRST
    assert stores.service_accounts.remove(OTHER_APP, entry(2, OTHER_APP))
    assert stores.service_accounts.get(APP) == FIRST
