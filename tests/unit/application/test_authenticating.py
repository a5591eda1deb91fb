"""Who is calling."""

import pytest

from tests import builders
from tests.engine import OPERATOR_KEY, SERVICE_KEY, MemoryEngine
from tocsin.application.accounts import NewKey
from tocsin.application.authenticating import Authenticating
from tocsin.application.metrics import Metric
from tocsin.application.ports import Unavailable
from tocsin.domain.api_key import ApiKey, KeyKind, Scope, compose
from tocsin.domain.errors import Fault, Refused
from tocsin.domain.ids import AppId, KeyId
from tocsin.domain.tenancy import App, DialectName
from tocsin.entrypoints.registry import dialects

OTHER_DIALECT = DialectName("cloudsignal")


@pytest.fixture
def shop(engine: MemoryEngine) -> App:
    return builders.app(engine)


def new_key(engine: MemoryEngine, owner: App, kind: KeyKind = KeyKind.SECRET) -> str:
    form = dialects()[builders.DIALECT].keys[kind]
    new = NewKey(builders.DIALECT, kind, form.prefix, form.scopes, "server", None)
    return engine.accounts.create_key(owner.id, new, builders.OPERATOR)[1]


def id_of(key: str) -> KeyId:
    return KeyId(key[4:12])


def revoke_newest(engine: MemoryEngine, owner: App) -> None:
    engine.accounts.revoke_key(owner.id, engine.accounts.keys(owner.id, 1, None).items[0].id, builders.OPERATOR)


def refused(
    engine: MemoryEngine, key: str, dialect: DialectName = builders.DIALECT, *, from_browser: bool = False
) -> Refused:
    with pytest.raises(Refused) as refusal:
        engine.authenticating.caller(key, dialect, from_browser=from_browser)
    return refusal.value


def accepted(engine: MemoryEngine, key: str) -> bool:
    try:
        engine.authenticating.caller(key, builders.DIALECT, from_browser=False)
    except Refused:
        return False
    return True


@pytest.mark.row("PS-4")
def test_ps_4_a_key_leads_to_its_own_app_only(engine: MemoryEngine, shop: App) -> None:
    other = builders.app(engine)
    for owner in (shop, other):
        caller = engine.authenticating.caller(new_key(engine, owner), builders.DIALECT, from_browser=False)
        assert caller.app == owner


@pytest.mark.row("PS-28")
def test_ps_28_unknown_revoked_and_foreign_keys_are_refused_in_one_wording(engine: MemoryEngine, shop: App) -> None:
    revoked = new_key(engine, shop)
    revoke_newest(engine, shop)
    live = new_key(engine, shop)
    refusals = [
        refused(engine, ""),
        refused(engine, "psk_nonsense"),
        refused(engine, compose("psk", "unknown0", "a" * 43)),
        refused(engine, revoked),
        refused(engine, live, OTHER_DIALECT),
        refused(engine, live.swapcase()),
    ]
    assert {(refusal.fault, refusal.message) for refusal in refusals} == {
        (Fault.CREDENTIAL_INVALID, "Missing or invalid API key")
    }


def test_a_key_with_the_id_of_another_one_opens_nothing(engine: MemoryEngine, shop: App) -> None:
    """The checksum is no secret: only the digest of the whole key counts."""
    live = new_key(engine, shop)
    forged = compose("psk", id_of(live), "a" * 43)
    assert refused(engine, forged).fault is Fault.CREDENTIAL_INVALID


@pytest.mark.row("PS-6")
def test_ps_6_a_revoked_key_stops_within_60_seconds(engine: MemoryEngine, shop: App) -> None:
    key = new_key(engine, shop)
    assert accepted(engine, key)
    revoke_newest(engine, shop)
    seconds = 0
    while accepted(engine, key):
        engine.clock.advance(1)
        seconds += 1
    assert seconds == 30


def test_within_30_seconds_a_key_is_not_read_again(
    engine: MemoryEngine, shop: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = new_key(engine, shop)
    assert accepted(engine, key)
    monkeypatch.setattr(engine.registry, "key", lambda key: None)
    engine.clock.advance(29.9)
    assert accepted(engine, key)
    engine.clock.advance(0.2)
    assert not accepted(engine, key)


def reads(engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch) -> list[KeyId]:
    """The ids of keys that the table is asked for from now on."""
    asked: list[KeyId] = []
    honest = engine.registry.key

    def key(id_: KeyId) -> ApiKey | None:
        asked.append(id_)
        return honest(id_)

    monkeypatch.setattr(engine.registry, "key", key)
    return asked


def test_a_flood_of_one_key_that_is_no_good_is_read_once_in_30_seconds(
    engine: MemoryEngine, shop: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    unknown = compose("psk", "unknown0", "a" * 43)
    revoked = new_key(engine, shop)
    revoke_newest(engine, shop)
    asked = reads(engine, monkeypatch)
    for key in (unknown, revoked):
        for dialect in (builders.DIALECT, OTHER_DIALECT):
            assert {refused(engine, key, dialect).message for _ in range(100)} == {"Missing or invalid API key"}
    assert asked == [id_of(unknown), id_of(revoked)]
    engine.clock.advance(29.9)
    refused(engine, unknown)
    assert len(asked) == 2
    engine.clock.advance(0.1)
    refused(engine, unknown)
    assert len(asked) == 3


def test_secrets_that_are_tried_with_a_known_id_are_not_read_for(
    engine: MemoryEngine, shop: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = new_key(engine, shop)
    asked = reads(engine, monkeypatch)
    for number in range(100):
        refused(engine, compose("psk", id_of(key), f"{number:043}"))
    assert accepted(engine, key)
    assert asked == [id_of(key)]


def test_what_cannot_be_a_key_is_not_read_at_all(engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = reads(engine, monkeypatch)
    for key in ("", "psk_nonsense", compose("psk", "unknown0", "a" * 43)[:-1] + "_"):
        refused(engine, key)
    assert asked == []


def test_a_new_key_works_at_once_where_others_are_being_refused(engine: MemoryEngine, shop: App) -> None:
    for number in range(100):
        refused(engine, compose("psk", f"{number:08}", "a" * 43))
    assert accepted(engine, new_key(engine, shop))


def test_a_key_that_could_not_be_read_is_read_again(
    engine: MemoryEngine, shop: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = new_key(engine, shop)

    def fail(_: KeyId) -> None:
        raise Unavailable

    with monkeypatch.context() as patch:
        patch.setattr(engine.registry, "key", fail)
        with pytest.raises(Unavailable):
            engine.authenticating.caller(key, builders.DIALECT, from_browser=False)
    assert accepted(engine, key)


def test_what_one_dialect_remembers_opens_no_other(engine: MemoryEngine, shop: App) -> None:
    key = new_key(engine, shop)
    assert accepted(engine, key)
    assert refused(engine, key, OTHER_DIALECT).fault is Fault.CREDENTIAL_INVALID


@pytest.mark.row("PS-20")
@pytest.mark.parametrize("kind", [KeyKind.SECRET, KeyKind.SERVICE])
def test_ps_20_a_secret_key_from_a_browser_is_refused_and_counted(
    engine: MemoryEngine, shop: App, kind: KeyKind
) -> None:
    key = new_key(engine, shop, kind)
    assert accepted(engine, key)
    assert refused(engine, key, from_browser=True).fault is Fault.SECRET_KEY_IN_BROWSER
    assert engine.meter.counted[Metric.SECRET_KEY_IN_BROWSER] == 1


@pytest.mark.row("PS-20")
def test_ps_20_a_publishable_key_from_a_browser_may_subscribe_only(engine: MemoryEngine, shop: App) -> None:
    key = new_key(engine, shop, KeyKind.PUBLISHABLE)
    caller = engine.authenticating.caller(key, builders.DIALECT, from_browser=True)
    caller.require(Scope.SUBSCRIBE)
    for scope in (Scope.SEND, Scope.UNSUBSCRIBE):
        with pytest.raises(Refused) as refusal:
            caller.require(scope)
        assert refusal.value.fault is Fault.SCOPE_MISSING


def test_last_use_is_noted_at_most_once_in_ten_minutes(engine: MemoryEngine, shop: App) -> None:
    key = new_key(engine, shop)
    noted = []
    for _ in range(25):
        assert accepted(engine, key)
        noted.append(engine.accounts.keys(shop.id, 1, None).items[0].last_used_at)
        engine.clock.advance(60)
    assert None not in noted
    assert len(set(noted)) == 3


@pytest.mark.row("PS-8")
def test_ps_8_the_platforms_service_key_acts_for_a_named_app(engine: MemoryEngine, shop: App) -> None:
    caller = engine.authenticating.trusted_service(SERVICE_KEY, shop.id, builders.DIALECT, from_browser=False)
    assert caller is not None
    assert (caller.app, caller.kind) == (shop, KeyKind.SERVICE)
    assert (
        engine.authenticating.trusted_service(SERVICE_KEY + "x", shop.id, builders.DIALECT, from_browser=False) is None
    )
    for app, from_browser, fault in [
        (AppId("00" * 12), False, Fault.FIELD_INVALID),
        (shop.id, True, Fault.SECRET_KEY_IN_BROWSER),
    ]:
        with pytest.raises(Refused) as refusal:
            engine.authenticating.trusted_service(SERVICE_KEY, app, builders.DIALECT, from_browser=from_browser)
        assert refusal.value.fault is fault


def test_only_the_operators_key_opens_the_operators_routes(engine: MemoryEngine) -> None:
    engine.authenticating.operator(OPERATOR_KEY, from_browser=False)
    for key, from_browser, fault in [
        ("", False, Fault.CREDENTIAL_INVALID),
        (SERVICE_KEY, False, Fault.CREDENTIAL_INVALID),
        (OPERATOR_KEY, True, Fault.SECRET_KEY_IN_BROWSER),
    ]:
        with pytest.raises(Refused) as refusal:
            engine.authenticating.operator(key, from_browser=from_browser)
        assert refusal.value.fault is fault


def test_a_deployment_without_service_or_operator_key_has_none(engine: MemoryEngine) -> None:
    bare = Authenticating(engine.registry, engine.clock, engine.meter, "", "")
    assert not bare.is_service_key("")
    with pytest.raises(Refused):
        bare.operator("", from_browser=False)


@pytest.mark.row("KM-1", "X-3")
def test_km_1_who_holds_a_key_is_known_by_its_id_as_long_as_the_key_lives(engine: MemoryEngine, shop: App) -> None:
    name, other = id_of(new_key(engine, shop)), builders.app(engine)

    def fault(
        key: KeyId = name, app: AppId = shop.id, dialect: DialectName = builders.DIALECT, *, from_browser: bool = False
    ) -> Fault | None:
        try:
            caller = engine.authenticating.holder(key, app, dialect, from_browser=from_browser)
        except Refused as refusal:
            return refusal.fault
        assert (caller.app, caller.key) == (shop, name)
        return None

    assert fault() is None
    assert fault(KeyId("00000000")) is Fault.CREDENTIAL_INVALID
    assert fault(app=other.id) is Fault.CREDENTIAL_INVALID
    assert fault(dialect=OTHER_DIALECT) is Fault.CREDENTIAL_INVALID
    assert fault(from_browser=True) is Fault.SECRET_KEY_IN_BROWSER
    revoke_newest(engine, shop)
    engine.clock.advance(30)
    assert fault() is Fault.CREDENTIAL_INVALID
