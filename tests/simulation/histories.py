"""Histories: customers send, operators steer, people come and go, things fail; in the end all must be at rest."""

import random
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass, fields, replace
from functools import cache

from tests import builders
from tests.engine import MemoryEngine
from tests.memory.storage import Storage
from tests.memory.transport import Reply, Silence
from tests.simulation.failures import At, Crash, Failure, Often
from tests.simulation.promises import Violation
from tests.simulation.push_service import ACCEPTED_UNHEARD, HOSTS, MOODS, endpoint
from tests.simulation.small import small
from tests.simulation.world import World
from tocsin.application.ports import Unavailable
from tocsin.application.send_command import SendCommand
from tocsin.application.subscribing import SubscribeCommand
from tocsin.domain.chunk import Repeat
from tocsin.domain.errors import Refused
from tocsin.domain.notification import Notification
from tocsin.domain.quota import Limits
from tocsin.domain.send import Charge, Course
from tocsin.domain.tenancy import App

SHOPS = 9
"""Shops of each size, kept: they differ in who is in which shard, and in how many push services their browsers use."""
Step = tuple[float, Course]


@dataclass(frozen=True, slots=True)
class Scenario:
    """A small send. sync: delivered in the request, else through the queues.

    replies: of the push services to the first, second... browser. steering: seconds to wait, and what the operator then
    asks for. leaves: the first browser unsubscribes meanwhile. traced: the app is told what became of each recipient.
    """

    browsers: int
    sync: bool
    replies: tuple[Reply | Silence, ...] = ()
    steering: tuple[Step, ...] = ()
    leaves: bool = False
    traced: bool = False


WITH_TROUBLE = (Reply(429, {"retry-after": "7"}), Reply(410), ACCEPTED_UNHEARD)
SLOW = (Reply(seconds=5),) * 5
IN_THE_REQUEST = Scenario(3, sync=True)
THROUGH_THE_QUEUE = Scenario(3, sync=False)
IN_THE_REQUEST_WITH_TROUBLE = Scenario(3, sync=True, replies=WITH_TROUBLE)
THROUGH_THE_QUEUE_WITH_TROUBLE = Scenario(3, sync=False, replies=WITH_TROUBLE)
IN_TWO_PARTS = Scenario(5, sync=False)
PAUSED_AND_RESUMED = Scenario(3, sync=False, replies=SLOW, steering=((3, Course.PAUSED), (20, Course.RUNNING)))
LEFT_IN_THE_REQUEST = Scenario(1, sync=True, leaves=True)
LEFT_IN_THE_QUEUE = Scenario(1, sync=False, leaves=True)
TRACED_IN_THE_REQUEST = Scenario(3, sync=True, traced=True)
TRACED_THROUGH_THE_QUEUE = Scenario(3, sync=False, traced=True)
CANCELLED = Scenario(3, sync=False, replies=SLOW, steering=((3, Course.CANCELLED),))


def live(scenario: Scenario, failures: Callable[[int], Failure | None]) -> World:
    """One send from the request to the settled end. Raises Violation."""
    home, owner = _shop(scenario.browsers, 0, 100)
    world = World(home, 0, failures)
    for number, reply in enumerate(scenario.replies, 1):
        world.services.scripts[endpoint(number)].append(reply)
    command = replace(
        builders.send_command(owner, idempotency=builders.idempotency_key(), queued=not scenario.sync),
        traced=scenario.traced,
    )
    world.invoke(customer(world, command, attempts=1, alone=True))
    if scenario.leaves:
        world.pauses, world.latency, world.repeated_delivery = (100,), 0.01, 0.0
        world.invoke(leaver(world, owner))
    if scenario.steering:
        world.invoke(operator(world, owner, scenario.steering))
    with small():
        world.run()
    return world


def each_failure(scenario: Scenario) -> list[At]:
    """Every single failure that a history of this scenario can have."""
    kinds = [failure for failure in Failure if failure is not Failure.PAUSE]
    return [At(call, failure) for call in _calls(scenario) for failure in kinds]


def each_pause(scenario: Scenario) -> list[At]:
    """A pause at every call of a history of this scenario."""
    return [At(call, Failure.PAUSE) for call in _calls(scenario)]


def _calls(scenario: Scenario) -> range:
    return range(1, live(scenario, lambda number: None).calls + 1)


def live_at_random(seed: int) -> World:
    """Some sends of one shop with failures, pauses, repeats and people who come and go. Raises Violation."""
    world = at_random(seed)
    with small(large=random.Random(seed).choice((2, 1000))):
        world.run()
    if len(world.storage.sends) > len(world.storage.idempotency):
        raise Violation("one idempotency key, two sends")
    return world


def at_random(seed: int) -> World:
    """A history that has not begun."""
    chance = random.Random(-1 - seed)
    browsers = chance.choice((1, 2, 3, 4, 6, 9))
    home, owner = _shop(browsers, seed % SHOPS, browsers * chance.choice((1, 2, 3)))
    owner = replace(owner, limits=Limits(2 * browsers, 3 * browsers, 4 * browsers))
    calm = chance.random() < 0.35  # where nothing fails, more is promised
    rate = 0.0 if calm else chance.choice((0.0, 0.01, 0.03, 0.08, 0.2))
    world = World(home, seed, Often(random.Random(-seed), rate) if rate else lambda number: None)
    world.repeated_delivery = chance.choice((0.0, 0.2, 1.0))
    world.warmth = chance.choice((0.0, 0.5, 1.0))
    world.latency = chance.choice((0.0, 0.0, 0.01, 0.2))
    world.backlog = 0.0 if calm else chance.choice((0.0, 0.0, 10.0, 50.0, 100.0))
    world.handler_seconds = chance.choice((60.0, 60.0, 25.0, 12.0))
    world.planner_seconds = chance.choice((60.0, 2 * world.latency + 0.01))
    moods = chance.choice((MOODS[:2], MOODS[:2], MOODS) if calm else (MOODS[:4], MOODS))
    world.services.moods = {host: chance.choice(moods) for host in HOSTS}
    charge = chance.choice((Charge.CREDITS, Charge.CREDITS, Charge.QUOTA))
    repeat = chance.choice((Repeat.RESEND, Repeat.SKIP))
    for number in range(chance.choice((1, 1, 1, 2, 3))):
        command = replace(
            builders.send_command(owner, charge=charge, idempotency=builders.idempotency_key(f"send {number}")),
            notification=Notification("Title", "Text", ttl=chance.choice((60, 120, 600, 600, 3600))),
            repeat=repeat,
            queued=chance.random() < 0.67,
        )
        world.invoke(customer(world, command, attempts=3, alone=False))
    if chance.random() < 0.65:
        world.invoke(operator(world, owner, _steering(chance)))
    if chance.random() < 0.5:
        world.invoke(visitors(world, owner, browsers, _services(seed), chance))
    return world


def customer(world: World, command: SendCommand, attempts: int, *, alone: bool) -> Callable[[], None]:
    """A customer's server: it sends, and repeats what was answered with an error or not at all.

    alone: nobody else sends, so that whatever was accepted by the time of an error answer breaks a promise (PS-32).
    """

    def act() -> None:
        try:
            world.process().sending.send(command)
        except (Unavailable, Crash, Refused) as error:
            if attempts > 1:
                world.invoke(customer(world, command, attempts - 1, alone=alone))
            elif alone and not isinstance(error, Crash) and world.promises.accepted:
                raise Violation(f"PS-32: {error!r} although something was accepted") from error
            raise

    return act


def operator(world: World, owner: App, steps: Sequence[Step]) -> Callable[[], None]:
    """Somebody in the console, who steers every send of the app, and repeats what got no answer."""

    def act() -> None:
        process, promises = world.process(), world.promises
        waits, course = steps[0]
        process.clock.sleep(waits)
        for name, stored in list(world.storage.sends.items()):
            if stored.send.course is not Course.CANCELLED:
                promises.halted.pop(name, None)
                promises.resumed.pop(name, None)
            try:
                process.steering.steer(owner.id, stored.send.id, course, builders.OPERATOR)
            except Refused:
                continue
            except (Unavailable, Crash):
                world.invoke(operator(world, owner, [(5, course), *steps[1:]]))
                raise
            now = process.clock.now()
            if course is Course.RUNNING:
                promises.resumed[name] = now
            else:
                promises.halted[name] = now
            if course is Course.CANCELLED:
                promises.cancelled[name] = now
        if len(steps) > 1:
            world.invoke(operator(world, owner, steps[1:]))

    return act


def leaver(world: World, owner: App) -> Callable[[], None]:
    """The first browser unsubscribes, a second after the start."""

    def act() -> None:
        process = world.process()
        process.clock.sleep(1)
        process.subscribing.withdraw(owner, process.derivation.subscription_id(owner.id, endpoint(1)))
        world.promises.left[endpoint(1)] = process.clock.now()

    return act


def visitors(world: World, owner: App, browsers: int, services: int, chance: random.Random) -> Callable[[], None]:
    """Somebody leaves and somebody comes while sends are on their way; some who left come back."""
    leaves, comes = chance.randint(1, browsers), chance.randint(browsers + 1, browsers + 3)
    url = endpoint(leaves, services)
    waits = chance.choice((0.05, 0.5, 5.0, 50.0))
    returns = chance.choice((None, 3.0, 70.0))

    def act() -> None:
        process, left = world.process(), world.promises.left
        process.clock.sleep(waits)
        process.subscribing.withdraw(owner, process.derivation.subscription_id(owner.id, url))
        left[url] = process.clock.now()
        process.clock.sleep(waits)
        process.subscribing.subscribe(_subscribing(owner, comes, services))
        if returns is not None:
            process.clock.sleep(returns)
            del left[url]
            process.subscribing.subscribe(_subscribing(owner, leaves, services))

    return act


def _steering(chance: random.Random) -> list[Step]:
    courses = chance.choice(
        (
            [Course.PAUSED],
            [Course.CANCELLED],
            [Course.PAUSED, Course.CANCELLED],
            [Course.PAUSED, Course.RUNNING],
            [Course.PAUSED, Course.RUNNING, Course.PAUSED, Course.RUNNING],
        )
    )
    begins = chance.choice((0.01, 0.5, 2, 5, 30, 130))
    waits = chance.choice(((0.3, 1, 1.5), (0.01, 4, 30, 130)))
    return [(chance.choice(waits) if number else begins, course) for number, course in enumerate(courses)]


def _services(variant: int) -> int:
    return len(HOSTS) - variant % len(HOSTS)


def _subscribing(owner: App, number: int, services: int) -> SubscribeCommand:
    return replace(builders.subscribe_command(owner, number), endpoint=endpoint(number, services))


def _shop(browsers: int, variant: int, credits_: int) -> tuple[MemoryEngine, App]:
    """A fresh deployment with an app that has these browsers and credits."""
    engine, owner = _built(browsers, variant)
    home = MemoryEngine(variant + 1)
    home.storage = _copied(engine.storage)
    home.vault = engine.vault
    for port in (home.registry, home.subscriptions, home.credits, home.quotas, home.sends, home.chunks):
        port._storage = home.storage
    home.accounts.grant(owner.id, credits_, "first", builders.OPERATOR)
    return home, owner


@cache
def _built(browsers: int, variant: int) -> tuple[MemoryEngine, App]:
    engine = MemoryEngine(variant)
    owner = builders.app(engine)
    for number in range(1, browsers + 1):
        engine.subscribing.subscribe(_subscribing(owner, number, _services(variant)))
    return engine, owner


def _copied(storage: Storage) -> Storage:
    """Another storage with the same records, which are frozen."""
    kept = {field.name: copy(getattr(storage, field.name)) for field in fields(storage) if field.name != "lock"}
    return Storage(**kept)
