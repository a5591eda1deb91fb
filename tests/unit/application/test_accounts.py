"""What the operator does."""

from dataclasses import asdict

import pytest

from tests import builders
from tests.builders import OPERATOR
from tests.engine import MemoryEngine
from tocsin.application.accounts import NewApp, NewKey, VapidPair
from tocsin.application.signing import vapid_context
from tocsin.domain.api_key import KeyKind, Scope
from tocsin.domain.errors import Fault, Refused
from tocsin.domain.ids import AppId, KeyId, TenantId
from tocsin.domain.quota import LIMITS_OF, Plan
from tocsin.domain.send import Balance
from tocsin.domain.tenancy import App, IdentityMode
from tocsin.webpush.vapid import VapidKey


@pytest.fixture
def shop(engine: MemoryEngine) -> App:
    return builders.app(engine)


def new_app(contact: str = "mailto:a@b.example.org", private: str | None = None, public: str | None = None) -> NewApp:
    pair = None if private is None else VapidPair(private, public)
    limits = LIMITS_OF[Plan.STARTER]
    return NewApp("Shop", "https://shop.example/", (), contact, IdentityMode.OFF, None, limits, pair)


POSSIBLE = frozenset({Scope.SEND, Scope.SUBSCRIBE})


def new_key(scopes: frozenset[Scope] | None = None, possible: frozenset[Scope] = POSSIBLE) -> NewKey:
    return NewKey(builders.DIALECT, KeyKind.SECRET, "psk", possible, "server", scopes)


@pytest.mark.row("PS-33")
def test_ps_33_a_grant_counts_once_for_each_reference(engine: MemoryEngine, shop: App) -> None:
    assert engine.accounts.grant(shop.id, 100, "invoice 1", builders.OPERATOR) == (Balance(100, 0, 0), True)
    assert engine.accounts.grant(shop.id, 100, "invoice 1", builders.OPERATOR) == (Balance(100, 0, 0), False)
    assert engine.accounts.grant(shop.id, 50, "invoice 2", builders.OPERATOR) == (Balance(150, 0, 0), True)
    with pytest.raises(Refused) as refusal:
        engine.accounts.grant(shop.id, 99, "invoice 1", builders.OPERATOR)
    assert (refusal.value.fault, refusal.value.field) == (Fault.CONFLICT, "reference")
    assert engine.accounts.balance(shop.id) == Balance(150, 0, 0)


def test_one_reference_at_two_apps_is_two_grants(engine: MemoryEngine, shop: App) -> None:
    other = builders.app(engine)
    engine.accounts.grant(shop.id, 1, "invoice 1", builders.OPERATOR)
    assert engine.accounts.grant(other.id, 2, "invoice 1", builders.OPERATOR) == (Balance(2, 0, 0), True)


@pytest.mark.row("PS-5")
def test_ps_5_a_key_is_told_once_and_its_text_is_kept_nowhere(engine: MemoryEngine, shop: App) -> None:
    key, text = engine.accounts.create_key(shop.id, new_key(), OPERATOR)
    assert key.last_four == text[-4:]
    assert text not in repr(asdict(key))
    assert text[12:55] not in repr(engine.storage)


@pytest.mark.row("PS-6", "PS-34")
def test_ps_6_an_app_has_any_number_of_keys_and_revoking_one_leaves_the_others(engine: MemoryEngine, shop: App) -> None:
    made = [engine.accounts.create_key(shop.id, new_key(), OPERATOR)[0].id for _ in range(5)]
    engine.clock.advance(10)
    revoked = engine.accounts.revoke_key(shop.id, made[2], OPERATOR)
    engine.clock.advance(10)
    assert engine.accounts.revoke_key(shop.id, made[2], OPERATOR).revoked_at == revoked.revoked_at
    live = {key.id for key in engine.accounts.keys(shop.id, 10, None).items if key.revoked_at is None}
    assert live == set(made) - {made[2]}


@pytest.mark.row("PS-4")
def test_ps_4_nobody_revokes_the_key_of_another_app(engine: MemoryEngine, shop: App) -> None:
    key, _ = engine.accounts.create_key(shop.id, new_key(), OPERATOR)
    with pytest.raises(Refused) as refusal:
        engine.accounts.revoke_key(builders.app(engine).id, key.id, OPERATOR)
    assert refusal.value.fault is Fault.NOT_FOUND
    assert engine.accounts.keys(shop.id, 1, None).items[0].revoked_at is None


def test_a_key_gets_all_scopes_of_its_kind_or_those_that_were_asked_for(engine: MemoryEngine, shop: App) -> None:
    only = frozenset({Scope.SEND})
    for asked, got in ((None, POSSIBLE), (only, only), (POSSIBLE, POSSIBLE)):
        assert engine.accounts.create_key(shop.id, new_key(asked), OPERATOR)[0].scopes == got


@pytest.mark.parametrize("scopes", [frozenset(), frozenset({Scope.SEND}), frozenset({Scope.SEND, Scope.SUBSCRIBE})])
def test_a_key_gets_no_scope_beyond_its_kind(engine: MemoryEngine, shop: App, scopes: frozenset[Scope]) -> None:
    with pytest.raises(Refused) as refusal:
        engine.accounts.create_key(shop.id, new_key(scopes, frozenset({Scope.SUBSCRIBE})), OPERATOR)
    assert (refusal.value.fault, refusal.value.field) == (Fault.FIELD_INVALID, "scopes")


def test_a_key_id_that_is_taken_is_drawn_again(
    engine: MemoryEngine, shop: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, _ = engine.accounts.create_key(shop.id, new_key(), OPERATOR)
    drawn = iter([first.id, "a" * 43, "Zz345678", "b" * 43])
    monkeypatch.setattr(engine.randomness, "base62", lambda length: next(drawn))
    second, _ = engine.accounts.create_key(shop.id, new_key(), OPERATOR)
    assert second.id == "Zz345678"
    assert engine.registry.key(first.id) == first


def test_an_app_gets_a_vapid_key_pair_that_only_its_own_context_opens(engine: MemoryEngine) -> None:
    tenant = engine.accounts.create_tenant("Tenant")
    made, _ = engine.accounts.create_app(tenant.id, new_app(), OPERATOR)
    sealed = engine.registry.vapid_key(made.id, made.vapid_key)
    assert sealed is not None
    raw = engine.vault.open(sealed.ciphertext, vapid_context(tenant.id, made.id))
    assert VapidKey.from_raw(raw).public == made.vapid_public
    assert raw not in sealed.ciphertext


def test_a_vapid_key_can_be_brought_along_if_it_is_a_pair(engine: MemoryEngine) -> None:
    tenant = engine.accounts.create_tenant("Tenant")
    mine, other = VapidKey.from_text(builders.VAPID_PRIVATE), VapidKey.generate()
    made, _ = engine.accounts.create_app(
        tenant.id, new_app(private=builders.VAPID_PRIVATE, public=mine.public), OPERATOR
    )
    assert made.vapid_public == mine.public
    for private, public in [(builders.VAPID_PRIVATE, other.public), ("nonsense", None)]:
        with pytest.raises(Refused) as refusal:
            engine.accounts.create_app(tenant.id, new_app(private=private, public=public), OPERATOR)
        assert (refusal.value.fault, refusal.value.field) == (Fault.FIELD_INVALID, "vapid")
        assert private not in refusal.value.message


@pytest.mark.parametrize("contact", ["", "push@shop.example.org", "mailto:root@localhost", "http://shop.example.org"])
def test_a_contact_that_push_services_refuse_is_refused_at_once(engine: MemoryEngine, contact: str) -> None:
    tenant = engine.accounts.create_tenant("Tenant")
    with pytest.raises(Refused) as refusal:
        engine.accounts.create_app(tenant.id, new_app(contact), OPERATOR)
    assert (refusal.value.fault, refusal.value.field) == (Fault.FIELD_INVALID, "contact")
    assert not engine.accounts.apps(tenant.id, 10, None).items


def test_the_identity_secret_is_told_once_and_differs_between_apps(engine: MemoryEngine) -> None:
    tenant = engine.accounts.create_tenant("Tenant")
    told = [engine.accounts.create_app(tenant.id, new_app(private=builders.VAPID_PRIVATE), OPERATOR) for _ in range(2)]
    assert len({secret for _, secret in told}) == 2
    for made, secret in told:
        assert secret == engine.derivation.identity_secret(made.id, 1).decode()


def test_what_does_not_exist_is_not_found(engine: MemoryEngine, shop: App) -> None:
    nobody, nothing = TenantId("00" * 12), AppId("00" * 12)
    for attempt in (
        lambda: engine.accounts.tenant(nobody),
        lambda: engine.accounts.create_app(nobody, new_app(), OPERATOR),
        lambda: engine.accounts.apps(nobody, 1, None),
        lambda: engine.accounts.app(nothing),
        lambda: engine.accounts.create_key(nothing, new_key(), OPERATOR),
        lambda: engine.accounts.keys(nothing, 1, None),
        lambda: engine.accounts.grant(nothing, 1, "r", builders.OPERATOR),
        lambda: engine.accounts.balance(nothing),
        lambda: engine.accounts.revoke_key(shop.id, KeyId("unknown0"), OPERATOR),
    ):
        with pytest.raises(Refused) as refusal:
            attempt()
        assert refusal.value.fault is Fault.NOT_FOUND
