"""Who is told of what: the alarms."""

from typing import Any

import pytest

from tests import builders
from tests.engine import MemoryEngine
from tests.infrastructure.metrics import AGE, AWS_METRICS, COUNTED_BY, DEPTH, OWN_NAMESPACE
from tests.infrastructure.template import logical_id, resources
from tests.memory.transport import Reply
from tocsin.application.metrics import Metric
from tocsin.application.pacing import REFUSALS
from tocsin.webpush.origins import PushService

FUNCTIONS = resources("AWS::Serverless::Function")
QUEUES = resources("AWS::SQS::Queue")
ALARMS = resources("AWS::CloudWatch::Alarm")
WORKING_QUEUES = [name for name, queue in QUEUES.items() if "RedrivePolicy" in queue]


def watching(metric: str) -> dict[str, dict[str, Any]]:
    """The alarms on a metric, by the resource or function that their one dimension names."""
    return {
        logical_id(alarm["Dimensions"][0]["Value"]): alarm for alarm in ALARMS.values() if alarm["MetricName"] == metric
    }


def test_errors_of_any_function_raise_an_alarm() -> None:
    assert watching("Errors").keys() == FUNCTIONS.keys()


def test_mistakes_of_ours_that_a_push_service_refuses_raise_an_alarm() -> None:
    assert watching(Metric.SENDER_ERROR).keys() == {"send", "deliver"}


def test_a_bug_that_no_caller_is_told_of_raises_an_alarm() -> None:
    assert watching(Metric.CRASHED_AFTER_ACCEPTANCE).keys() == {"send"}


def test_a_run_that_a_silent_store_keeps_back_raises_an_alarm() -> None:
    assert "runs" in watching(Metric.CRASHED)


def test_money_that_does_not_add_up_raises_an_alarm() -> None:
    assert watching(Metric.DRIFT).keys() == {"scheduler"}


def test_a_push_service_that_keeps_refusing_an_apps_key_raises_an_alarm() -> None:
    assert watching(Metric.CIRCUIT_OPENED).keys() == set(PushService)


def test_an_alarm_on_a_metric_of_ours_names_a_dimension_that_it_is_counted_by() -> None:
    functions = {f["Environment"]["Variables"]["POWERTOOLS_SERVICE_NAME"] for f in FUNCTIONS.values()}
    values = {"service": functions, "push_service": set(PushService)}
    for alarm in ALARMS.values():
        if alarm["MetricName"] in set(Metric):
            (dimension,) = alarm["Dimensions"]
            assert alarm["MetricName"] in COUNTED_BY[dimension["Name"]]
            assert dimension["Value"] in values[dimension["Name"]]


def test_the_engine_counts_what_alarms_watch_by_the_dimension_that_they_name() -> None:
    engine = MemoryEngine()
    owner = builders.app(engine, credits_=REFUSALS)
    for number in range(REFUSALS):
        builders.subscribe(engine, owner, number)
        engine.transport.script(builders.endpoint(number), Reply(403))
    engine.sending.send(builders.send_command(owner))
    counted = {metric: (by, service) for metric, by, service in engine.meter.by_whom}
    assert counted[Metric.SENDER_ERROR] == (None, None)  # the meter then goes by the function
    assert counted[Metric.CIRCUIT_OPENED] == (builders.send_command(owner).dialect, PushService.MOZILLA)


def test_every_dead_letter_raises_an_alarm() -> None:
    assert watching(DEPTH).keys() == {
        logical_id(QUEUES[n]["RedrivePolicy"]["deadLetterTargetArn"]) for n in WORKING_QUEUES
    }


def test_the_alarm_for_dead_letters_says_how_often_it_was_tried_and_where_to_look() -> None:
    tries = {queue["RedrivePolicy"]["maxReceiveCount"] for queue in QUEUES.values() if "RedrivePolicy" in queue}
    assert tries == {3}
    for alarm in watching(DEPTH).values():
        assert "failed three times" in alarm["AlarmDescription"]
        assert "/admin/dead-letters" in alarm["AlarmDescription"]


def test_messages_that_wait_long_raise_an_alarm() -> None:
    late = watching(AGE)
    assert late.keys() == set(WORKING_QUEUES)
    for name, alarm in late.items():
        assert alarm["Statistic"] == "Maximum"
        # Longer than a message that failed once waits for its second try, or every failure would raise it.
        assert alarm["Threshold"] > QUEUES[name]["VisibilityTimeout"]


def test_throttling_of_any_function_raises_an_alarm() -> None:
    (alarm,) = (alarm for alarm in ALARMS.values() if alarm["MetricName"] == "Throttles")
    assert (alarm["Namespace"], "Dimensions" in alarm) == ("AWS/Lambda", False)


@pytest.mark.parametrize("name", ALARMS)
def test_an_alarm_watches_a_metric_that_exists_for_this_stack(name: str) -> None:
    alarm = ALARMS[name]
    if isinstance(alarm["Namespace"], str):
        assert alarm["MetricName"] in AWS_METRICS[alarm["Namespace"]]
    else:
        assert alarm["Namespace"] == OWN_NAMESPACE
        assert alarm["MetricName"] in set(Metric)


@pytest.mark.parametrize("name", ALARMS)
def test_an_alarm_is_told_to_somebody_and_one_of_events_goes_off_at_the_first(name: str) -> None:
    alarm = ALARMS[name]
    if alarm["MetricName"] != AGE:
        assert (alarm["Threshold"], alarm["EvaluationPeriods"]) == (0, 1)
    assert alarm["ComparisonOperator"] == "GreaterThanThreshold"
    assert alarm["TreatMissingData"] == "notBreaching"
    assert alarm["AlarmActions"] == {"Fn::If": ["HasAlarmEmail", [{"Ref": "AlarmTopic"}], []]}
