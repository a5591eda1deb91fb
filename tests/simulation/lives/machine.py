"""Random lives of an app: its owner plans, sends and steers, readers come, read and go, and much goes wrong."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from tests.simulation.lives.actors import LABELS, RULES, Actors, Verb, labelled, paying
from tests.simulation.lives.browsers import Delivered
from tests.simulation.lives.troubles import Kind, Trouble
from tests.simulation.lives.world import WORKER_SECONDS, Call, World, small_lives
from tocsin.application.flows import FlowChange
from tocsin.domain.engagement import Act
from tocsin.domain.flow import DelayStep, DelayUnit, ExitStep, FlowStatus, SendStep, Step, Trigger
from tocsin.domain.ids import SendId
from tocsin.domain.notification import Notification
from tocsin.domain.quota import Limits
from tocsin.domain.segment import Rule

BROWSERS = 8
MOST_CAMPAIGNS, MOST_FLOWS = 4, 4
GENEROUS, TIGHT = Limits(5_000, 5_000), Limits(9, 12)
HOUR, DAY = 3600, 86_400
SEND = SendStep(Notification("Hello {{plan}}", "From a flow"), {})
STEPS: tuple[tuple[Step, ...], ...] = (
    (SEND,),
    (DelayStep(20, DelayUnit.SECONDS), SEND),
    (SEND, DelayStep(5, DelayUnit.MINUTES), SEND),
    (SEND, DelayStep(20, DelayUnit.MINUTES), SEND, ExitStep(), SEND),
    (DelayStep(2, DelayUnit.DAYS), SEND, DelayStep(1, DelayUnit.SECONDS), SEND),
    (DelayStep(20, DelayUnit.SECONDS), SEND, DelayStep(10, DelayUnit.MINUTES), SEND),
)
STEP_LISTS = st.integers(0, len(STEPS) - 1)
NUMBERS = st.integers(0, 63)
CALLS = st.integers(0, 25)
FAILURES = st.builds(Trouble, CALLS, st.sampled_from([kind for kind in Kind if kind is not Kind.MEANWHILE]))
INTRUSIONS = st.builds(Trouble, CALLS, st.just(Kind.MEANWHILE), st.integers(0, 4095), st.sampled_from((0, 0, 40)))
FLOWS = st.tuples(st.sampled_from(Trigger), NUMBERS, STEP_LISTS, st.sampled_from((HOUR, HOUR, 3 * DAY)))
CAMPAIGNS = st.tuples(st.sampled_from((None, 1, 30, 300, DAY)), NUMBERS)
ACTS = st.sampled_from((Act.DISPLAYED, Act.CLICKED, Act.CLICKED, Act.DISMISSED))


class Lives(RuleBasedStateMachine):
    """One app with a few browsers. Each rule may go wrong; in the end everything works, and comes to rest."""

    def __init__(self) -> None:
        super().__init__()
        self._patches = ExitStack()

    @initialize(
        subscribed=st.sets(st.integers(0, BROWSERS - 1), min_size=3),
        rules=st.lists(st.sampled_from(RULES), max_size=2),
        campaigns=st.lists(CAMPAIGNS, min_size=1, max_size=2),
        flows=st.lists(FLOWS, min_size=1, max_size=2),
        limits=st.sampled_from((GENEROUS, GENEROUS, GENEROUS, TIGHT)),
        walkable=st.sampled_from((10_000, 2)),
        hurried=st.booleans(),
    )
    def begin(
        self,
        subscribed: set[int],
        rules: list[Rule],
        campaigns: list[tuple[int | None, int]],
        flows: list[tuple[Trigger, int, int, int]],
        limits: Limits,
        walkable: int,
        hurried: bool,
    ) -> None:
        """An app with some readers, campaigns and flows. hurried: what the clock calls can do little at a time."""
        self._patches.enter_context(small_lives(walkable=walkable))
        self.world = World(limits, BROWSERS)
        self.world.meanwhile = lambda number: intruding(self.world, self.actors, number)
        self.world.clock_seconds = 0.0 if hurried else WORKER_SECONDS
        self.actors = Actors(self.world)
        for one in rules:
            self.actors.create_segment(one)
        for campaign in campaigns:
            self.plan_campaign(campaign)
        for flow in flows:
            self.plan_flow(flow)
        for number in sorted(subscribed):
            self.actors.subscribe(number)
            if number % 2:
                self.actors.amend(number, labelled("news"))

    # --- campaigns and segments ---------------------------------------------------------------------------------------

    @rule(campaign=CAMPAIGNS)
    def plan_campaign(self, campaign: tuple[int | None, int]) -> None:
        """A campaign to everybody or to a segment: a draft, or scheduled for so many seconds from now."""
        after, segment = campaign
        if len(self.actors.campaigns) < MOST_CAMPAIGNS:
            named = (None, None, *self.actors.segments)
            self.actors.create_campaign(after, named[segment % len(named)])

    @rule(
        verb=st.sampled_from((*Verb, Verb.SEND, Verb.PAUSE, Verb.RESUME)),
        campaign=NUMBERS,
        after=st.sampled_from((5, 90, 4 * HOUR)),
    )
    @precondition(lambda self: self.actors.campaigns)
    def steer_campaign(self, verb: Verb, campaign: int, after: int) -> None:
        """Something with a campaign, possible or not, deleted or not."""
        self.actors.do(verb, _of(self.actors.campaigns, campaign), after)

    # --- flows --------------------------------------------------------------------------------------------------------

    @rule(flow=FLOWS)
    def plan_flow(self, flow: tuple[Trigger, int, int, int]) -> None:
        """A flow, active at once if nothing goes wrong."""
        trigger, source, steps, interval = flow
        if len(self.actors.flows) < MOST_FLOWS:
            named = (None, None, None, *(SendId(name) for name in self.actors.campaigns))
            known = set(self.actors.flows)
            self.actors.create_flow(trigger, named[source % len(named)], STEPS[steps], interval)
            for name in set(self.actors.flows) - known:
                self.actors.change_flow(name, FlowChange(status=FlowStatus.ACTIVE))

    @rule(change=st.sampled_from((*FlowStatus, FlowStatus.ACTIVE, None, None)), steps=STEP_LISTS, flow=NUMBERS)
    @precondition(lambda self: self.actors.flows)
    def steer_flow(self, change: FlowStatus | None, steps: int, flow: int) -> None:
        """Another status for a flow; None: other steps, or it goes."""
        name = _of(self.actors.flows, flow)
        if change is not None:
            self.actors.change_flow(name, FlowChange(status=change))
        elif flow % 4:
            self.actors.change_flow(name, FlowChange(steps=STEPS[steps]))
        else:
            self.actors.delete_flow(name)

    # --- readers ------------------------------------------------------------------------------------------------------

    @rule(number=st.integers(0, BROWSERS - 1))
    def come_or_leave(self, number: int) -> None:
        """Who is there leaves, who is not comes."""
        if self.actors.is_subscribed(number):
            self.actors.unsubscribe(number)
        else:
            self.actors.subscribe(number)

    @rule(number=st.integers(0, BROWSERS - 1), what=st.integers(0, 7))
    def change(self, number: int, what: int) -> None:
        """Something that segments look at; or a browser is erased, or its push service forgets it."""
        match what:
            case 0 | 1:
                self.actors.amend(number, labelled(*LABELS[: what + 1]))
            case 2:
                self.actors.amend(number, labelled())
            case 3:
                self.actors.amend(number, paying("pro"))
            case 4:
                self.actors.erase(number)
            case 5:
                self.world.browsers.gone.add(self.world.browsers.urls[number])
            case _ if self.actors.segments:
                other = RULES[number % 4] if what == 6 or number % 3 else None
                self.actors.change_segment(_of(self.actors.segments, number), other)

    @rule(
        messages=st.lists(st.tuples(NUMBERS, ACTS), min_size=1, max_size=4),
        ago=st.sampled_from((0, 0, 30, 2 * DAY, -HOUR)),
    )
    @precondition(lambda self: self._newest())
    def read(self, messages: list[tuple[int, Act]], ago: int) -> None:
        """Readers do something with the newest messages, or did so long ago, or their clocks are wrong."""
        newest = self._newest()
        for message, act in messages:
            self.actors.react(_of(newest, message), act, ago)

    # --- what goes wrong ----------------------------------------------------------------------------------------------

    @rule(failures=st.lists(FAILURES, min_size=1, max_size=3))
    def fail(self, failures: list[Trouble]) -> None:
        """Processes die soon, or stores do not answer."""
        for failure in failures:
            self.world.expect(failure)

    @rule(intrusions=st.lists(INTRUSIONS, min_size=1, max_size=3))
    def intrude(self, intrusions: list[Trouble]) -> None:
        """Others run in the middle of what comes soon."""
        for intrusion in intrusions:
            self.world.expect(intrusion)

    # --- what comes by itself -----------------------------------------------------------------------------------------

    @rule(which=NUMBERS, again=st.booleans(), times=st.integers(1, 4))
    @precondition(lambda self: self.world.visible())
    def work(self, which: int, again: bool, times: int) -> None:
        """Workers take messages, in any order."""
        for number in range(times):
            visible = self.world.visible()
            if visible:
                self.world.work(_of(visible, which + number), again=again)

    @rule(which=NUMBERS, again=st.booleans())
    @precondition(lambda self: self._calls())
    def fire(self, which: int, again: bool) -> None:
        """Wake-up calls come: in time, late, twice, or for a time that has changed since."""
        for _ in range(2):
            if calls := self._calls():
                self.world.fire(_of(calls, which), again=again)

    @rule(what=st.integers(0, 6), number=NUMBERS, seconds=st.sampled_from((1, 10, 70, 400, HOUR)))
    def happen(self, what: int, number: int, seconds: int) -> None:
        """A schedule comes, a wake-up call does not, somebody says what is not true, or nothing works for a while."""
        calls, delivered = self.world.home.schedules.at, self.world.browsers.delivered[-8:]
        match what:
            case 0 | 1:
                self.world.sweep()
            case 2:
                self.world.tidy()
            case 3 if calls:
                calls.pop(_of(list(calls), number))
            case 4 if delivered:
                self.actors.forge(_of(delivered, number), _of(delivered, number // 8))
            case _:
                self.world.stand_still(seconds)

    @rule(seconds=st.sampled_from((1, 10, 70, 400, HOUR, DAY)))
    def live_on(self, seconds: int) -> None:
        """Everything works for a while."""
        self.world.live(seconds)

    @rule(number=NUMBERS, seconds=st.sampled_from((10, 70, 400, HOUR, DAY)))
    def rest(self, number: int, seconds: int) -> None:
        """A campaign and a flow rest for a while."""
        campaigns, flows = self.actors.campaigns, self.actors.flows
        if campaigns:
            self.actors.do(Verb.PAUSE, _of(campaigns, number))
        if flows:
            self.actors.change_flow(_of(flows, number), FlowChange(status=FlowStatus.PAUSED))
        self.world.live(seconds)
        if campaigns:
            self.actors.do(Verb.RESUME, _of(campaigns, number))
        if flows:
            self.actors.change_flow(_of(flows, number), FlowChange(status=FlowStatus.ACTIVE))

    def teardown(self) -> None:
        """In the end everything works, and all comes to rest."""
        try:
            if hasattr(self, "world") and self.world.broken is None:
                come_to_rest(self.world, self.actors)
        finally:
            self._patches.close()

    def _calls(self) -> list[Call]:
        return self.world.past_calls()

    def _newest(self) -> list[Delivered]:
        """Messages of the last weeks, as figures are sealed some day."""
        weeks = self.world.clock.now() - 60 * DAY
        return [one for one in self.world.browsers.delivered[-24:] if one.at > weeks]


def intruding(world: World, actors: Actors, number: int) -> None:
    """Something that others do while an invocation waits for the answer of a port; what it is, the number says."""
    kind, which = number % 8, number // 8
    campaigns, flows, visible, calls = actors.campaigns, actors.flows, world.visible(), world.past_calls()
    verbs = (Verb.SEND, Verb.PAUSE, Verb.RESUME, Verb.CANCEL, Verb.DELETE, Verb.MOVE, Verb.UNSCHEDULE, Verb.SEND)
    if kind <= 1 and campaigns:
        actors.do(_of(verbs, which), _of(campaigns, which // 8), 90)
    elif kind == 2 and flows:
        name = _of(flows, which // 4)
        changes: Sequence[Callable[[], None]] = (
            lambda: actors.change_flow(name, FlowChange(status=FlowStatus.PAUSED)),
            lambda: actors.change_flow(name, FlowChange(status=FlowStatus.ACTIVE)),
            lambda: actors.change_flow(name, FlowChange(steps=_of(STEPS, which))),
            lambda: actors.delete_flow(name),
        )
        _of(changes, which)()
    elif kind == 3:
        browser = which % BROWSERS
        (actors.unsubscribe if actors.is_subscribed(browser) else actors.subscribe)(browser)
    elif kind == 4 and calls:
        world.fire(_of(calls, which), again=bool(which % 2))
    elif kind == 5:
        world.sweep()
    elif kind == 6 and (taken := world.taken()):
        world.work(_of(taken, which), again=True)
    elif visible:
        world.work(_of(visible, which), again=bool(which % 2))


def come_to_rest(world: World, actors: Actors) -> None:
    """Nothing fails any more. Raises Violation."""
    world.recover()
    actors.report()
    world.live(None)
    world.tidy()
    with world.told():
        world.promises.check_rest()


def _of(things: Sequence[Any], number: int) -> Any:
    return things[number % len(things)]
