"""Wake-up calls on EventBridge Scheduler, as moto plays it."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from tocsin.adapters.scheduler import EventBridgeSchedules
from tocsin.application.ports import Unavailable
from tocsin.domain.ids import AppId, CampaignId

if TYPE_CHECKING:
    from mypy_boto3_scheduler.client import EventBridgeSchedulerClient

APP, OTHER_APP = AppId("a0" * 12), AppId("b0" * 12)
CAMPAIGN, OTHER = CampaignId("c0" * 12), CampaignId("d0" * 12)
TARGET, ROLE = "arn:aws:lambda:us-east-1:123456789012:function:scheduler", "arn:aws:iam::123456789012:role/schedules"
AT = 1_893_499_200  # 2030-01-01T12:00:00Z
NAME = f"{APP}-{CAMPAIGN}"


@pytest.fixture
def client() -> "Iterator[EventBridgeSchedulerClient]":
    with mock_aws():
        played = boto3.client("scheduler", "us-east-1")
        played.create_schedule_group(Name="ours")
        yield played


@pytest.fixture
def schedules(client: "EventBridgeSchedulerClient") -> EventBridgeSchedules:
    return EventBridgeSchedules(client, "ours", TARGET, ROLE)


def stored(client: "EventBridgeSchedulerClient") -> dict[str, Any]:
    return dict(client.get_schedule(Name=NAME, GroupName="ours"))


@pytest.mark.row("PU-31")
def test_pu_31_a_campaign_has_one_schedule_that_fires_once_at_its_time(
    client: "EventBridgeSchedulerClient", schedules: EventBridgeSchedules
) -> None:
    schedules.put(APP, CAMPAIGN, AT)
    made = stored(client)
    assert (made["ScheduleExpression"], made["ScheduleExpressionTimezone"]) == ("at(2030-01-01T12:00:00)", "UTC")
    assert (made["FlexibleTimeWindow"], made["ActionAfterCompletion"]) == ({"Mode": "OFF"}, "DELETE")
    assert (made["Target"]["Arn"], made["Target"]["RoleArn"]) == (TARGET, ROLE)
    assert json.loads(made["Target"]["Input"]) == {"task": "campaign", "app": APP, "campaign": CAMPAIGN}
    schedules.put(APP, CAMPAIGN, AT + 60)
    assert stored(client)["ScheduleExpression"] == "at(2030-01-01T12:01:00)"
    assert len(client.list_schedules(GroupName="ours")["Schedules"]) == 1


@pytest.mark.row("PU-31")
def test_pu_31_removing_it_is_done_once_and_can_be_repeated(schedules: EventBridgeSchedules) -> None:
    schedules.put(APP, CAMPAIGN, AT)
    schedules.put(OTHER_APP, OTHER, AT)
    schedules.remove(APP, CAMPAIGN)
    schedules.remove(APP, CAMPAIGN)
    assert list(schedules.all()) == [(OTHER_APP, OTHER)]


def test_what_is_not_ours_is_not_named(client: "EventBridgeSchedulerClient", schedules: EventBridgeSchedules) -> None:
    schedules.put(APP, CAMPAIGN, AT)
    for name, group in (("nightly", "ours"), (f"{OTHER_APP}-{OTHER}", "default")):
        client.create_schedule(
            Name=name,
            GroupName=group,
            ScheduleExpression="rate(1 day)",
            FlexibleTimeWindow={"Mode": "OFF"},
            Target={"Arn": TARGET, "RoleArn": ROLE},
        )
    assert list(schedules.all()) == [(APP, CAMPAIGN)]


def test_one_that_fires_while_it_is_moved_is_made_anew(
    client: "EventBridgeSchedulerClient", schedules: EventBridgeSchedules, monkeypatch: pytest.MonkeyPatch
) -> None:
    schedules.put(APP, CAMPAIGN, AT)
    update = client.update_schedule

    def gone_meanwhile(**request: Any) -> object:
        client.delete_schedule(Name=NAME, GroupName="ours")
        return update(**request)

    monkeypatch.setattr(client, "update_schedule", gone_meanwhile)
    schedules.put(APP, CAMPAIGN, AT + 60)
    assert stored(client)["ScheduleExpression"] == "at(2030-01-01T12:01:00)"


def test_whatever_goes_wrong_is_that_it_did_not_answer(
    client: "EventBridgeSchedulerClient", schedules: EventBridgeSchedules, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(**_: Any) -> object:
        raise ClientError({"Error": {"Code": "ServiceQuotaExceededException", "Message": ""}}, "CreateSchedule")

    monkeypatch.setattr(client, "create_schedule", full)
    with pytest.raises(Unavailable):
        schedules.put(APP, CAMPAIGN, AT)
