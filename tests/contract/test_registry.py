"""The contract of Registry."""

from dataclasses import replace

import pytest

from tests.contract.records import APP, NOW, OTHER_APP, TENANT, api_key, app, sealed, tenant
from tests.contract.stores import Stores
from tocsin.application.ports import MalformedCursor
from tocsin.domain.ids import AppId, KeyId, TenantId


def test_what_was_added_is_read_back(stores: Stores) -> None:
    with_icon = replace(app(), icon="https://shop.example/icon.png")
    stores.registry.add_tenant(tenant())
    stores.registry.add_app(with_icon, sealed())
    assert stores.registry.add_key(api_key())

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
    stores.registry.add_app(app(1), sealed())
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
    stores.registry.add_app(app(1), sealed())
    stores.registry.add_app(app(2, TenantId("d0" * 12)), sealed())
    stores.registry.add_key(api_key("AAAAAAAA", APP))
    stores.registry.add_key(api_key("BBBBBBBB", OTHER_APP))

    assert [one.id for one in stores.registry.apps(TENANT, 10, None).items] == [app(1).id]
    assert [one.id for one in stores.registry.keys(APP, 10, None).items] == ["AAAAAAAA"]


@pytest.mark.parametrize("cursor", ["", "x", "1#2", f"{NOW:012}#", f"{NOW:012}#a\n", "٣" * 12 + "#a"])
def test_a_cursor_of_another_form_is_refused(stores: Stores, cursor: str) -> None:
    with pytest.raises(MalformedCursor):
        stores.registry.tenants(3, cursor)


def test_a_taken_key_id_is_not_overwritten(stores: Stores) -> None:
    stores.registry.add_key(api_key("AAAAAAAA", APP))
    assert not stores.registry.add_key(api_key("AAAAAAAA", OTHER_APP))
    assert stores.registry.key(KeyId("AAAAAAAA")) == api_key("AAAAAAAA", APP)


def test_a_key_is_revoked_once_and_stays_listed(stores: Stores) -> None:
    stores.registry.add_key(api_key())
    assert stores.registry.revoke_key(APP, api_key().id, NOW + 5)
    assert stores.registry.revoke_key(APP, api_key().id, NOW + 9)
    assert stores.registry.key(api_key().id) == replace(api_key(), revoked_at=NOW + 5)
    assert stores.registry.keys(APP, 10, None).items == [replace(api_key(), revoked_at=NOW + 5)]


def test_a_foreign_app_cannot_revoke_a_key(stores: Stores) -> None:
    stores.registry.add_key(api_key("AAAAAAAA", APP))
    assert not stores.registry.revoke_key(OTHER_APP, KeyId("AAAAAAAA"), NOW)
    assert stores.registry.key(KeyId("AAAAAAAA")) == api_key("AAAAAAAA", APP)


def test_revoking_a_key_that_does_not_exist_makes_none(stores: Stores) -> None:
    assert not stores.registry.revoke_key(APP, KeyId("00000000"), NOW)
    assert stores.registry.key(KeyId("00000000")) is None


def test_the_last_use_of_a_key_never_goes_back(stores: Stores) -> None:
    stores.registry.add_key(api_key())
    stores.registry.touch_key(api_key().id, NOW + 9)
    stores.registry.touch_key(api_key().id, NOW + 5)
    assert stores.registry.key(api_key().id) == replace(api_key(), last_used_at=NOW + 9)


def test_touching_a_key_that_does_not_exist_makes_none(stores: Stores) -> None:
    stores.registry.touch_key(KeyId("00000000"), NOW)
    assert stores.registry.key(KeyId("00000000")) is None
