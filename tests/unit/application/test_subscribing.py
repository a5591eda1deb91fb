"""Subscribing, naming and withdrawing browsers."""

import random
from dataclasses import replace
from itertools import count
from typing import Any

import pytest

from tests import builders
from tests.engine import MemoryEngine
from tocsin.application.identifying import PER_PERSON
from tocsin.application.limiting import PER_ADDRESS, PER_APP
from tocsin.application.metrics import Metric
from tocsin.application.ports import Unavailable
from tocsin.domain.errors import Fault, Refused
from tocsin.domain.identity import IdentityKind, Proof, proof_mac
from tocsin.domain.ids import SubscriptionId
from tocsin.domain.subscription import Counts, Device, Subscription, SubscriptionState
from tocsin.domain.tenancy import App, IdentityMode

EMAIL, EXTERNAL = IdentityKind.EMAIL, IdentityKind.EXTERNAL


@pytest.fixture
def shop(engine: MemoryEngine) -> App:
    return builders.app(engine)


@pytest.fixture
def strict(engine: MemoryEngine) -> App:
    return builders.app(engine, identity=IdentityMode.REQUIRED)


def stored(engine: MemoryEngine, subscription: Subscription) -> Subscription:
    found = engine.subscriptions.get(subscription.app, subscription.id)
    assert found is not None
    return found


def states(engine: MemoryEngine, owner: App) -> tuple[int, int, int]:
    counts = engine.subscriptions.counts(owner.id)
    return counts.active, counts.inactive, counts.expired


def of(engine: MemoryEngine, owner: App, address: str) -> list[SubscriptionId]:
    identity = engine.identifying.identity(owner, EMAIL, address)
    return [subscription.id for subscription in engine.subscriptions.of(owner.id, [identity])]


@pytest.mark.row("PS-22")
def test_ps_22_the_same_endpoint_again_is_the_same_subscription(engine: MemoryEngine, shop: App) -> None:
    first = builders.subscribe(engine, shop, 1, builders.email())
    engine.clock.advance(100)
    again = builders.subscribe(engine, shop, 1, builders.email())
    assert (again.id, again.created_at, again.revision) == (first.id, first.created_at, first.revision + 1)
    assert again.seen_at == first.seen_at + 100
    assert states(engine, shop) == (1, 0, 0)


@pytest.mark.row("PS-22")
def test_ps_22_an_endpoint_moves_to_its_latest_address(engine: MemoryEngine, shop: App) -> None:
    browser = builders.subscribe(engine, shop, 1, builders.email(), builders.external("17"))
    builders.subscribe(engine, shop, 1, builders.email(builders.BERT))
    assert of(engine, shop, builders.ANNA) == []
    assert of(engine, shop, builders.BERT) == [browser.id]
    assert engine.identifying.who(stored(engine, browser)) is None


def test_subscribing_again_takes_the_new_keys_and_revives_what_was_withdrawn(engine: MemoryEngine, shop: App) -> None:
    browser = builders.subscribe(engine, shop, 1)
    engine.subscribing.withdraw(shop, browser.id)
    other = builders.user_agent(2)
    command = replace(builders.subscribe_command(shop, 1), p256dh=other.p256dh, auth=other.auth)
    again = engine.subscribing.subscribe(command)
    assert again.state is SubscriptionState.ACTIVE
    assert again.keys != browser.keys


def test_subscribing_anew_after_withdrawing_does_not_bring_the_name_back(engine: MemoryEngine, shop: App) -> None:
    browser = builders.subscribe(engine, shop, 1, builders.email())
    engine.subscribing.withdraw(shop, browser.id)
    engine.clock.advance(1)
    again = builders.subscribe(engine, shop, 1)
    assert (again.identities, again.created_at) == ((), browser.created_at)
    assert of(engine, shop, builders.ANNA) == []


def test_a_withdrawn_name_does_not_come_back_by_the_former_endpoint_either(engine: MemoryEngine, shop: App) -> None:
    builders.subscribe(engine, shop, 1, builders.email())
    engine.subscribing.withdraw_person(shop, EMAIL, builders.ANNA)
    command = replace(builders.subscribe_command(shop, 2), previous=builders.endpoint(1))
    assert engine.subscribing.subscribe(command).identities == ()


def test_strangers_cannot_use_up_what_a_person_with_a_proof_needs(engine: MemoryEngine) -> None:
    shop = builders.app(engine, identity=IdentityMode.REQUIRED)
    for number in range(20):
        with pytest.raises(Refused) as refused:
            engine.subscribing.subscribe(builders.subscribe_command(shop, number, builders.email(), trusted=False))
        assert refused.value.fault is Fault.IDENTITY_REQUIRED
    claim = builders.email(proof=builders.proof(engine, shop, EMAIL, builders.ANNA))
    assert engine.subscribing.subscribe(builders.subscribe_command(shop, 1, claim, trusted=False)).identities


def test_labels_stay_unless_new_ones_are_given(engine: MemoryEngine, shop: App) -> None:
    engine.subscribing.subscribe(builders.subscribe_command(shop, 1, labels=("news",)))
    assert builders.subscribe(engine, shop, 1).labels == ("news",)
    assert engine.subscribing.subscribe(builders.subscribe_command(shop, 1, labels=())).labels == ()


@pytest.mark.row("PS-21")
@pytest.mark.parametrize(
    ("field", "value", "name"),
    [
        ("endpoint", "http://updates.push.services.mozilla.com/x", "subscription.endpoint"),
        ("endpoint", "https://169.254.169.254/latest", "subscription.endpoint"),
        ("endpoint", "https://fcm.googleapis.com@evil.example/x", "subscription.endpoint"),
        ("endpoint", "https://evil.example/wpush", "subscription.endpoint"),
        ("p256dh", "BA" * 43 + "A", "subscription.keys"),
        ("p256dh", "", "subscription.keys"),
        ("auth", "AAAA", "subscription.keys"),
    ],
)
def test_ps_21_what_cannot_be_sent_to_is_refused_and_not_stored(
    engine: MemoryEngine, shop: App, field: str, value: str, name: str
) -> None:
    command = builders.subscribe_command(shop, 1)
    changed: dict[str, Any] = {field: value}
    with pytest.raises(Refused) as refusal:
        engine.subscribing.subscribe(replace(command, **changed))
    assert (refusal.value.fault, refusal.value.field) == (Fault.FIELD_INVALID, name)
    assert not value or value not in refusal.value.message
    assert states(engine, shop) == (0, 0, 0)


def test_in_required_mode_a_proof_opens_the_name_it_was_made_for(engine: MemoryEngine, strict: App) -> None:
    proof = builders.proof(engine, strict, EMAIL, builders.ANNA)
    claim = builders.email(f" {builders.ANNA.upper()} ", proof)
    browser = engine.subscribing.subscribe(builders.subscribe_command(strict, 1, claim, trusted=False))
    assert of(engine, strict, builders.ANNA) == [browser.id]


def test_in_required_mode_a_name_without_proof_is_refused(engine: MemoryEngine, strict: App) -> None:
    with pytest.raises(Refused) as refusal:
        engine.subscribing.subscribe(builders.subscribe_command(strict, 1, builders.email(), trusted=False))
    assert refusal.value.fault is Fault.IDENTITY_REQUIRED
    assert engine.subscriptions.counts(strict.id) == Counts(0, 0, 0)


def test_in_required_mode_nobody_may_still_subscribe(engine: MemoryEngine, strict: App) -> None:
    browser = engine.subscribing.subscribe(builders.subscribe_command(strict, 1, trusted=False))
    assert browser.identities == ()


def test_ten_thousand_forged_proofs_are_never_accepted(engine: MemoryEngine, strict: App) -> None:
    """Wrong secrets, names, kinds, apps, versions and times, not only noise."""
    chance = random.Random(11)
    now, other = int(engine.clock.now()), builders.app(engine, identity=IdentityMode.REQUIRED)
    secrets = [
        engine.derivation.identity_secret(other.id, 1),
        engine.derivation.identity_secret(strict.id, 2),
        engine.derivation.email_pepper(strict.id),
        engine.derivation.who_secret(strict.id),
        strict.id.encode(),
        b"",
    ]
    right = engine.derivation.identity_secret(strict.id, 1)
    faults = set()
    for number in range(10_000):
        exp = now + chance.randrange(1, 3600)
        mac = [
            lambda exp: proof_mac(chance.choice(secrets), EMAIL, builders.ANNA, exp),
            lambda exp: proof_mac(right, EXTERNAL, builders.ANNA, exp),
            lambda exp: proof_mac(right, EMAIL, builders.BERT, exp),
            lambda exp: proof_mac(right, EMAIL, builders.ANNA, exp + 1),
            lambda exp: chance.randbytes(32).hex(),
        ][number % 5](exp)
        if number % 50 == 0:
            exp = chance.choice((now - 1 - number, now + 8 * 86_400))
            mac = proof_mac(right, EMAIL, builders.ANNA, exp)
        if number % PER_PERSON[0] == 0:
            engine.storage.windows.clear()
        claim = builders.email(proof=Proof(exp, mac))
        with pytest.raises(Refused) as refusal:
            engine.subscribing.subscribe(builders.subscribe_command(strict, 1, claim, trusted=False))
        faults.add(refusal.value.fault)
    assert faults == {Fault.IDENTITY_INVALID}
    assert engine.subscriptions.counts(strict.id) == Counts(0, 0, 0)


@pytest.mark.parametrize(("mode", "counted"), [(IdentityMode.OFF, 0), (IdentityMode.REPORT, 1)])
def test_other_modes_take_any_name_and_report_counts_it(engine: MemoryEngine, mode: IdentityMode, counted: int) -> None:
    owner = builders.app(engine, identity=mode)
    engine.subscribing.subscribe(builders.subscribe_command(owner, 1, builders.email(), trusted=False))
    assert len(of(engine, owner, builders.ANNA)) == 1
    assert engine.meter.counted.get(Metric.UNPROVED_IDENTITY, 0) == counted


def test_report_mode_does_not_count_what_was_proved(engine: MemoryEngine) -> None:
    owner = builders.app(engine, identity=IdentityMode.REPORT)
    claim = builders.external("17", builders.proof(engine, owner, EXTERNAL, "17"))
    engine.subscribing.subscribe(builders.subscribe_command(owner, 1, claim, trusted=False))
    assert Metric.UNPROVED_IDENTITY not in engine.meter.counted


def test_the_customers_server_needs_no_proof_and_has_no_person_window(engine: MemoryEngine, strict: App) -> None:
    for number in range(1, PER_PERSON[0] + 5):
        builders.subscribe(engine, strict, number, builders.email())
    assert len(of(engine, strict, builders.ANNA)) == PER_PERSON[0] + 4


def test_one_person_may_be_named_ten_times_an_hour(engine: MemoryEngine, shop: App) -> None:
    browsers = count(1)

    def attempt(address: str) -> None:
        command = builders.subscribe_command(shop, next(browsers), builders.email(address), trusted=False)
        engine.subscribing.subscribe(command)

    for _ in range(PER_PERSON[0]):
        attempt(builders.ANNA)
    with pytest.raises(Refused) as refusal:
        attempt(builders.ANNA.upper())
    assert refusal.value.fault is Fault.RATE_LIMITED
    wait = refusal.value.retry_after
    assert wait is not None
    attempt(builders.BERT)
    engine.clock.advance(wait)
    attempt(builders.ANNA)


@pytest.mark.row("PS-20")
def test_ps_20_browsers_are_limited_by_network_and_by_app(engine: MemoryEngine, shop: App) -> None:
    for _ in range(PER_ADDRESS[0]):
        engine.limiting.browser(shop, "192.0.2.0/24")
    with pytest.raises(Refused) as refusal:
        engine.limiting.browser(shop, "192.0.2.0/24")
    assert refusal.value.fault is Fault.RATE_LIMITED
    assert 1 <= (refusal.value.retry_after or 0) <= PER_ADDRESS[1]
    for number in range(PER_APP[0] - PER_ADDRESS[0]):
        engine.limiting.browser(shop, f"198.51.{number}")
    with pytest.raises(Refused):
        engine.limiting.browser(shop, "203.0.113.0/24")
    engine.limiting.browser(builders.app(engine), "192.0.2.0/24")


def test_a_new_endpoint_takes_over_from_the_one_it_replaces(engine: MemoryEngine, shop: App) -> None:
    command = builders.subscribe_command(shop, 1, builders.email(), labels=("news",))
    old = engine.subscribing.subscribe(command)
    engine.clock.advance(50)
    renewed = builders.subscribe_command(shop, 2, trusted=False, previous=builders.endpoint(1))
    new = engine.subscribing.subscribe(renewed)
    assert (new.identities, new.labels, new.created_at) == (old.identities, old.labels, old.created_at)
    assert stored(engine, old).state is SubscriptionState.INACTIVE
    assert of(engine, shop, builders.ANNA) == [new.id]


@pytest.mark.parametrize(
    ("state", "renew", "goes_on"),
    [
        (SubscriptionState.ACTIVE, False, True),
        (SubscriptionState.ACTIVE, True, True),
        (SubscriptionState.EXPIRED, True, True),
        (SubscriptionState.EXPIRED, False, False),  # a person subscribes anew, and flows begin anew
    ],
)
def test_a_replaced_subscription_names_the_one_that_goes_on_in_its_place(
    engine: MemoryEngine, shop: App, state: SubscriptionState, renew: bool, goes_on: bool
) -> None:
    old = builders.subscribe(engine, shop, 1)
    engine.subscriptions.put(replace(old, state=state, revision=old.revision + 1), old)
    command = builders.subscribe_command(shop, 2, previous=builders.endpoint(1))
    new = engine.subscribing.subscribe(replace(command, renew=renew))
    assert stored(engine, old).replaced_by == (new.id if goes_on else None)


def test_an_unknown_or_equal_previous_endpoint_changes_nothing(engine: MemoryEngine, shop: App) -> None:
    for previous in (1, 9):
        command = builders.subscribe_command(shop, 1, previous=builders.endpoint(previous))
        assert engine.subscribing.subscribe(command).state is SubscriptionState.ACTIVE
    assert states(engine, shop) == (1, 0, 0)


def test_a_writer_that_was_overtaken_builds_on_what_the_other_wrote(
    engine: MemoryEngine, shop: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = builders.subscribe(engine, shop, 1)
    honest = engine.subscriptions.get
    overtaken: list[SubscriptionId] = []

    def read_then_lose(app: object, name: SubscriptionId) -> Subscription | None:
        found = honest(shop.id, name)
        if not overtaken:
            overtaken.append(name)
            builders.subscribe(engine, shop, 1, builders.external("17"))
        return found

    monkeypatch.setattr(engine.subscriptions, "get", read_then_lose)
    engine.subscribing.subscribe(builders.subscribe_command(shop, 1, labels=("news",)))
    after = stored(engine, browser)
    assert (after.labels, after.revision) == (("news",), browser.revision + 2)
    assert after.identity(EXTERNAL) is not None


def test_a_writer_that_always_loses_gives_up(engine: MemoryEngine, shop: App, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = builders.subscribe(engine, shop, 1)
    stale = replace(browser, revision=-1)
    monkeypatch.setattr(engine.subscriptions, "get", lambda app, name: stale)
    with pytest.raises(Unavailable):
        builders.subscribe(engine, shop, 1)


def test_identify_names_and_logging_out_forgets(engine: MemoryEngine, shop: App) -> None:
    browser = builders.subscribe(engine, shop, 1)
    named = engine.subscribing.identify(shop, browser.id, builders.external("17"))
    assert engine.identifying.who(named) is not None
    assert engine.subscribing.identify(shop, browser.id, None).identities == ()
    assert stored(engine, browser).state is SubscriptionState.ACTIVE


def test_identify_in_required_mode_asks_for_a_proof(engine: MemoryEngine, strict: App) -> None:
    browser = builders.subscribe(engine, strict, 1)
    with pytest.raises(Refused) as refusal:
        engine.subscribing.identify(strict, browser.id, builders.external("17"))
    assert refusal.value.fault is Fault.IDENTITY_REQUIRED


@pytest.mark.row("PS-4")
def test_ps_4_a_subscription_of_another_app_is_not_there(engine: MemoryEngine, shop: App) -> None:
    browser, other = builders.subscribe(engine, shop, 1), builders.app(engine)
    assert not engine.subscribing.withdraw(other, browser.id)
    with pytest.raises(Refused) as refusal:
        engine.subscribing.identify(other, browser.id, None)
    assert refusal.value.fault is Fault.GONE
    assert stored(engine, browser) == browser


@pytest.mark.row("PS-23", "PS-24")
def test_ps_23_a_person_is_withdrawn_from_every_browser_once(engine: MemoryEngine, shop: App) -> None:
    for number in (1, 2, 3):
        builders.subscribe(engine, shop, number, builders.email())
    builders.subscribe(engine, shop, 4, builders.email(builders.BERT))
    assert engine.subscribing.withdraw_person(shop, EMAIL, builders.ANNA.upper()) == 3
    assert engine.subscribing.withdraw_person(shop, EMAIL, builders.ANNA) == 0
    assert states(engine, shop) == (1, 3, 0)


@pytest.mark.row("PS-13")
def test_ps_13_no_address_is_stored(engine: MemoryEngine, shop: App) -> None:
    builders.subscribe(engine, shop, 1, builders.email())
    assert "anna" not in repr(engine.storage).lower()


@pytest.mark.row("PS-12")
def test_ps_12_a_malformed_address_is_a_field_error(engine: MemoryEngine, shop: App) -> None:
    with pytest.raises(Refused) as refusal:
        engine.subscribing.withdraw_person(shop, EMAIL, "anna")
    assert (refusal.value.fault, refusal.value.field) == (Fault.FIELD_INVALID, "email")


@pytest.mark.row("CS-29")
def test_cs_29_what_a_browser_said_of_itself_stays_when_a_server_enrols_it_again(
    engine: MemoryEngine, shop: App
) -> None:
    told = replace(builders.subscribe_command(shop, 1), device=Device(lang="de", browser="Firefox", kind="desktop"))
    engine.subscribing.subscribe(told)
    again = engine.subscribing.subscribe(replace(told, device=Device(lang="fr")))
    assert again.device == Device(lang="fr", browser="Firefox", kind="desktop")


def test_who_says_again_what_is_known_uses_up_nothing(engine: MemoryEngine, shop: App) -> None:
    for _ in range(PER_PERSON[0] + 5):
        engine.subscribing.subscribe(builders.subscribe_command(shop, 1, builders.email(), trusted=False))
    engine.subscribing.subscribe(builders.subscribe_command(shop, 2, builders.email(), trusted=False))
