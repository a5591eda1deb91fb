"""Histories: a customer sends, things fail, and in the end everything must have come to rest."""

import random
from collections.abc import Callable
from dataclasses import dataclass, replace

from tests import builders
from tests.memory.transport import Reply, Silence
from tests.simulation.promises import check_promises
from tests.simulation.push_service import ACCEPTED_UNHEARD
from tests.simulation.world import At, Crash, Failure, Often, Violation, World, small
from tocsin.application.ports import Unavailable
from tocsin.application.send_command import SendCommand
from tocsin.domain.errors import Refused
from tocsin.domain.quota import Limits
from tocsin.domain.send import Charge
from tocsin.domain.tenancy import App

OFTEN_ACCEPTED = (Reply(seconds=0.1), Reply(seconds=3), Reply(seconds=0.1))
RARE = (
    Reply(410),
    Reply(404),
    Reply(429, {"retry-after": "7"}),
    Reply(503),
    Reply(401),
    Reply(413),
    Silence(sent=False),
    Silence(sent=True, seconds=10),
    ACCEPTED_UNHEARD,
)


@dataclass(frozen=True, slots=True)
class Scenario:
    """A small send. sync: delivered in the request, else through the queues."""

    browsers: int
    sync: bool
    replies: tuple[Reply | Silence, ...] = ()


IN_THE_REQUEST = Scenario(3, sync=True)
THROUGH_THE_QUEUE = Scenario(3, sync=False)
WITH_TROUBLE = (Reply(429, {"retry-after": "7"}), Reply(410), ACCEPTED_UNHEARD)
IN_THE_REQUEST_WITH_TROUBLE = Scenario(3, sync=True, replies=WITH_TROUBLE)
THROUGH_THE_QUEUE_WITH_TROUBLE = Scenario(3, sync=False, replies=WITH_TROUBLE)


def live(scenario: Scenario, failures: Callable[[int], Failure | None]) -> World:
    """One send from the request to the settled end. Raises Violation."""
    world = World(0, failures)
    owner, _ = builders.shop(world.home, scenario.browsers, credits_=100)
    for number, reply in enumerate(scenario.replies, 1):
        world.services.scripts[builders.endpoint(number)].append(reply)
    command = builders.send_command(owner, idempotency=builders.idempotency_key())
    world.invoke(customer(world, command, attempts=1, alone=True))
    with small(sync=100 if scenario.sync else 0):
        world.run()
    check_promises(world)
    return world


def each_failure(scenario: Scenario) -> list[At]:
    """Every single failure that a history of this scenario can have."""
    calls = live(scenario, lambda number: None).calls
    kinds = [failure for failure in Failure if failure is not Failure.PAUSE]
    return [At(call, failure) for call in range(1, calls + 1) for failure in kinds]


def live_at_random(seed: int) -> World:
    """Some sends of one shop with failures, pauses, repeats and people who come and go. Raises Violation."""
    chance = random.Random(seed)
    failures = Often(random.Random(seed + 1), chance.choice((0.0, 0.01, 0.03, 0.08, 0.2)))
    world = World(seed, failures)
    world.repeated_delivery = chance.choice((0.0, 0.2, 1.0))
    world.services.replies = OFTEN_ACCEPTED * chance.choice((1, 5)) + RARE
    browsers = chance.choice((1, 2, 3, 5, 8))
    owner, _ = builders.shop(world.home, browsers, credits_=browsers * chance.choice((1, 2, 3)))
    owner = replace(owner, limits=Limits(2 * browsers, 3 * browsers, 4 * browsers))
    charge = Charge.QUOTA if seed % 3 == 0 else Charge.CREDITS
    for number in range(chance.choice((1, 1, 2, 3))):
        key = builders.idempotency_key(f"send {number}")
        command = builders.send_command(owner, charge=charge, idempotency=key)
        world.invoke(customer(world, command, attempts=3, alone=False))
    world.invoke(visitors(world, owner, browsers, chance))
    with small(sync=chance.choice((0, 100))):
        world.run()
    check_promises(world)
    if len(world.storage.sends) > len(world.storage.idempotency):
        raise Violation("one idempotency key, two sends")
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
            elif alone and not isinstance(error, Crash) and world.services.accepted:
                raise Violation(f"PS-32: {error!r} although something was accepted") from error
            raise

    return act


def visitors(world: World, owner: App, browsers: int, chance: random.Random) -> Callable[[], None]:
    """Somebody leaves and somebody comes while sends are on their way."""
    leaves, comes = chance.randint(1, browsers), chance.randint(browsers + 1, browsers + 3)
    waits = chance.choice((0.05, 0.5, 5.0, 50.0))

    def act() -> None:
        process = world.process()
        process.clock.sleep(waits)
        id_ = process.derivation.subscription_id(owner.id, builders.endpoint(leaves))
        process.subscribing.withdraw(owner, id_)
        process.clock.sleep(waits)
        process.subscribing.subscribe(builders.subscribe_command(owner, comes))

    return act
