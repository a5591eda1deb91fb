"""What an app's owner changes of subscriptions, and their removal."""

from collections.abc import Callable

import http_ece
import pytest

from tests import builders
from tests.engine import MemoryEngine
from tests.memory.subscriptions import MemorySubscriptions
from tocsin.application.amending import Amending, Amendment
from tocsin.domain.audit import Action
from tocsin.domain.errors import Fault, Refused
from tocsin.domain.identity import Identity, IdentityKind
from tocsin.domain.ids import SubscriptionId
from tocsin.domain.send import Chosen
from tocsin.domain.subscription import Subscription, SubscriptionState
from tocsin.domain.tenancy import App

EXTERNAL = IdentityKind.EXTERNAL
BERT = Identity(EXTERNAL, "bert")


@pytest.fixture
def owner(engine: MemoryEngine) -> App:
    return builders.app(engine, credits_=10)


def test_pu_19_what_is_left_out_stays_and_what_is_given_replaces(engine: MemoryEngine, owner: App) -> None:
    command = builders.subscribe_command(owner, 1, builders.email(), builders.external("anna"), labels=("old",))
    one = engine.subscribing.subscribe(command)
    engine.clock.advance(60)
    amend = engine.amending.amend

    tagged = amend(owner, one.id, Amendment(labels=("new", "newer")))
    assert (tagged.labels, tagged.identities, tagged.custom) == (("new", "newer"), one.identities, None)
    noted = amend(owner, one.id, Amendment(custom={"plan": "pro"}))
    assert (noted.labels, noted.custom) == (tagged.labels, {"plan": "pro"})
    renamed = amend(owner, one.id, Amendment(external_id="bert"))
    assert {name.kind for name in renamed.identities} == {IdentityKind.EMAIL, EXTERNAL}
    assert renamed.identity(EXTERNAL) == BERT
    assert [found.id for found in engine.subscriptions.of(owner.id, [BERT])] == [one.id]
    assert engine.subscriptions.of(owner.id, [Identity(EXTERNAL, "anna")]) == []
    cleared = amend(owner, one.id, Amendment(external_id=None, custom=None))
    assert ([name.kind for name in cleared.identities], cleared.custom) == ([IdentityKind.EMAIL], None)
    assert cleared.labels == tagged.labels
    assert (cleared.updated_at, cleared.created_at) == (one.created_at + 60, one.created_at)


def test_what_changes_nothing_is_no_update(engine: MemoryEngine, owner: App) -> None:
    one = builders.subscribe(engine, owner, 1, builders.external("anna"))
    engine.clock.advance(60)
    assert engine.amending.amend(owner, one.id, Amendment(labels=(), external_id="anna", custom=None)) == one


def test_a_name_of_the_owners_is_not_checked_by_a_worker_that_never_heard_of_it(
    engine: MemoryEngine, owner: App
) -> None:
    """It would show nothing of the message: it takes whoever it does not know for somebody else."""
    one = builders.subscribe(engine, owner, 1)
    engine.amending.amend(owner, one.id, Amendment(external_id="bert"))
    to_bert = builders.send_command(owner, Chosen((BERT,)))
    engine.sending.send(to_bert)
    builders.subscribe(engine, owner, 1)  # its page reports, and is told whose it is
    engine.sending.send(to_bert)

    private, auth = builders.user_agent(1).private, (1).to_bytes(16, "big")
    told = [
        http_ece.decrypt(request.body, private_key=private, auth_secret=auth, version="aes128gcm")
        for request in engine.transport.requests
    ]
    assert [b'"u":' in plaintext for plaintext in told] == [False, True]


def test_tags_of_a_browser_that_has_gone_are_not_changed(engine: MemoryEngine, owner: App) -> None:
    one = builders.subscribe(engine, owner)
    assert engine.amending.tag(owner, one.id, ("a",)).labels == ("a",)
    engine.subscribing.withdraw(owner, one.id)
    for name in (one.id, SubscriptionId("ab" * 12)):
        with pytest.raises(Refused) as refusal:
            engine.amending.tag(owner, name, ("b",))
        assert refusal.value.fault is Fault.GONE


def test_pu_20_an_erased_subscription_leaves_its_id_in_the_audit_log_and_nothing_else(
    engine: MemoryEngine, owner: App
) -> None:
    one = engine.subscribing.subscribe(builders.subscribe_command(owner, 1, builders.external("anna"), labels=("vip",)))
    engine.amending.erase(owner, one.id, builders.OPERATOR)
    assert engine.subscriptions.get(owner.id, one.id) is None
    assert engine.subscriptions.known(owner.id, Identity(EXTERNAL, "anna")) == []
    assert engine.subscriptions.counts(owner.id).active == 0
    assert engine.subscriptions.labelled(owner.id, ["vip"]) == 0
    entry = engine.registry.audit(owner.id, 1, None).items[0]
    assert (entry.action, entry.details) == (Action.CLIENT_ERASED, {"subscription": one.id})


@pytest.mark.parametrize(
    "use",
    [
        lambda amending, app, name: amending.amend(app, name, Amendment(labels=())),
        lambda amending, app, name: amending.erase(app, name, builders.OPERATOR),
    ],
    ids=["amend", "erase"],
)
def test_what_is_another_apps_is_not_found(
    engine: MemoryEngine, owner: App, use: Callable[[Amending, App, SubscriptionId], object]
) -> None:
    theirs = builders.subscribe(engine, builders.app(engine))
    with pytest.raises(Refused) as refusal:
        use(engine.amending, owner, theirs.id)
    assert refusal.value.fault is Fault.NOT_FOUND
    assert engine.subscriptions.get(theirs.app, theirs.id) == theirs


def test_a_change_that_meets_another_one_is_made_over_it(
    engine: MemoryEngine, owner: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = builders.subscribe(engine, owner)
    honest, faster = MemorySubscriptions.put, iter([True])

    def raced(store: MemorySubscriptions, new: Subscription, old: Subscription | None, *rest: object) -> None:
        if next(faster, False):
            engine.subscriptions.expire(owner.id, one.id, one.endpoint, one.vapid_key)
        honest(store, new, old)

    monkeypatch.setattr(MemorySubscriptions, "put", raced)
    amended = engine.amending.amend(owner, one.id, Amendment(labels=("a",)))
    assert (amended.state, amended.labels) == (SubscriptionState.EXPIRED, ("a",))
