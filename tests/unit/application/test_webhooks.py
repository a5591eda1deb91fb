"""Webhooks as they are set up."""

import pytest

from tests import builders
from tests.engine import MemoryEngine
from tests.unit.application.receivers import PAGER, URL
from tocsin.application.ports import Stale
from tocsin.domain.audit import Action
from tocsin.domain.errors import Fault, Refused
from tocsin.domain.ids import AppId
from tocsin.domain.tenancy import App

AUTH = "Basic c2VjcmV0"


@pytest.fixture
def app(engine: MemoryEngine) -> App:
    return builders.app(engine)


def hooks(engine: MemoryEngine, app: App) -> frozenset[str]:
    return engine.accounts.app(app.id).hooks


def test_an_app_is_marked_while_it_has_a_webhook(engine: MemoryEngine, app: App) -> None:
    assert hooks(engine, app) == frozenset()
    assert engine.webhooks.get(app.id, PAGER) is None
    engine.webhooks.change(app.id, PAGER, url=URL, actor=builders.OPERATOR)
    assert hooks(engine, app) == {PAGER}
    engine.webhooks.change(app.id, PAGER, url=None, actor=builders.OPERATOR)
    assert hooks(engine, app) == frozenset()


def test_the_first_change_makes_a_secret_that_outlives_the_url(engine: MemoryEngine, app: App) -> None:
    hook = engine.webhooks.change(app.id, PAGER, actor=builders.OPERATOR)
    secret = engine.webhooks.secret(hook)
    assert hook.url is None
    assert secret.startswith("whsec_")
    set_up = engine.webhooks.change(app.id, PAGER, url=URL, actor=builders.OPERATOR)
    assert engine.webhooks.secret(set_up) == secret
    gone = engine.webhooks.change(app.id, PAGER, url=None, actor=builders.OPERATOR)
    assert engine.webhooks.secret(gone) == secret
    rotated = engine.webhooks.change(app.id, PAGER, rotate=True, actor=builders.OPERATOR)
    assert engine.webhooks.secret(rotated) != secret
    assert engine.webhooks.secrets(rotated)[1:] == [secret]


def test_each_app_and_dialect_has_its_own_secret(engine: MemoryEngine, app: App) -> None:
    other = builders.app(engine)
    made = [
        engine.webhooks.secret(engine.webhooks.change(owner.id, dialect, url=URL, actor=builders.OPERATOR))
        for owner in (app, other)
        for dialect in (PAGER, builders.DIALECT)
    ]
    assert len(set(made)) == 4


def test_a_credential_is_kept_sealed_and_only_what_is_named_changes(engine: MemoryEngine, app: App) -> None:
    hook = engine.webhooks.change(app.id, PAGER, url=URL, auth=AUTH, actor=builders.OPERATOR)
    assert hook.auth is not None
    assert AUTH.encode() not in hook.auth
    assert AUTH not in repr(hook)
    moved = engine.webhooks.change(app.id, PAGER, url=URL + "2", actor=builders.OPERATOR)
    assert engine.webhooks.auth(moved) == AUTH
    bare = engine.webhooks.change(app.id, PAGER, auth=None, actor=builders.OPERATOR)
    assert (bare.url, engine.webhooks.auth(bare)) == (URL + "2", None)


def test_what_is_so_already_leaves_no_trace(engine: MemoryEngine, app: App) -> None:
    first = engine.webhooks.change(app.id, PAGER, url=URL, auth=AUTH, actor=builders.OPERATOR)
    entries = len(engine.storage.audit)
    again = engine.webhooks.change(app.id, PAGER, url=URL, auth=AUTH, actor=builders.OPERATOR)
    assert again == first
    assert len(engine.storage.audit) == entries


def test_the_audit_log_tells_of_every_change_and_of_no_secret(engine: MemoryEngine, app: App) -> None:
    engine.webhooks.change(app.id, PAGER, url=URL, auth=AUTH, actor=builders.OPERATOR)
    engine.webhooks.change(app.id, PAGER, rotate=True, actor=builders.OPERATOR)
    engine.webhooks.change(app.id, PAGER, url=None, actor=builders.OPERATOR)
    told = [(entry.action, dict(entry.details)) for entry in engine.storage.audit[-3:]]
    assert told == [
        (Action.WEBHOOK_CHANGED, {"dialect": PAGER, "url": "set", "version": 1}),
        (Action.WEBHOOK_ROTATED, {"dialect": PAGER, "url": "same", "version": 2}),
        (Action.WEBHOOK_CHANGED, {"dialect": PAGER, "url": "none", "version": 2}),
    ]


@pytest.mark.parametrize(
    ("field", "value"),
    [("url", "http://hooks.example.com/"), ("url", ""), ("auth", ""), ("auth", "a\r\nX: y"), ("auth", "x" * 1025)],
)
def test_a_bad_setting_is_refused_and_nothing_is_stored(engine: MemoryEngine, app: App, field: str, value: str) -> None:
    settings = {"url": URL} | {field: value}
    with pytest.raises(Refused) as refusal:
        engine.webhooks.change(app.id, PAGER, **settings, actor=builders.OPERATOR)  # type: ignore[arg-type]
    assert (refusal.value.fault, refusal.value.field) == (Fault.FIELD_INVALID, field)
    assert value == "" or value not in refusal.value.message
    assert engine.webhooks.get(app.id, PAGER) is None


def test_two_changes_at_once_both_count(engine: MemoryEngine, app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    engine.webhooks.change(app.id, PAGER, url=URL, actor=builders.OPERATOR)
    honest, raced = engine.hooks.put, list[bool]()

    def put(*args: object) -> None:
        if not raced:
            raced.append(True)
            engine.webhooks.change(app.id, PAGER, auth=AUTH, actor=builders.OPERATOR)
        honest(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(engine.hooks, "put", put)
    both = engine.webhooks.change(app.id, PAGER, url=URL + "2", actor=builders.OPERATOR)
    assert (both.url, engine.webhooks.auth(both)) == (URL + "2", AUTH)


def test_a_change_re_enables_and_enabling_twice_is_one(engine: MemoryEngine, app: App) -> None:
    hook = engine.webhooks.change(app.id, PAGER, url=URL, actor=builders.OPERATOR)
    engine.webhooks.disable(hook, builders.OPERATOR, "for a test")
    assert hooks(engine, app) == frozenset()
    assert not engine.webhooks.change(app.id, PAGER, actor=builders.OPERATOR).live  # nothing was named
    assert engine.webhooks.change(app.id, PAGER, url=URL, actor=builders.OPERATOR).live
    moved = engine.webhooks.change(app.id, PAGER, url=URL + "2", actor=builders.OPERATOR)
    assert moved.live
    assert hooks(engine, app) == {PAGER}
    assert engine.webhooks.enable(app.id, PAGER, builders.OPERATOR) == moved


def test_disabling_yields_to_a_change_that_came_first(engine: MemoryEngine, app: App) -> None:
    hook = engine.webhooks.change(app.id, PAGER, url=URL, actor=builders.OPERATOR)
    engine.webhooks.change(app.id, PAGER, url=URL + "2", actor=builders.OPERATOR)
    engine.webhooks.disable(hook, builders.OPERATOR, "for a test")
    assert hooks(engine, app) == {PAGER}
    with pytest.raises(Stale):
        engine.hooks.put(hook)


def test_what_is_not_there_is_not_found(engine: MemoryEngine, app: App) -> None:
    for call in (
        lambda: engine.webhooks.change(AppId("0" * 24), PAGER, url=URL, actor=builders.OPERATOR),
        lambda: engine.webhooks.enable(app.id, PAGER, builders.OPERATOR),
        lambda: engine.webhooks.replay(app.id, PAGER, "0" * 24, builders.OPERATOR),
    ):
        with pytest.raises(Refused) as refusal:
            call()
        assert refusal.value.fault is Fault.NOT_FOUND
