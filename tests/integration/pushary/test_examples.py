"""The curl examples of Pushary's document run as they stand; host, key and the ids that it makes up are put in.

What they answer is read as the vendor's own client reads it: as JSON, whatever the status.
"""

import json
import os
import subprocess
import time
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


@pytest.mark.row("PU-22", "PU-23", "PU-25", "PU-27", "PU-28", "PU-29", "PU-32")
def test_the_campaign_examples_keep_change_send_steer_and_delete(
    site: Site, visitors: list[Visitor], tmp_path: Path
) -> None:
    made = run("campaign_create", site, tmp_path)
    assert (made["name"], made["status"], made["actionUrl"]) == (
        "Product Launch",
        "draft",
        "https://example.com/new-feature",
    )
    ids = {"camp_abc123": made["id"]}
    changed = run("campaign_update", site, tmp_path, **ids)
    assert (changed["title"], changed["body"]) == ("Updated Title", "Updated body text")
    assert run("campaigns", site, tmp_path)["data"] == [changed]
    assert run("campaign_send", site, tmp_path, **ids)["status"] == "sending"
    for visitor in visitors:
        visitor.agent.messages(1)
        assert visitor.agent.titles() == ["Updated Title"]
    deadline = time.monotonic() + 30
    while run("campaign", site, tmp_path, **ids)["status"] != "completed":
        assert time.monotonic() < deadline
        time.sleep(0.5)
    assert run("stats", site, tmp_path, **ids)["totalDelivered"] == len(visitors)
    # What is over is neither paused nor resumed; that these work is shown where a campaign lasts long enough.
    told = [run(f"campaign_{step}", site, tmp_path, **ids)["message"] for step in ("pause", "resume")]
    assert all(one.startswith("Campaign is completed and cannot be") for one in told)
    assert run("campaign_delete", site, tmp_path, **ids) == {"success": True}


@pytest.mark.row("PU-50", "PU-51", "PU-52", "PU-58", "PU-59", "PU-60", "PU-61", "PU-62")
def test_the_flow_examples_keep_list_activate_change_pause_and_delete(site: Site, tmp_path: Path) -> None:
    made = run("flow_create", site, tmp_path)
    assert (made["name"], made["status"], len(made["steps"])) == ("Welcome Series", "draft", 2)
    ids = {"flow_abc123": made["id"]}
    assert run("flow_activate", site, tmp_path, **ids)["status"] == "active"
    active = run("flow", site, tmp_path, **ids)
    assert run("flows", site, tmp_path)["data"] == [active]
    assert run("flow_pause", site, tmp_path, **ids)["status"] == "paused"
    assert run("flow_activate", site, tmp_path, **ids)["status"] == "active"
    changed = run("flow_update", site, tmp_path, **ids)
    assert (changed["name"], changed["status"]) == ("Updated Welcome Series", "paused")
    assert changed["steps"][0]["config"]["notification"]["title"] == "New Welcome Message"
    assert run("flow_delete", site, tmp_path, **ids) == {"success": True}


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
