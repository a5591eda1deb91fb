"""Messages of the queue of runs: a run begins, goes on, or is let go on. tries: how often it was put off."""

from dataclasses import dataclass

from tocsin.application.jobs import VERSION, MalformedJob, dump, load, number, text, well_formed
from tocsin.domain.flow import Trigger
from tocsin.domain.ids import AppId, FlowId, SubscriptionId


@dataclass(frozen=True, slots=True)
class StartRun:
    """Something happened that a flow waits for. at: Unix seconds of it."""

    app: AppId
    flow: FlowId
    subscription: SubscriptionId
    trigger: Trigger
    at: int
    tries: int = 0


@dataclass(frozen=True, slots=True)
class ContinueRun:
    """The next step of a run is due."""

    app: AppId
    flow: FlowId
    subscription: SubscriptionId
    tries: int = 0


@dataclass(frozen=True, slots=True)
class ReleaseRuns:
    """Look through a shard of a flow's runs: held ones go on if it is active, all are removed if it is gone.

    after: how far an earlier worker came.
    """

    app: AppId
    flow: FlowId
    shard: int
    after: SubscriptionId | None = None
    tries: int = 0


RunJob = StartRun | ContinueRun | ReleaseRuns


def encode_run_job(job: RunJob) -> str:
    """The message body of a job (JSON)."""
    fields: dict[str, object] = {"v": VERSION, "app": job.app, "flow": job.flow}
    match job:
        case StartRun():
            fields |= {"job": "start", "subscription": job.subscription, "trigger": job.trigger, "at": job.at}
        case ContinueRun():
            fields |= {"job": "continue", "subscription": job.subscription}
        case ReleaseRuns():
            fields |= {"job": "release", "shard": job.shard, "after": job.after}
    return dump(fields | {"tries": job.tries} if job.tries else fields)


def decode_run_job(body: str) -> RunJob:
    """The job in a message body. Raises MalformedJob."""
    fields = load(body)
    with well_formed():
        app, flow, tries = AppId(text(fields["app"])), FlowId(text(fields["flow"])), number(fields.get("tries", 0))
        match fields["job"]:
            case "start":
                subscription, trigger = SubscriptionId(text(fields["subscription"])), Trigger(fields["trigger"])
                return StartRun(app, flow, subscription, trigger, number(fields["at"]), tries)
            case "continue":
                return ContinueRun(app, flow, SubscriptionId(text(fields["subscription"])), tries)
            case "release":
                after = fields["after"]
                shard = number(fields["shard"])
                after = None if after is None else SubscriptionId(text(after))
                return ReleaseRuns(app, flow, shard, after, tries)
    raise MalformedJob("an unknown job")
