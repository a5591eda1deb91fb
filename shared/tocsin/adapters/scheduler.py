"""Wake-up calls for campaigns, on EventBridge Scheduler: one schedule each, removed by itself once it has fired."""

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from tocsin.adapters.aws import answered
from tocsin.application.ports import Unavailable
from tocsin.domain.ids import AppId, CampaignId

if TYPE_CHECKING:
    from mypy_boto3_scheduler.client import EventBridgeSchedulerClient
    from mypy_boto3_scheduler.type_defs import CreateScheduleInputTypeDef

_NAME = re.compile(r"([0-9a-f]{24})-([0-9a-f]{24})")
TRIES, TRIED_FOR = 3, 300
"""How often, and for how many seconds, the call is repeated where the function does not take it."""


class EventBridgeSchedules:
    """The Schedules port. group: of this deployment. target: the function's ARN. role: what the calls are made as."""

    def __init__(self, client: "EventBridgeSchedulerClient", group: str, target: str, role: str) -> None:
        self._client = client
        self._group = group
        self._target = target
        self._role = role

    def put(self, app: AppId, campaign: CampaignId, at: int) -> None:
        """Have this campaign fired at a time, and not at the one that was said before. Raises Unavailable."""
        time = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        event = {"task": "campaign", "app": app, "campaign": campaign}
        request: CreateScheduleInputTypeDef = {
            "Name": _name(app, campaign),
            "GroupName": self._group,
            "ScheduleExpression": f"at({time})",
            "ScheduleExpressionTimezone": "UTC",
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "ActionAfterCompletion": "DELETE",
            "Target": {
                "Arn": self._target,
                "RoleArn": self._role,
                "Input": json.dumps(event),
                "RetryPolicy": {"MaximumRetryAttempts": TRIES, "MaximumEventAgeInSeconds": TRIED_FOR},
            },
        }
        with _answered():
            try:
                self._client.create_schedule(**request)
            except self._client.exceptions.ConflictException:
                self._move(request)

    def remove(self, app: AppId, campaign: CampaignId) -> None:
        """Have it not fired; no change if it would not be. Raises Unavailable."""
        with _answered():
            try:
                self._client.delete_schedule(Name=_name(app, campaign), GroupName=self._group)
            except self._client.exceptions.ResourceNotFoundException:
                return

    def all(self) -> Iterable[tuple[AppId, CampaignId]]:
        """Every campaign that a call is waiting for. Raises Unavailable."""
        pages = self._client.get_paginator("list_schedules").paginate(GroupName=self._group)
        with _answered():
            for page in pages:
                for one in page["Schedules"]:
                    if (name := _NAME.fullmatch(one["Name"])) is not None:
                        yield AppId(name[1]), CampaignId(name[2])

    def _move(self, request: "CreateScheduleInputTypeDef") -> None:
        try:
            self._client.update_schedule(**request)
        except self._client.exceptions.ResourceNotFoundException:
            # It has just fired and is gone.
            self._client.create_schedule(**request)


@contextmanager
def _answered() -> Iterator[None]:
    """Raise Unavailable for whatever goes wrong: no campaign depends on its call."""
    try:
        with answered():
            yield
    except ClientError as error:
        raise Unavailable from error


def _name(app: AppId, campaign: CampaignId) -> str:
    return f"{app}-{campaign}"
