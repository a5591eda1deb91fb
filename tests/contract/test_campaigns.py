"""Campaigns: as they are stored, which are due, and how they change together with their sends."""

from dataclasses import replace

import pytest

from tests.contract.records import APP, NOW, OTHER_APP, UNLIMITED, send
from tests.contract.stores import Stores
from tocsin.application.ports import CampaignChange, InsufficientCredits, InsufficientQuota, Stale
from tocsin.domain.audit import Action, Actor, AuditEntry
from tocsin.domain.campaign import Campaign, CampaignStatus, Counted, Totals
from tocsin.domain.ids import CampaignId, SegmentId, SendId, TemplateId
from tocsin.domain.notification import Notification
from tocsin.domain.quota import Limits
from tocsin.domain.report import Report
from tocsin.domain.send import Charge, Course, Origin, Send, SendState, Tally
from tocsin.domain.tenancy import DialectName

DRAFT, SENDING, PAUSED = CampaignStatus.DRAFT, CampaignStatus.SENDING, CampaignStatus.PAUSED
CAMPAIGN = Campaign(CampaignId("ca" * 12), APP, DialectName("pushary"), "Sale", Notification("T", "B"), DRAFT, NOW, NOW)
ENTRY = AuditEntry("e0" * 12, APP, NOW, Actor("key", "req-1"), Action.CAMPAIGN_SENT, {"campaign": CAMPAIGN.id})


def changed(known: Campaign, status: CampaignStatus, audit: AuditEntry | None = None) -> CampaignChange:
    return CampaignChange(replace(known, status=status, revision=known.revision + 1), audit)


def its_send(charge: Charge = Charge.QUOTA) -> Send:
    made = send(state=SendState.PLANNED, reserved=3)
    return replace(made, id=SendId(CAMPAIGN.id), charge=charge, origin=Origin.CAMPAIGN)


def launch(stores: Stores, change: CampaignChange, limits: Limits = UNLIMITED) -> None:
    stores.sends.reserve(its_send(), None, None, NOW + 60, limits, change)


def stored(stores: Stores) -> Campaign:
    found = stores.campaigns.get(APP, CAMPAIGN.id)
    assert found is not None
    return found


def entries(stores: Stores) -> list[AuditEntry]:
    return list(stores.registry.audit(APP, 10, None).items)


def test_a_campaign_is_read_back_as_it_was(stores: Stores) -> None:
    full = replace(
        CAMPAIGN,
        id=CampaignId("cb" * 12),
        notification=Notification(
            "T {{a}}", "", "https://x.example/{{a}}", "https://x.example/i", image="https://x.example/p"
        ),
        variables={"a": "1", "é.b": "{{c}}"},
        template=TemplateId("fa" * 12),
        segment=SegmentId("fb" * 12),
        scheduled_at=NOW + 60,
        sent_at=NOW + 61,
        counted=Counted(7, "3#abc", 2),
        reason="why",
        due_at=NOW + 60,
        sealed=Totals(9, 8, 1, 5, 4, 3, 2),
    )
    for one in (CAMPAIGN, full):
        stores.campaigns.put(one)
        assert stores.campaigns.get(APP, one.id) == one
    assert {one.id for one in stores.campaigns.listed(APP, 10, None).items} == {CAMPAIGN.id, full.id}


@pytest.mark.row("PU-31")
def test_those_are_due_whose_time_has_come(stores: Stores) -> None:
    for number, due_at in enumerate((NOW, NOW + 1, None)):
        stores.campaigns.put(replace(CAMPAIGN, id=CampaignId(f"{number:x}0" + "ab" * 11), due_at=due_at))
    stores.campaigns.put(replace(CAMPAIGN, id=CampaignId("30" + "ab" * 11), app=OTHER_APP, due_at=NOW - 1))
    found = list(stores.campaigns.due(NOW, 100))
    assert sorted(found) == [(APP, CampaignId("00" + "ab" * 11)), (OTHER_APP, CampaignId("30" + "ab" * 11))]
    done = stores.campaigns.get(*found[0])
    assert done is not None
    stores.campaigns.put(replace(done, due_at=None, revision=1))
    assert list(stores.campaigns.due(NOW, 100)) == found[1:]


def test_what_is_due_is_put_off_and_what_is_not_stays(stores: Stores) -> None:
    later = replace(CAMPAIGN, id=CampaignId("cb" * 12), due_at=NOW + 1)
    draft = replace(CAMPAIGN, id=CampaignId("cc" * 12))
    for one in (replace(CAMPAIGN, due_at=NOW), later, draft):
        stores.campaigns.put(one)
    for one in (CAMPAIGN, later, draft, replace(CAMPAIGN, id=CampaignId("cd" * 12))):
        stores.campaigns.postpone(APP, one.id, NOW, NOW + 60)
    assert stored(stores) == replace(CAMPAIGN, due_at=NOW + 60)
    assert [stores.campaigns.get(APP, one.id) for one in (later, draft)] == [later, draft]
    assert list(stores.campaigns.due(NOW + 59, 9)) == [(APP, later.id)]
    assert stores.campaigns.get(APP, CampaignId("cd" * 12)) is None


@pytest.mark.row("PU-27")
def test_pu_27_a_campaign_and_its_send_are_stored_together(stores: Stores) -> None:
    stores.campaigns.put(CAMPAIGN)
    change = changed(CAMPAIGN, SENDING, ENTRY)
    launch(stores, change)
    assert (stored(stores), stores.sends.get(APP, SendId(CAMPAIGN.id))) == (change.campaign, its_send())
    assert entries(stores) == [ENTRY]


@pytest.mark.row("PU-27", "PU-31")
def test_pu_27_whoever_comes_second_changes_nothing_and_is_told(stores: Stores) -> None:
    stores.campaigns.put(CAMPAIGN)
    launch(stores, changed(CAMPAIGN, SENDING, ENTRY), Limits(None, 5))
    for late in (changed(CAMPAIGN, SENDING, replace(ENTRY, id="e1" * 12)), changed(CAMPAIGN, PAUSED)):
        with pytest.raises(Stale):
            launch(stores, late, Limits(None, 5))
    assert (stored(stores).status, stored(stores).revision, len(entries(stores))) == (SENDING, 1, 1)


def test_a_campaign_that_was_edited_or_deleted_since_it_was_read_is_not_sent(stores: Stores) -> None:
    stores.campaigns.put(CAMPAIGN)
    edited = changed(CAMPAIGN, DRAFT).campaign
    stores.campaigns.put(edited)
    with pytest.raises(Stale):
        launch(stores, changed(CAMPAIGN, SENDING))
    stores.campaigns.remove(edited)
    with pytest.raises(Stale):
        launch(stores, changed(edited, SENDING))
    assert stores.sends.get(APP, SendId(CAMPAIGN.id)) is None


def test_a_quota_that_does_not_cover_it_leaves_the_campaign_as_it_is(stores: Stores) -> None:
    stores.campaigns.put(CAMPAIGN)
    with pytest.raises(InsufficientQuota):
        launch(stores, changed(CAMPAIGN, SENDING, ENTRY), Limits(None, 2))
    charged = its_send(Charge.CREDITS)
    with pytest.raises(InsufficientCredits):
        stores.sends.reserve(charged, None, None, NOW + 60, UNLIMITED, changed(CAMPAIGN, SENDING, ENTRY))
    assert (stored(stores), entries(stores)) == (CAMPAIGN, [])
    assert stores.sends.get(APP, SendId(CAMPAIGN.id)) is None


@pytest.mark.row("PU-28", "PU-29")
def test_pu_28_a_campaign_and_the_course_of_its_send_change_together(stores: Stores) -> None:
    stores.campaigns.put(CAMPAIGN)
    launch(stores, changed(CAMPAIGN, SENDING))
    change = changed(stored(stores), PAUSED, ENTRY)
    steered = stores.sends.steer(APP, SendId(CAMPAIGN.id), Course.PAUSED, change)
    assert steered == replace(its_send(), course=Course.PAUSED)
    assert (stored(stores), entries(stores)) == (change.campaign, [ENTRY])
    with pytest.raises(Stale):  # it is not as it was read
        stores.sends.steer(APP, SendId(CAMPAIGN.id), Course.RUNNING, change)
    found = stores.sends.get(APP, SendId(CAMPAIGN.id))
    assert found is not None
    assert found.course is Course.PAUSED


def test_a_send_that_is_over_is_not_steered_and_its_campaign_stays(stores: Stores) -> None:
    stores.campaigns.put(CAMPAIGN)
    launch(stores, changed(CAMPAIGN, SENDING))
    known, name = stored(stores), SendId(CAMPAIGN.id)
    stores.sends.opened(replace(its_send(), parts=(3,)), 0, 0)
    opened = stores.sends.get(APP, name)
    assert opened is not None
    assert stores.sends.settle(opened, Tally(), Report(), NOW)
    assert stores.sends.steer(APP, name, Course.PAUSED, changed(known, PAUSED, ENTRY)) is None
    assert (stored(stores), entries(stores)) == (known, [])
