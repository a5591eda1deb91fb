"""What an app's owner does with campaigns, in virtual time."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.memory.system import START
from tests.unit.application.campaigns import MARKETER, PUSHARY, SALE, CampaignShop
from tests.unit.application.scenes import breaks
from tocsin.application.campaigning import CampaignEdit
from tocsin.application.ports import Stale, Unavailable
from tocsin.domain.audit import Actor
from tocsin.domain.campaign import Campaign, CampaignStatus
from tocsin.domain.errors import Fault, Refused
from tocsin.domain.ids import AppId, CampaignId, SegmentId, SendId
from tocsin.domain.send import Course, Origin, SendState

DRAFT, SCHEDULED, SENDING, ACTIVE, PAUSED, COMPLETED, CANCELLED = CampaignStatus
TOMORROW = int(START) + 86_400
SALE_OF_ANOTHER = Campaign(
    CampaignId("cd" * 12), AppId("ff" * 12), PUSHARY, "Sale", SALE.notification, DRAFT, int(START), int(START)
)
YEAR = 365 * 86_400


@pytest.fixture
def shop() -> CampaignShop:
    """Three browsers."""
    return CampaignShop.open()


def edit(shop: CampaignShop, campaign: Campaign, **changes: object) -> Campaign:
    return shop.engine.campaigning.change(shop.app.id, campaign.id, CampaignEdit(**changes), MARKETER)  # type: ignore[arg-type]


def under_way(shop: CampaignShop) -> Campaign:
    """A campaign that is being sent, and of which nobody has been reached yet."""
    return shop.send(shop.create())


@pytest.mark.row("PU-23")
def test_pu_23_a_campaign_is_a_draft_or_waits_for_its_time(shop: CampaignShop) -> None:
    draft, later = shop.create(), shop.create(replace(SALE, scheduled_at=TOMORROW))
    assert (draft.status, draft.due_at) == (DRAFT, None)
    assert (later.status, later.scheduled_at, later.due_at) == (SCHEDULED, TOMORROW, TOMORROW)
    assert shop.engine.schedules.at == {(shop.app.id, later.id): TOMORROW}
    assert shop.posts() == 0


@pytest.mark.row("PU-23", "PU-31")
@pytest.mark.parametrize("at", [int(START), int(START) - 1, 0, int(START) + YEAR + 1])
def test_pu_23_a_time_that_is_over_or_too_far_away_leaves_neither_campaign_nor_schedule(
    shop: CampaignShop, at: int
) -> None:
    with pytest.raises(Refused, match="must be in the future, at most 365 days from now") as refused:
        shop.create(replace(SALE, scheduled_at=at))
    assert refused.value.field == "scheduledAt"
    assert shop.engine.campaigns.listed(shop.app.id, 10, None).items == []
    assert shop.engine.schedules.at == {}
    assert shop.create(replace(SALE, scheduled_at=int(START) + YEAR)).status is SCHEDULED


@pytest.mark.row("PU-24")
def test_pu_24_an_unknown_segment_is_refused(shop: CampaignShop) -> None:
    with pytest.raises(Refused, match="Unknown segment"):
        shop.create(replace(SALE, segment=SegmentId("ab" * 12)))
    assert shop.engine.storage.campaigns == {}
    campaign = shop.create()
    with pytest.raises(Refused, match="Unknown segment"):
        edit(shop, campaign, segment=SegmentId("ab" * 12))
    assert shop.stored(campaign) == campaign


@pytest.mark.row("PU-27")
def test_pu_27_sending_reaches_everybody_once_and_completes(shop: CampaignShop) -> None:
    campaign = shop.create()
    assert shop.send(campaign).status is SENDING
    shop.work()
    assert (shop.status(campaign), shop.posts()) == (COMPLETED, 3)
    view = shop.engine.measuring.view(shop.stored(campaign))
    assert (view.totals.targeted, view.totals.accepted, view.totals.failed) == (3, 3, 0)
    send = shop.engine.sends.get(shop.app.id, SendId(campaign.id))
    assert send is not None
    assert (send.origin, send.dialect, send.request_id) == (Origin.CAMPAIGN, PUSHARY, "req-7")
    assert shop.actions() == ["campaign.created", "campaign.sent"]


@pytest.mark.row("PU-27")
def test_pu_27_of_two_who_send_at_once_one_wins_and_the_other_is_told_so(
    shop: CampaignShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign = shop.create()
    reserve = shop.engine.sends.reserve

    def slow(*args: object, **options: object) -> None:
        monkeypatch.setattr(shop.engine.sends, "reserve", reserve)
        shop.send(campaign)  # the other one, between our reading and our writing
        reserve(*args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(shop.engine.sends, "reserve", slow)
    with pytest.raises(Refused, match="Campaign is sending and cannot be sent: it must be draft or scheduled"):
        shop.send(campaign)
    shop.work()
    assert (shop.posts(), shop.actions().count("campaign.sent")) == (3, 1)


@pytest.mark.row("PU-27")
def test_pu_27_without_vapid_keys_nothing_is_sent(shop: CampaignShop) -> None:
    campaign = shop.create()
    del shop.engine.storage.vapid_keys[shop.app.id, shop.app.vapid_key]
    with pytest.raises(Refused, match="no VAPID keys") as refused:
        shop.send(campaign)
    assert refused.value.fault is Fault.CONFLICT
    assert (shop.status(campaign), shop.engine.storage.sends) == (DRAFT, {})


@pytest.mark.parametrize(
    ("browsers", "monthly", "fault"), [(0, 10, Fault.NO_SUBSCRIPTIONS), (3, 2, Fault.QUOTA_EXCEEDED)]
)
def test_what_refuses_a_send_changes_nothing(browsers: int, monthly: int, fault: Fault) -> None:
    shop = CampaignShop.open(browsers, monthly)
    campaign = shop.create(replace(SALE, scheduled_at=TOMORROW))
    with pytest.raises(Refused) as refused:
        shop.send(campaign)
    assert refused.value.fault is fault
    assert shop.stored(campaign) == campaign
    assert shop.engine.schedules.at == {(shop.app.id, campaign.id): TOMORROW}
    assert shop.engine.storage.sends == {}


@pytest.mark.row("PU-28", "PU-29")
def test_pu_29_a_paused_campaign_rests_and_resuming_reaches_everybody_once(shop: CampaignShop) -> None:
    campaign = under_way(shop)
    assert shop.engine.campaigning.pause(shop.app.id, campaign.id, MARKETER).status is PAUSED
    shop.work()
    shop.engine.sweeping.sweep()
    assert (shop.status(campaign), shop.posts()) == (PAUSED, 0)
    assert shop.engine.campaigning.resume(shop.app, campaign.id, MARKETER).status is ACTIVE
    assert shop.status(campaign) is ACTIVE
    shop.work()
    assert (shop.status(campaign), shop.posts()) == (COMPLETED, 3)
    assert shop.actions()[2:] == ["campaign.paused", "campaign.resumed"]


@pytest.mark.row("PU-28")
def test_pu_28_a_campaign_may_rest_for_days_and_its_messages_live_from_then_on(shop: CampaignShop) -> None:
    campaign = under_way(shop)
    shop.engine.campaigning.pause(shop.app.id, campaign.id, MARKETER)
    shop.engine.clock.advance(10 * 86_400)
    shop.engine.campaigning.resume(shop.app, campaign.id, MARKETER)
    shop.work()
    assert (shop.status(campaign), shop.posts()) == (COMPLETED, 3)
    assert {dict(request.headers)["TTL"] for request in shop.engine.transport.requests} == {"86400"}


def test_a_campaign_that_rests_too_long_ends_with_whom_it_reached(shop: CampaignShop) -> None:
    campaign = under_way(shop)
    shop.engine.campaigning.pause(shop.app.id, campaign.id, MARKETER)
    shop.engine.clock.advance(30 * 86_400 + 60)
    shop.engine.sweeping.sweep()
    shop.work()
    assert (shop.status(campaign), shop.posts()) == (COMPLETED, 0)
    assert shop.used() == 0


@pytest.mark.row("PU-30")
def test_pu_30_a_paused_campaign_can_be_cancelled_and_what_it_held_is_given_back(shop: CampaignShop) -> None:
    campaign = under_way(shop)
    with pytest.raises(Refused, match="Campaign is sending and cannot be cancelled"):
        edit(shop, campaign, status=CANCELLED)
    shop.engine.campaigning.pause(shop.app.id, campaign.id, MARKETER)
    assert edit(shop, campaign, status=CANCELLED).status is CANCELLED
    shop.work()
    send = shop.engine.sends.get(shop.app.id, SendId(campaign.id))
    assert send is not None
    assert (send.state, send.course, shop.posts()) == (SendState.SETTLED, Course.CANCELLED, 0)
    assert shop.used() == 0
    with pytest.raises(Refused, match="Campaign is cancelled and cannot be resumed"):
        shop.engine.campaigning.resume(shop.app, campaign.id, MARKETER)


@pytest.mark.row("PU-30")
def test_pu_30_what_the_operator_does_with_its_send_is_what_its_owner_sees(shop: CampaignShop) -> None:
    campaign, operator = under_way(shop), Actor("operator", "req-9")
    shop.engine.steering.steer(shop.app.id, SendId(campaign.id), Course.PAUSED, operator)
    assert shop.status(campaign) is PAUSED
    shop.engine.campaigning.resume(shop.app, campaign.id, MARKETER)
    shop.engine.steering.steer(shop.app.id, SendId(campaign.id), Course.CANCELLED, operator)
    assert shop.status(campaign) is CANCELLED


@pytest.mark.row("PU-25", "PU-31")
def test_pu_31_a_new_time_moves_the_schedule_and_none_removes_it(shop: CampaignShop) -> None:
    campaign, name = shop.create(replace(SALE, scheduled_at=TOMORROW)), shop.app.id
    assert edit(shop, campaign, scheduled_at=TOMORROW + 60).due_at == TOMORROW + 60
    assert shop.engine.schedules.at == {(name, campaign.id): TOMORROW + 60}
    for changes in ({"scheduled_at": None}, {"status": DRAFT}, {"status": CANCELLED}):
        other = shop.create(replace(SALE, scheduled_at=TOMORROW))
        assert edit(shop, other, **changes).due_at is None
        assert (name, other.id) not in shop.engine.schedules.at
        assert shop.status(other) is (CANCELLED if changes == {"status": CANCELLED} else DRAFT)


@pytest.mark.row("PU-25")
@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"status": DRAFT, "scheduled_at": TOMORROW}, "A draft has no scheduledAt"),
        ({"status": CANCELLED, "name": "Other"}, "must be asked for by itself"),
        ({"status": PAUSED}, "Campaign is draft and cannot be paused: it must be sending or active"),
        ({"scheduled_at": 1}, "must be in the future"),
    ],
)
def test_pu_25_a_change_that_cannot_be_changes_nothing(
    shop: CampaignShop, changes: dict[str, object], told: str
) -> None:
    campaign = shop.create()
    with pytest.raises(Refused, match=told):
        edit(shop, campaign, **changes)
    assert shop.stored(campaign) == campaign


@pytest.mark.row("PU-25")
def test_pu_25_contents_change_until_it_is_sent_and_never_after(shop: CampaignShop) -> None:
    campaign = shop.create()
    changed = edit(shop, campaign, name="Other", shown=lambda shown: replace(shown, title="New"))
    assert (changed.name, changed.notification.title, changed.notification.body) == ("Other", "New", "Today only")
    assert edit(shop, campaign, name="Other") == changed  # the same again leaves no trace
    assert shop.actions() == ["campaign.created", "campaign.changed"]
    shop.send(campaign)
    for status in (SENDING, PAUSED, ACTIVE, COMPLETED):
        if status is PAUSED:
            shop.engine.campaigning.pause(shop.app.id, campaign.id, MARKETER)
        elif status is ACTIVE:
            shop.engine.campaigning.resume(shop.app, campaign.id, MARKETER)
        elif status is COMPLETED:
            shop.work()
        with pytest.raises(Refused, match=f"Campaign is {status} and cannot be changed"):
            edit(shop, campaign, name="Too late")


@pytest.mark.row("PU-25")
def test_pu_25_a_campaign_is_deleted_with_its_schedule_but_not_while_it_is_under_way(shop: CampaignShop) -> None:
    later = shop.create(replace(SALE, scheduled_at=TOMORROW))
    shop.engine.campaigning.delete(shop.app.id, later.id, MARKETER)
    assert shop.engine.schedules.at == {}
    campaign = under_way(shop)
    with pytest.raises(Refused, match="pause or cancel it first"):
        shop.engine.campaigning.delete(shop.app.id, campaign.id, MARKETER)
    shop.engine.campaigning.pause(shop.app.id, campaign.id, MARKETER)
    shop.engine.campaigning.delete(shop.app.id, campaign.id, MARKETER)
    shop.work()
    assert shop.posts() == 0
    assert shop.engine.storage.campaigns == {}
    assert shop.actions()[-2:] == ["campaign.cancelled", "campaign.deleted"]
    # A deleted campaign is no API send, though its send is still kept for the ledger's sake.
    assert shop.engine.measuring.api_send(shop.app.id, PUSHARY, SendId(campaign.id)) is None


@pytest.mark.parametrize("method", ["put", "remove"])
def test_a_schedule_that_cannot_be_made_or_removed_fails_no_request(
    shop: CampaignShop, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    monkeypatch.setattr(shop.engine.schedules, method, breaks(Unavailable()))
    campaign = shop.create(replace(SALE, scheduled_at=TOMORROW))
    assert edit(shop, campaign, status=DRAFT).status is DRAFT
    assert len(shop.engine.meter.crashes) == 1  # people are told


def acts(shop: CampaignShop, name: CampaignId) -> list[Callable[[], object]]:
    campaigning, app = shop.engine.campaigning, shop.app
    return [
        lambda: campaigning.change(app.id, name, CampaignEdit(name="x"), MARKETER),
        lambda: campaigning.send(app, name, MARKETER),
        lambda: campaigning.pause(app.id, name, MARKETER),
        lambda: campaigning.resume(app, name, MARKETER),
        lambda: campaigning.delete(app.id, name, MARKETER),
    ]


def test_what_is_not_there_or_anothers_is_not_found(shop: CampaignShop) -> None:
    theirs = SALE_OF_ANOTHER
    shop.engine.campaigns.put(theirs)
    for act in [*acts(shop, CampaignId("ab" * 12)), *acts(shop, theirs.id)]:
        with pytest.raises(Refused) as refused:
            act()
        assert refused.value.fault is Fault.NOT_FOUND
    assert shop.engine.campaigns.get(theirs.app, theirs.id) == theirs


def test_whoever_is_always_overtaken_is_told_to_come_again(shop: CampaignShop, monkeypatch: pytest.MonkeyPatch) -> None:
    campaign = shop.create()
    monkeypatch.setattr(shop.engine.campaigns, "put", breaks(Stale()))
    with pytest.raises(Unavailable):
        edit(shop, campaign, name="x")


@pytest.mark.row("PU-28")
def test_pu_28_pausing_what_has_just_ended_says_that_it_is_over(
    shop: CampaignShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign = under_way(shop)
    steer = shop.engine.sends.steer

    def late(*args: object) -> object:
        monkeypatch.setattr(shop.engine.sends, "steer", steer)
        shop.work()
        return steer(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(shop.engine.sends, "steer", late)
    with pytest.raises(Refused, match="Campaign is completed and cannot be paused"):
        shop.engine.campaigning.pause(shop.app.id, campaign.id, MARKETER)


@pytest.mark.row("PU-22")
def test_pu_22_campaigns_are_listed_newest_first_with_their_totals_and_by_status(shop: CampaignShop) -> None:
    names = []
    for _ in range(3):
        names.append(shop.create().id)
        shop.engine.clock.advance(1)
    shop.engine.campaigning.send(shop.app, names[0], MARKETER)
    shop.work()
    measuring = shop.engine.measuring
    first = measuring.campaigns(shop.app.id, None, 2, None)
    rest = measuring.campaigns(shop.app.id, None, 2, first.cursor)
    assert [view.campaign.id for view in [*first.items, *rest.items]] == names[::-1]
    assert rest.items[0].totals.accepted == 3
    assert [v.campaign.id for v in measuring.campaigns(shop.app.id, COMPLETED, 10, None).items] == names[:1]
    assert [v.campaign.id for v in measuring.campaigns(shop.app.id, DRAFT, 10, None).items] == names[:0:-1]
