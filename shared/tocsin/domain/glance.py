"""A send's figures as they were a short while ago: for lists, which would have to add up those of many sends."""

from dataclasses import dataclass

from tocsin.domain.campaign import Totals
from tocsin.domain.send import Send, SendState

SUMMED_AT_ONCE = 10_000
"""Recipients of a send whose figures are added up each time: they stand in a dozen records."""
FRESH_SECONDS = 20
"""How old figures may be in any list; as long as reports wait to be counted anyhow."""
SHARE_OF_AGE = 0.01
"""How old those of a send that is over may be, as a share of its age: readers come ever more seldom."""


@dataclass(frozen=True, slots=True)
class Glance:
    """The stored record. at: when these were the totals (Unix seconds). settled: whether the send was over then."""

    totals: Totals
    at: int
    settled: bool

    def serves(self, send: Send, now: float) -> bool:
        """Whether a list may still show it. What the settlement has decided shows at once."""
        fresh = max(FRESH_SECONDS, (now - send.created_at) * SHARE_OF_AGE * self.settled)
        return self.settled == (send.state is SendState.SETTLED) and now - self.at < fresh
