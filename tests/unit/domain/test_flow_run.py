"""Runs of flows: the rules by cases, and any flow at any time by Hypothesis, on a virtual clock."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.domain.clocks import CLOCKS_DIFFER
from tocsin.domain.flow import DAY, DelayStep, DelayUnit, ExitStep, SendStep, Step, Trigger, send_of
from tocsin.domain.flow_run import (
    CallAgain,
    Deliver,
    Run,
    RunEvent,
    RunState,
    Store,
    begun,
    step,
)
from tocsin.domain.ids import AppId, FlowId, SubscriptionId
from tocsin.domain.notification import Notification

NOW = 1_800_000_000
NEW = Run(
    id="a" * 24,
    app=AppId("b" * 24),
    flow=FlowId("c" * 24),
    subscription=SubscriptionId("d" * 24),
    trigger=Trigger.SUBSCRIBED,
    steps_revision=0,
    position=0,
    state=RunState.WAITING,
    due_at=NOW,
    started_at=NOW,
    rests_until=NOW + 3600,
)
FIRST, SECOND = SendStep(Notification("first", "b"), {}), SendStep(Notification("second", "b"), {})
HOUR = DelayStep(1, DelayUnit.HOURS)
EXIT = ExitStep()


def waiting(position: int, due_at: int) -> Run:
    return replace(NEW, position=position, due_at=due_at)


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ((FIRST,), waiting(0, NOW)),
        ((HOUR, FIRST), waiting(1, NOW + 3600)),
        ((HOUR,), waiting(1, NOW + 3600)),
        ((EXIT, FIRST), replace(NEW, state=RunState.ENDED)),
        ((), replace(NEW, state=RunState.ENDED)),
    ],
    ids=["send", "delay", "only a delay", "exit", "nothing"],
)
def test_a_run_begins_at_its_first_step(steps: tuple[Step, ...], expected: Run) -> None:
    assert begun(NEW, steps, NOW) == expected


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ((FIRST, SECOND), waiting(1, NOW + 7)),
        ((FIRST, HOUR, SECOND), waiting(2, NOW + 7 + 3600)),
        ((FIRST, HOUR), waiting(2, NOW + 7 + 3600)),
        ((FIRST, EXIT, SECOND), replace(waiting(1, NOW), state=RunState.ENDED)),
        ((FIRST,), replace(waiting(1, NOW), state=RunState.ENDED)),
    ],
    ids=["send", "delay", "only a delay", "exit", "nothing"],
)
def test_after_a_sent_step_comes_the_next_one(steps: tuple[Step, ...], expected: Run) -> None:
    assert step(NEW, steps, RunEvent.SENT, NOW + 7) == Store(replace(expected, revision=1))
    assert step(NEW, steps, RunEvent.SENT, NOW + 7, missing=2) == Store(replace(expected, revision=1, missing=2))
    assert step(NEW, steps, RunEvent.SKIPPED, NOW + 7) == Store(replace(expected, revision=1, skipped=1))


def test_a_step_is_delivered_when_it_is_due_and_not_before() -> None:
    run = waiting(1, NOW + 100)
    assert step(run, (HOUR, FIRST), RunEvent.CALLED, NOW + 100) == Deliver(FIRST)
    assert step(run, (HOUR, FIRST), RunEvent.CALLED, NOW + 5000) == Deliver(FIRST)
    for inactive in (RunEvent.CALLED, RunEvent.CALLED_INACTIVE):
        assert step(run, (HOUR, FIRST), inactive, NOW) is None


def test_a_clock_that_is_a_little_behind_loses_no_message() -> None:
    run = waiting(1, NOW + CLOCKS_DIFFER)
    assert step(run, (HOUR, FIRST), RunEvent.CALLED, NOW) == CallAgain(CLOCKS_DIFFER)
    assert step(run, (HOUR, FIRST), RunEvent.CALLED, NOW - 1) is None


def test_a_run_whose_flow_rests_is_held_when_it_is_due_and_goes_on_when_it_is_called_again() -> None:
    held = replace(NEW, state=RunState.HELD, revision=1)
    assert step(NEW, (FIRST,), RunEvent.CALLED_INACTIVE, NOW) == Store(held)
    assert step(held, (FIRST,), RunEvent.CALLED_INACTIVE, NOW + 9) is None
    assert step(held, (FIRST,), RunEvent.CALLED, NOW + DAY) == Deliver(FIRST)
    gone_on = step(held, (FIRST, HOUR), RunEvent.SENT, NOW + DAY)
    assert gone_on == Store(replace(waiting(2, NOW + DAY + 3600), revision=2))


def test_a_delay_that_is_over_leads_to_whatever_follows_it() -> None:
    two = DelayStep(2, DelayUnit.MINUTES)
    assert step(waiting(1, NOW), (HOUR, two, FIRST), RunEvent.CALLED, NOW) == Store(
        replace(waiting(2, NOW + 120), revision=1)
    )
    for steps in ((HOUR,), (HOUR, EXIT)):
        ended = replace(waiting(1, NOW), state=RunState.ENDED, revision=1)
        assert step(waiting(1, NOW), steps, RunEvent.CALLED, NOW) == Store(ended)


def test_a_run_whose_subscriber_is_gone_ends_and_nothing_begins_it_again() -> None:
    ended = replace(NEW, state=RunState.ENDED, revision=1)
    assert step(NEW, (FIRST,), RunEvent.STOPPED, NOW) == Store(ended)
    for event in RunEvent:
        assert step(ended, (FIRST, SECOND), event, NOW + DAY) is None


def test_the_send_of_a_step_has_one_id_however_often_it_is_tried_and_no_other_step_has_it() -> None:
    ids = {send_of(run, position) for run in ("a" * 24, "b" * 24) for position in range(3)}
    assert len(ids) == 6
    assert send_of("a" * 24, 1) == send_of("a" * 24, 1)
    assert all(len(one) == 24 for one in ids)


UNITS = st.sampled_from(list(DelayUnit))
STEPS = st.lists(
    st.one_of(
        st.builds(SendStep, st.builds(Notification, st.text("abc", min_size=1), st.just("b")), st.just({})),
        st.builds(DelayStep, st.integers(1, 60), UNITS),
        st.just(ExitStep()),
    ),
    max_size=8,
)
CALLS = st.lists(st.tuples(st.integers(0, 40 * DAY), st.sampled_from(["called", "inactive", "fails"])), max_size=60)


@given(STEPS, CALLS)
def test_whatever_calls_come_each_send_is_delivered_once_in_order_and_after_its_delays(
    steps: list[Step], calls: list[tuple[int, str]]
) -> None:
    now, run = NOW, begun(NEW, steps, NOW)
    delivered: list[tuple[int, int]] = []  # position and time
    # In the end somebody calls it often enough.
    for wait, call in [*calls, *([(61 * DAY, "called")] * 20)]:
        now += wait
        event = RunEvent.CALLED_INACTIVE if call == "inactive" else RunEvent.CALLED
        while (decision := step(run, steps, event, now)) is not None:
            match decision:
                case Deliver(one):
                    assert one is steps[run.position]
                    if call == "fails":
                        break  # before anything was stored: it is called again
                    delivered.append((run.position, now))
                    event = RunEvent.SENT
                case Store(new):
                    assert new.revision == run.revision + 1
                    run, event = new, RunEvent.CALLED
                    if run.state is RunState.HELD:
                        break
                case CallAgain(seconds):
                    assert 0 < seconds <= CLOCKS_DIFFER
                    break
    assert run.state is RunState.ENDED
    reached = steps[: next((n for n, one in enumerate(steps) if isinstance(one, ExitStep)), len(steps))]
    sends = [n for n, one in enumerate(reached) if isinstance(one, SendStep)]
    assert [position for position, _ in delivered] == sends
    for position, at in delivered:
        delays = sum(one.seconds for one in steps[:position] if isinstance(one, DelayStep))
        assert at - NOW >= delays
