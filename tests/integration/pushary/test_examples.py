"""The curl examples of Pushary's document run as they stand; host, key and the ids that it makes up are put in.

What they answer is read as the vendor's own client reads it: as JSON, whatever the status.
"""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.browser.browser import find_program
from tests.integration.deployed_api import DeployedApi
from tests.integration.pushary.site import Site, Visitor

EXAMPLES = Path(__file__).parent / "examples"
HOST = "https://pushary.com"
KEYS = ("pk_xxx.sk_xxx", "pk_abc123.sk_secret456")


def run(name: str, site: Site, folder: Path, **ids: str) -> Any:
    """What an example's answer says."""
    assert isinstance(site.customer.api, DeployedApi)
    text = (EXAMPLES / f"{name}.sh").read_text("utf-8")
    assert HOST in text
    for key in KEYS:
        text = text.replace(key, site.server.key)
    for made_up, real in ids.items():
        assert made_up in text
        text = text.replace(made_up, real)
    copy = folder / f"{name}.sh"
    copy.write_text(text.replace(HOST, site.customer.api.url), "utf-8")
    find_program("curl", packages="curl")
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    done = subprocess.run(["sh", str(copy)], env=environment, capture_output=True, text=True, timeout=60, check=True)
    return json.loads(done.stdout)


@pytest.fixture
def visitors(site: Site) -> list[Visitor]:
    """Two people of the example, and one whom it does not name."""
    return [site.visitor("user_123", tags=["premium"]), site.visitor("user_456"), site.visitor()]


@pytest.mark.row("PU-9", "PU-10", "PU-11", "PU-13")
def test_the_sending_examples_send_and_their_campaigns_can_be_looked_up(
    site: Site, visitors: list[Visitor], tmp_path: Path
) -> None:
    everyone = run("send", site, tmp_path)
    assert (everyone["success"], everyone["sent"]) == (True, 3)
    assert set(everyone["limits"]) == {"remaining", "limit"}
    two = run("targeting", site, tmp_path)
    assert (two["success"], two["sent"]) == (True, 2)
    assert [one.agent.titles() for one in visitors] == [
        ["New Message", "Welcome Back!"],
        ["New Message", "Welcome Back!"],
        ["New Message"],
    ]
    [message] = visitors[2].agent.messages(1)
    assert message["json"]["notification"]["navigate"] == "https://example.com/messages"
    campaign = run("campaign", site, tmp_path, camp_abc123=two["campaignId"])
    assert (campaign["title"], campaign["status"], campaign["totalDelivered"]) == ("Welcome Back!", "completed", 2)
    assert run("stats", site, tmp_path, camp_abc123=two["campaignId"])["deliveryRate"] == 100.0
    assert run("campaigns", site, tmp_path)["data"] == []


@pytest.mark.row("PU-7", "PU-15", "PU-16", "PU-18", "PU-19", "PU-20", "PU-21")
def test_the_subscriber_examples_list_show_change_and_erase(
    site: Site, visitors: list[Visitor], tmp_path: Path
) -> None:
    ids = {one.id for one in visitors}
    assert {one["id"] for one in run("first", site, tmp_path)["data"]} == ids
    assert {one["id"] for one in run("list", site, tmp_path)["data"]} == ids
    start = site.get("/subscribers", limit=1)
    rest = run("paging", site, tmp_path, abc123=start["nextCursor"])
    assert {one["id"] for one in rest["data"]} == ids - {start["data"][0]["id"]}
    first = visitors[0].id
    assert run("get", site, tmp_path, sub_abc123=first)["externalId"] == "user_123"
    changed = run("update", site, tmp_path, sub_abc123=first)
    assert (changed["tags"], changed["externalId"]) == (["premium", "early-access"], "user_456")
    assert changed["customData"] == {"plan": "pro"}
    assert run("count", site, tmp_path) | {"expired": 0, "bounced": 0} == {
        "total": 3,
        "active": 3,
        "unsubscribed": 0,
        "expired": 0,
        "bounced": 0,
    }
    assert run("delete", site, tmp_path, sub_abc123=first) == {"success": True}
    assert run("get", site, tmp_path, sub_abc123=first) == {"error": "Not Found", "message": "Subscriber not found"}
