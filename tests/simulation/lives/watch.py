"""What all who watch a history look at."""

from dataclasses import dataclass

from tests.memory.storage import Storage
from tests.simulation.lives.browsers import Browsers
from tests.simulation.lives.process import Home
from tests.simulation.promises import Promises
from tocsin.domain.tenancy import App

LATE_SECONDS = 60 + 2
"""Of whatever is due at a time, where nothing fails and nobody stands still."""


@dataclass(slots=True)
class Watch:
    """One history. delivery: watches chunks and money. latest: the number of the invocation that began last.

    calm_since: since when nothing has gone wrong (Unix seconds); None: it just did.
    """

    home: Home
    owner: App
    browsers: Browsers
    delivery: Promises
    latest: int = 0
    calm_since: float | None = None

    @property
    def storage(self) -> Storage:
        """All records."""
        return self.home.storage

    @property
    def now(self) -> float:
        """Unix seconds."""
        return self.home.clock.now()

    def is_late(self, *since: float) -> bool:
        """Whether what was due at the latest of these times (Unix seconds) is late, and has no excuse."""
        return self.calm_since is not None and self.now > max(self.calm_since, *since) + LATE_SECONDS
