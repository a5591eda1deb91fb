"""What wakes campaigns: a group of schedules that outlasts a redeploy, and a role that can do nothing else."""

import pytest

from tests.infrastructure.template import load, logical_id, statements

RESOURCES = load()["Resources"]
ROLE = RESOURCES["CampaignSchedulesRole"]["Properties"]


@pytest.mark.row("PU-31")
def test_pu_31_the_group_has_the_stacks_own_name_so_that_no_redeploy_replaces_it() -> None:
    group = RESOURCES["CampaignSchedules"]
    assert (group["Type"], group["Properties"]) == (
        "AWS::Scheduler::ScheduleGroup",
        {"Name": {"Fn::Sub": "${AWS::StackName}-campaigns"}},
    )


def test_schedules_call_one_function_in_the_name_of_this_account_only() -> None:
    [statement] = statements(ROLE)
    assert (statement["Action"], logical_id(statement["Resource"])) == (["lambda:InvokeFunction"], "SchedulerFunction")
    [trust] = ROLE["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "scheduler.amazonaws.com"}
    assert trust["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}


def test_who_makes_schedules_can_hand_them_that_role_and_no_other_to_nobody_else() -> None:
    granted = [
        statement
        for role in RESOURCES.values()
        if role["Type"] == "AWS::IAM::Role"
        for statement in statements(role["Properties"])
        if "iam:PassRole" in statement["Action"]
    ]
    [passed] = granted
    assert logical_id(passed["Resource"]) == "CampaignSchedulesRole"
    assert passed["Condition"] == {"StringEquals": {"iam:PassedToService": "scheduler.amazonaws.com"}}


def test_one_function_may_list_schedules_which_aws_grants_for_all_groups_or_for_none() -> None:
    """Granted for one group, IAM refuses it: the call is checked against `schedule/*/*`."""
    [(name, listing)] = [
        (name, statement)
        for name, role in RESOURCES.items()
        if role["Type"] == "AWS::IAM::Role"
        for statement in statements(role["Properties"])
        if "scheduler:ListSchedules" in statement["Action"]
    ]
    assert (name, listing["Action"]) == ("SchedulerRole", ["scheduler:ListSchedules"])
    assert listing["Resource"]["Fn::Sub"].endswith(":${AWS::AccountId}:schedule/*/*")
