"""Quotas at the deployed template; the ends of hour and day are tested in virtual time."""

import re
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from dev.stack import Stack
from tests.customer import Customer, counts, expect
from tests.integration.cloudsignal.shop import Shop
from tests.integration.deployed_api import DeployedApi, Simulator
from tests.integration.tables import everything_stored
from tocsin.domain.quota import QuotaWindow

NOTE = {"title": "t", "body": "b"}
HOUR, DAY = 3600, 86_400


def wait_for_room(seconds: float) -> None:
    """Until the running hour lasts at least that long."""
    left = HOUR - time.time() % HOUR
    if left < seconds:
        time.sleep(left + 0.5)


def limited(api: DeployedApi, simulator: Simulator, **settings: object) -> Shop:
    """A shop with limits of its own, and time to use them."""
    wait_for_room(20)
    return Shop.of(Customer.sign_up(api, credits=0, **settings), simulator)


def used(shop: Shop) -> dict[str, int]:
    """What the operator sees used of each window."""
    told = expect(200, shop.customer.api.operator("GET", shop.customer.at("/quota")))
    return {name: window["used"] for name, window in told.items()}


@pytest.mark.row("CS-24", "CS-25", "CS-30")
@pytest.mark.parametrize(
    ("settings", "hourly", "daily"),
    [
        ({"plan": "starter"}, 100, 1_000),
        ({"plan": "professional"}, 1_000, 10_000),
        ({}, 10_000, 100_000),
        ({"plan": "unlimited"}, None, None),
    ],
    ids=["starter", "professional", "default", "unlimited"],
)
def test_cs_24_the_quota_shows_limits_remainders_and_resets(
    settings: dict[str, str], hourly: int | None, daily: int | None, api: DeployedApi, simulator: Simulator
) -> None:
    shop = limited(api, simulator, **settings)
    shop.visitor()
    assert counts(shop.server.send(target_all=True))[2] == 1

    told = expect(200, shop.server.call("GET", "/quota"))

    resets = {name: told.pop(name) for name in ("reset_hourly_at", "reset_daily_at")}
    assert told == {
        "organization_id": "org_" + shop.customer.tenant[4:],
        "service_id": "svc_" + shop.customer.app[4:],
        "hourly_limit": hourly,
        "daily_limit": daily,
        "hourly_remaining": None if hourly is None else hourly - 1,
        "daily_remaining": None if daily is None else daily - 1,
    }
    for at, length in zip(resets.values(), (HOUR, DAY), strict=True):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:00:00Z", at)
        seconds = datetime.strptime(at, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp()
        assert seconds % length == 0
        assert 0 < seconds - time.time() <= length


@pytest.mark.row("CS-26", "CS-36", "CS-37")
@pytest.mark.parametrize(
    ("limits", "detail", "window"),
    [
        ({"hourly": 3, "daily": 100}, "Notification quota exceeded for this hour", QuotaWindow.HOUR),
        ({"hourly": 100, "daily": 3}, "Notification quota exceeded for today", QuotaWindow.DAY),
        (
            {"hourly": 100, "daily": 100, "monthly": 3},
            "Notification quota exceeded for this month",
            QuotaWindow.MONTH,
        ),
    ],
    ids=["hour", "day", "month"],
)
def test_cs_26_a_request_beyond_the_quota_is_refused_whole(
    limits: dict[str, int], detail: str, window: QuotaWindow, api: DeployedApi, simulator: Simulator
) -> None:
    shop = limited(api, simulator, limits=limits)
    visitors = [shop.visitor() for _ in range(2)]
    assert counts(shop.server.send(target_all=True))[2] == 2
    before = used(shop)
    assert set(before.values()) == {2}

    for path, fields in (("/send", {"target_all": True}), ("/broadcast", {}), ("/broadcast", {"async_mode": True})):
        refused = shop.server.call("POST", path, NOTE | fields)
        assert (refused.status, refused.json) == (429, {"detail": detail})
        assert refused.headers["x-error-code"] == "QUOTA_EXCEEDED"
        left = window.end(int(time.time())) - time.time()
        assert left - 1 <= int(refused.headers["retry-after"]) <= left + 3

    assert used(shop) == before
    assert [len(visitor.agent.messages()) for visitor in visitors] == [1, 1]
    assert counts(shop.server.send(target_registration_ids=[visitors[0].id])) == ("completed", 1, 1, 0)
    assert set(used(shop).values()) == {3}


@pytest.mark.row("CS-26")
def test_cs_26_two_requests_that_race_for_what_remains_do_not_both_pass(
    deployed: Stack, api: DeployedApi, simulator: Simulator
) -> None:
    shop = limited(api, simulator, limits={"hourly": 5, "daily": 1_000})
    visitors = [shop.visitor() for _ in range(3)]
    for visitor in visitors:
        visitor.agent.behave(delay_ms=300)

    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda _: shop.server.send(target_all=True), range(2)))

    assert sorted(answer.status for answer in answers) == [200, 429]
    [refused] = [answer for answer in answers if answer.status == 429]
    assert refused.json == {"detail": "Notification quota exceeded for this hour"}
    assert [len(visitor.agent.messages()) for visitor in visitors] == [1, 1, 1]
    assert shop.server.quota() == (2, 997)
    stored = [item for _, item in everything_stored(deployed) if refused.headers["x-request-id"] in str(item)]
    assert stored == []


@pytest.mark.row("CS-26")
def test_cs_26_who_is_gone_takes_nothing_and_credits_have_no_say(api: DeployedApi, simulator: Simulator) -> None:
    shop = limited(api, simulator, limits={"hourly": 10, "daily": 20})
    gone, refusing, _ = (shop.visitor() for _ in range(3))
    gone.agent.delete()
    refusing.agent.behave(status=400)
    assert counts(shop.server.send(target_all=True)) == ("completed", 3, 1, 2)
    assert shop.server.quota() == (8, 18)
    assert shop.customer.credits() == {"available": 0, "reserved": 0, "spent": 0}


@pytest.mark.row("CS-25")
def test_cs_25_a_plan_can_be_changed_at_any_time(api: DeployedApi, simulator: Simulator) -> None:
    shop = limited(api, simulator, plan="starter")
    expect(200, api.operator("PATCH", shop.customer.at(""), {"plan": "professional"}))
    assert shop.server.quota() == (1_000, 10_000)
