"""What is found to keep notifications from a subscription, and that all is well where all is well."""

from dataclasses import replace

import pytest

from tests.builders import OPERATOR, app, subscribe
from tests.engine import MemoryEngine
from tests.memory.storage import Meter
from tocsin.application.configuring import Changes
from tocsin.application.diagnosing import Check, Finding
from tocsin.application.signing import Signing
from tocsin.domain.errors import Fault, Refused
from tocsin.domain.ids import SendId, SubscriptionId
from tocsin.domain.quota import Limits, QuotaWindow
from tocsin.domain.subscription import Subscription, SubscriptionState
from tocsin.domain.tenancy import App, DialectName

DIALECT = DialectName("cloudsignal")


def examined(engine: MemoryEngine, owner: App, one: Subscription) -> dict[Check, Finding]:
    """The findings by check; one for each."""
    findings = engine.diagnosing.examine(owner, one.id, DIALECT)
    assert [finding.check for finding in findings] == list(Check)
    assert all(finding.detail.endswith(".") for finding in findings)
    return {finding.check: finding for finding in findings}


def failing(findings: dict[Check, Finding]) -> set[Check]:
    """The checks that came to no good."""
    return {check for check, finding in findings.items() if not finding.ok}


def test_a_subscription_that_can_be_reached_is_found_well() -> None:
    engine = MemoryEngine()
    owner = app(engine)
    one = subscribe(engine, owner)
    engine.subscriptions.note_accepted(owner.id, SendId("1" * 24), [one.id], 1_800_000_000)
    findings = examined(engine, owner, one)
    assert failing(findings) == set()
    assert "2027-01-15 08:00 UTC" in findings[Check.SUBSCRIPTION_ACTIVE].detail
    assert "3993 bytes" in findings[Check.PAYLOAD_SIZE].detail
    assert "https://shop.example" in findings[Check.ALLOWED_ORIGINS].detail
    assert "10000 of 10000" in findings[Check.HOURLY_QUOTA].detail


@pytest.mark.parametrize(
    ("state", "checks", "word"),
    [
        (SubscriptionState.INACTIVE, {Check.SUBSCRIPTION_ACTIVE, Check.PERMISSION}, "turned notifications off"),
        (
            SubscriptionState.EXPIRED,
            {Check.SUBSCRIPTION_ACTIVE, Check.PERMISSION, Check.EXPIRED_SHARE},
            "gone (404 or 410)",
        ),
        (SubscriptionState.UNREGISTERED, {Check.SUBSCRIPTION_ACTIVE}, "unregistered"),
        (SubscriptionState.BOUNCED, {Check.SUBSCRIPTION_ACTIVE}, "refused 3 notifications"),
    ],
)
def test_a_subscription_that_is_not_active_is_told_why(state: SubscriptionState, checks: set[Check], word: str) -> None:
    engine = MemoryEngine()
    owner = app(engine)
    one = subscribe(engine, owner)
    engine.subscriptions.put(replace(one, state=state, revision=1), one)
    findings = examined(engine, owner, one)
    assert failing(findings) == checks
    assert word in findings[Check.SUBSCRIPTION_ACTIVE].detail
    assert "2027-01-15 08:00 UTC" in findings[Check.SUBSCRIPTION_ACTIVE].detail


def test_an_earlier_vapid_key_is_told_and_a_retired_one_is_found() -> None:
    engine = MemoryEngine()
    owner = app(engine)
    one = subscribe(engine, owner)
    engine.configuring.rotate(owner.id, None, OPERATOR)
    finding = examined(engine, owner, one)[Check.VAPID_KEY]
    assert finding.ok
    assert "earlier VAPID key" in finding.detail
    engine.subscribing.withdraw(owner, one.id)
    engine.configuring.retire(owner.id, one.vapid_key, OPERATOR)
    finding = examined(engine, owner, one)[Check.VAPID_KEY]
    assert not finding.ok
    assert "retired" in finding.detail
    assert "would still arrive" in finding.detail
    signing, service = Signing(engine.registry, engine.vault), "https://push.example"
    assert signing.authorization(owner.tenant, owner.id, one.vapid_key, owner.contact, service, 0) is not None
    assert "subscribe anew" in finding.detail


@pytest.mark.parametrize(
    ("used", "checks"),
    [
        ((99, 999, 9999), set()),
        ((100, 999, 9999), {Check.HOURLY_QUOTA}),
        ((0, 1000, 9999), {Check.DAILY_QUOTA}),
        ((0, 0, 10_000), {Check.MONTHLY_QUOTA}),
        ((101, 1001, 10_001), {Check.HOURLY_QUOTA, Check.DAILY_QUOTA, Check.MONTHLY_QUOTA}),
    ],
)
def test_a_used_quota_is_found_with_the_time_when_it_is_there_again(
    used: tuple[int, int, int], checks: set[Check]
) -> None:
    engine = MemoryEngine()
    owner = app(engine, limits=Limits(100, 1000, 10_000))
    one = subscribe(engine, owner)
    now = int(engine.clock.now())
    hour, day, month = (window.start(now) for window in QuotaWindow)
    engine.storage.meters[owner.id] = Meter(hour, used[0], day, used[1], month, used[2])
    findings = examined(engine, owner, one)
    assert failing(findings) == checks
    ends = {
        Check.HOURLY_QUOTA: "2027-01-15 09:00 UTC",
        Check.DAILY_QUOTA: "2027-01-16 00:00 UTC",
        Check.MONTHLY_QUOTA: "2027-02-01 00:00 UTC",
    }
    assert all(ends[check] in findings[check].detail for check in checks)


def test_what_has_no_limit_cannot_be_used_up() -> None:
    engine = MemoryEngine()
    owner = app(engine, limits=Limits(None, None))
    findings = examined(engine, owner, subscribe(engine, owner))
    for check in (Check.HOURLY_QUOTA, Check.DAILY_QUOTA, Check.MONTHLY_QUOTA):
        assert "no limit" in findings[check].detail
    assert failing(findings) == set()


@pytest.mark.parametrize("origins", [(), ("http://localhost:8000",)])
def test_an_app_that_no_public_page_can_register_at_is_found(origins: tuple[str, ...]) -> None:
    engine = MemoryEngine()
    owner = app(engine)
    one = subscribe(engine, owner)
    engine.configuring.change(owner.id, Changes(origins=origins), OPERATOR)
    findings = examined(engine, owner, one)  # the app as it is now, not as the caller's key was read
    assert failing(findings) == {Check.ALLOWED_ORIGINS}
    assert all(origin in findings[Check.ALLOWED_ORIGINS].detail for origin in origins)


def test_an_api_that_is_switched_off_is_found() -> None:
    engine = MemoryEngine()
    owner = app(engine)
    one = subscribe(engine, owner)
    engine.configuring.change(owner.id, Changes(dialects_on={DIALECT: False}), OPERATOR)
    assert failing(examined(engine, owner, one)) == {Check.API_ENABLED}


@pytest.mark.parametrize(("expired", "found"), [(1, False), (2, True)])
def test_many_expired_subscriptions_are_found(expired: int, found: bool) -> None:
    engine = MemoryEngine()
    owner = app(engine)
    for number in range(1, 7):
        subscribe(engine, owner, number)
    for number in range(2, 2 + expired):
        one = subscribe(engine, owner, number)
        assert engine.subscriptions.expire(owner.id, one.id, one.endpoint, one.vapid_key)
    finding = examined(engine, owner, subscribe(engine, owner))[Check.EXPIRED_SHARE]
    assert finding.ok is not found
    assert finding.detail.startswith(f"{expired} of the app's 6 subscriptions")


def test_nothing_is_told_of_what_is_not_the_apps() -> None:
    engine = MemoryEngine()
    mine, other = app(engine), app(engine)
    stranger = subscribe(engine, other)
    for name in (stranger.id, SubscriptionId("0" * 24)):
        with pytest.raises(Refused) as refused:
            engine.diagnosing.examine(mine, name, DIALECT)
        assert refused.value.fault is Fault.NOT_FOUND


def test_no_finding_names_an_endpoint_or_a_person() -> None:
    engine = MemoryEngine()
    owner = app(engine)
    one = subscribe(engine, owner)
    told = " ".join(finding.detail for finding in examined(engine, owner, one).values())
    assert one.endpoint not in told
    assert "mailto" not in told
