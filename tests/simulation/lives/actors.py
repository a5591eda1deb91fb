"""Those who use the deployment: the app's owner, and readers with their browsers."""

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import TypeVar

from tests import builders
from tests.simulation.lives.browsers import Delivered
from tests.simulation.lives.process import Process
from tests.simulation.lives.world import Ended, World
from tests.simulation.promises import Violation
from tocsin.application.amending import Amendment
from tocsin.application.campaigning import CampaignEdit, NewCampaign
from tocsin.application.flows import Draft, FlowChange
from tocsin.application.reporting import Beacon
from tocsin.application.segments import SegmentChange
from tocsin.domain.campaign import CampaignStatus
from tocsin.domain.engagement import Act
from tocsin.domain.errors import Fault
from tocsin.domain.flow import FlowStatus, Step, Trigger
from tocsin.domain.ids import CampaignId, FlowId, SegmentId, SendId
from tocsin.domain.notification import Notification
from tocsin.domain.segment import Condition, Field, Not, Operator, Rule
from tocsin.domain.send import Course, SendState
from tocsin.domain.subscription import SubscriptionState
from tocsin.domain.tenancy import DialectName

PUSHARY = DialectName("pushary")
OWNER = builders.OPERATOR
LABELS = ("news", "sport")
RULES: tuple[Rule, ...] = (
    Condition(Field.LABELS, Operator.HAS, "news"),
    Not(Condition(Field.LABELS, Operator.HAS, "news")),
    Condition(Field.CUSTOM, Operator.EQUALS, "pro", ("plan",)),
    Condition(Field.EXTERNAL_ID, Operator.EXISTS),
)
TRIES = 3
TEXT = Notification("{{plan}} news", "For you")
Value = TypeVar("Value")


class Verb(StrEnum):
    """What an owner can do with a campaign that there is."""

    RENAME = "rename"
    MOVE = "move"
    UNSCHEDULE = "unschedule"
    SEND = "send"
    PAUSE = "pause"
    RESUME = "resume"
    CANCEL = "cancel"
    DELETE = "delete"


_D, _S, _R, _A, _P, _C, _X = CampaignStatus
POSSIBLE = {
    Verb.RENAME: {_D, _S},
    Verb.MOVE: {_D, _S},
    Verb.UNSCHEDULE: {_D, _S},
    Verb.SEND: {_D, _S},
    Verb.PAUSE: {_R, _A},
    Verb.RESUME: {_P},
    Verb.CANCEL: {_D, _S, _P},
    Verb.DELETE: {_D, _S, _P, _C, _X},
}
"""When it is not refused, as PU-25 to PU-31 have it."""


class Actors:
    """What people do; each act is one request."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.campaigns: list[CampaignId] = []
        self.segments: list[SegmentId] = []
        self.flows: list[FlowId] = []

    # --- campaigns and segments ---------------------------------------------------------------------------------------

    def create_campaign(self, after: int | None, segment: SegmentId | None) -> None:
        """A campaign; after: seconds until it is to be sent, None for a draft."""
        at = None if after is None else int(self._world.clock.now()) + after
        new = NewCampaign("News", TEXT, segment=segment, scheduled_at=at)
        app = self._world.owner.id
        self._ask("create", lambda process: process.campaigning.create(app, PUSHARY, new, OWNER))
        known = self._world.home.storage.campaigns
        self.campaigns = [CampaignId(name) for _, name in known]

    def do(self, verb: Verb, name: CampaignId, after: int = 300) -> None:
        """Something with a campaign; after: seconds until it is to be sent, if it is moved. Raises Violation."""
        world, status = self._world, self.status(name)
        at = int(world.clock.now()) + after
        troubles, possible = world.troubles, status is not None and self._may(verb, name, status)
        ended = self._ask(f"{verb} campaign {name[:4]}", lambda process: self._done(process, verb, name, at))
        if world.troubles > troubles:
            return
        fault = None if ended.refused is None else ended.refused.fault
        wanted = Fault.NOT_FOUND if status is None else None if possible else Fault.CONFLICT
        if (fault is Fault.CONFLICT or wanted is not None) and fault is not wanted:
            raise Violation(f"{verb} was answered with {fault} while the campaign was {status}")

    def _done(self, process: Process, verb: Verb, name: CampaignId, at: int) -> None:
        campaigning, app = process.campaigning, self._world.owner
        edits = {
            Verb.RENAME: CampaignEdit(name=f"News at {at}"),
            Verb.MOVE: CampaignEdit(scheduled_at=at),
            Verb.UNSCHEDULE: CampaignEdit(scheduled_at=None),
            Verb.CANCEL: CampaignEdit(status=CampaignStatus.CANCELLED),
        }
        match verb:
            case Verb.SEND:
                campaigning.send(app, name, OWNER)
            case Verb.PAUSE:
                campaigning.pause(app.id, name, OWNER)
            case Verb.RESUME:
                campaigning.resume(app, name, OWNER)
            case Verb.DELETE:
                campaigning.delete(app.id, name, OWNER)
            case _:
                campaigning.change(app.id, name, edits[verb], OWNER)

    def _may(self, verb: Verb, name: CampaignId, status: CampaignStatus) -> bool:
        """Whether this is possible; what was refused at its time can be mended while it rests, too."""
        known = self._world.home.storage.campaigns.get((self._world.owner.id, name))
        refused = known is not None and known.status is CampaignStatus.PAUSED and known.reason is not None
        return status in POSSIBLE[verb] or (refused and verb in {Verb.RENAME, Verb.MOVE, Verb.UNSCHEDULE})

    def status(self, name: CampaignId) -> CampaignStatus | None:
        """Where a campaign is, None when it is not there."""
        storage, app = self._world.home.storage, self._world.owner.id
        campaign, stored = storage.campaigns.get((app, name)), storage.sends.get((app, SendId(name)))
        if campaign is None or stored is None:
            return None if campaign is None else campaign.status
        if stored.send.course is Course.CANCELLED:
            return CampaignStatus.CANCELLED
        if stored.send.state is SendState.SETTLED:
            return CampaignStatus.COMPLETED
        return campaign.status

    def create_segment(self, rule: Rule) -> None:
        """A segment."""
        app = self._world.owner.id
        ended = self._ask("create segment", lambda process: process.segments.create(app, "Some", None, rule, OWNER))
        if ended.value is not None:
            self.segments.append(ended.value.id)

    def change_segment(self, name: SegmentId, rule: Rule | None) -> None:
        """Give it another rule, or remove it."""
        app = self._world.owner.id

        def ask(process: Process) -> None:
            if rule is None:
                process.segments.delete(app, name, OWNER)
            else:
                process.segments.change(app, name, SegmentChange(rule=rule), OWNER)

        self._ask("change segment", ask)

    # --- flows --------------------------------------------------------------------------------------------------------

    def create_flow(self, trigger: Trigger, source: SendId | None, steps: Sequence[Step], interval: int) -> None:
        """A flow, as a draft."""
        draft = Draft("Flow", None, trigger, source if trigger.of_a_notification else None, tuple(steps), interval)
        app = self._world.owner.id
        self._ask("create flow", lambda process: process.flows.create(app, PUSHARY, draft, OWNER))
        self.flows = [name for _, name in self._world.home.flow_catalogue.flows]

    def change_flow(self, name: FlowId, change: FlowChange) -> None:
        """Change a flow: its steps, or its status."""
        app, what = self._world.owner.id, change.status if isinstance(change.status, FlowStatus) else "steps"
        self._ask(f"flow {name[:4]}: {what}", lambda process: process.flows.change(app, name, change, OWNER))

    def delete_flow(self, name: FlowId) -> None:
        """Remove a flow."""
        app = self._world.owner.id
        self._ask(f"delete flow {name[:4]}", lambda process: process.flows.remove(app, name, OWNER))

    # --- readers ------------------------------------------------------------------------------------------------------

    def subscribe(self, number: int) -> None:
        """A browser subscribes; when it hears no answer, it tries again."""
        world, command = self._world, self._world.browsers.subscribing(number)
        name, is_new = world.browsers.ids[number], not self.is_subscribed(number)
        world.promises.came_or_left(name, Trigger.SUBSCRIBED)
        world.browsers.gone.discard(command.endpoint)
        for _ in range(TRIES):
            troubles = world.troubles
            ended = self._ask(f"subscribe {number}", lambda process: process.subscribing.subscribe(command))
            if ended.done and is_new and world.troubles == troubles:
                world.promises.heard(name)
            if ended.done or ended.refused is not None:
                return

    def unsubscribe(self, number: int) -> None:
        """A browser unsubscribes."""
        world, name = self._world, self._world.browsers.ids[number]
        world.promises.came_or_left(name, Trigger.UNSUBSCRIBED)
        self._ask(f"unsubscribe {number}", lambda process: process.subscribing.withdraw(world.owner, name))

    def amend(self, number: int, amendment: Amendment) -> None:
        """The owner changes what is known of a browser."""
        world, name = self._world, self._world.browsers.ids[number]
        self._ask(f"amend {number}", lambda process: process.amending.amend(world.owner, name, amendment))

    def erase(self, number: int) -> None:
        """The owner removes a browser as if it had never been."""
        world, name = self._world, self._world.browsers.ids[number]
        self._ask(f"erase {number}", lambda process: process.amending.erase(world.owner, name, OWNER))

    def is_subscribed(self, number: int) -> bool:
        """Whether a browser is."""
        name = self._world.owner.id, self._world.browsers.ids[number]
        known = self._world.home.storage.subscriptions.get(name)
        return known is not None and known.state is SubscriptionState.ACTIVE

    def react(self, message: Delivered, act: Act, ago: int) -> None:
        """A reader does something with a message, or did so a while ago, and the worker reports it."""
        world = self._world
        at = int(world.clock.now()) - ago
        world.browsers.react(message, act, at)
        world.promises.told(message.browser, act, message.send, at)
        self.report()

    def report(self) -> None:
        """Workers report what they have kept."""
        world = self._world
        kept, beacons = list(world.browsers.outbox), [beacon for _, beacon in world.browsers.outbox]
        if beacons and self._report(beacons).done:
            world.browsers.outbox = [one for one in world.browsers.outbox if one not in kept]

    def forge(self, message: Delivered, other: Delivered) -> None:
        """Somebody reports a message with the token of another one."""
        if (message.send, message.token) != (other.send, other.token) and message.send != other.send:
            self._report([Beacon(Act.CLICKED, message.send, other.token, int(self._world.clock.now()))])

    def _report(self, beacons: Sequence[Beacon]) -> Ended[int]:
        app = self._world.owner.id
        return self._ask("report", lambda process: process.reporting.report(app, beacons))

    def _ask(self, purpose: str, ask: Callable[[Process], Value]) -> Ended[Value]:
        return self._world.invoke(purpose, ask)


def labelled(*labels: str) -> Amendment:
    """Other labels."""
    return Amendment(labels=labels)


def paying(plan: str | None) -> Amendment:
    """Another plan."""
    return Amendment(custom=None if plan is None else {"plan": plan})
