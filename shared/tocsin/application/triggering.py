"""Beginning runs of flows when something happens to a subscriber."""

from collections.abc import Collection, Sequence

from tocsin.application.ports import FlowCatalogue, RunJobs
from tocsin.application.run_jobs import StartRun
from tocsin.domain.flow import Trigger
from tocsin.domain.ids import AppId, FlowId, SendId, SubscriptionId

Happening = tuple[SubscriptionId, int]
"""To whom, and when (Unix seconds)."""


class Triggering:
    """Told of everything that may begin a run, but of nothing that befalls a flow's own notifications (PU-87).

    Telling it twice begins one run: a subscriber's next one has to wait.
    """

    def __init__(self, flows: FlowCatalogue, jobs: RunJobs) -> None:
        self._flows = flows
        self._jobs = jobs

    def wanted(self, app: AppId, trigger: Trigger, source: SendId | None = None) -> Sequence[FlowId]:
        """The active flows that wait for this. source: the send that it happens to, for the first three triggers."""
        return self._flows.triggered(app, trigger, source)

    def all_happened(
        self, app: AppId, trigger: Trigger, happenings: Collection[Happening], source: SendId | None = None
    ) -> None:
        """Begin the runs that wait for what happened to these subscribers. Raises Unavailable."""
        if happenings:
            self.begin(app, self.wanted(app, trigger, source), trigger, happenings)

    def begin(self, app: AppId, flows: Collection[FlowId], trigger: Trigger, happenings: Collection[Happening]) -> None:
        """Begin the runs of these flows, which waited for it. Raises Unavailable."""
        self._jobs.queue(
            [(StartRun(app, flow, subscription, trigger, at), 0) for flow in flows for subscription, at in happenings]
        )
