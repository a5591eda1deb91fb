"""What lists tell of campaigns and API sends too large to be added up each time, in virtual time."""

from dataclasses import replace
from typing import Any

import pytest

from tests.unit.application.campaigns import PUSHARY, CampaignShop
from tests.unit.application.readers import count, report
from tests.unit.application.scenes import breaks
from tocsin.application.ports import Unavailable
from tocsin.domain.campaign import Campaign, CampaignStatus, Totals
from tocsin.domain.engagement import Act, Engagement
from tocsin.domain.glance import FRESH_SECONDS
from tocsin.domain.ids import SendId
from tocsin.domain.send import Origin, SendState

DAY = 86_400


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> CampaignShop:
    """Three browsers, which are many."""
    monkeypatch.setattr("tocsin.application.measuring.SUMMED_AT_ONCE", 2)
    return CampaignShop.open(3)


@pytest.fixture
def campaign(shop: CampaignShop) -> Campaign:
    """One that was sent to all of them."""
    made = shop.send(shop.create())
    shop.work()
    return made


def clicked(shop: CampaignShop, campaign: Campaign, *readers: int) -> None:
    """These click, and are counted."""
    report(shop.engine, shop.app.id, SendId(campaign.id), Act.CLICKED, *readers)
    count(shop.engine)


def listed(shop: CampaignShop) -> Totals:
    """What the list has of the only campaign."""
    (view,) = shop.engine.measuring.campaigns(shop.app.id, None, 10, None).items
    assert view.engagement == Engagement()
    return view.totals


def as_if(shop: CampaignShop, campaign: Campaign, **changes: Any) -> None:
    """Its send is another one."""
    sends, name = shop.engine.storage.sends, (shop.app.id, SendId(campaign.id))
    sends[name] = replace(sends[name], send=replace(sends[name].send, **changes))


def exact(shop: CampaignShop, campaign: Campaign) -> Totals:
    return shop.engine.measuring.view(shop.stored(campaign)).totals


@pytest.mark.row("PU-22", "PU-32")
def test_pu_22_a_list_may_be_some_seconds_behind_the_figures_of_one_campaign(
    shop: CampaignShop, campaign: Campaign
) -> None:
    clicked(shop, campaign, 0)
    assert listed(shop).clicked == 1
    clicked(shop, campaign, 1, 2)
    shop.engine.clock.advance(FRESH_SECONDS - 1)
    assert (listed(shop).clicked, exact(shop, campaign).clicked) == (1, 3)
    shop.engine.clock.advance(1)
    assert listed(shop) == exact(shop, campaign)


@pytest.mark.row("PU-22")
def test_pu_22_the_older_a_campaign_the_longer_its_figures_serve(shop: CampaignShop, campaign: Campaign) -> None:
    shop.engine.clock.advance(10 * DAY)
    assert listed(shop).clicked == 0
    clicked(shop, campaign, 0)
    shop.engine.clock.advance(DAY / 10)
    assert listed(shop).clicked == 0
    shop.engine.clock.advance(DAY / 100)
    assert listed(shop).clicked == 1


@pytest.mark.row("PU-22")
def test_pu_22_one_that_goes_on_after_a_long_rest_is_no_older_than_any_that_is_sent(
    shop: CampaignShop, campaign: Campaign
) -> None:
    as_if(shop, campaign, state=SendState.PLANNED)
    shop.engine.clock.advance(10 * DAY)
    before = listed(shop)
    clicked(shop, campaign, 0)
    shop.engine.clock.advance(FRESH_SECONDS)
    assert listed(shop) == exact(shop, campaign) != before


@pytest.mark.row("PU-22")
def test_pu_22_figures_that_cannot_be_kept_are_told_all_the_same(
    shop: CampaignShop, campaign: Campaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shop.engine.engagement, "keep", breaks(Unavailable()))
    assert listed(shop) == exact(shop, campaign)


@pytest.mark.row("PU-22")
def test_pu_22_what_is_completed_has_the_counts_of_its_end_at_once(shop: CampaignShop) -> None:
    shop.send(shop.create())
    assert listed(shop) == Totals(targeted=3)
    shop.work()
    (view,) = shop.engine.measuring.campaigns(shop.app.id, None, 10, None).items
    assert (view.status, view.totals.accepted) == (CampaignStatus.COMPLETED, 3)


@pytest.mark.row("PU-22")
def test_pu_22_a_list_that_is_asked_for_again_adds_nothing_up(
    shop: CampaignShop, campaign: Campaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = listed(shop)
    monkeypatch.setattr(shop.engine.engagement, "of", None)
    monkeypatch.setattr(shop.engine.chunks, "of", None)
    assert listed(shop) == before


@pytest.mark.row("PU-22")
def test_pu_22_the_figures_of_small_ones_are_those_of_this_moment(
    shop: CampaignShop, campaign: Campaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tocsin.application.measuring.SUMMED_AT_ONCE", 3)
    for number in range(3):
        clicked(shop, campaign, number)
        assert listed(shop).clicked == number + 1
    assert shop.engine.storage.glances == {}


@pytest.mark.row("PU-22")
def test_pu_22_where_no_reader_reports_nothing_is_kept(shop: CampaignShop, campaign: Campaign) -> None:
    as_if(shop, campaign, statistics=False)
    assert listed(shop).accepted == 3
    assert shop.engine.storage.glances == {}


@pytest.mark.row("PU-13")
def test_pu_13_a_list_of_api_sends_does_not_add_them_up_each_time_either(
    shop: CampaignShop, campaign: Campaign
) -> None:
    as_if(shop, campaign, origin=Origin.REQUEST)
    measuring = shop.engine.measuring

    def clicks() -> list[int]:
        return [view.totals.clicked for view in measuring.api_sends(shop.app.id, PUSHARY, 10, None).items]

    assert clicks() == [0]
    clicked(shop, campaign, 0)
    assert clicks() == [0]
    shop.engine.clock.advance(FRESH_SECONDS)
    assert clicks() == [1]
