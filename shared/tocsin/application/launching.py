"""Sending a campaign: the campaign and its send change in one transaction, so of all who try one does it."""

from collections.abc import Mapping
from dataclasses import replace

from tocsin.application.audience import WALKABLE
from tocsin.application.ports import CampaignChange, Campaigns, Clock, Randomness, Registry, Subscriptions, Unavailable
from tocsin.application.segments import Segments
from tocsin.application.send_command import SendCommand
from tocsin.application.sending import Sending
from tocsin.domain.audit import Action, Actor, AuditEntry
from tocsin.domain.campaign import AFTER, SEALED_AFTER, Campaign, CampaignStatus, Counted, Step
from tocsin.domain.errors import Fault, Refused
from tocsin.domain.ids import SendId
from tocsin.domain.send import Audience, Charge, Everyone, Matching, Origin
from tocsin.domain.subscription import SubscriptionState
from tocsin.domain.tenancy import App

COUNT_AGAIN = 900
"""Whoever counts has ended by then, or is lost."""
_NOTED: Mapping[Step, Action] = {Step.SEND: Action.CAMPAIGN_SENT, Step.RESUME: Action.CAMPAIGN_RESUMED}


class Launching:
    """Begins the sends of campaigns. A campaign is sent once in its life: its send has its own id."""

    def __init__(
        self,
        sending: Sending,
        campaigns: Campaigns,
        segments: Segments,
        subscriptions: Subscriptions,
        registry: Registry,
        clock: Clock,
        randomness: Randomness,
    ) -> None:
        self._sending = sending
        self._campaigns = campaigns
        self._segments = segments
        self._subscriptions = subscriptions
        self._registry = registry
        self._clock = clock
        self._randomness = randomness

    def launch(self, campaign: Campaign, app: App, step: Step, actor: Actor) -> Campaign:
        """Send a campaign that has no send yet; step: SEND, or RESUME for one that was refused before.

        In a large app whom a segment means is counted first, which the sweep does: there is no send until then.
        Raises Refused (nothing has changed): APP_DISABLED, CONFLICT (no VAPID key), FIELD_INVALID (no such segment),
        NO_SUBSCRIPTIONS, QUOTA_EXCEEDED. Raises Stale: it is not as it was read.
        """
        if campaign.dialect in app.dialects_off:
            raise Refused(Fault.APP_DISABLED, "This API is switched off for the site")
        if self._registry.vapid_key(app.id, app.vapid_key) is None:
            raise Refused(Fault.CONFLICT, "Site has no VAPID keys: it needs them to send")
        now = int(self._clock.now())
        new = replace(
            campaign,
            status=AFTER[step][campaign.status],
            reason=None,
            due_at=now,
            updated_at=now,
            revision=campaign.revision + 1,
        )
        noted = self._noted(new, _NOTED[step], actor)
        if campaign.segment is None:
            return self._send(app, new, noted, Everyone())
        rule = self._segments.get(app.id, campaign.segment).rule
        if self._subscriptions.counts(app.id).of(frozenset(SubscriptionState)) > WALKABLE:
            self._campaigns.put(new, noted)
            return new
        return self._send(app, new, noted, Matching(rule))

    def count(self, campaign: Campaign, app: App, until: float) -> Campaign:
        """Go on counting whom a campaign means, and send it when all are counted. until: Unix seconds.

        Raises as `launch` does.
        """
        if campaign.segment is None:
            raise ValueError("a campaign to everybody needs no counting")
        ours = replace(campaign, due_at=int(self._clock.now()) + COUNT_AGAIN, revision=campaign.revision + 1)
        self._campaigns.put(ours)
        segment, known = self._segments.get(app.id, campaign.segment), campaign.counted
        if known is not None and known.revision != segment.revision:
            known = None  # by another rule
        try:
            after = None if known is None else known.after
            found = self._segments.count(app.id, segment.rule, campaign.updated_at, until, after)
        except Unavailable:
            self._campaigns.put(replace(ours, due_at=int(self._clock.now()), revision=ours.revision + 1))
            raise
        matched = found.matched + (0 if known is None else known.matched)
        now = int(self._clock.now())
        if found.after is not None:
            further = Counted(matched, found.after, segment.revision)
            ours = replace(ours, counted=further, due_at=now, revision=ours.revision + 1)
            self._campaigns.put(ours)
            return ours
        sent = replace(ours, counted=None, updated_at=now, revision=ours.revision + 1)
        # Who came since it was asked for may not have been counted, and must take nobody's place.
        return self._send(app, sent, None, Matching(segment.rule), matched, campaign.updated_at)

    def rest(self, campaign: Campaign, reason: str, actor: Actor) -> None:
        """Pause a campaign that cannot be sent, with the reason. Raises Stale."""
        resting = replace(
            campaign,
            status=CampaignStatus.PAUSED,
            reason=reason,
            counted=None,
            due_at=None,
            updated_at=int(self._clock.now()),
            revision=campaign.revision + 1,
        )
        self._campaigns.put(resting, self._noted(resting, Action.CAMPAIGN_PAUSED, actor))

    def _send(
        self,
        app: App,
        new: Campaign,
        noted: AuditEntry | None,
        audience: Audience,
        most: int | None = None,
        asked_at: int | None = None,
    ) -> Campaign:
        now = int(self._clock.now())
        sent = replace(new, sent_at=now, due_at=now + SEALED_AFTER)
        command = SendCommand(
            app=app,
            dialect=new.dialect,
            audience=audience,
            notification=new.notification,
            charge=Charge.QUOTA,
            most=most,
            queued=True,
            request_id="" if noted is None else noted.actor.request_id,
            id=SendId(new.id),
            origin=Origin.CAMPAIGN,
            variables=new.variables,
            campaign=CampaignChange(sent, noted),
            asked_at=asked_at,
        )
        if self._sending.send(command).send is None:
            raise Refused(Fault.NO_SUBSCRIPTIONS, "No subscribers found")
        return sent

    def _noted(self, campaign: Campaign, action: Action, actor: Actor) -> AuditEntry:
        details = {"campaign": campaign.id}
        return AuditEntry(self._randomness.new_id(), campaign.app, campaign.updated_at, actor, action, details)
