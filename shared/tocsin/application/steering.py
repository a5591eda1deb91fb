"""Pausing, resuming and cancelling a send that is under way."""

from tocsin.application.ports import CampaignChange, Clock, Randomness, Registry, Sends, Stale
from tocsin.application.resuming import Resuming
from tocsin.application.settling import Settling
from tocsin.domain.audit import Action, Actor, AuditEntry
from tocsin.domain.errors import Fault, Refused
from tocsin.domain.ids import AppId, SendId
from tocsin.domain.send import Course, Send, SendState

_ACTIONS = {
    Course.PAUSED: Action.SEND_PAUSED,
    Course.RUNNING: Action.SEND_RESUMED,
    Course.CANCELLED: Action.SEND_CANCELLED,
}


class Steering:
    """Changes the course of sends. Workers look at it every other second: no POST begins later than 12 s after."""

    def __init__(
        self,
        sends: Sends,
        resuming: Resuming,
        settling: Settling,
        registry: Registry,
        clock: Clock,
        randomness: Randomness,
    ) -> None:
        self._sends = sends
        self._resuming = resuming
        self._settling = settling
        self._registry = registry
        self._clock = clock
        self._randomness = randomness

    def steer(self, app: AppId, name: SendId, course: Course, actor: Actor) -> Send:
        """Pause, resume or cancel; asking twice changes nothing. The send afterwards.

        A paused send still ends with its TTL. A cancelled one ends with whom it reached, and the rest is released.
        Raises Refused: NOT_FOUND, or CONFLICT when it is settled or cancelled already.
        """
        send = self._sends.steer(app, name, course) or self._as_it_is(app, name, course)
        # Noted also when it is asked again: the first entry may be what was missing when somebody had to ask twice.
        self._record(send, course, actor)
        self._follow(send, course)
        return send

    def turn(self, send: Send, course: Course, campaign: CampaignChange) -> None:
        """Pause, resume or cancel a campaign's send together with the campaign.

        Raises Stale: the campaign is not as it was read, or the send is settled or cancelled.
        """
        turned = self._sends.steer(send.app, send.id, course, campaign)
        if turned is None:
            raise Stale
        self._follow(turned, course)

    def _follow(self, send: Send, course: Course) -> None:
        """Set going what a changed course needs."""
        if course is not Course.PAUSED and send.state is not SendState.SETTLED and not self._settling.settle(send):
            # Whoever holds a chunk looks for himself; what nobody holds needs a message.
            now = self._clock.now()
            self._resuming.resume(send, lambda chunk: chunk.lease_until <= now or not chunk.in_flight)

    def _as_it_is(self, app: AppId, name: SendId, course: Course) -> Send:
        known = self._sends.get(app, name)
        if known is None:
            raise Refused(Fault.NOT_FOUND, "Send not found")
        if known.course is not course:
            raise Refused(Fault.CONFLICT, "The send is over: it can no longer be paused, resumed or cancelled")
        return known

    def _record(self, send: Send, course: Course, actor: Actor) -> None:
        now = int(self._clock.now())
        entry = AuditEntry(self._randomness.new_id(), send.app, now, actor, _ACTIONS[course], {"send": send.id})
        self._registry.record(entry)
