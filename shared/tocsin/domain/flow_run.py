"""A run: one subscriber on their way through a flow. Decides and does nothing itself."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TypeAlias

from tocsin.domain.clocks import CLOCKS_DIFFER
from tocsin.domain.flow import DelayStep, Executions, ExitStep, SendStep, Step, Trigger
from tocsin.domain.ids import AppId, FlowId, SubscriptionId


class RunState(StrEnum):
    """WAITING for its next step to be due; HELD, as it was due while its flow was not active; ENDED."""

    WAITING = "waiting"
    HELD = "held"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Run:
    """The stored record: it names its subscriber by the id alone, so an erasure leaves nobody's name in it.

    id: unguessable, and the same however often its beginning is told; the ids of its sends follow from it.
    trigger: what began it. steps_revision: the steps that it keeps to. position: of its next step.
    due_at, started_at: Unix seconds. rests_until: what happens before this begins no other run of the same two.
    skipped: send steps that reached nobody. missing: values that its texts lacked. revision: counts changes; a write
    names the revision that it read.
    """

    id: str
    app: AppId
    flow: FlowId
    subscription: SubscriptionId
    trigger: Trigger
    steps_revision: int
    position: int
    state: RunState
    due_at: int
    started_at: int
    rests_until: int
    skipped: int = 0
    missing: int = 0
    revision: int = 0


class RunEvent(StrEnum):
    """What happens to a run.

    CALLED: somebody says that its step is due, and its flow is active. CALLED_INACTIVE: and it is not.
    SENT, SKIPPED: what became of the send step that was to be delivered. STOPPED: its subscriber is no more.
    """

    CALLED = "called"
    CALLED_INACTIVE = "called_inactive"
    SENT = "sent"
    SKIPPED = "skipped"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Deliver:
    """Send this, then say what became of it."""

    step: SendStep


@dataclass(frozen=True, slots=True)
class Store:
    """Store this run."""

    run: Run


@dataclass(frozen=True, slots=True)
class CallAgain:
    """It is not due for so many seconds."""

    seconds: int


Decision: TypeAlias = Deliver | Store | CallAgain | None
"""None: there is nothing to do."""


def begun(run: Run, steps: Sequence[Step], now: int) -> Run:
    """A new run at its first step."""
    return _at(run, steps, 0, now)


def counted(new: Run, old: Run) -> Executions:
    """What a change of a run adds to what its flow has done."""
    return Executions(0, int(new.state is RunState.ENDED), new.skipped - old.skipped, new.missing - old.missing)


def step(  # noqa: PLR0911 - a table of cases
    run: Run, steps: Sequence[Step], event: RunEvent, now: int, missing: int = 0
) -> Decision:
    """What is to be done.

    steps: those of the run's revision. now: Unix seconds. missing: values that the texts lacked which were sent.
    """
    if run.state is RunState.ENDED:
        return None
    match event:
        case RunEvent.STOPPED:
            return Store(_changed(run, state=RunState.ENDED))
        case RunEvent.SENT:
            return Store(_at(_changed(run, missing=missing), steps, run.position + 1, now))
        case RunEvent.SKIPPED:
            return Store(_at(_changed(run, skipped=1), steps, run.position + 1, now))
    if now < run.due_at:
        early = run.due_at - now  # who comes much earlier repeats what was said before
        return CallAgain(early) if early <= CLOCKS_DIFFER else None
    if event is RunEvent.CALLED_INACTIVE:
        return None if run.state is RunState.HELD else Store(_changed(run, state=RunState.HELD))
    current = steps[run.position] if run.position < len(steps) else None
    return Deliver(current) if isinstance(current, SendStep) else Store(_at(_changed(run), steps, run.position, now))


def _at(run: Run, steps: Sequence[Step], position: int, now: int) -> Run:
    """The run at a step; a delay is gone through at once, for all that it does is to say when the next one is due."""
    match steps[position] if position < len(steps) else None:
        case None | ExitStep():
            return replace(run, position=position, state=RunState.ENDED)
        case DelayStep(seconds=seconds):
            return replace(run, position=position + 1, state=RunState.WAITING, due_at=now + seconds)
        case SendStep():
            return replace(run, position=position, state=RunState.WAITING, due_at=now)


def _changed(run: Run, *, state: RunState | None = None, skipped: int = 0, missing: int = 0) -> Run:
    return replace(
        run,
        state=run.state if state is None else state,
        skipped=run.skipped + skipped,
        missing=run.missing + missing,
        revision=run.revision + 1,
    )
