"""Histories that are told and not drawn, so that everything can go wrong at every one of their port calls."""

from collections.abc import Callable, Iterator

from tests.simulation.lives.actors import RULES, Actors, Verb, labelled
from tests.simulation.lives.machine import BROWSERS, DAY, GENEROUS, STEPS, come_to_rest, intruding
from tests.simulation.lives.troubles import Kind, Trouble
from tests.simulation.lives.world import WORKER_SECONDS, World, small_lives
from tocsin.application.flows import RELEASE_AFTER, FlowChange
from tocsin.domain.campaign import CampaignStatus
from tocsin.domain.engagement import Act
from tocsin.domain.flow import FlowStatus, Trigger
from tocsin.domain.ids import CampaignId, SendId

Story = Callable[[World, Actors], None]
INTRUSIONS = {
    "send": 0,
    "pause": 8,
    "cancel": 24,
    "delete": 32,
    "move": 40,
    "unschedule": 48,
    "pause the flow": 2,
    "activate the flow": 10,
    "change the flow's steps": 18,
    "delete the flow": 26,
    "somebody leaves": 3,
    "a call": 4,
    "the sweep": 5,
    "the same message again": 6,
    "another message": 7,
}
"""What others do meanwhile, as `intruding` understands it."""


def clicks(world: World, actors: Actors) -> None:
    """Campaigns go out at their times; who clicks gets messages from one flow, but not from another campaign's."""
    _campaign(actors, 30)
    _campaign(actors, None)
    _flow(world, actors, Trigger.CLICKED, 2)
    _flow(world, actors, Trigger.DISPLAYED, 0)
    _flow(world, actors, Trigger.CLICKED, 0, source=SendId(actors.campaigns[-1]))
    world.live(40)
    _click_first(world, actors)
    world.live(2)
    _rest_and_go_on(world, actors)
    _campaign(actors, 1)
    world.live(400)
    _click_last(world, actors)
    world.live(20)


def reading(world: World, actors: Actors) -> None:
    """A campaign is clicked on, which begins runs."""
    _flow(world, actors, Trigger.CLICKED, 0)
    _campaign(actors, 1)
    world.live(2)
    _click_first(world, actors)
    world.live(2)


def counting(world: World, actors: Actors) -> None:
    """In a large app a campaign to a segment is counted before it is sent, and rests in between."""
    actors.create_segment(RULES[1])
    _campaign(actors, None)
    for name in actors.campaigns:
        actors.do(Verb.SEND, name)
    world.live(70)
    for name in actors.campaigns:
        actors.do(Verb.PAUSE, name)
    world.live(70)


def calls(world: World, actors: Actors) -> None:
    """Campaigns are moved and cancelled, and all calls come that were ever asked for; one means nobody."""
    actors.create_segment(RULES[2])
    _campaign(actors, 100)
    actors.create_campaign(30, None)
    actors.create_campaign(30, None)
    world.live(5)
    for name in actors.campaigns[1:2]:
        actors.do(Verb.MOVE, name)
    for name in actors.campaigns[2:]:
        actors.do(Verb.CANCEL, name)
    world.home.schedules.put(world.owner.id, CampaignId("ab" * 12), int(world.clock.now()) + DAY)  # of nothing there is
    world.tidy()
    for _ in range(4):
        world.live(100)
        for call in world.past_calls():
            if call in world.calls:
                world.fire(call)


def resting(world: World, actors: Actors) -> None:
    """A campaign is paused before and after it is planned, goes on, and another one is deleted; somebody comes."""
    for _ in range(2):
        _campaign(actors, None)
    for name in actors.campaigns:
        actors.do(Verb.SEND, name)
        actors.do(Verb.PAUSE, name)
    world.live(10)
    actors.subscribe(7)
    for name in actors.campaigns[:1]:
        actors.do(Verb.RESUME, name)
    for message in world.visible()[:1]:
        world.work(message)
    for name in actors.campaigns[:1]:
        actors.do(Verb.PAUSE, name)
    world.live(70)
    for name in actors.campaigns[1:]:
        actors.do(Verb.DELETE, name)
    world.live(70)


def welcome(world: World, actors: Actors) -> None:
    """Who subscribes is welcomed, waits, and hears once more; meanwhile the flow rests, goes on, and changes."""
    _flow(world, actors, Trigger.SUBSCRIBED, 5)
    _flow(world, actors, Trigger.CLICKED, 0)
    actors.subscribe(3)
    world.live(22)
    _click_first(world, actors)
    world.live(2)
    _rest_and_go_on(world, actors)
    for name in actors.flows[:1]:
        actors.change_flow(name, FlowChange(steps=STEPS[0]))
    world.live(800)


def coming(world: World, actors: Actors) -> None:
    """Who subscribes is welcomed; so is who comes back after an erasure."""
    _flow(world, actors, Trigger.SUBSCRIBED, 1)
    actors.subscribe(3)
    world.live(10)
    actors.erase(3)
    actors.subscribe(3)
    world.live(2)


def late(world: World, actors: Actors) -> None:
    """What readers did before a flow was made active is reported afterwards."""
    _campaign(actors, 1)
    world.live(60)
    _flow(world, actors, Trigger.CLICKED, 0)
    for message in world.browsers.delivered[:2]:
        actors.react(message, Act.CLICKED, 30)
    world.live(2)


def held(world: World, actors: Actors) -> None:
    """A run comes due while its flow rests."""
    _flow(world, actors, Trigger.SUBSCRIBED, 1)
    actors.subscribe(3)
    world.live(1)
    for name in actors.flows:
        actors.change_flow(name, FlowChange(status=FlowStatus.PAUSED))
    world.live(40)


STORIES = (clicks, reading, counting, calls, resting, welcome, coming, late, held)
LARGE = {counting}
"""In apps that are too large for a request to look through."""


def live(story: Story, *troubles: Trouble) -> World:
    """Live through a story in which this goes wrong; then all that rests goes on. Raises Violation."""
    large = story in LARGE
    with small_lives(walkable=2 if large else 10_000):
        world = World(GENEROUS, BROWSERS)
        actors = Actors(world)
        world.meanwhile = lambda number: intruding(world, actors, number)
        world.clock_seconds = 0.0 if large else WORKER_SECONDS
        for number in (0, 1, 2, 5) if large else (0, 1):
            actors.subscribe(number)
        actors.amend(1, labelled("news"))
        for trouble in troubles:
            world.expect(trouble)
        story(world, actors)
        world.calls_told = world.port_calls
        world.recover()
        for campaign in actors.campaigns:
            if actors.status(campaign) is CampaignStatus.PAUSED:
                actors.do(Verb.RESUME, campaign)
        for flow in list(world.home.flow_catalogue.flows.values()):
            if flow.status is FlowStatus.PAUSED:
                actors.change_flow(flow.id, FlowChange(status=FlowStatus.ACTIVE))
        come_to_rest(world, actors)
        return world


def each_failure(story: Story) -> Iterator[Trouble]:
    """Every single failure that a story can have."""
    for calls in range(_length(story)):
        yield from (Trouble(calls, kind) for kind in Kind if kind is not Kind.MEANWHILE)


def each_intrusion(story: Story, what: str) -> Iterator[Trouble]:
    """Somebody else does this in the middle of each call of a story; then all goes on for a while."""
    for calls in range(_length(story)):
        yield Trouble(calls, Kind.MEANWHILE, INTRUSIONS[what], 40 if story is not held else RELEASE_AFTER + 5)


def _length(story: Story) -> int:
    return live(story).calls_told


def _flow(world: World, actors: Actors, trigger: Trigger, steps: int, source: SendId | None = None) -> None:
    actors.create_flow(trigger, source, STEPS[steps], 3600)
    for flow in list(world.home.flow_catalogue.flows.values()):
        if flow.status is FlowStatus.DRAFT:
            actors.change_flow(flow.id, FlowChange(status=FlowStatus.ACTIVE))


def _campaign(actors: Actors, after: int | None) -> None:
    actors.create_campaign(after, actors.segments[0] if actors.segments else None)


def _click_first(world: World, actors: Actors) -> None:
    """The first two messages are clicked on, the first one twice."""
    for message in [*world.browsers.delivered[:2], *world.browsers.delivered[:1]]:
        actors.react(message, Act.CLICKED, 0)


def _click_last(world: World, actors: Actors) -> None:
    """The reader of the first message clicks on the last one that reached them."""
    messages = world.browsers.delivered
    for message in [one for one in messages if one.browser == messages[0].browser][-1:]:
        actors.react(message, Act.CLICKED, 0)


def _rest_and_go_on(world: World, actors: Actors) -> None:
    """The first flow rests until its runs are due."""
    for name in actors.flows[:1]:
        actors.change_flow(name, FlowChange(status=FlowStatus.PAUSED))
    world.live(310)
    for name in actors.flows[:1]:
        actors.change_flow(name, FlowChange(status=FlowStatus.ACTIVE))
    world.live(10)
