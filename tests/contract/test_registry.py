"""The contract of Registry."""

from dataclasses import replace

import pytest

from tests.contract.records import APP, NOW, OTHER_APP, TENANT, api_key, app, entry, sealed, tenant
from tests.contract.stores import Stores
from tocsin.application.ports import MalformedCursor, Stale
from tocsin.domain.ids import AppId, KeyId, TenantId
from tocsin.domain.quota import Limits
from tocsin.domain.tenancy import App


def test_what_was_added_is_read_back(stores: Stores) -> None:
    with_icon = replace(app(), icon="https://shop.example/icon.png")
    stores.registry.add_tenant(tenant())
    stores.registry.add_app(with_icon, sealed(), entry())
    assert stores.registry.add_key(api_key(), entry())

    assert stores.registry.tenant(tenant().id) == tenant()
    assert stores.registry.app(with_icon.id) == with_icon
    assert stores.registry.vapid_key(with_icon.id, "vapid-1") == sealed()
    assert stores.registry.key(api_key().id) == api_key()


def test_what_was_not_added_is_not_there(stores: Stores) -> None:
    assert stores.registry.tenant(TenantId("0" * 24)) is None
    assert stores.registry.app(AppId("0" * 24)) is None
    assert stores.registry.key(KeyId("00000000")) is None
    assert stores.registry.tenants(10, None).items == []


def test_a_vapid_key_belongs_to_its_app(stores: Stores) -> None:
    stores.registry.add_app(app(1), sealed(), entry())
    assert stores.registry.vapid_key(app(2).id, "vapid-1") is None


def test_listings_are_newest_first_and_page_without_gaps(stores: Stores) -> None:
    for number in range(7):
        stores.registry.add_tenant(tenant(number, NOW + number // 2))
    seen, cursor = [], None
    while True:
        page = stores.registry.tenants(3, cursor)
        seen.append([one.id for one in page.items])
        if (cursor := page.cursor) is None:
            break
    newest_first = [tenant(number).id for number in range(6, -1, -1)]
    assert seen == [newest_first[:3], newest_first[3:6], newest_first[6:]]


def test_a_page_that_holds_everything_is_the_last(stores: Stores) -> None:
    for number in range(3):
        stores.registry.add_tenant(tenant(number))
    assert stores.registry.tenants(3, None).cursor is None


def test_apps_and_keys_are_listed_for_their_owner_only(stores: Stores) -> None:
    stores.registry.add_app(app(1), sealed(), entry())
    stores.registry.add_app(app(2, TenantId("d0" * 12)), sealed(), entry())
    stores.registry.add_key(api_key("AAAAAAAA", APP), entry())
    stores.registry.add_key(api_key("BBBBBBBB", OTHER_APP), entry())

    assert [one.id for one in stores.registry.apps(TENANT, 10, None).items] == [app(1).id]
    assert [one.id for one in stores.registry.keys(APP, 10, None).items] == ["AAAAAAAA"]


@pytest.mark.parametrize("cursor", ["", "x", "1#2", f"{NOW:012}#", f"{NOW:012}#a\n", "٣" * 12 + "#a"])
def test_a_cursor_of_another_form_is_refused(stores: Stores, cursor: str) -> None:
    with pytest.raises(MalformedCursor):
        stores.registry.tenants(3, cursor)


def test_a_taken_key_id_is_not_overwritten(stores: Stores) -> None:
    stores.registry.add_key(api_key("AAAAAAAA", APP), entry())
    assert not stores.registry.add_key(api_key("AAAAAAAA", OTHER_APP), entry())
    assert stores.registry.key(KeyId("AAAAAAAA")) == api_key("AAAAAAAA", APP)


def test_a_key_is_revoked_once_and_stays_listed(stores: Stores) -> None:
    stores.registry.add_key(api_key(), entry())
    assert stores.registry.revoke_key(APP, api_key().id, NOW + 5, entry())
    assert not stores.registry.revoke_key(APP, api_key().id, NOW + 9, entry(2))
    assert stores.registry.key(api_key().id) == replace(api_key(), revoked_at=NOW + 5)
    assert stores.registry.keys(APP, 10, None).items == [replace(api_key(), revoked_at=NOW + 5)]


def test_a_foreign_app_cannot_revoke_a_key(stores: Stores) -> None:
    stores.registry.add_key(api_key("AAAAAAAA", APP), entry())
    assert not stores.registry.revoke_key(OTHER_APP, KeyId("AAAAAAAA"), NOW, entry())
    assert stores.registry.key(KeyId("AAAAAAAA")) == api_key("AAAAAAAA", APP)


def test_revoking_a_key_that_does_not_exist_makes_none(stores: Stores) -> None:
    assert not stores.registry.revoke_key(APP, KeyId("00000000"), NOW, entry())
    assert stores.registry.key(KeyId("00000000")) is None


def test_the_last_use_of_a_key_never_goes_back(stores: Stores) -> None:
    stores.registry.add_key(api_key(), entry())
    stores.registry.touch_key(api_key().id, NOW + 9)
    stores.registry.touch_key(api_key().id, NOW + 5)
    assert stores.registry.key(api_key().id) == replace(api_key(), last_used_at=NOW + 9)


def test_touching_a_key_that_does_not_exist_makes_none(stores: Stores) -> None:
    stores.registry.touch_key(KeyId("00000000"), NOW)
    assert stores.registry.key(KeyId("00000000")) is None


def test_a_changed_app_is_stored_over_the_revision_that_was_read(stores: Stores) -> None:
    first = app()
    changed = replace(first, name="New", limits=Limits(5, None), dialects_off=frozenset(), revision=1)
    stores.registry.add_app(first, sealed(), entry())
    stores.registry.change_app(changed, entry(2, first.id))
    assert stores.registry.app(first.id) == changed
    assert stores.registry.apps(TENANT, 10, None).items == [changed]
    with pytest.raises(Stale):
        stores.registry.change_app(replace(first, name="Late", revision=1), entry(3, first.id), sealed("vapid-2"))
    assert stores.registry.app(first.id) == changed
    assert stores.registry.vapid_key(first.id, "vapid-2") is None
    assert [one.id for one in stores.registry.audit(first.id, 10, None).items] == [entry(2).id]


def test_an_app_that_does_not_exist_cannot_be_changed(stores: Stores) -> None:
    with pytest.raises(Stale):
        stores.registry.change_app(replace(app(), revision=1), entry(1, app().id))
    assert stores.registry.app(app().id) is None
    assert stores.registry.audit(app().id, 10, None).items == []


def test_a_further_vapid_key_comes_with_the_change_and_keys_are_listed_newest_first(stores: Stores) -> None:
    stores.registry.add_app(app(), sealed("vapid-1"), entry())
    further = sealed("vapid-2", NOW + 1)
    changed = replace(app(), vapid_key="vapid-2", revision=1)
    stores.registry.change_app(changed, entry(2), further)
    assert stores.registry.app(app().id) == changed
    assert stores.registry.vapid_keys(app().id) == [further, sealed("vapid-1")]
    assert stores.registry.vapid_keys(app(2).id) == []


def test_a_vapid_key_is_retired_once_and_its_app_then_has_to_be_read_anew(stores: Stores) -> None:
    one = with_two_keys(stores)
    assert stores.registry.retire_vapid_key(one, "vapid-1", NOW + 5, entry(3, one.id))
    assert stores.registry.vapid_key(one.id, "vapid-1") == replace(sealed("vapid-1"), retired_at=NOW + 5)
    with pytest.raises(Stale):
        stores.registry.change_app(replace(one, vapid_key="vapid-1", revision=one.revision + 1), entry(4, one.id))
    again = stores.registry.app(one.id)
    assert again is not None
    assert again == replace(one, revision=again.revision)
    assert not stores.registry.retire_vapid_key(again, "vapid-1", NOW + 9, entry(5, one.id))
    assert stores.registry.vapid_key(one.id, "vapid-1") == replace(sealed("vapid-1"), retired_at=NOW + 5)
    assert [seen.id for seen in stores.registry.audit(one.id, 10, None).items] == [entry(3).id]


@pytest.mark.parametrize("key", ["vapid-2", "absent"])
def test_neither_the_present_key_nor_an_absent_one_is_retired(stores: Stores, key: str) -> None:
    one = with_two_keys(stores)
    assert not stores.registry.retire_vapid_key(one, key, NOW + 5, entry(3, one.id))
    assert stores.registry.vapid_keys(one.id) == [sealed("vapid-2", NOW + 1), sealed("vapid-1")]
    assert stores.registry.app(one.id) == one
    assert stores.registry.audit(one.id, 10, None).items == []


def test_a_key_is_not_retired_over_a_change_of_the_app(stores: Stores) -> None:
    one = with_two_keys(stores)
    stores.registry.change_app(replace(one, vapid_key="vapid-1", revision=one.revision + 1), entry(3))
    with pytest.raises(Stale):
        stores.registry.retire_vapid_key(one, "vapid-1", NOW + 5, entry(4, one.id))
    assert stores.registry.vapid_key(one.id, "vapid-1") == sealed("vapid-1")
    assert stores.registry.audit(one.id, 10, None).items == []


def with_two_keys(stores: Stores) -> App:
    """An app whose second VAPID key is the present one."""
    changed = replace(app(), vapid_key="vapid-2", revision=1)
    stores.registry.add_app(app(), sealed("vapid-1"), entry(1))
    stores.registry.change_app(changed, entry(2), sealed("vapid-2", NOW + 1))
    return changed


def test_every_change_writes_its_audit_entry_and_a_refused_one_writes_none(stores: Stores) -> None:
    one, key = app(), replace(api_key(), app=app().id, requests_per_minute=7)
    stores.registry.add_app(one, sealed(), entry(1, one.id, NOW))
    stores.registry.add_key(key, entry(2, one.id, NOW + 1))
    stores.registry.add_key(api_key(key.id, OTHER_APP), entry(3, one.id, NOW + 2))
    stores.registry.revoke_key(one.id, key.id, NOW, entry(4, one.id, NOW + 3))
    stores.registry.revoke_key(one.id, key.id, NOW, entry(5, one.id, NOW + 4))
    stores.registry.revoke_key(OTHER_APP, key.id, NOW, entry(6, OTHER_APP, NOW + 5))
    stores.registry.record(entry(7, one.id, NOW + 6))
    stores.registry.record(entry(8, OTHER_APP, NOW + 7))
    assert stores.registry.audit(one.id, 10, None).items == [
        entry(7, one.id, NOW + 6),
        entry(4, one.id, NOW + 3),
        entry(2, one.id, NOW + 1),
        entry(1, one.id, NOW),
    ]
    assert stores.registry.audit(OTHER_APP, 10, None).items == [entry(8, OTHER_APP, NOW + 7)]
    assert stores.registry.key(key.id) == replace(key, revoked_at=NOW)


def test_the_audit_log_pages_without_gaps(stores: Stores) -> None:
    for number in range(5):
        stores.registry.record(entry(number, at=NOW + number // 2))
    seen, cursor = [], None
    while True:
        page = stores.registry.audit(APP, 2, cursor)
        seen += [one.id for one in page.items]
        if (cursor := page.cursor) is None:
            break
    assert seen == [entry(number).id for number in (4, 3, 2, 1, 0)]
    with pytest.raises(MalformedCursor):
        stores.registry.audit(APP, 2, "x")
