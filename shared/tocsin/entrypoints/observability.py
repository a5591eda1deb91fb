"""Logs and metrics. A log line holds what stands in Fields, and nothing else can get into one."""

from collections import Counter
from typing import TypedDict

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from tocsin.application.metrics import Metric

logger = Logger(location=None)
metrics = Metrics(namespace="Tocsin")


_refusals: Counter[str] = Counter()


class Fields(TypedDict, total=False):
    """All that may be logged: ids and counts; never an endpoint, an address, a key or a payload."""

    request_id: str
    dialect: str
    capability: str
    method: str
    route: str
    status: int
    fault: str
    app: str
    key: str
    send: str
    chunk: int
    chunks: int
    round: int
    accepted: int
    failed: int
    gone: int
    uncertain: int
    pending: int
    swept: int
    milliseconds: int
    refusals: dict[str, int]
    error: str
    at: str


def log(message: str, fields: Fields) -> None:
    """One line about one request, chunk or sweep; with what push services refused meanwhile, and why."""
    if _refusals:
        fields = {**fields, "refusals": dict(_refusals)}
        _refusals.clear()
    logger.info(message, extra=dict(fields))


def log_crash(message: str, error: BaseException, fields: Fields) -> None:
    """One line about a bug of ours: the type and where, not the text, which may quote what a caller sent."""
    logger.error(message, extra={**fields, "error": type(error).__name__, "at": _where(error)})


class PowertoolsMeter:
    """The Meter port, by CloudWatch's embedded metric format."""

    def count(self, metric: Metric, amount: int = 1) -> None:
        """Add to a counter."""
        if amount:
            metrics.add_metric(name=metric.value, unit=MetricUnit.Count, value=amount)

    def refusal(self, service: str, reason: str) -> None:
        """Keep it for the line that is logged at the end."""
        _refusals[f"{service}: {reason}"] += 1

    def crash(self, error: Exception) -> None:
        """Log and count it."""
        self.count(Metric.CRASHED)
        log_crash("crash after an acceptance", error, {})


def flush() -> None:
    """Write the counters of this invocation, if anything was counted."""
    if metrics.provider.metric_set:
        metrics.flush_metrics()


def _where(error: BaseException) -> str:
    places, trace = [], error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        places.append(f"{code.co_filename.rpartition('/tocsin/')[2]}:{trace.tb_lineno}")
        trace = trace.tb_next
    return " ".join(places[-8:])
