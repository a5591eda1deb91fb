"""Logs and metrics. A log line holds what stands in Fields, and nothing else can get into one."""

import json
import sys
import threading
from collections import Counter, defaultdict
from typing import TypedDict

from aws_lambda_powertools import Logger

from tocsin.application.metrics import Metric
from tocsin.application.ports import Clock

logger = Logger(location=None)

_Whose = tuple[str | None, str | None]  # dialect, push service
_UNITS = {Metric.LATENCY: "Milliseconds"}

# Several chunks are worked on at once, each in a thread.
_lock = threading.Lock()
_refusals: Counter[str] = Counter()
_bugs: list[Exception] = []


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
    part: int
    epoch: int
    posts: int
    accepted: int
    failed: int
    gone: int
    uncertain: int
    pending: int
    swept: int
    campaign: str
    campaigns: int
    fired: bool
    schedules: int
    events: int
    flow: str
    late: int
    sent: int
    skipped: int
    runs: int
    apps: int
    left: int
    drifts: dict[str, int]
    sends: list[str]
    milliseconds: int
    refusals: dict[str, int]
    error: str
    at: str


def log(message: str, fields: Fields, error: BaseException | None = None) -> None:
    """One line about one request, chunk, sweep or reconciliation; with what push services refused meanwhile, and why.

    error: a bug of ours that ended it. The line is then an error, and tells its type and where it was, not its text,
    which may quote what a caller sent.
    """
    with _lock:
        if _refusals:
            fields = {**fields, "refusals": dict(_refusals)}
            _refusals.clear()
        bug = error or next(iter(_bugs), None)
        _bugs.clear()
    if bug is None:
        logger.info(message, extra=dict(fields))
    else:
        logger.error(message, extra={**fields, "error": type(bug).__name__, "at": _where(bug)})


class EmbeddedMeter:
    """The Meter port, by CloudWatch's embedded metric format: log lines that CloudWatch reads metrics from.

    Everything is summed until it is flushed; then there is a line for each dialect and push service together, whose
    metrics CloudWatch keeps once by the one and once by the other, and a line for what is counted by function alone.
    """

    def __init__(self, namespace: str, service: str, clock: Clock) -> None:
        self._namespace = namespace
        self._service = service
        self._clock = clock
        self._sums: defaultdict[_Whose, Counter[Metric]] = defaultdict(Counter)
        self._times: defaultdict[_Whose, defaultdict[Metric, list[int]]] = defaultdict(lambda: defaultdict(list))

    def count(
        self, metric: Metric, amount: int = 1, *, dialect: str | None = None, push_service: str | None = None
    ) -> None:
        """Add to a counter."""
        if not amount:
            return
        with _lock:
            self._sums[dialect, push_service][metric] += amount

    def timed(self, metric: Metric, milliseconds: int, *, dialect: str) -> None:
        """Note a time; each is kept, for percentiles."""
        self._times[dialect, None][metric].append(milliseconds)

    def refusal(self, service: str, reason: str) -> None:
        """Keep it for the line that is logged at the end."""
        with _lock:
            _refusals[f"{service}: {reason}"] += 1

    def crash(self, error: Exception) -> None:
        """Count it, and keep it for the line that is logged at the end."""
        self.count(Metric.CRASHED_AFTER_ACCEPTANCE)
        with _lock:
            _bugs.append(error)

    def flush(self) -> None:
        """Write what this invocation measured, if anything."""
        for whose in {**self._sums, **self._times}:
            self._write(whose, {**self._sums.get(whose, {}), **self._times.get(whose, {})})
        self._sums.clear()
        self._times.clear()

    def _write(self, whose: _Whose, values: dict[Metric, int | list[int]]) -> None:
        named = {name: value for name, value in zip(("dialect", "push_service"), whose, strict=True) if value}
        dimensions = named or {"service": self._service}
        directive = {
            "Namespace": self._namespace,
            "Dimensions": [[name] for name in dimensions],
            "Metrics": [{"Name": metric, "Unit": _UNITS.get(metric, "Count")} for metric in values],
        }
        about = {"Timestamp": int(self._clock.now() * 1000), "CloudWatchMetrics": [directive]}
        sys.stdout.write(json.dumps({"_aws": about, **dimensions, **values}) + "\n")


def _where(error: BaseException) -> str:
    places, trace = [], error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        places.append(f"{code.co_filename.rpartition('/tocsin/')[2]}:{trace.tb_lineno}")
        trace = trace.tb_next
    return " ".join(places[-8:])
