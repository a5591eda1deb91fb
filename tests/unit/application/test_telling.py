"""Telling customers' servers of events, in virtual time."""

import json

import pytest

from tests import builders
from tests.unit.application.receivers import OTHER, PAGER, URL, Receiver, receiver, signed_by
from tocsin.application.jobs import Notify, TryAgain
from tocsin.application.metrics import Metric
from tocsin.domain.audit import Action
from tocsin.domain.event import Event, EventKind
from tocsin.domain.webhook import DISABLED_AFTER, OVERLAP_SECONDS, TRIES_AT, EventState, PendingEvent

DAY = 86_400


def pending(shop: Receiver, state: EventState = EventState.FAILING) -> list[PendingEvent]:
    return list(shop.engine.webhooks.pending(shop.app.id, PAGER, state, 100, None).items)


def test_an_event_is_told_once_and_signed_beside_the_dialects_own_headers() -> None:
    shop = receiver(auth="Basic abc")
    event = shop.happens()
    (post,) = shop.received
    assert (post.url, json.loads(post.body)["person"]) == (URL, "anna")
    assert post.headers["webhook-id"] == event.id
    assert post.headers["webhook-timestamp"] == str(int(shop.engine.clock.now()))
    assert post.headers["X-Pager-Auth"] == "Basic abc"
    secret = shop.engine.webhooks.secret(shop.hook)
    assert post.headers["X-Pager-Secret"] == secret
    assert signed_by(post, secret)
    assert not pending(shop)


def test_the_secret_before_a_rotation_signs_too_for_a_day() -> None:
    shop = receiver()
    old = shop.engine.webhooks.secret(shop.hook)
    shop.engine.webhooks.change(shop.app.id, PAGER, rotate=True, actor=builders.OPERATOR)
    new = shop.engine.webhooks.secret(shop.hook)
    assert old != new
    shop.happens(1)
    assert signed_by(shop.received[-1], old)
    assert signed_by(shop.received[-1], new)
    shop.engine.clock.advance(OVERLAP_SECONDS)
    shop.happens(2)
    assert not signed_by(shop.received[-1], old)
    assert signed_by(shop.received[-1], new)


def test_only_a_dialect_that_tells_this_kind_is_asked() -> None:
    shop = receiver()
    shop.happens(1, EventKind.UNSUBSCRIBED)
    assert not shop.received


def test_what_happened_to_a_send_of_one_api_is_not_told_by_another() -> None:
    shop = receiver()
    shop.queue(Notify(Event("1" * 24, shop.app.id, EventKind.CLICKED, 0, dialect=OTHER)))
    assert not shop.received
    shop.queue(Notify(Event("2" * 24, shop.app.id, EventKind.CLICKED, 0, dialect=PAGER)))
    assert len(shop.received) == 1


@pytest.mark.parametrize("status", [None, 199, 301, 400, 404, 500])
def test_whatever_is_not_taken_is_tried_eight_times_in_a_day_with_the_same_id(status: int | None) -> None:
    shop = receiver()
    shop.answers(status)
    began = shop.engine.clock.now()
    event = shop.happens()
    tried = [0.0]
    for _ in range(2 * DAY // 60):
        before = len(shop.received)
        shop.later(60)
        tried += [shop.engine.clock.now() - began] * (len(shop.received) - before)
    assert tried == list(TRIES_AT)
    assert tried[-1] == DAY
    assert len(tried) == 8
    assert set(shop.ids()) == {event.id}
    assert len({post.headers["webhook-timestamp"] for post in shop.received}) == 8
    (dead,) = pending(shop, EventState.DEAD)
    assert (dead.tries, dead.status, dead.due_at) == (8, status, None)
    assert shop.engine.meter.counted[Metric.WEBHOOK_DEAD] == 1


def test_a_job_that_comes_often_and_a_worker_that_is_faster_than_the_sweep_change_no_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shop = receiver()
    shop.answers(503)
    monkeypatch.setattr(shop.engine.events, "again", lambda jobs: shop.queue(*jobs, *jobs))
    began = shop.engine.clock.now()
    shop.happens()
    for _ in range(2 * DAY // 60):
        shop.later(60)
    assert [int(post.headers["webhook-timestamp"]) - began for post in shop.received] == list(TRIES_AT)


def test_one_failure_after_days_of_silence_disables_nothing() -> None:
    shop = receiver()
    shop.answers(503)
    shop.happens(1)
    for _ in range(2 * DAY // 600):
        shop.later(600)
    shop.engine.clock.advance(6 * DAY)
    shop.happens(2)
    shop.later(60)
    assert shop.hook.live


def test_once_it_is_taken_it_is_forgotten_and_the_webhook_is_well_again() -> None:
    shop = receiver()
    shop.answers(500)
    shop.happens()
    assert shop.hook.failing_since == int(shop.engine.clock.now())
    shop.answers(200)
    shop.later(60)
    assert not pending(shop)
    assert shop.hook.failing_since is None
    assert len(shop.received) == 2


def test_while_a_webhook_fails_new_events_wait_for_the_sweep_and_have_all_their_tries() -> None:
    shop = receiver()
    shop.answers(500)
    shop.happens(1)
    shop.happens(2)
    assert shop.ids() == [f"{1:024x}"]
    assert {one.event.id: one.tries for one in pending(shop)} == {f"{1:024x}": 1, f"{2:024x}": 0}
    shop.later(60)
    assert sorted(shop.ids()) == [f"{1:024x}", f"{1:024x}", f"{2:024x}"]


def test_an_event_that_comes_twice_while_it_fails_is_kept_once() -> None:
    shop = receiver()
    shop.answers(500)
    event = shop.happens()
    shop.queue(Notify(event), Notify(event))
    (one,) = pending(shop)
    assert one.tries == 1


def test_what_was_queued_and_lost_is_queued_again() -> None:
    shop = receiver()
    shop.answers(500)
    shop.happens()
    shop.engine.clock.advance(60)
    assert shop.engine.retrying.sweep() == 1
    assert shop.engine.retrying.sweep() == 0
    shop.engine.events.take()  # and the message is lost
    shop.later(899)
    assert len(shop.received) == 1
    shop.later(1)
    assert len(shop.received) == 2


def test_five_days_of_nothing_but_failures_disable_a_webhook_and_what_waits_is_dead() -> None:
    shop = receiver()
    shop.answers(None)
    shop.happens(1)
    for day in range(2, 7):
        assert shop.hook.live
        shop.engine.clock.advance(DISABLED_AFTER / 5)
        shop.happens(day)
        shop.later(60)
    assert shop.hook.disabled_at is not None
    assert PAGER not in shop.engine.accounts.app(shop.app.id).hooks
    sent = len(shop.received)
    shop.happens(99)
    for _ in range(60):
        shop.later(DAY / 60)
    assert len(shop.received) == sent
    assert not pending(shop)
    assert pending(shop, EventState.DEAD)
    newest = shop.engine.configuring.audit(shop.app.id, 1, None).items[0]
    assert (newest.action, newest.actor.name) == (Action.WEBHOOK_DISABLED, "tocsin")


def test_a_success_in_between_keeps_it_enabled() -> None:
    shop = receiver()
    for day in range(1, 8):
        shop.answers(500)
        shop.happens(day)
        shop.answers(200)
        shop.later(DAY)
    assert shop.hook.live


def test_410_disables_a_webhook_at_once() -> None:
    shop = receiver()
    shop.answers(410)
    shop.happens()
    assert not shop.hook.live
    (dead,) = pending(shop, EventState.DEAD)
    assert (dead.tries, dead.status) == (1, 410)


def test_an_enabled_webhook_is_told_again_and_dead_events_come_when_they_are_replayed() -> None:
    shop = receiver()
    shop.answers(410)
    event = shop.happens()
    shop.answers(200)
    shop.engine.webhooks.enable(shop.app.id, PAGER, builders.OPERATOR)
    shop.later(2 * DAY)
    assert len(shop.received) == 1
    shop.engine.webhooks.replay(shop.app.id, PAGER, event.id, builders.OPERATOR)
    shop.work()
    assert shop.ids() == [event.id, event.id]
    assert not pending(shop, EventState.DEAD)


def test_all_dead_events_are_replayed_with_all_their_tries() -> None:
    shop = receiver()
    shop.answers(410)
    shop.happens(1)
    shop.engine.webhooks.enable(shop.app.id, PAGER, builders.OPERATOR)
    shop.happens(2)
    assert len(pending(shop, EventState.DEAD)) == 2
    shop.engine.webhooks.enable(shop.app.id, PAGER, builders.OPERATOR)
    shop.answers(500)
    assert shop.engine.webhooks.replay_dead(shop.app.id, PAGER, builders.OPERATOR) == 2
    shop.work()
    assert [one.tries for one in pending(shop)] == [1, 1]
    assert shop.engine.webhooks.replay_dead(shop.app.id, PAGER, builders.OPERATOR) == 0


def test_a_webhook_that_was_taken_away_is_told_nothing_more() -> None:
    shop = receiver()
    shop.answers(500)
    shop.happens(1)
    shop.engine.webhooks.change(shop.app.id, PAGER, url=None, actor=builders.OPERATOR)
    shop.happens(2)
    shop.later(60)
    assert len(shop.received) == 1


def test_a_job_for_an_event_that_is_gone_does_nothing() -> None:
    shop = receiver()
    shop.queue(TryAgain(shop.app.id, PAGER, "f" * 24))
    assert not shop.received
