"""What is promised of campaigns and flows, checked after every step against what was asked and what really arrived.

Everyone who was meant by a send and stayed is reached once, nobody else is, and the figures are those of the readers.
"""

from collections import defaultdict
from dataclasses import dataclass

from tests.simulation.lives.browsers import Browsers
from tests.simulation.lives.campaign_promises import CampaignPromises
from tests.simulation.lives.flow_promises import FlowPromises
from tests.simulation.lives.process import Home
from tests.simulation.lives.watch import Watch
from tests.simulation.promises import Promises, Violation
from tocsin.domain.engagement import Act
from tocsin.domain.flow import Trigger
from tocsin.domain.ids import AppId, SendId, SubscriptionId
from tocsin.domain.matching import matches
from tocsin.domain.send import Chosen, Course, Everyone, Origin, Send, SendState
from tocsin.domain.subscription import Subscription, SubscriptionState
from tocsin.domain.tenancy import App
from tocsin.webpush.message import topic_of

TRIGGERS = {
    Act.DISPLAYED: Trigger.DISPLAYED,
    Act.CLICKED: Trigger.CLICKED,
    Act.DISMISSED: Trigger.DISMISSED,
}
SECONDS_APART = 5
"""That clocks may differ."""


@dataclass(slots=True)
class Meant:
    """Whom a send was for when it was reserved. number: of the invocation that began to count them."""

    browsers: frozenset[SubscriptionId]
    number: int


class LifePromises:
    """Watches all records. calm_since: since when nothing has gone wrong (Unix seconds)."""

    def __init__(self, home: Home, owner: App, browsers: Browsers) -> None:
        self.delivery = Promises(home.storage)
        self.delivery.urls = dict(zip(browsers.ids, browsers.urls, strict=True))
        self.watch = Watch(home, owner, browsers, self.delivery)
        self._storage = home.storage
        self._flows = FlowPromises(self.watch)
        self._campaigns = CampaignPromises(self.watch)
        self._reported: defaultdict[SendId, defaultdict[Act, set[SubscriptionId]]] = defaultdict(
            lambda: defaultdict(set)
        )
        self._sends: dict[tuple[AppId, SendId], Send] = {}
        self._meant: dict[SendId, Meant] = {}
        self._subscriptions: dict[tuple[AppId, SubscriptionId], Subscription] = {}
        self._changed: defaultdict[SubscriptionId, int] = defaultdict(int)
        self._came: defaultdict[SubscriptionId, int] = defaultdict(int)
        self._first_came_at: dict[SubscriptionId, int] = {}

    def went_wrong(self) -> None:
        """Something did: a process died, or a store did not answer, or took its time."""
        self.delivery.lost += 1
        self.watch.calm_since = None

    # --- what browsers and push services see --------------------------------------------------------------------------

    def check_post(self, topic: str, url: str, asked: float, awake: float) -> None:
        """A POST begins. Raises Violation."""
        self.delivery.check_post(topic, url, asked, awake)

    def check_accepted(self, topic: str, url: str) -> None:
        """A push service accepted a message. Raises Violation."""
        self.delivery.check_accepted(topic, url)

    def told(self, browser: SubscriptionId, act: Act, send: SendId, at: int) -> None:
        """A worker is about to report what its reader did."""
        self._flows.reported(browser, send, at)
        for one in dict.fromkeys((Act.DISPLAYED, act)):
            if browser not in self._reported[send][one]:
                self._reported[send][one].add(browser)
                if self._sends[self.watch.owner.id, send].origin is not Origin.FLOW:
                    self._flows.happened(TRIGGERS[one], browser, at, send)

    def came_or_left(self, browser: SubscriptionId, trigger: Trigger) -> None:
        """Somebody is about to subscribe or to unsubscribe."""
        self._flows.happened(trigger, browser, int(self.watch.now), None)

    def heard(self, browser: SubscriptionId) -> None:
        """Somebody who was not subscribed has done so, and was answered while nothing went wrong."""
        self._flows.heard(browser)

    # --- after every step ---------------------------------------------------------------------------------------------

    def check(self, purpose: str, number: int, latest: int) -> None:
        """What changed keeps every promise.

        purpose, number: of the invocation that made the call; latest: the number of the newest one. Raises Violation.
        """
        self.watch.latest = latest
        self._see_subscriptions()
        self._flows.check(purpose, number)
        self._see_sends(purpose, number)
        self._campaigns.check(purpose)
        self.delivery.check_step()

    def _see_subscriptions(self) -> None:
        stored, known = self._storage.subscriptions, self._subscriptions
        for name, one in stored.items():
            before = known.get(name)
            if before is one:
                continue
            known[name] = one
            if before is None or (before.state, before.labels, before.custom, before.identities) != (
                one.state,
                one.labels,
                one.custom,
                one.identities,
            ):
                self._changed[one.id] = self.watch.latest
            if one.state is SubscriptionState.ACTIVE:
                self.delivery.left.pop(one.endpoint, None)
                if before is None or before.state is not SubscriptionState.ACTIVE:
                    self._came[one.id] = self.watch.latest
                    self._first_came_at.setdefault(one.id, one.created_at)
            elif before is not None and before.state is SubscriptionState.ACTIVE:
                self.delivery.left[one.endpoint] = self.watch.now
        if len(known) != len(stored):
            for name in known.keys() - stored.keys():
                self._changed[name[1]] = self.watch.latest
                self.delivery.left[known.pop(name).endpoint] = self.watch.now

    def _see_sends(self, purpose: str, number: int) -> None:
        for name, stored in self._storage.sends.items():
            send, before = stored.send, self._sends.get(name)
            if before is send:
                continue
            self._sends[name] = send
            if before is None:
                self._check_new_send(send, purpose, number)
            elif before.course is not send.course:
                if send.course is Course.RUNNING:
                    self.delivery.halted.pop(name, None)
                else:
                    self.delivery.halted[name] = self.watch.now
            if send.state is SendState.SETTLED:
                self._check_reached(send)

    def _check_new_send(self, send: Send, purpose: str, number: int) -> None:
        everybody = [one for one in self._subscriptions.values() if one.state is SubscriptionState.ACTIVE]
        meant = frozenset(one.id for one in everybody if _means(send, one))
        self._meant[send.id] = Meant(meant, self._campaigns.counted_since.get(send.id, number))
        if send.origin is Origin.CAMPAIGN:
            campaign = self._storage.campaigns.get((send.app, send.id))
            if campaign is None or campaign.sent_at is None:
                raise Violation("a send of a campaign that does not know of it")
        else:
            self._flows.check_send(send, purpose, number)

    def _check_reached(self, send: Send) -> None:
        """Everyone who was meant and stayed has it, once; nobody else does, but who changed meanwhile."""
        topic = topic_of(send.id)
        accepted = self.delivery.accepted
        reached = {name for name, url in self.delivery.urls.items() if accepted[topic, url]}
        meant = self._meant[send.id]
        changed = {name for name, number in self._changed.items() if number >= meant.number}
        if strangers := reached - meant.browsers - changed:
            raise Violation(f"{strangers} were sent what was not for them")
        ended = send.course is Course.CANCELLED or (send.settled_at or 0) >= send.expires_at - 1
        refused = {name for name, url in self.delivery.urls.items() if (topic, url) in self.watch.browsers.refused}
        missed = meant.browsers - reached - changed - refused
        planned = {one for key, chunk in self._storage.frozen.items() if key[1] == send.id for one in chunk.ids}
        asked_at = send.created_at if send.asked_at is None else send.asked_at
        if late := [name for name in planned if self._first_came_at[name] > asked_at + SECONDS_APART]:
            raise Violation(f"{late} came after {send} was asked for, and were sent it")
        # Who came back or just came, or was changed into a segment, after all were counted, may take somebody's place:
        # no more than that are sent to.
        came = {name for name, number in self._came.items() if number >= meant.number}
        if not ended and len(missed) > len(planned & (came if isinstance(send.audience, Everyone) else changed)):
            raise Violation(f"{sorted(missed)} were meant by {send}, stayed, and got nothing")
        counts = send.counts
        lost = counts.doubted
        if not counts.accepted <= len(reached) <= counts.accepted + lost:
            raise Violation(f"{counts}, but {len(reached)} were reached")

    # --- at the end ---------------------------------------------------------------------------------------------------

    def check_rest(self) -> None:
        """Nothing is left to be done, and long since everything works. Raises Violation."""
        self.delivery.check_rest()
        if left := self.watch.home.schedules.at:
            raise Violation(f"calls are left over: {left}")
        for campaign in self._storage.campaigns.values():
            self._campaigns.check_rest(campaign, self._figures)
        for app, name in self._sends:
            self._check_engagement(app, name)
        self._flows.check_rest()

    def _figures(self, send: SendId) -> tuple[int, int, int]:
        acts = self._reported[send]
        return len(acts[Act.DISPLAYED]), len(acts[Act.CLICKED]), len(acts[Act.DISMISSED])

    def _check_engagement(self, app: AppId, name: SendId) -> None:
        found, wanted = self.watch.home.engagement.of(app, name), self._figures(name)
        if (found.displayed, found.clicked, found.dismissed) != wanted:
            raise Violation(f"{found}, but {wanted} displayed, clicked and dismissed it")
        if sum(hour.displayed for hour in found.by_hour.values()) != found.displayed:
            raise Violation("the hours do not add up")


def _means(send: Send, subscription: Subscription) -> bool:
    match send.audience:
        case Everyone():
            return True
        case Chosen() as chosen:
            return chosen.means(subscription)
        case segment:
            return matches(segment.rule, subscription, send.created_at)
