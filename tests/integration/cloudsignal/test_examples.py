"""The examples of CloudSignal's document run as they stand; only the host and the key are put in (CS-39)."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.browser.browser import find_program
from tests.integration.cloudsignal.shop import Shop
from tests.integration.deployed_api import DeployedApi

EXAMPLES = Path(__file__).parent / "examples"
HOST, KEY = "https://api.cloudsignal.io", "sk_your_secret_key"
GO_MAIN = """package main

import "fmt"

func main() {
	err := sendPushNotification(PushRequest{
		Title: "Go", Body: "to a person", TargetUserEmails: []string{"customer@example.com"}})
	if err == nil {
		err = sendPushNotification(PushRequest{Title: "Go", Body: "to all", TargetAll: true})
	}
	fmt.Println(err)
}
"""


def put_in(name: str, shop: Shop, folder: Path) -> Path:
    """A copy of an example with this deployment's host and this shop's key."""
    assert isinstance(shop.customer.api, DeployedApi)
    copy = folder / name
    text = (EXAMPLES / name).read_text("utf-8")
    assert HOST in text
    copy.write_text(text.replace(HOST, shop.customer.api.url).replace(KEY, shop.server.key), "utf-8")
    return copy


def run(command: list[str], shop: Shop, folder: Path) -> str:
    """Run an example as the document has its reader run it; what it printed."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "CLOUDSIGNAL_SECRET_KEY": shop.server.key}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.row("CS-39", "CS-6")
@pytest.mark.parametrize(
    ("name", "title", "targets"),
    [("first.sh", "Hello!", 2), ("people.sh", "Password Reset", 1), ("broadcast.sh", "Maintenance Notice", 2)],
)
def test_cs_39_the_curl_examples_send(name: str, title: str, targets: int, shop: Shop, tmp_path: Path) -> None:
    named, other = shop.visitor(user_email="user@example.com"), shop.visitor()
    find_program("curl", packages="curl")
    told = json.loads(run(["sh", str(put_in(name, shop, tmp_path))], shop, tmp_path))
    assert (told["status"], told["total_targets"], told["successful_sends"]) == ("completed", targets, targets)
    assert named.agent.titles() == [title]
    assert other.agent.titles() == ([title] if targets == 2 else [])


@pytest.mark.row("CS-39", "CS-24")
def test_cs_39_the_curl_example_reads_the_quota(shop: Shop, tmp_path: Path) -> None:
    find_program("curl", packages="curl")
    told = json.loads(run(["sh", str(put_in("quota.sh", shop, tmp_path))], shop, tmp_path))
    assert (told["hourly_limit"], told["daily_remaining"]) == (10_000, 100_000)


@pytest.mark.row("CS-39")
def test_cs_39_the_node_example_sends(shop: Shop, tmp_path: Path) -> None:
    customer, other = shop.visitor(user_email="customer@example.com"), shop.visitor()
    node = find_program("node", "nodejs", packages="nodejs")
    run([node, str(put_in("node.mjs", shop, tmp_path))], shop, tmp_path)
    [message] = customer.agent.messages(1)
    notification = message["json"]["notification"]
    assert (notification["title"], notification["body"]) == ("Order Shipped!", "Your order #12345 is on its way")
    assert notification["data"]["d"] == {"orderId": "12345", "trackingUrl": "https://..."}
    assert other.agent.messages() == []


@pytest.mark.row("CS-39")
def test_cs_39_the_python_example_sends(shop: Shop, tmp_path: Path) -> None:
    visitors = [shop.visitor(), shop.visitor(user_email="customer@example.com")]
    run([sys.executable, str(put_in("python.txt", shop, tmp_path))], shop, tmp_path)
    assert [visitor.agent.titles() for visitor in visitors] == [["New Feature!"], ["New Feature!"]]


@pytest.mark.row("CS-39")
def test_cs_39_the_go_example_sends(shop: Shop, tmp_path: Path) -> None:
    customer, other = shop.visitor(user_email="customer@example.com"), shop.visitor()
    go = find_program("go", packages="golang-go")
    (tmp_path / "main.go").write_text(GO_MAIN, "utf-8")  # the document shows a function and no program
    printed = run([go, "run", str(put_in("go.go", shop, tmp_path)), str(tmp_path / "main.go")], shop, tmp_path)
    assert printed == "<nil>\n"
    texts = [
        [message["json"]["notification"]["body"] for message in visitor.agent.messages()]
        for visitor in (customer, other)
    ]
    assert texts == [["to a person", "to all"], ["to all"]]


@pytest.mark.row("CS-39", "CS-1")
@pytest.mark.parametrize("name", ["node.mjs", "python.txt"])
def test_cs_39_an_example_with_a_wrong_key_fails_as_it_says(name: str, shop: Shop, tmp_path: Path) -> None:
    copy = put_in(name, shop, tmp_path)
    program = sys.executable if name == "python.txt" else find_program("node", "nodejs", packages="nodejs")
    environment = {"PATH": os.environ["PATH"], "CLOUDSIGNAL_SECRET_KEY": "sk_wrong"}
    done = subprocess.run(
        [program, str(copy)], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode != 0
    assert "401" in done.stderr
