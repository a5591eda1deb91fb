"""Deliberate bugs, each of which takes one rule out of campaigns, flows or the counting of what readers did."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from tests.memory.campaigns import MemoryCampaigns
from tests.memory.engagements import MemoryEngagements
from tests.memory.flows import MemoryFlows, MemoryRuns
from tocsin.application import audience, counting, launching, running
from tocsin.application.campaigning import Campaigning
from tocsin.application.counting import Counting
from tocsin.application.firing import CLOCK, Firing, Round
from tocsin.application.flows import Flows
from tocsin.application.ports import CampaignChange, Unavailable
from tocsin.application.running import Progress, Running
from tocsin.application.send_command import SendCommand
from tocsin.application.sending import Sending
from tocsin.application.subscribing import Subscribing
from tocsin.application.triggering import Triggering
from tocsin.domain import engagement
from tocsin.domain.campaign import Campaign, CampaignStatus, Counted, Step
from tocsin.domain.engagement import Block, Sighting
from tocsin.domain.errors import Refused
from tocsin.domain.flow import Executions, Flow, SendStep
from tocsin.domain.flow import Step as FlowStep
from tocsin.domain.flow_run import Run, RunEvent, RunState, Store, counted, step
from tocsin.domain.ids import AppId, CampaignId, SendId
from tocsin.domain.send import Send
from tocsin.domain.subscription import SubscriptionState

Patch = pytest.MonkeyPatch
Bug = Callable[[Patch], None]
NEVER = 10**11
"""A time that does not come."""

# --- campaigns --------------------------------------------------------------------------------------------------------


def sends_a_campaign_that_has_changed_since_it_was_read(patch: Patch) -> None:
    patch.setattr(MemoryCampaigns, "expect_read", lambda self, change: None)
    patch.setattr(
        MemoryCampaigns,
        "change",
        lambda self, new: new and self.entries.__setitem__((new.campaign.app, new.campaign.id), new.campaign),
    )


def changes_a_campaign_whoever_was_faster(patch: Patch) -> None:
    patch.setattr(MemoryCampaigns, "_expect", lambda self, entry, revision: None)


def sends_a_campaign_and_stores_that_afterwards(patch: Patch) -> None:
    honest = Sending.send

    def send(self: Sending, command: SendCommand) -> Any:
        result = honest(self, replace(command, campaign=None))
        if command.campaign is not None and result.send is not None:
            change: CampaignChange = command.campaign
            self._sends._port._campaigns.put(change.campaign, change.audit)  # type: ignore[attr-defined]
        return result

    patch.setattr(Sending, "send", send)


def believes_every_call(patch: Patch) -> None:
    """A call that comes for a time that has changed since sends the campaign all the same."""

    def fire(self: Firing, app: AppId, name: CampaignId, until: float) -> bool:
        campaign = self._campaigns.get(app, name)
        if campaign is None or campaign.status is not CampaignStatus.SCHEDULED:
            return False
        self._do(campaign, until)
        return True

    honest = Firing.fire
    patch.setattr(Firing, "sweep", lambda self, until: _sweep(self, honest, until))
    patch.setattr(Firing, "fire", fire)


def _sweep(firing: Firing, fire: Callable[..., bool], until: float) -> Round:
    due = list(firing._campaigns.due(int(firing._clock.now()), 10))
    return Round(sum(fire(firing, app, name, until) for app, name in due))


def fires_what_its_owner_has_cancelled(patch: Patch) -> None:
    """The clock looks at the time and not at the status."""
    patch.setattr(launching, "AFTER", {one: dict.fromkeys(CampaignStatus, _sent(one)) for one in Step})

    def fire(self: Firing, app: AppId, name: CampaignId, until: float) -> bool:
        del until
        campaign, owner = self._campaigns.get(app, name), self._registry.app(app)
        if campaign is None or owner is None or campaign.scheduled_at is None or campaign.sent_at is not None:
            return False
        if campaign.scheduled_at > self._clock.now():
            return False
        try:
            self._launching.launch(campaign, owner, Step.SEND, CLOCK)
        except Refused as refused:
            self._refused(campaign, refused.message)
        return True

    patch.setattr(Firing, "fire", fire)


def _sent(one: Step) -> CampaignStatus:
    return CampaignStatus.ACTIVE if one is Step.RESUME else CampaignStatus.SENDING


def the_sweep_leaves_campaigns_to_their_calls(patch: Patch) -> None:
    patch.setattr(Firing, "sweep", lambda self, until: Round())


def leaves_calls_over_that_nobody_waits_for(patch: Patch) -> None:
    patch.setattr(Firing, "tidy", lambda self, until: Round())


def a_refused_campaign_stays_scheduled(patch: Patch) -> None:
    patch.setattr(Firing, "_refused", lambda self, tried, reason: None)


def deletes_a_paused_campaign_and_not_its_send(patch: Patch) -> None:
    honest = Campaigning._steered

    def steered(self: Campaigning, found: Campaign, send: Send | None, one: Step, actor: Any) -> Campaign:
        return honest(self, found, None if one is Step.CANCEL else send, one, actor)

    patch.setattr(Campaigning, "_steered", steered)


def sends_to_whoever_is_there_when_it_is_planned(patch: Patch) -> None:
    patch.setattr(audience, "known_by", lambda asked_at: NEVER)


def counts_a_segment_and_forgets_the_first_part(patch: Patch) -> None:
    patch.setattr(launching, "Counted", lambda matched, *rest: Counted(0, *rest))


# --- flows ------------------------------------------------------------------------------------------------------------


def goes_on_before_the_send_is_reserved(patch: Patch) -> None:
    honest = Running._deliver

    def deliver(self: Running, run: Run, one: SendStep, flow: Flow) -> tuple[RunEvent, int]:
        ahead = step(run, self._steps(run, flow), RunEvent.SENT, self._now())
        if isinstance(ahead, Store):
            self._runs.put(ahead.run, run, self._look_at(ahead.run))
        return honest(self, run, one, flow)

    patch.setattr(Running, "_deliver", deliver)


def sends_a_step_under_another_id_each_time(patch: Patch) -> None:
    made: list[SendId] = []

    def send_of(run: str, position: int) -> SendId:
        made.append(SendId(f"{position:04}{len(made):020}"))
        return made[-1]

    patch.setattr(running, "send_of", send_of)


def begins_a_run_beside_another(patch: Patch) -> None:
    def start(self: MemoryRuns, run: Run, at: int, look_at: int) -> bool:
        del at
        self._store(run, look_at)
        self._count(run, Executions(1, int(run.state is RunState.ENDED)))
        return True

    patch.setattr(MemoryRuns, "start", start)


def begins_runs_without_a_rest(patch: Patch) -> None:
    honest = MemoryRuns.start
    patch.setattr(MemoryRuns, "start", lambda self, run, at, *rest: honest(self, run, NEVER, *rest))


def stores_a_run_whoever_was_faster(patch: Patch) -> None:
    def put(self: MemoryRuns, new: Run, old: Run, look_at: int) -> None:
        self._store(new, look_at)
        self._count(new, counted(new, old))

    patch.setattr(MemoryRuns, "put", put)


def never_looks_for_a_lost_message(patch: Patch) -> None:
    patch.setattr(Running, "_look_at", lambda self, run: max(run.due_at, NEVER * (run.due_at - self._now() <= 900)))


def the_new_steps_are_for_all_runs(patch: Patch) -> None:
    def steps(self: Running, run: Run, flow: Flow) -> Sequence[FlowStep]:
        return flow.steps

    patch.setattr(Running, "_steps", steps)


def goes_on_while_the_flow_rests(patch: Patch) -> None:
    patch.setattr(running, "_called", lambda flow: RunEvent.CALLED)


def activates_a_flow_and_releases_nobody(patch: Patch) -> None:
    patch.setattr(Flows, "_look_through", lambda self, *_: None)


def does_not_look_again_once_a_run_is_held(patch: Patch) -> None:
    patch.setattr(Running, "_check_held", lambda self, run: None)


def counts_runs_that_did_not_begin(patch: Patch) -> None:
    honest = MemoryRuns.start

    def start(self: MemoryRuns, run: Run, at: int, *rest: Any) -> bool:
        began = honest(self, run, at, *rest)
        if not began:
            self._count(run, Executions(1, int(run.state is RunState.ENDED)))
        return began

    patch.setattr(MemoryRuns, "start", start)


def tells_flows_nothing_of_who_is_subscribed_already(patch: Patch) -> None:
    honest = Subscribing._change

    def change(self: Subscribing, *args: Any, **options: Any) -> Any:
        new, last = honest(self, *args, **options)
        known = last is not None and last.state is SubscriptionState.ACTIVE
        return (replace(new, subscribed_at=None) if known else new), last

    patch.setattr(Subscribing, "_change", change)


def takes_who_came_back_for_who_was_erased(patch: Patch) -> None:
    honest = Running._begin
    patch.setattr(Running, "_begin", lambda self, run, at, _: honest(self, run, at, None))


def begins_runs_by_what_happened_before(patch: Patch) -> None:
    honest = MemoryFlows.put

    def put(self: MemoryFlows, new: Flow, *rest: Any) -> None:
        honest(self, replace(new, awaits_since=0), *rest)

    patch.setattr(MemoryFlows, "put", put)


def gives_a_step_up_that_meets_a_silent_store(patch: Patch) -> None:
    honest = Running._handle

    def handle(self: Running, *args: Any) -> Any:
        try:
            return honest(self, *args)
        except Unavailable:
            return Progress()

    patch.setattr(Running, "_handle", handle)


# --- what readers did -------------------------------------------------------------------------------------------------


def notes_what_is_known_before_it_begins_runs(patch: Patch) -> None:
    follow = Counting._follow
    patch.setattr(Counting, "_follow", lambda self, send, new: None)
    patch.setattr(Counting, "_measure", follow)


def a_flow_follows_its_own_messages(patch: Patch) -> None:
    patch.setattr(counting, "Origin", SimpleNamespace(FLOW=None))


def counts_what_is_reported_twice(patch: Patch) -> None:
    def news(block: Block, sightings: Iterable[Sighting], *, clicks_only: bool) -> tuple[Sighting, ...]:
        return engagement.news(replace(block, bits={}), sightings, clicks_only=clicks_only)

    patch.setattr(counting, "news", news)


def stores_figures_whoever_was_faster(patch: Patch) -> None:
    def put(self: MemoryEngagements, block: Block, created_at: int) -> None:
        del created_at
        self._storage.seen[block.app, block.send, block.number] = block

    patch.setattr(MemoryEngagements, "put", put)


def begins_runs_of_every_flow_whatever_its_campaign(patch: Patch) -> None:
    honest = Triggering.wanted

    def wanted(self: Triggering, app: AppId, trigger: Any, source: Any = None) -> Any:
        del source
        named = {flow.source for flow in self._flows._port.flows.values()}  # type: ignore[attr-defined]
        return {flow for one in named for flow in honest(self, app, trigger, one)}

    patch.setattr(Triggering, "wanted", wanted)
