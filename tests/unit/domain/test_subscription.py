"""What a subscription is said to have been sent."""

from dataclasses import replace

import pytest

from tests import builders
from tests.engine import MemoryEngine
from tocsin.domain.subscription import Activity, Broadcasts, Subscription, SubscriptionState, notified, recounted

ACTIVE, INACTIVE = SubscriptionState.ACTIVE, SubscriptionState.INACTIVE


@pytest.fixture
def browser() -> Subscription:
    engine = MemoryEngine()
    return builders.subscribe(engine, builders.app(engine), 1)


def test_only_broadcasts_since_it_became_active_count(browser: Subscription) -> None:
    new = recounted(replace(browser, activity=Activity()), None, Broadcasts(7))
    assert notified(new, Broadcasts(7)) == 0
    assert notified(new, Broadcasts(9)) == 2


def test_what_it_was_sent_stays_when_it_leaves_and_grows_again_when_it_is_back(browser: Subscription) -> None:
    new = recounted(replace(browser, activity=Activity()), None, Broadcasts(7))
    left = recounted(replace(new, state=INACTIVE), new, Broadcasts(9))
    assert [notified(left, Broadcasts(count)) for count in (9, 50)] == [2, 2]
    back = recounted(replace(left, state=ACTIVE), left, Broadcasts(50))
    assert [notified(back, Broadcasts(count)) for count in (50, 53)] == [2, 5]


def test_a_change_that_leaves_it_active_changes_no_count(browser: Subscription) -> None:
    assert recounted(replace(browser, seen_at=1), browser, Broadcasts(9)) == replace(browser, seen_at=1)
