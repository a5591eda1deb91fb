"""The state machine of campaigns (PU-30): every step from every status."""

from dataclasses import replace

import pytest

from tests.contract.records import APP, send
from tocsin.domain.campaign import AFTER, Campaign, CampaignStatus, Step, refusal, status_of
from tocsin.domain.ids import CampaignId
from tocsin.domain.notification import Notification
from tocsin.domain.send import Course, SendState
from tocsin.domain.tenancy import DialectName

DRAFT, SCHEDULED, SENDING, ACTIVE, PAUSED, COMPLETED, CANCELLED = CampaignStatus
CAMPAIGN = Campaign(
    CampaignId("c0" * 12), APP, DialectName("pushary"), "Sale", Notification("T", "B"), SENDING, 100, 100, sent_at=100
)
POSSIBLE = {
    (DRAFT, Step.EDIT): DRAFT,
    (SCHEDULED, Step.EDIT): SCHEDULED,
    (DRAFT, Step.SCHEDULE): SCHEDULED,
    (SCHEDULED, Step.SCHEDULE): SCHEDULED,
    (DRAFT, Step.UNSCHEDULE): DRAFT,
    (SCHEDULED, Step.UNSCHEDULE): DRAFT,
    (DRAFT, Step.SEND): SENDING,
    (SCHEDULED, Step.SEND): SENDING,
    (SENDING, Step.PAUSE): PAUSED,
    (ACTIVE, Step.PAUSE): PAUSED,
    (PAUSED, Step.RESUME): ACTIVE,
    (DRAFT, Step.CANCEL): CANCELLED,
    (SCHEDULED, Step.CANCEL): CANCELLED,
    (PAUSED, Step.CANCEL): CANCELLED,
}
DELETABLE = {DRAFT, SCHEDULED, PAUSED, COMPLETED, CANCELLED}


@pytest.mark.row("PU-30")
@pytest.mark.parametrize("status", CampaignStatus)
@pytest.mark.parametrize("step", set(Step) - {Step.DELETE})
def test_pu_30_a_step_leads_where_the_table_says_and_is_refused_from_everywhere_else(
    status: CampaignStatus, step: Step
) -> None:
    assert AFTER[step].get(status) is POSSIBLE.get((status, step))
    assert (refusal(status, step) is None) == ((status, step) in POSSIBLE)


@pytest.mark.row("PU-25")
def test_pu_25_what_is_under_way_is_not_deleted() -> None:
    assert {status for status in CampaignStatus if refusal(status, Step.DELETE) is None} == DELETABLE
    assert refusal(SENDING, Step.DELETE) == "Campaign is sending and cannot be deleted: pause or cancel it first"


@pytest.mark.row("PU-30")
@pytest.mark.parametrize("step", Step)
def test_pu_30_completed_and_cancelled_are_final(step: Step) -> None:
    for status in (COMPLETED, CANCELLED):
        assert AFTER[step].get(status, status) is status


def test_a_refusal_says_what_it_must_be() -> None:
    assert refusal(COMPLETED, Step.SEND) == "Campaign is completed and cannot be sent: it must be draft or scheduled"
    assert refusal(DRAFT, Step.RESUME) == "Campaign is draft and cannot be resumed: it must be paused"
    assert refusal(PAUSED, Step.CANCEL) is None


@pytest.mark.parametrize(
    ("status", "step", "way_out"),
    [
        (PAUSED, Step.SEND, "resume it"),
        (SCHEDULED, Step.PAUSE, "cancel it, or take its time away to make it a draft again"),
        (SENDING, Step.CANCEL, "pause it first"),
        (ACTIVE, Step.CANCEL, "pause it first"),
        (ACTIVE, Step.DELETE, "pause or cancel it first"),
    ],
)
def test_a_refusal_tells_the_way_out_where_there_is_one(status: CampaignStatus, step: Step, way_out: str) -> None:
    assert refusal(status, step) == f"Campaign is {status} and cannot be {step}: {way_out}"


@pytest.mark.parametrize(
    ("stored", "state", "course", "status"),
    [
        (SENDING, SendState.PLANNED, Course.RUNNING, SENDING),
        (SENDING, SendState.SENDING, Course.RUNNING, SENDING),
        (PAUSED, SendState.SENDING, Course.PAUSED, PAUSED),
        (ACTIVE, SendState.SENDING, Course.RUNNING, ACTIVE),
        (ACTIVE, SendState.SETTLED, Course.RUNNING, COMPLETED),
        (PAUSED, SendState.SETTLED, Course.PAUSED, COMPLETED),
        (CANCELLED, SendState.SENDING, Course.CANCELLED, CANCELLED),
        (CANCELLED, SendState.SETTLED, Course.CANCELLED, CANCELLED),
        # The operator steers sends as well, and knows nothing of campaigns.
        (SENDING, SendState.SENDING, Course.PAUSED, PAUSED),
        (PAUSED, SendState.SENDING, Course.RUNNING, ACTIVE),
        (SENDING, SendState.SENDING, Course.CANCELLED, CANCELLED),
    ],
)
def test_once_there_is_a_send_it_says_where_the_campaign_is(
    stored: CampaignStatus, state: SendState, course: Course, status: CampaignStatus
) -> None:
    its_send = replace(send(), state=state, course=course)
    assert status_of(replace(CAMPAIGN, status=stored), its_send) is status


@pytest.mark.parametrize("status", CampaignStatus)
def test_without_one_its_record_says_it(status: CampaignStatus) -> None:
    assert status_of(replace(CAMPAIGN, status=status), None) is status
