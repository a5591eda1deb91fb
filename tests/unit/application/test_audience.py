"""Who is meant by a choice of people, subscriptions and labels: each once, at once or planned."""

from dataclasses import replace

import pytest

from tests import builders
from tests.engine import MemoryEngine
from tests.unit.application import queues
from tocsin.application.audience import CLOCK_AHEAD
from tocsin.application.identifying import Claim
from tocsin.domain.chunk import Chunk
from tocsin.domain.errors import Fault, Refused
from tocsin.domain.identity import Identity, IdentityKind
from tocsin.domain.ids import SubscriptionId
from tocsin.domain.quota import Limits
from tocsin.domain.segment import Condition, Field, Operator
from tocsin.domain.send import Audience, Charge, Chosen, Everyone, Matching
from tocsin.domain.subscription import Subscription
from tocsin.domain.tenancy import App

ANNA = Identity(IdentityKind.EXTERNAL, "anna")
STRANGER = SubscriptionId("ab" * 12)


def reader(engine: MemoryEngine, owner: App, number: int, *labels: str, person: str | None = None) -> Subscription:
    claims = [] if person is None else [Claim(IdentityKind.EXTERNAL, person, None)]
    return engine.subscribing.subscribe(builders.subscribe_command(owner, number, *claims, labels=labels))


def sent(engine: MemoryEngine, owner: App, chosen: Chosen) -> list[SubscriptionId]:
    """Who is in the chunks of a send to a choice, in order."""
    engine.storage.frozen.clear()
    engine.sending.send(builders.send_command(owner, chosen))
    queues.plan(engine)
    return [name for key in sorted(engine.storage.frozen) for name in engine.storage.frozen[key].ids]


def test_a_choice_of_nobody_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="nobody"):
        Chosen()


@pytest.mark.parametrize("walkable", [10_000, 0], ids=["looked through at once", "planned"])
def test_whoever_is_meant_in_several_ways_is_sent_to_once(
    engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch, walkable: int
) -> None:
    monkeypatch.setattr("tocsin.application.sending.WALKABLE", walkable)
    owner = builders.app(engine, credits_=100)
    both = reader(engine, owner, 1, "news", person="anna")
    by_name, by_id = reader(engine, owner, 2, person="anna"), reader(engine, owner, 3, "sport")
    labelled = [reader(engine, owner, number, "news", "sport") for number in (4, 5)]
    reader(engine, owner, 6, "weather")
    chosen = Chosen((ANNA,), (by_id.id, both.id, STRANGER), ("news", "never"))
    found = sent(engine, owner, chosen)
    assert sorted(found) == sorted([both.id, by_name.id, by_id.id, *(one.id for one in labelled)])
    result = engine.sending.send(builders.send_command(owner, chosen))
    assert result.unreachable == (STRANGER,)


def test_labels_are_any_of_and_reach_the_active_only(engine: MemoryEngine) -> None:
    owner = builders.app(engine, credits_=100)
    news, sport, left = (reader(engine, owner, n, label) for n, label in ((1, "news"), (2, "sport"), (3, "news")))
    assert engine.subscribing.withdraw(owner, left.id)
    assert sorted(sent(engine, owner, Chosen(labels=("news", "sport")))) == sorted([news.id, sport.id])


def test_a_planned_label_holds_as_many_as_carry_it_at_most_and_returns_the_rest(
    engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tocsin.application.sending.WALKABLE", 0)
    owner = builders.app(engine, credits_=100)
    for number in (1, 2, 3):
        reader(engine, owner, number, "news", "sport")
    reader(engine, owner, 4)
    result = engine.sending.send(builders.send_command(owner, Chosen(labels=("news", "sport"))))
    assert result.targets == 4  # six by label, four in all
    queues.drain(engine)
    assert engine.accounts.balance(owner.id).spent == 3
    assert engine.accounts.balance(owner.id).reserved == 0


def test_whoever_is_let_go_by_name_between_two_chunks_is_not_found_again_by_label(
    engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tocsin.application.sending.WALKABLE", 0)
    monkeypatch.setattr("tocsin.application.fanning_out.CHUNK_SIZE", 1)
    owner = builders.app(engine, credits_=100)
    both, other = reader(engine, owner, 1, "news", person="anna"), reader(engine, owner, 2, "news")
    open_ = engine.chunks.open

    def open_and_let_go(chunk: Chunk) -> None:
        open_(chunk)
        if chunk.number == 0:
            engine.subscriptions.put(replace(both, identities=(), revision=both.revision + 1), both)

    monkeypatch.setattr(engine.chunks, "open", open_and_let_go)
    assert sent(engine, owner, Chosen((ANNA,), labels=("news",))) == [both.id, other.id]


@pytest.mark.parametrize(
    "audience",
    [Everyone(), Matching(Condition(Field.LABELS, Operator.HAS, "news")), Chosen((ANNA,)), Chosen(labels=("news",))],
    ids=["everyone", "a segment", "a person", "a label"],
)
def test_who_subscribes_after_a_send_was_accepted_takes_nobodys_place(engine: MemoryEngine, audience: Audience) -> None:
    owner = builders.app(engine, credits_=100)
    meant = [reader(engine, owner, number, "news", person="anna").id for number in (1, 2, 3)]
    for one in engine.subscriptions.load(owner.id, meant).values():  # as a clock that is fast notes it
        late = replace(one, created_at=one.created_at + CLOCK_AHEAD, revision=one.revision + 1)
        engine.subscriptions.put(late, one)
    engine.sending.send(builders.send_command(owner, audience, queued=True))
    engine.clock.advance(CLOCK_AHEAD + 1)
    for number in range(4, 14):
        reader(engine, owner, number, "news", person="anna")
    queues.plan(engine)
    planned = [name for frozen in engine.storage.frozen.values() for name in frozen.ids]
    assert sorted(planned) == sorted(meant)


def test_units_are_held_instead_of_recipients_and_not_returned(engine: MemoryEngine) -> None:
    owner = builders.app(engine)
    reader(engine, owner, 1, person="anna")
    reader(engine, owner, 2, person="anna")
    owner = replace(owner, limits=Limits(None, 3))
    bert = Identity(IdentityKind.EXTERNAL, "bert")
    command = builders.send_command(owner, Chosen((ANNA, bert)), charge=Charge.QUOTA, keeps_empty=True)
    engine.sending.send(replace(command, units=2))
    assert engine.quotas.usage(owner.id, int(engine.clock.now())).daily == 2
    with pytest.raises(Refused) as refused:
        engine.sending.send(replace(command, audience=Chosen((bert,)), units=2))
    assert refused.value.fault is Fault.QUOTA_EXCEEDED
    engine.sending.send(replace(command, audience=Chosen((bert,)), units=1))
    assert engine.quotas.usage(owner.id, int(engine.clock.now())).daily == 3


def test_a_silent_send_is_kept_with_its_note_and_sent_to_nobody(engine: MemoryEngine) -> None:
    owner = builders.app(engine)
    reader(engine, owner, 1, person="anna")
    command = builders.send_command(owner, Chosen((ANNA,)), charge=Charge.QUOTA, keeps_empty=True)
    result = engine.sending.send(replace(command, silent=True, inbox="anna"))
    assert result.send is not None
    assert result.targets == 0
    assert not engine.storage.chunks
    assert [note.title for note in engine.storage.notes.values()] == [builders.NOTIFICATION.title]
