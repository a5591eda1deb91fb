"""A click that a worker reports: a note is read, the app is told, once each."""

import json
from dataclasses import replace

import pytest

from tests import builders
from tests.engine import MemoryEngine
from tocsin.application.identifying import Claim
from tocsin.application.jobs import Recipient
from tocsin.application.messages import Messages
from tocsin.application.ports import Unavailable
from tocsin.domain.errors import Fault, Refused
from tocsin.domain.event import Event, EventKind
from tocsin.domain.identity import Identity, IdentityKind
from tocsin.domain.ids import SendId
from tocsin.domain.send import Charge, Chosen
from tocsin.domain.tenancy import App, DialectName

ANNA = Identity(IdentityKind.EXTERNAL, "anna")
NOBODY = Identity(IdentityKind.EXTERNAL, "nobody")
HOOKED = frozenset({DialectName("keymaster")})


@pytest.fixture
def engine() -> MemoryEngine:
    return MemoryEngine()


@pytest.fixture
def owner(engine: MemoryEngine) -> App:
    """Anna has two browsers there; its server wants to be told."""
    owner = replace(builders.app(engine), hooks=HOOKED)
    for number in (1, 2):
        builders.subscribe(engine, owner, number, Claim(IdentityKind.EXTERNAL, "anna", None))
    return owner


def sent(engine: MemoryEngine, owner: App, *, traced: bool = False, inbox: str | None = None) -> SendId:
    command = builders.send_command(owner, Chosen((NOBODY, ANNA)), charge=Charge.NONE)
    send = engine.sending.send(replace(command, traced=traced, inbox=inbox)).send
    assert send is not None
    return send


def tokens(engine: MemoryEngine, owner: App, send: SendId) -> list[str | None]:
    """The click token that each recipient's message carries, in order; by a whole message and by a preview alike."""
    stored, frozen = engine.sends.get(owner.id, send), engine.chunks.frozen(owner.id, send, 0)
    assert stored is not None
    assert frozen is not None
    found, messages = engine.subscriptions.load(owner.id, frozen.ids), Messages(stored, engine.derivation)
    texts = [messages.plaintext(Recipient.of(found[id_]), 0, index, 3993) for index, id_ in enumerate(frozen.ids)]
    return [json.loads(text)["notification"]["data"].get("k") for text in texts]


def clicks(engine: MemoryEngine) -> list[Event]:
    """What the app was told of clicks."""
    return [event for event in engine.events.emitted if event.kind is EventKind.CLICKED]


def test_only_messages_of_which_somebody_wants_to_know_carry_a_token(engine: MemoryEngine, owner: App) -> None:
    assert tokens(engine, owner, sent(engine, owner)) == [None, None]
    assert all(tokens(engine, owner, sent(engine, owner, traced=True)))
    assert all(tokens(engine, owner, sent(engine, owner, inbox="anna")))


def test_a_click_reads_the_note(engine: MemoryEngine, owner: App) -> None:
    send = sent(engine, owner, inbox="anna")
    first, second = tokens(engine, owner, send)
    engine.clock.advance(5)
    engine.clicking.clicked(owner, send, first or "")
    read_at = int(engine.clock.now())
    engine.clock.advance(5)
    engine.clicking.clicked(owner, send, second or "")
    assert [note.read_at for note in engine.storage.notes.values()] == [read_at]
    assert not clicks(engine)


def test_a_click_is_told_once_for_each_recipient(engine: MemoryEngine, owner: App) -> None:
    send = sent(engine, owner, traced=True)
    for token in tokens(engine, owner, send) * 2:
        engine.clicking.clicked(owner, send, token or "")
    told = clicks(engine)
    assert [(event.person, event.place, event.send) for event in told] == [("anna", 1, send)] * 2
    assert len({event.id for event in told}) == len({event.subscription for event in told}) == 2


def test_whoever_has_no_webhook_any_more_is_not_told(engine: MemoryEngine, owner: App) -> None:
    send = sent(engine, owner, traced=True)
    engine.clicking.clicked(replace(owner, hooks=frozenset()), send, tokens(engine, owner, send)[0] or "")
    assert not clicks(engine)


def test_what_is_no_token_of_this_send_is_refused(engine: MemoryEngine, owner: App) -> None:
    send, other = sent(engine, owner, inbox="anna"), sent(engine, owner, inbox="anna")
    (mine, _), (foreign, _) = tokens(engine, owner, send), tokens(engine, owner, other)
    stranger = builders.app(engine)
    wrong = [(owner, send, foreign), (owner, send, ""), (owner, SendId("ü"), "ü"), (stranger, send, mine)]
    for app, name, token in wrong:
        with pytest.raises(Refused) as refused:
            engine.clicking.clicked(app, name, token or "")
        assert refused.value.fault is Fault.NOT_FOUND
    assert {note.read_at for note in engine.storage.notes.values()} == {0}


def test_a_click_that_could_not_be_noted_is_noted_when_it_is_reported_again(
    engine: MemoryEngine, owner: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    send = sent(engine, owner, inbox="anna")
    first, _ = tokens(engine, owner, send)

    def away(*_: object) -> bool:
        raise Unavailable

    with monkeypatch.context() as patch:
        patch.setattr(engine.inbox, "mark_read", away)
        with pytest.raises(Unavailable):
            engine.clicking.clicked(owner, send, first or "")
    engine.clicking.clicked(owner, send, first or "")
    assert all(note.read_at for note in engine.storage.notes.values())
