"""Devices at the deployed API: registering, listing and removing them."""

import json

import pytest

from tests.customer import Customer, expect, new_subscription
from tests.integration.deployed_api import DeployedApi, Simulator
from tests.keymaster import Bearer, Gym

pytestmark = pytest.mark.usefixtures("deployed")


@pytest.mark.row("KM-12", "KM-26")
def test_a_browser_is_registered_by_its_subscription_as_text_or_as_an_object_and_reached(
    gym: Gym, simulator: Simulator
) -> None:
    agents = [simulator.user_agent("fcm", gym.customer.vapid_public_key) for _ in range(2)]
    user = gym.user("u-1")
    ids = [user.registered(json.dumps(agents[0].subscription)), user.registered(agents[1].subscription)]
    assert len(set(ids)) == 2
    expect(200, gym.server().send("u-1", title="Hello"))
    assert [agent.titles() for agent in agents] == [["Hello"]] * 2


@pytest.mark.row("KM-12", "KM-11")
def test_phones_are_registered_by_their_fcm_tokens(gym: Gym) -> None:
    user = gym.user("u-1")
    ids = {platform: user.registered(f"token-of-{platform}:APA91b", platform) for platform in ("ios", "android")}
    listed = {one["device_id"]: one["platform"] for one in gym.admin().devices()["devices"]}
    assert listed == {id_: platform for platform, id_ in ids.items()}


@pytest.mark.row("KM-13")
def test_the_same_token_is_the_same_device_and_moves_to_who_registers_it(gym: Gym) -> None:
    token = new_subscription()
    rekeyed = {**new_subscription(), "endpoint": token["endpoint"]}
    first = gym.user("u-1").registered(json.dumps(token))
    assert gym.user("u-1").registered(json.dumps(rekeyed, indent=2)) == first
    assert gym.user("u-2").registered(token) == first
    [device] = gym.admin().devices()["devices"]
    assert (device["device_id"], device["user_id"]) == (first, "u-2")


@pytest.mark.row("KM-14")
def test_a_user_registers_ten_times_an_hour(gym: Gym) -> None:
    user, token = gym.user("u-1"), new_subscription()
    for _ in range(10):
        user.registered(token)
    answer = user.register(token)
    refused = expect(429, answer)
    assert (refused["detail"], refused["error"]) == ("Rate limit exceeded", "rate_limited")
    assert 0 < refused["retry_after"] == int(answer.headers["retry-after"]) <= 3600
    gym.user("u-2").registered()


@pytest.mark.row("KM-15")
def test_while_push_is_not_enabled_nobody_registers_or_sends(customer: Customer) -> None:
    gym = Gym.of(customer)
    assert expect(403, gym.user("u-1").register()) == {"detail": "Push not enabled"}
    assert expect(403, gym.server().send("u-1")) == {"detail": "Push not enabled"}


@pytest.mark.row("KM-17")
def test_an_app_that_does_not_exist_or_is_anothers_is_not_found(gym: Gym, api: DeployedApi) -> None:
    other = Gym.opened(Customer.sign_up(api))
    user = gym.user("u-1")
    for app in (other.id, "00000000-0000-4000-8000-000000000000", "gym"):
        assert expect(404, user.register(app_id=app)) == {"detail": "App not found"}


@pytest.mark.row("KM-11")
def test_all_devices_of_an_app_are_listed_newest_first_page_by_page(gym: Gym) -> None:
    ids = [gym.user(f"u-{number}").registered() for number in range(3)]
    admin = gym.admin()
    whole = admin.devices()
    assert (whole["total"], whole["next_cursor"]) == (3, None)
    assert {(one["device_id"], one["user_id"], one["platform"]) for one in whole["devices"]} == {
        (id_, f"u-{number}", "web") for number, id_ in enumerate(ids)
    }
    assert all(one["last_seen_at"].endswith("Z") for one in whole["devices"])
    first = admin.devices(limit="2")
    second = admin.devices(limit="2", cursor=first["next_cursor"])
    assert (first["total"], second["total"], second["next_cursor"]) == (3, 3, None)
    assert first["devices"] + second["devices"] == whole["devices"]


@pytest.mark.row("KM-16")
def test_a_device_is_removed_by_its_user_or_by_the_apps_server_and_by_nobody_else(gym: Gym, api: DeployedApi) -> None:
    other = Gym.opened(Customer.sign_up(api))
    mine, kept = (gym.user("u-1").registered() for _ in range(2))
    strangers = [gym.user("u-2"), other.server(), other.user("u-1")]
    for bearer in strangers:
        refused = Bearer(api, gym.id, bearer.token).call("DELETE", f"/devices/{mine}")
        assert expect(404, refused) == {"detail": "Device not found"}
    assert expect(200, gym.user("u-1").call("DELETE", f"/devices/{mine}")) == {"status": "ok"}
    assert expect(404, gym.user("u-1").call("DELETE", f"/devices/{mine}")) == {"detail": "Device not found"}
    assert gym.admin().devices()["total"] == 1
    assert expect(200, gym.server().call("DELETE", f"/devices/{kept}")) == {"status": "ok"}
    altered = kept[:-1] + ("0" if kept[-1] != "0" else "1")
    assert expect(404, gym.server().call("DELETE", f"/devices/{altered}")) == {"detail": "Device not found"}
