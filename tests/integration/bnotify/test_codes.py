"""Codes and subscriptions at the deployed template: from the picture of a code to a list of who is there."""

import base64
import io
import urllib.request

import pytest
import zxingcpp
from PIL import Image

from dev.stack import Stack
from tests.customer import SITE, expect
from tests.integration.bnotify.channel import OWN_PAGE, Channel
from tests.integration.deployed_api import DeployedApi
from tests.integration.tables import everything_stored

NO_SUBSCRIPTION = {"statusCode": 404, "message": "Subscription not found", "error": "Not Found"}


@pytest.mark.row("BN-4", "BN-6", "BN-8", "BN-9", "BN-18")
def test_bn_4_a_code_and_a_notification_are_all_that_it_takes(channel: Channel, api: DeployedApi) -> None:
    answer = expect(200, channel.server.code("u-17"))
    assert list(answer) == ["code", "qrcode", "deepLink", "appUrl"]
    head, data = answer["qrcode"].split(",")
    picture = base64.b64decode(data)
    assert (head, picture[:6]) == ("data:image/gif;base64", b"GIF89a")
    [seen] = zxingcpp.read_barcodes(Image.open(io.BytesIO(picture)).convert("L"))
    assert seen.text == answer["deepLink"] == f"{api.url}/qrcode/{answer['code']}"
    for link in (seen.text, answer["appUrl"]):
        with urllib.request.urlopen(link, timeout=30) as page:
            assert (page.status, page.headers.get_content_type()) == (200, "text/html")
            assert "Notifications" in page.read().decode()
    phone = channel.phone()
    told = expect(200, channel.server.notify("u-17"))
    [message] = phone.agent.messages(1)
    shown = message["json"]["notification"]
    assert (shown["title"], shown["body"]) == (told["title"], told["text"])


@pytest.mark.row("BN-7")
def test_bn_7_a_code_stays_the_same_and_enrols_any_number_of_devices_until_it_is_revoked(
    channel: Channel, deployed: Stack
) -> None:
    code = channel.code()
    assert channel.code() == code != channel.code("u-18")
    assert len(code) * 5 >= 128  # base32
    assert [channel.redeem(code).json["externalId"] for _ in range(2)] == ["u-17", "u-17"]
    once = channel.code(single_use="true")
    assert [channel.redeem(once).status for _ in range(2)] == [200, 404]
    assert [item for _, item in everything_stored(deployed) if code in str(item) or once in str(item)] == []
    assert channel.server.call("DELETE", "/subscriptions/u-17/code").status == 204
    assert channel.redeem(code).status == 404
    assert channel.code() != code
    foreign = {**OWN_PAGE, "Sec-Fetch-Site": "cross-site"}
    assert channel.customer.api.call("POST", f"/qrcode/{channel.code()}", {}, foreign).status == 403


@pytest.mark.row("BN-12", "BN-13", "BN-14", "BN-16")
def test_bn_13_a_user_is_one_subscription_while_there_is_a_device(channel: Channel) -> None:
    assert expect(200, channel.server.subscriptions()) == []
    phones = [channel.phone(), channel.phone(service="fcm")]
    shown = expect(200, channel.server.subscription("u-17"))
    assert shown == {
        "channel": channel.customer.channel,
        "subscriber": shown["subscriber"],
        "iuid": "u-17",
        "mute": False,
        "createdAt": shown["createdAt"],
        "updatedAt": shown["createdAt"],
        "id": shown["id"],
    }
    assert all(len(bytes.fromhex(shown[name])) == 12 for name in ("channel", "subscriber", "id"))
    assert expect(200, channel.server.subscriptions()) == [shown]
    phones[0].turn_off()
    assert expect(200, channel.server.subscription("u-17")) == shown
    phones[1].turn_off()
    assert (channel.server.subscription("u-17").status, expect(200, channel.server.subscriptions())) == (404, [])
    channel.phone()
    again = expect(200, channel.server.subscription("u-17"))
    assert (again["id"], again["createdAt"]) == (shown["id"], shown["createdAt"])
    assert channel.server.subscription("u-18").json == NO_SUBSCRIPTION


@pytest.mark.row("BN-12")
def test_bn_12_the_link_header_leads_through_all_pages(channel: Channel, api: DeployedApi) -> None:
    names = [f"u-{number}" for number in range(5)]
    for name in names:
        channel.phone(name)
    listed = []
    answer = channel.server.subscriptions(limit="2")
    while True:
        listed += [one["iuid"] for one in expect(200, answer)]
        if "link" not in answer.headers:
            break
        link, _, relation = answer.headers["link"].partition("; ")
        assert relation == 'rel="next"'
        path = link.strip("<>").removeprefix(api.url)
        answer = api.call("GET", path, None, {"X-CHANNEL-API-KEY": channel.server.key})
    assert sorted(listed) == names
    assert len(listed) == 5


@pytest.mark.row("BN-14", "X-2")
def test_x_2_a_browser_of_the_customers_own_site_makes_a_subscription_too(channel: Channel) -> None:
    agent = channel.simulator.user_agent("mozilla", channel.customer.vapid_public_key)
    page = channel.customer.cloudsignal("publishable")
    expect(
        201,
        page.call(
            "POST", "/clients/register", {"subscription": agent.subscription, "user_id": "u-17"}, {"Origin": SITE}
        ),
    )
    assert expect(200, channel.server.subscription("u-17"))["iuid"] == "u-17"
    assert [one["iuid"] for one in expect(200, channel.server.subscriptions())] == ["u-17"]
    expect(200, channel.server.notify("u-17"))
    assert len(agent.messages(1)) == 1


@pytest.mark.row("BN-14")
def test_who_left_without_a_word_is_no_subscription_after_the_next_send(channel: Channel) -> None:
    phone = channel.phone()
    phone.agent.delete()
    expect(200, channel.server.notify("u-17"))
    for _ in range(100):
        if channel.server.subscription("u-17").status == 404:
            break
    assert channel.server.notify("u-17").json == NO_SUBSCRIPTION
