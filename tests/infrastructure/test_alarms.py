"""Who is told of what: the alarms."""

from typing import Any

import pytest

from tests.infrastructure.metrics import AGE, AWS_METRICS, BY_FUNCTION, DEPTH, OWN_NAMESPACE
from tests.infrastructure.template import logical_id, resources
from tocsin.application.metrics import Metric

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


def test_money_that_does_not_add_up_raises_an_alarm() -> None:
    assert watching(Metric.DRIFT).keys() == {"scheduler"}


def test_an_alarm_on_a_metric_of_ours_names_the_function_as_the_meter_does() -> None:
    for alarm in ALARMS.values():
        if alarm["MetricName"] in set(Metric):
            (dimension,) = alarm["Dimensions"]
            services = {f["Environment"]["Variables"]["POWERTOOLS_SERVICE_NAME"] for f in FUNCTIONS.values()}
            assert dimension["Name"] == "service"
            assert dimension["Value"] in services


def test_every_dead_letter_raises_an_alarm() -> None:
    assert watching(DEPTH).keys() == {
        logical_id(QUEUES[n]["RedrivePolicy"]["deadLetterTargetArn"]) for n in WORKING_QUEUES
    }


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
        assert alarm["MetricName"] in BY_FUNCTION


@pytest.mark.parametrize("name", ALARMS)
def test_an_alarm_is_told_to_somebody_and_one_of_events_goes_off_at_the_first(name: str) -> None:
    alarm = ALARMS[name]
    if alarm["MetricName"] != AGE:
        assert (alarm["Threshold"], alarm["EvaluationPeriods"]) == (0, 1)
    assert alarm["ComparisonOperator"] == "GreaterThanThreshold"
    assert alarm["TreatMissingData"] == "notBreaching"
    assert alarm["AlarmActions"] == {"Fn::If": ["HasAlarmEmail", [{"Ref": "AlarmTopic"}], []]}
