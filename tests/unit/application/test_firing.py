"""What the clock does with campaigns, in virtual time: wake-up calls come late, twice, for another time, or never."""

from dataclasses import replace

import pytest

from tests import builders
from tests.memory.system import START
from tests.unit.application.campaigns import MARKETER, PUSHARY, SALE, CampaignShop
from tests.unit.application.queues import HANDLER_SECONDS
from tests.unit.application.scenes import breaks
from tocsin.application.campaigning import CampaignEdit
from tocsin.application.firing import AGAIN_AFTER
from tocsin.application.ports import Unavailable, Unreadable
from tocsin.application.segments import SegmentChange
from tocsin.domain.campaign import SEALED_AFTER, Campaign, CampaignStatus, Totals
from tocsin.domain.errors import Refused
from tocsin.domain.ids import AppId, CampaignId, SegmentId, SendId
from tocsin.domain.quota import Limits
from tocsin.domain.segment import DAY, Condition, Field, Not, Operator

DRAFT, SCHEDULED, SENDING, ACTIVE, PAUSED, COMPLETED, CANCELLED = CampaignStatus
AT = int(START) + 3600
LATER = replace(SALE, scheduled_at=AT)


@pytest.fixture
def shop() -> CampaignShop:
    """Three browsers."""
    return CampaignShop.open()


def pass_to(shop: CampaignShop, at: float) -> None:
    shop.engine.clock.advance(at - shop.engine.clock.now())


def sweep(shop: CampaignShop) -> int:
    return shop.engine.firing.sweep(shop.engine.clock.now() + HANDLER_SECONDS).done


@pytest.mark.row("PU-31")
def test_pu_31_at_its_time_a_campaign_is_sent_however_often_it_is_woken(shop: CampaignShop) -> None:
    campaign = shop.create(LATER)
    assert not shop.fire(campaign)  # a call for an earlier time than it now has
    pass_to(shop, AT)
    assert [shop.fire(campaign) for _ in range(3)] == [True, False, False]
    assert sweep(shop) == 0
    shop.work()
    assert (shop.status(campaign), shop.posts()) == (COMPLETED, 3)
    (entry,) = (one for one in shop.engine.storage.audit if one.action == "campaign.sent")
    assert entry.actor.name == "schedule"


@pytest.mark.row("PU-31")
def test_pu_31_the_sweep_sends_what_was_never_woken(shop: CampaignShop) -> None:
    campaigns = [shop.create(LATER), shop.create(replace(SALE, scheduled_at=AT + 1))]
    pass_to(shop, AT)
    assert sweep(shop) == 1
    pass_to(shop, AT + 60)
    assert sweep(shop) == 1
    shop.work()
    assert [shop.status(one) for one in campaigns] == [COMPLETED] * 2
    assert shop.posts() == 6


@pytest.mark.row("PU-31")
def test_pu_31_what_was_moved_cancelled_deleted_or_sent_is_not_sent_at_its_old_time(shop: CampaignShop) -> None:
    moved, drafted, cancelled, deleted, sent = (shop.create(LATER) for _ in range(5))
    change = shop.engine.campaigning.change
    change(shop.app.id, moved.id, CampaignEdit(scheduled_at=AT + 600), MARKETER)
    change(shop.app.id, drafted.id, CampaignEdit(scheduled_at=None), MARKETER)
    change(shop.app.id, cancelled.id, CampaignEdit(status=CANCELLED), MARKETER)
    shop.engine.campaigning.delete(shop.app.id, deleted.id, MARKETER)
    shop.send(sent)
    shop.work()
    assert shop.posts() == 3
    pass_to(shop, AT)
    assert not any(map(shop.fire, (moved, drafted, cancelled, deleted, sent)))
    assert sweep(shop) == 0
    pass_to(shop, AT + 600)
    assert sweep(shop) == 1
    shop.work()
    assert shop.posts() == 6


@pytest.mark.row("PU-31")
def test_pu_31_an_edit_that_meets_its_firing_is_sent_with_it_or_refused(
    shop: CampaignShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign = shop.create(LATER)
    pass_to(shop, AT)
    reserve, edit = shop.engine.sends.reserve, CampaignEdit(shown=lambda shown: replace(shown, title="Mended"))

    def met(*args: object) -> None:
        monkeypatch.setattr(shop.engine.sends, "reserve", reserve)
        shop.engine.campaigning.change(shop.app.id, campaign.id, edit, MARKETER)
        reserve(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(shop.engine.sends, "reserve", met)
    assert shop.fire(campaign)
    send = shop.engine.sends.get(shop.app.id, SendId(campaign.id))
    assert send is not None
    assert send.notification.title == "Mended"


@pytest.mark.parametrize(("browsers", "monthly", "reason"), [(0, 10, "No subscribers found"), (3, 2, "quota exceeded")])
def test_what_cannot_be_sent_at_its_time_rests_with_the_reason_and_can_be_tried_again(
    browsers: int, monthly: int, reason: str
) -> None:
    shop = CampaignShop.open(browsers, monthly)
    campaign = shop.create(LATER)
    pass_to(shop, AT)
    assert shop.fire(campaign)
    resting = shop.stored(campaign)
    assert (resting.status, resting.due_at) == (PAUSED, None)
    assert reason in (resting.reason or "")
    assert shop.engine.storage.sends == {}
    assert not shop.fire(campaign)
    for number in range(1, 4):
        builders.subscribe(shop.engine, shop.app, number)
    mended = replace(shop.app, limits=Limits(None, None, 10))
    assert shop.engine.campaigning.resume(mended, campaign.id, MARKETER).status is ACTIVE
    shop.work()
    assert shop.stored(campaign).reason is None
    assert (shop.status(campaign), shop.posts()) == (COMPLETED, 3)


@pytest.mark.row("PU-31")
def test_pu_31_what_could_not_be_sent_at_its_time_can_wait_for_another_one() -> None:
    shop = CampaignShop.open(0)
    campaign = shop.create(LATER)
    pass_to(shop, AT)
    assert shop.fire(campaign)
    change = shop.engine.campaigning.change
    draft = change(shop.app.id, campaign.id, CampaignEdit(status=CampaignStatus.DRAFT), MARKETER)
    assert (draft.status, draft.reason, draft.scheduled_at) == (CampaignStatus.DRAFT, None, None)
    change(shop.app.id, campaign.id, CampaignEdit(scheduled_at=AT + 60), MARKETER)
    pass_to(shop, AT + 60)
    assert shop.fire(campaign)  # still nobody
    change(shop.app.id, campaign.id, CampaignEdit(scheduled_at=AT + 120), MARKETER)
    assert (shop.status(campaign), shop.stored(campaign).reason) == (SCHEDULED, None)
    assert shop.engine.schedules.at == {(shop.app.id, campaign.id): AT + 120}
    builders.subscribe(shop.engine, shop.app, 1)
    pass_to(shop, AT + 120)
    assert shop.fire(campaign)
    shop.work()
    assert (shop.status(campaign), shop.posts()) == (COMPLETED, 1)


def test_a_site_that_is_switched_off_sends_nothing_at_its_time(shop: CampaignShop) -> None:
    campaign = shop.create(LATER)
    shop.engine.storage.apps[shop.app.id] = replace(shop.app, dialects_off=frozenset({PUSHARY}))
    pass_to(shop, AT)
    assert shop.fire(campaign)
    assert (shop.status(campaign), shop.engine.storage.sends) == (PAUSED, {})


def test_an_unanswering_store_pauses_nothing_and_the_next_sweep_tries_again(
    shop: CampaignShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = shop.create(LATER), shop.create(LATER)
    pass_to(shop, AT)
    reserve = shop.engine.sends.reserve

    def fails_once(*args: object) -> None:
        monkeypatch.setattr(shop.engine.sends, "reserve", reserve)
        raise Unavailable

    monkeypatch.setattr(shop.engine.sends, "reserve", fails_once)
    assert sweep(shop) == 1  # the other one does not wait
    assert len(shop.engine.meter.crashes) == 1
    assert sweep(shop) == 1
    shop.work()
    assert (shop.status(first), shop.status(second), shop.posts()) == (COMPLETED, COMPLETED, 6)


def test_a_campaign_that_cannot_be_fired_for_a_bug_does_not_hold_up_the_others(
    shop: CampaignShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, sound = shop.create(LATER), shop.create(LATER)
    pass_to(shop, AT)
    launch = shop.engine.launching.launch

    def fails_for_one(campaign: Campaign, *args: object) -> Campaign:
        if campaign.id == broken.id:
            raise RuntimeError
        return launch(campaign, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(shop.engine.launching, "launch", fails_for_one)
    assert sweep(shop) == 1
    assert [type(error) for error in shop.engine.meter.crashes] == [RuntimeError]
    assert (shop.status(broken), shop.status(sound)) == (SCHEDULED, SENDING)


def test_campaigns_that_nobody_can_read_are_named_and_do_not_hold_up_the_others_for_ever(
    shop: CampaignShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tocsin.application.firing.BATCH", 2)
    broken = [shop.create(replace(SALE, scheduled_at=AT - 1)) for _ in range(2)]
    sound = shop.create(LATER)
    names, get = {one.id for one in broken}, shop.engine.campaigns.get

    def unreadable(app: AppId, name: str) -> Campaign | None:
        if name in names:
            raise Unreadable("title")
        return get(app, name)

    monkeypatch.setattr(shop.engine.campaigns, "get", unreadable)
    pass_to(shop, AT)
    first = shop.engine.firing.sweep(AT + HANDLER_SECONDS)
    assert (first.done, {name for _, name, _ in first.failed}) == (0, names)
    second = shop.engine.firing.sweep(AT + HANDLER_SECONDS)
    assert (second.done, second.failed, shop.status(sound)) == (1, [], SENDING)
    pass_to(shop, AT + AGAIN_AFTER)
    assert len(shop.engine.firing.sweep(AT + HANDLER_SECONDS).failed) == 2


def test_a_table_that_does_not_answer_while_one_is_put_off_does_not_hold_up_the_others(
    shop: CampaignShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(2):
        shop.create(LATER)
    pass_to(shop, AT)
    monkeypatch.setattr(shop.engine.launching, "launch", breaks(RuntimeError()))
    monkeypatch.setattr(shop.engine.campaigns, "postpone", breaks(Unavailable()))
    assert len(shop.engine.firing.sweep(AT + HANDLER_SECONDS).failed) == 2


def test_a_bug_in_putting_one_off_leaves_no_other_one_unsent(
    shop: CampaignShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, sound = shop.create(replace(SALE, scheduled_at=AT - 1)), shop.create(LATER)
    launch = shop.engine.launching.launch

    def unless_broken(campaign: Campaign, *rest: object) -> Campaign:
        if campaign.id == broken.id:
            raise RuntimeError
        return launch(campaign, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(shop.engine.launching, "launch", unless_broken)
    monkeypatch.setattr(shop.engine.campaigns, "postpone", breaks(RuntimeError()))
    pass_to(shop, AT)
    with pytest.raises(RuntimeError):
        sweep(shop)
    assert shop.status(sound) is SENDING


@pytest.mark.row("PU-31")
def test_pu_31_one_that_was_moved_while_firing_it_failed_keeps_its_new_time(
    shop: CampaignShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign = shop.create(LATER)
    pass_to(shop, AT)

    def moved(*args: object) -> Campaign:
        later = CampaignEdit(scheduled_at=AT + 86_400)
        shop.engine.campaigning.change(shop.app.id, campaign.id, later, MARKETER)
        raise RuntimeError

    monkeypatch.setattr(shop.engine.launching, "launch", moved)
    assert sweep(shop) == 0
    assert shop.stored(campaign).due_at == AT + 86_400


@pytest.mark.row("PU-31")
def test_pu_31_only_wake_up_calls_that_nobody_waits_for_are_removed(shop: CampaignShop) -> None:
    waiting, drafted, deleted = (shop.create(LATER) for _ in range(3))
    schedules, at = shop.engine.schedules, dict(shop.engine.schedules.at)
    shop.engine.campaigning.change(shop.app.id, drafted.id, CampaignEdit(status=DRAFT), MARKETER)
    shop.engine.campaigning.delete(shop.app.id, deleted.id, MARKETER)
    schedules.at = at | {(AppId("ff" * 12), CampaignId("ab" * 12)): AT}
    assert shop.engine.firing.tidy(AT).done == 3
    assert set(schedules.at) == {(shop.app.id, waiting.id)}


def leftovers(shop: CampaignShop, count: int) -> list[CampaignId]:
    """Wake-up calls that nobody waits for."""
    names = [CampaignId(f"{number:024x}") for number in range(count)]
    for name in names:
        shop.engine.schedules.put(shop.app.id, name, AT)
    return names


def test_a_call_that_cannot_be_removed_is_named_and_does_not_keep_the_others(
    shop: CampaignShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    stays, *others = leftovers(shop, 3)
    remove = shop.engine.schedules.remove

    def fails_for_one(app: AppId, name: CampaignId) -> None:
        if name == stays:
            raise Unavailable
        remove(app, name)

    monkeypatch.setattr(shop.engine.schedules, "remove", fails_for_one)
    tidied = shop.engine.firing.tidy(AT)
    assert (tidied.done, [name for _, name, _ in tidied.failed]) == (len(others), [stays])


def test_calls_are_removed_one_by_one_until_time_is_up(shop: CampaignShop) -> None:
    leftovers(shop, 3)
    assert [shop.engine.firing.tidy(0).done for _ in range(4)] == [1, 1, 1, 0]


def test_figures_are_kept_with_the_campaign_when_its_send_is_about_to_be_removed(shop: CampaignShop) -> None:
    campaign = shop.create()
    shop.send(campaign)
    shop.work()
    shop.engine.clock.advance(SEALED_AFTER - 1)
    assert sweep(shop) == 0
    shop.engine.clock.advance(1)
    assert sweep(shop) == 1
    shop.engine.storage.sends.clear()
    view = shop.engine.measuring.view(shop.stored(campaign))
    assert (view.status, view.totals) == (COMPLETED, Totals(3, 3))
    assert sweep(shop) == 0


class TestLargeApps:
    """In an app of so many subscriptions that a request cannot look through them, the sweep counts first."""

    @pytest.fixture
    def shop(self, monkeypatch: pytest.MonkeyPatch) -> CampaignShop:
        for module in ("launching", "sending", "audience"):
            monkeypatch.setattr(f"tocsin.application.{module}.WALKABLE", 2)
        return CampaignShop.open(5)

    def in_segment(self, shop: CampaignShop) -> Campaign:
        rule = Not(Condition(Field.EXTERNAL_ID, Operator.EXISTS))
        segment = shop.engine.segments.create(shop.app.id, "Anonymous", None, rule, MARKETER)
        return shop.create(replace(SALE, segment=segment.id))

    @pytest.mark.row("PU-24")
    def test_pu_24_whom_a_segment_means_is_counted_and_held_before_anybody_is_sent_to(self, shop: CampaignShop) -> None:
        campaign = self.in_segment(shop)
        assert shop.send(campaign).status is SENDING
        assert (shop.engine.storage.sends, shop.used()) == ({}, 0)
        assert sweep(shop) == 1
        send = shop.engine.sends.get(shop.app.id, SendId(campaign.id))
        assert send is not None
        assert (send.reserved, shop.used()) == (5, 5)
        shop.work()
        assert (shop.status(campaign), shop.posts()) == (COMPLETED, 5)

    def test_counting_goes_on_where_it_stopped(self, shop: CampaignShop, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("tocsin.application.segments._AT_ONCE", 2)
        campaign = self.in_segment(shop)
        shop.send(campaign)
        looks = 0
        while shop.stored(campaign).sent_at is None:
            assert shop.engine.firing.sweep(0).done == 1  # no time: one stretch each
            looks += 1
        assert looks > 1
        send = shop.engine.sends.get(shop.app.id, SendId(campaign.id))
        assert send is not None
        assert send.reserved == 5

    @pytest.mark.row("PU-24")
    def test_pu_24_who_subscribes_while_a_segment_is_counted_takes_nobodys_place(
        self, shop: CampaignShop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("tocsin.application.segments._AT_ONCE", 2)
        shop = CampaignShop.open(5, monthly=6)
        campaign, meant = self.in_segment(shop), {name for _, name in shop.engine.storage.subscriptions}
        shop.send(campaign)
        assert shop.engine.firing.sweep(0).done == 1
        shop.engine.clock.advance(60)
        for number in range(6, 40):  # some among those that were counted, some among the others
            builders.subscribe(shop.engine, shop.app, number)
        assert sweep(shop) == 1
        shop.work()
        assert {name for frozen in shop.engine.storage.frozen.values() for name in frozen.ids} == meant

    @pytest.mark.row("PU-24")
    def test_pu_24_a_segments_days_count_back_from_when_its_campaign_was_sent(self, shop: CampaignShop) -> None:
        new = Condition(Field.CREATED_AT, Operator.WITHIN_DAYS, 1)
        segment = shop.engine.segments.create(shop.app.id, "New", None, new, MARKETER)
        campaign = shop.create(replace(SALE, segment=segment.id))
        shop.engine.clock.advance(DAY)
        shop.send(campaign)
        shop.engine.clock.advance(60)
        assert sweep(shop) == 1
        shop.engine.clock.advance(60)
        shop.work()
        assert (shop.status(campaign), shop.posts()) == (COMPLETED, 5)

    def test_a_segment_that_changes_meanwhile_is_counted_anew(
        self, shop: CampaignShop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("tocsin.application.segments._AT_ONCE", 2)
        campaign = self.in_segment(shop)
        assert campaign.segment is not None
        shop.send(campaign)
        assert shop.engine.firing.sweep(0).done == 1
        found = shop.stored(campaign).counted
        assert found is not None
        assert found.matched > 0
        nobody = SegmentChange(rule=Condition(Field.EXTERNAL_ID, Operator.EXISTS))
        shop.engine.segments.change(shop.app.id, campaign.segment, nobody, MARKETER)
        assert sweep(shop) == 1
        assert (shop.status(campaign), shop.stored(campaign).reason) == (PAUSED, "No subscribers found")
        assert shop.engine.storage.sends == {}

    def test_it_can_be_paused_while_it_is_counted(self, shop: CampaignShop) -> None:
        campaign = self.in_segment(shop)
        shop.send(campaign)
        shop.engine.campaigning.pause(shop.app.id, campaign.id, MARKETER)
        assert sweep(shop) == 0
        with pytest.raises(Refused, match="Campaign is paused and cannot be changed"):
            shop.engine.campaigning.change(shop.app.id, campaign.id, CampaignEdit(name="x"), MARKETER)
        assert shop.engine.campaigning.resume(shop.app, campaign.id, MARKETER).status is ACTIVE
        assert sweep(shop) == 1
        shop.work()
        assert (shop.status(campaign), shop.posts()) == (COMPLETED, 5)

    def test_what_refuses_it_then_pauses_it_with_the_reason(self, shop: CampaignShop) -> None:
        campaign = self.in_segment(shop)
        shop.send(campaign)
        shop.engine.segments.delete(shop.app.id, campaign.segment or SegmentId(""), MARKETER)
        assert sweep(shop) == 1
        assert (shop.status(campaign), shop.stored(campaign).reason) == (PAUSED, "Unknown segment")
        assert shop.engine.storage.sends == {}
        # It was sent to nobody, so it can be mended.
        shop.engine.campaigning.change(shop.app.id, campaign.id, CampaignEdit(segment=None), MARKETER)
        assert shop.engine.campaigning.resume(shop.app, campaign.id, MARKETER).status is ACTIVE
        shop.work()
        assert (shop.status(campaign), shop.posts()) == (COMPLETED, 5)

    def test_a_table_that_does_not_answer_is_asked_again_by_the_next_sweep(
        self, shop: CampaignShop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        campaign, count = self.in_segment(shop), shop.engine.segments.count
        shop.send(campaign)
        monkeypatch.setattr(shop.engine.segments, "count", breaks(Unavailable()))
        assert sweep(shop) == 0
        monkeypatch.setattr(shop.engine.segments, "count", count)
        assert sweep(shop) == 1
        shop.work()
        assert shop.posts() == 5

    def test_whoever_counts_and_is_lost_is_followed_by_another(
        self, shop: CampaignShop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        campaign, count = self.in_segment(shop), shop.engine.segments.count
        shop.send(campaign)
        monkeypatch.setattr(shop.engine.segments, "count", breaks(SystemExit()))
        with pytest.raises(SystemExit):
            sweep(shop)
        monkeypatch.setattr(shop.engine.segments, "count", count)
        assert sweep(shop) == 0  # it may still be counting
        shop.engine.clock.advance(900)
        assert sweep(shop) == 1
        shop.work()
        assert shop.posts() == 5
