"""Names of people, and who may use them."""

import pytest

from tests import builders
from tests.builders import ANNA, email, external, proof
from tests.engine import MemoryEngine
from tocsin.application.identifying import PER_PERSON, Claim
from tocsin.application.metrics import Metric
from tocsin.domain.errors import Fault, Refused
from tocsin.domain.identity import Identity, IdentityKind, UserToken
from tocsin.domain.tenancy import App, IdentityMode


def guarded(engine: MemoryEngine, mode: IdentityMode = IdentityMode.REQUIRED) -> App:
    return builders.app(engine, identity=mode)


def tokened(engine: MemoryEngine, issuer: App, name: str, *, claimed: str | None = None) -> Claim:
    """A claim by a user token that `issuer` gave for `name`."""
    token, _ = engine.user_tokens.issue(issuer, name, 600)
    return Claim(IdentityKind.EXTERNAL, name if claimed is None else claimed, token)


def refusal(engine: MemoryEngine, owner: App, claim: Claim) -> Fault:
    with pytest.raises(Refused) as refused:
        engine.identifying.accept(owner, claim, trusted=False)
    return refused.value.fault


def test_an_address_is_known_by_a_keyed_hash_that_differs_between_apps(engine: MemoryEngine) -> None:
    one, other = builders.app(engine), builders.app(engine)
    hashes = {engine.identifying.identity(owner, IdentityKind.EMAIL, ANNA).value for owner in (one, other)}
    assert len(hashes) == 2
    same = engine.identifying.identity(one, IdentityKind.EMAIL, f" {ANNA.upper()} ").value
    assert same in hashes
    assert not any("anna" in value for value in hashes)


def test_what_is_no_address_is_refused_by_the_fields_own_name(engine: MemoryEngine) -> None:
    with pytest.raises(Refused) as refused:
        engine.identifying.identity(builders.app(engine), IdentityKind.EMAIL, "x", "user_email")
    assert (refused.value.fault, refused.value.field) == (Fault.FIELD_INVALID, "user_email")


@pytest.mark.row("PS-20")
def test_a_user_token_proves_the_name_in_it_and_no_other(engine: MemoryEngine) -> None:
    owner, other = guarded(engine), guarded(engine)
    assert engine.identifying.accept(owner, tokened(engine, owner, "u-17"), trusted=False) == Identity(
        IdentityKind.EXTERNAL, "u-17"
    )
    assert refusal(engine, owner, tokened(engine, owner, "u-17", claimed="u-18")) is Fault.IDENTITY_INVALID
    assert refusal(engine, owner, tokened(engine, other, "u-17")) is Fault.IDENTITY_INVALID
    stale = tokened(engine, owner, "u-17")
    engine.clock.advance(600)
    assert refusal(engine, owner, stale) is Fault.IDENTITY_INVALID


def test_a_user_token_proves_no_address(engine: MemoryEngine) -> None:
    owner = guarded(engine)
    token, _ = engine.user_tokens.issue(owner, ANNA, 600)
    assert refusal(engine, owner, Claim(IdentityKind.EMAIL, ANNA, token)) is Fault.IDENTITY_INVALID


def test_a_proof_for_one_kind_of_name_is_none_for_the_other(engine: MemoryEngine) -> None:
    owner = guarded(engine)
    for_address = proof(engine, owner, IdentityKind.EMAIL, ANNA)
    assert engine.identifying.accept(owner, email(ANNA, for_address), trusted=False).kind is IdentityKind.EMAIL
    assert refusal(engine, owner, external(ANNA, for_address)) is Fault.IDENTITY_INVALID


@pytest.mark.parametrize(
    ("mode", "counted", "fault"),
    [
        (IdentityMode.OFF, None, None),
        (IdentityMode.REPORT, 1, None),
        (IdentityMode.REQUIRED, 1, Fault.IDENTITY_REQUIRED),
    ],
)
@pytest.mark.row("PS-20")
def test_an_unproved_name_is_accepted_counted_or_refused(
    engine: MemoryEngine, mode: IdentityMode, counted: int | None, fault: Fault | None
) -> None:
    owner = guarded(engine, mode)
    if fault is None:
        assert engine.identifying.accept(owner, external("u-17"), trusted=False).value == "u-17"
    else:
        assert refusal(engine, owner, external("u-17")) is fault
    assert engine.meter.counted.get(Metric.UNPROVED_IDENTITY) == counted
    assert engine.identifying.accept(owner, external("u-17"), trusted=True).value == "u-17"
    assert engine.meter.counted.get(Metric.UNPROVED_IDENTITY) == counted


def test_only_what_nobody_vouches_for_uses_up_a_persons_hour(engine: MemoryEngine) -> None:
    owner = guarded(engine, IdentityMode.REPORT)
    for _ in range(PER_PERSON[0]):
        engine.identifying.accept(owner, external("u-17"), trusted=False)
    assert refusal(engine, owner, external("u-17")) is Fault.RATE_LIMITED
    assert refusal(engine, owner, Claim(IdentityKind.EXTERNAL, "u-17", UserToken("x"))) is Fault.RATE_LIMITED
    engine.identifying.accept(owner, tokened(engine, owner, "u-17"), trusted=False)
    engine.identifying.accept(owner, external("u-17"), trusted=True)
    engine.identifying.accept(owner, external("u-18"), trusted=False)


def test_a_browsers_worker_knows_its_person_by_a_token_of_the_app(engine: MemoryEngine) -> None:
    one, other = builders.app(engine), builders.app(engine)
    named = [builders.subscribe(engine, owner, 1, external("u-17")) for owner in (one, other)]
    nobody = builders.subscribe(engine, one, 2, email())
    tokens = [engine.identifying.who(subscription) for subscription in named]
    assert None not in tokens
    assert len(set(tokens)) == 2
    assert engine.identifying.who(nobody) is None
