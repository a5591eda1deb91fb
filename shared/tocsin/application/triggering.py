"""Beginning runs of flows when something happens to a subscriber."""

from collections.abc import Collection

from tocsin.application.ports import FlowCatalogue, RunJobs
from tocsin.application.run_jobs import StartRun
from tocsin.domain.flow import Trigger
from tocsin.domain.ids import AppId, SendId, SubscriptionId

Happening = tuple[SubscriptionId, int]
"""To whom, and when (Unix seconds)."""


class Triggering:
    """Told of everything that may begin a run, but of nothing that befalls a flow's own notifications (PU-87).

    Telling it twice begins one run: a subscriber's next one has to wait.
    """

    def __init__(self, flows: FlowCatalogue, jobs: RunJobs) -> None:
        self._flows = flows
        self._jobs = jobs

    def wanted(self, app: AppId, trigger: Trigger, source: SendId | None = None) -> bool:
        """Whether an active flow waits for this. source: the send that it happens to, for the first three triggers."""
        return bool(self._flows.triggered(app, trigger, source))

    def all_happened(
        self, app: AppId, trigger: Trigger, happenings: Collection[Happening], source: SendId | None = None
    ) -> None:
        """Begin the runs that wait for what happened to these subscribers. Raises Unavailable."""
        flows = self._flows.triggered(app, trigger, source) if happenings else ()
        self._jobs.queue(
            [(StartRun(app, flow, subscription, trigger, at), 0) for flow in flows for subscription, at in happenings]
        )
