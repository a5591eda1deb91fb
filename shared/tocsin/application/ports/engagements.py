"""What readers did with their messages: on its way to be counted, and counted."""

from typing import Protocol

from tocsin.application.sightings import Sighted
from tocsin.domain.engagement import Block, Engagement
from tocsin.domain.glance import Glance
from tocsin.domain.ids import AppId, SendId
from tocsin.domain.send import Send


class Sightings(Protocol):
    """The queue of what is to be counted. A message may arrive more than once, late, or out of order."""

    def queue(self, job: Sighted) -> None:
        """Have these counted. Raises Unavailable."""


class Engagements(Protocol):
    """What is counted of each send; known as long as the send is."""

    def block(self, app: AppId, send: SendId, number: int) -> Block:
        """A block as it is, an empty one where nothing was noted yet. A consistent read."""

    def put(self, block: Block, created_at: int) -> None:
        """Store a block if the stored one is of the version before it. created_at: of the send (Unix seconds).

        Raises Stale, and nothing is stored.
        """

    def of(self, app: AppId, send: SendId) -> Engagement:
        """The figures of a send, all its blocks together; zeros where there are none. May lag a moment."""

    def glance(self, app: AppId, send: SendId) -> Glance | None:
        """The totals of a send as they were last kept; None if they never were."""

    def keep(self, send: Send, glance: Glance) -> None:
        """Keep the totals of a send instead of those that were kept before."""
