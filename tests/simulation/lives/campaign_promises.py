"""What is promised of campaigns: each is sent once at most, at its time, and it and its send agree.

The rules are written down here once more, in other words than the product's: a table that is wrong there must not be
right here because it was copied.
"""

from collections.abc import Callable

from tests.simulation.lives.watch import Watch
from tests.simulation.promises import Violation
from tocsin.domain.campaign import Campaign, CampaignStatus
from tocsin.domain.ids import AppId, SendId
from tocsin.domain.send import Course, SendState

_D, _S, _R, _A, _P, _C, _X = CampaignStatus
OWNERS = {
    (_D, _S), (_S, _D), (_S, _S), (_D, _D),
    (_D, _R), (_S, _R),
    (_R, _P), (_A, _P), (_P, _A),
    (_P, _P), (_P, _D), (_P, _S),
    (_D, _X), (_S, _X), (_P, _X),
}  # fmt: skip
"""The changes of a campaign's stored status that its owner may make (PU-25 to PU-30)."""
MENDED = {(_P, _P), (_P, _D), (_P, _S)}
"""Those of them that only one may go through that was refused at its time: nobody was sent anything."""
CLOCKS = {(_S, _R), (_R, _R), (_A, _A), (_S, _P), (_R, _P), (_A, _P), (_R, _C), (_A, _C), (_P, _C), (_X, _X)}
"""Those that the clock may make: sent, counted, refused, or over."""
STANDS = {
    (_R, Course.RUNNING),
    (_A, Course.RUNNING),
    (_P, Course.PAUSED),
    (_X, Course.CANCELLED),
}
"""What a campaign and its send that is not settled say of each other."""


class CampaignPromises:
    """Watches campaigns. counted_since: when somebody began to count whom each of them means, by invocations."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._storage = watch.storage
        self.counted_since: dict[str, int] = {}
        self._campaigns: dict[tuple[AppId, str], Campaign] = {}

    def check(self, purpose: str) -> None:
        """What changed was possible. purpose: of the invocation that made the call. Raises Violation."""
        stored = self._storage.campaigns
        for name, campaign in stored.items():
            before = self._campaigns.get(name)
            if before is not campaign:
                self._check_change(before, campaign, purpose)
                self._campaigns[name] = campaign
                self._note_counting(campaign)
            self._check_send(campaign)
        if len(self._campaigns) != len(stored):
            for name in self._campaigns.keys() - stored.keys():
                self._check_removal(self._campaigns.pop(name), purpose)

    def check_rest(self, campaign: Campaign, figures: Callable[[SendId], tuple[int, int, int]]) -> None:
        """A campaign is where its history left it. figures: who displayed, clicked, dismissed. Raises Violation."""
        match campaign.status:
            case CampaignStatus.DRAFT | CampaignStatus.CANCELLED:
                return
            case CampaignStatus.PAUSED if campaign.sent_at is None:
                return  # refused, or paused by its owner while its members were counted
            case CampaignStatus.COMPLETED if campaign.sealed is not None:
                send = self._storage.sends[campaign.app, SendId(campaign.id)].send
                sealed, counts = campaign.sealed, send.counts
                seen = figures(send.id)
                if (sealed.targeted, sealed.accepted, sealed.failed) != (
                    send.reserved,
                    counts.accepted,
                    counts.failed + counts.uncertain,
                ) or (sealed.displayed, sealed.clicked, sealed.dismissed) != seen:
                    raise Violation(f"{sealed} was sealed, but there were {counts} and {seen}")
            case status:
                raise Violation(f"a campaign stays {status}")

    def _note_counting(self, campaign: Campaign) -> None:
        if campaign.sent_at is None and campaign.status in {_R, _A}:
            self.counted_since.setdefault(campaign.id, self._watch.latest)
        else:
            self.counted_since.pop(campaign.id, None)

    def _check_send(self, campaign: Campaign) -> None:
        stored = self._storage.sends.get((campaign.app, SendId(campaign.id)))
        if (stored is None) is not (campaign.sent_at is None):
            raise Violation("a campaign and its send do not change together")
        if stored is not None and stored.send.state is not SendState.SETTLED:
            stands = campaign.status, stored.send.course
            if stands not in STANDS:
                raise Violation(f"a campaign is {stands[0]} and its send {stands[1]}")

    def _check_removal(self, gone: Campaign, purpose: str) -> None:
        if not purpose.startswith("delete"):
            raise Violation(f"{purpose} removed a campaign")
        stored = self._storage.sends.get((gone.app, SendId(gone.id)))
        if stored is not None and stored.send.course is not Course.CANCELLED and stored.send.settled_at is None:
            raise Violation("a campaign was removed and its send goes on")

    def _check_change(self, old: Campaign | None, new: Campaign, purpose: str) -> None:
        by_clock = purpose.startswith("clock")
        if purpose.startswith("work"):
            raise Violation(f"{purpose} changed a campaign")
        if old is None:
            if by_clock or new.status not in {_D, _S}:
                raise Violation(f"{purpose} made a campaign that is {new.status}")
            return
        if new.revision != old.revision + 1:
            raise Violation("a change of a campaign was lost")
        turn = old.status, new.status
        if turn not in (CLOCKS if by_clock else OWNERS):
            raise Violation(f"{purpose} made a campaign that was {turn[0]} {turn[1]}")
        if turn in MENDED and not old.reason:
            raise Violation(f"{purpose} made a campaign {turn[1]} that its owner had paused")
        if by_clock:
            self._check_clock(old, new)
        self._check_sending(old, new)

    def _check_clock(self, old: Campaign, new: Campaign) -> None:
        at = old.scheduled_at
        if new.status is _P and not new.reason:
            raise Violation("a campaign rests, and nobody says why")
        if old.status is _S and new.status is _R and (at is None or self._watch.now < at):
            raise Violation(f"a campaign was sent before its time, {at}")
        if old.status is _S and at is not None and self._watch.is_late(at):
            raise Violation(f"a campaign was sent {self._watch.now - at:.0f} s late")

    @staticmethod
    def _check_sending(old: Campaign, new: Campaign) -> None:
        if old.sent_at is None and new.sent_at is not None and (old.sealed or new.status not in {_R, _A}):
            raise Violation(f"a campaign that is {new.status} was sent")
        if old.sent_at is not None and new.sent_at != old.sent_at:
            raise Violation("a campaign was sent twice")
