"""EventBridge schedules."""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from tocsin.application.firing import Round
from tocsin.application.metrics import Metric
from tocsin.application.reconciling import LATELY_DAYS
from tocsin.domain.ids import AppId, CampaignId
from tocsin.domain.reconciliation import DriftKind, Reconciliation
from tocsin.entrypoints import observability
from tocsin.entrypoints.container import Container
from tocsin.entrypoints.observability import Fields
from tocsin.entrypoints.settings import Settings

RESERVE_SECONDS = 15
"""No app is begun, or gone on with, this long before Lambda ends the run."""
TOLD_SENDS = 10
"""How many sends the log line of an app names; the operator's API tells all."""


class Unreconciled(Exception):
    """Some apps were not reconciled, for want of time or because of an error that was logged."""


def schedule_handler() -> Callable[[dict[str, Any], LambdaContext], None]:
    """The Lambda handler of all schedules.

    `{"task": "campaign", "app", "campaign"}` fires a campaign, "tidy" removes what is left of others, "reconcile"
    reconciles, anything else sweeps.
    """
    container = Container(Settings.from_environment())

    def handler(event: dict[str, Any], context: LambdaContext) -> None:
        until = container.clock.now() + context.get_remaining_time_in_millis() / 1000 - RESERVE_SECONDS
        try:
            match event.get("task"):
                case "campaign":
                    _fire(container, AppId(event["app"]), CampaignId(event["campaign"]), until)
                case "tidy":
                    tidied = container.firing.tidy(until)
                    observability.log("tidy", {"schedules": _told("call not tidied away", tidied)})
                case "reconcile":
                    _reconcile(container, until)
                case _:
                    _sweep(container, until)
        finally:
            container.meter.flush()

    return handler


def _fire(container: Container, app: AppId, campaign: CampaignId, until: float) -> None:
    """Send a campaign whose time has come."""
    fired = container.firing.fire(app, campaign, until)
    observability.log("campaign", {"app": app, "campaign": campaign, "fired": fired})


def _sweep(container: Container, until: float) -> None:
    """Call the runs that come due, resume what got stuck, try again what webhooks did not take, fire campaigns."""
    sweeps: Mapping[str, Callable[[], int]] = {
        "runs": container.continuing.sweep,  # first: of all these, only they are due to the minute
        "swept": container.sweeping.sweep,
        "events": container.retrying.sweep,
        # Last: it may have to count a large audience.
        "campaigns": lambda: _told("campaign not fired", container.firing.sweep(until)),
    }
    found: dict[str, int] = {}
    failed: list[Exception] = []
    for name, sweep in sweeps.items():
        try:
            found[name] = sweep()
        except Exception as error:  # noqa: BLE001 - one does not wait for the other to be mended; they are told below
            failed.append(error)
    if any(found.values()):
        observability.log("sweep", Fields(**found))  # type: ignore[typeddict-item]
    if failed:
        raise ExceptionGroup("sweep", failed)


def _told(message: str, done: Round) -> int:
    """With how many campaigns something was done; one line for each that failed."""
    for app, campaign, error in done.failed:
        observability.log(message, {"app": app, "campaign": campaign}, error)
    return done.done


def _reconcile(container: Container, until: float) -> None:
    """Reconcile every app that something happened to lately; one line for each that drifts. Raises Unreconciled."""
    reconciling, seen, left = container.reconciling, 0, 0
    for app in reconciling.active_lately():
        seen += 1
        if container.clock.now() >= until:
            left += 1
            break
        try:
            found = reconciling.reconcile(app, reconciling.begin(LATELY_DAYS), until)
        except Exception as error:  # noqa: BLE001 - one app's unreadable record must not hide the drifts of the others
            observability.log("reconciliation failed", {"app": app}, error)
            left += 1
            continue
        left += not (found.complete or found.drifts)
        container.meter.count(Metric.DRIFT, len(found.drifts))
        if found.drifts:
            _tell(app, found)
    observability.log("reconciliation", {"apps": seen, "left": left})
    if left:
        raise Unreconciled(left)


def _tell(app: AppId, found: Reconciliation) -> None:
    kinds = Counter(str(drift.kind) for drift in found.drifts)
    # Of rows and balances nothing is named: a reference is the biller's own text.
    named = (drift.subject for drift in found.drifts if drift.kind in _OF_SENDS)
    sends = sorted(set(named))[:TOLD_SENDS]
    observability.log("drift", {"app": app, "drifts": dict(kinds), "sends": sends})


_OF_SENDS = frozenset(DriftKind) - {DriftKind.MISFILED_ROW, DriftKind.BALANCE, DriftKind.NEGATIVE}
