"""Any history of a flow: people come and go, it rests, messages get lost or come twice; the figures add up."""

from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st

from tests import builders
from tests.engine import MemoryEngine
from tests.unit.application.runs import RunQueue, active, show, turn, wait
from tocsin.application.ports import Unavailable
from tocsin.application.running import AGAIN_AFTER
from tocsin.domain.flow import DAY, Executions, FlowStatus, Trigger
from tocsin.domain.flow_run import RunState
from tocsin.domain.ids import SubscriptionId

PEOPLE = 3
STEPS = (show("One"), wait(30), show("Two"), wait(2000), show("Three"))
SENDS = 3
EVENTS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["comes", "leaves", "clicks"]), st.integers(1, PEOPLE)),
        st.tuples(st.just("passes"), st.sampled_from([1, 29, 60, 900, 1999, 3600, DAY])),
        st.tuples(st.just("is_silent"), st.sampled_from([1, 60, 900, 3600])),
        st.tuples(st.sampled_from(["rests", "goes_on", "loses", "repeats"]), st.just(0)),
    ),
    max_size=25,
)


class Histories:
    """A shop with one flow; each method is something that happens."""

    def __init__(self) -> None:
        self.engine = MemoryEngine()
        self.shop = builders.app(self.engine)
        self.queue = RunQueue(self.engine)
        self.flow = active(self.engine, self.shop, *STEPS, trigger=Trigger.CLICKED)

    def comes(self, number: int) -> None:
        builders.subscribe(self.engine, self.shop, number)

    def leaves(self, number: int) -> None:
        self.engine.subscribing.withdraw(self.shop, self._id(number))

    def clicks(self, number: int) -> None:
        if (self.shop.id, self._id(number)) in self.engine.storage.subscriptions:
            clicked = (self._id(number), int(self.engine.clock.now()))
            self.engine.triggering.all_happened(self.shop.id, Trigger.CLICKED, [clicked])

    def passes(self, seconds: int) -> None:
        self.queue.passes(seconds)

    def is_silent(self, seconds: int) -> None:
        with patch.object(self.engine.sends, "reserve", side_effect=Unavailable):
            self.queue.passes(seconds)

    def puts_back(self) -> None:
        while self.queue.dead:
            self.queue.again(self.queue.dead.pop())

    def rests(self, _: int = 0) -> None:
        if self.flow.status is FlowStatus.ACTIVE:
            self.flow = turn(self.engine, self.flow, FlowStatus.PAUSED)

    def goes_on(self, _: int = 0) -> None:
        if self.flow.status is FlowStatus.PAUSED:
            self.flow = turn(self.engine, self.flow, FlowStatus.ACTIVE)

    def loses(self, _: int = 0) -> None:
        self.queue.passes(10)  # what releases held runs stands nowhere else, so it is not lost here
        self.queue.lose()

    def repeats(self, _: int = 0) -> None:
        if self.queue.handled:
            self.queue.again(self.queue.handled[len(self.queue.handled) // 2][1])

    def _id(self, number: int) -> SubscriptionId:
        return self.engine.derivation.subscription_id(self.shop.id, builders.endpoint(number))


@settings(max_examples=60, deadline=None)
@given(EVENTS)
def test_whatever_happens_each_step_of_each_run_is_sent_once_or_counted_as_skipped(
    events: list[tuple[str, int]],
) -> None:
    world = Histories()
    for name, argument in events:
        getattr(world, name)(argument)
    world.goes_on()
    world.puts_back()
    world.passes(2 * (2030 + SENDS * AGAIN_AFTER))
    engine, flow = world.engine, world.flow
    done = engine.flows.get(flow.app, flow.id).executions
    sent = [stored.send for stored in engine.storage.sends.values()]
    assert done == Executions(done.started, done.started, SENDS * done.started - len(sent))
    assert {stored.run.state for stored in engine.runs.stored.values()} <= {RunState.ENDED}
    assert len({(send.audience, send.notification.title, send.created_at) for send in sent}) == len(sent)
