"""Moving in and out at the deployed template: browsers of another system are reached, and can be taken elsewhere."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from dev.stack import Stack
from dev.stack.build import ROOT
from tests.customer import Customer, expect, new_subscription
from tests.http_api import Answer
from tests.integration.deployed_api import DeployedApi, Simulator
from tests.integration.logs import everything_logged, wait_for_line
from tests.integration.tables import everything_stored
from tocsin.webpush.encoding import to_base64url
from tocsin.webpush.vapid import VapidKey

EVERYONE = {"to": {"everyone": True}, "title": "Hello", "body": "from the new house"}
ADDRESS = "reader-of-another-system@example.com"
MANY = 1000


def pair(key: VapidKey) -> dict[str, str]:
    """A key pair as web-push keeps it."""
    return {"private_key": to_base64url(key.private_raw), "public_key": key.public}


def send_lines(customer: Customer, path: str, body: bytes, first: int = 1) -> Answer:
    """Lines of a file, by the operator."""
    api = customer.api
    assert isinstance(api, DeployedApi)
    headers = {"Authorization": f"Bearer {api.operator_key}", "Content-Type": "application/x-ndjson"}
    return api.call("POST", f"{path}/lines", body, headers, query={"from": str(first)})


def lines(*objects: object) -> bytes:
    return b"".join(json.dumps(one).encode() + b"\n" for one in objects)


def export(customer: Customer, **query: str) -> Answer:
    api = customer.api
    assert isinstance(api, DeployedApi)
    answer = api.call(
        "GET", customer.at("/export"), headers={"Authorization": f"Bearer {api.operator_key}"}, query=query
    )
    assert answer.status == 200, answer.body
    return answer


def test_browsers_of_another_system_are_reached_and_can_be_taken_to_the_next_house(
    deployed: Stack, customer: Customer, simulator: Simulator
) -> None:
    foreign, api = VapidKey.generate(), customer.api
    # Apple's push service takes no message that is signed with another key than the browser subscribed under.
    agents = [simulator.user_agent("apple", foreign.public) for _ in range(2)]
    told = [agent.subscription | {"user_id": f"u-{n}", "tags": ["vip"]} for n, agent in enumerate(agents)]
    told[0]["email"] = ADDRESS
    new = expect(201, api.operator("POST", customer.at("/imports"), {"vapid": pair(foreign), "total": 3}))
    path = customer.at(f"/imports/{new['id']}")
    taken = expect(200, send_lines(customer, path, lines(told[0], {"endpoint": "https://evil.example/"}, told[1])))
    refused = [{"line": 2, "rule": "the line must have keys"}]
    assert taken == {"next": 4, "imported": 2, "updated": 0, "unchanged": 0, "refused": refused}
    ended = expect(200, api.operator("POST", f"{path}/finish"))
    assert (ended["imported"], ended["refused"], ended["refused_lines"]) == (2, 1, refused)
    assert expect(200, api.operator("POST", customer.at("/sends"), EVERYONE))["accepted"] == 2
    assert [agent.messages(1)[0]["vapid"]["k"] for agent in agents] == [foreign.public] * 2
    by_name = {**EVERYONE, "to": {"external_ids": ["u-1"]}}
    assert expect(200, api.operator("POST", customer.at("/sends"), by_name))["accepted"] == 1

    first = export(customer, limit="1")
    second = export(customer, cursor=first.headers["x-next-cursor"])
    assert "x-next-cursor" not in second.headers
    moved = first.body + second.body
    exported = {one["endpoint"]: one for one in map(json.loads, moved.splitlines())}
    assert {one["externalId"]: one["labels"] for one in exported.values()} == {"u-0": ["vip"], "u-1": ["vip"]}
    opened = expect(200, api.operator("POST", customer.at("/export/vapid-keys")))["vapid_keys"]
    [key] = [one for one in opened if one["public_key"] == foreign.public]
    assert (key["private_key"], key["present"]) == (pair(foreign)["private_key"], False)
    assert VapidKey.from_text(key["pem"]).public == foreign.public

    other = Customer.sign_up(api)
    brought = {"private_key": key["private_key"]}
    new = expect(201, api.operator("POST", other.at("/imports"), {"vapid": brought, "present": True}))
    assert expect(200, send_lines(other, other.at(f"/imports/{new['id']}"), moved))["imported"] == 2
    assert expect(200, api.operator("POST", other.at("/sends"), EVERYONE))["accepted"] == 2
    assert [len(agent.messages(count)) for count, agent in enumerate(agents, 2)] == [2, 3]

    last = api.operator("GET", customer.at("/audit"))
    actions = [entry["action"] for entry in expect(200, last)["entries"]]
    assert {"import.started", "import.finished", "app.exported", "vapid_keys.exported"} <= set(actions)
    wait_for_line(deployed, last.headers["x-request-id"])
    secrets = [pair(foreign)["private_key"], ADDRESS, *(agent.endpoint for agent in agents)]
    logged = "".join(everything_logged(deployed))
    assert [secret for secret in secrets if secret in logged] == []
    kept = "".join(str(item) for _, item in everything_stored(deployed))
    assert [secret for secret in secrets[:2] if secret in kept] == []


def test_the_command_brings_a_thousand_in_and_takes_them_out(
    deployed: Stack, customer: Customer, simulator: Simulator, tmp_path: Path
) -> None:
    foreign = VapidKey.generate()
    agent = simulator.user_agent("apple", foreign.public)
    file, key = tmp_path / "subscriptions.jsonl", tmp_path / "private"
    file.write_bytes(lines(*(new_subscription() for _ in range(MANY)), agent.subscription))
    key.write_text(pair(foreign)["private_key"])
    told = move(deployed, customer, "import", "--file", str(file), "--private-key", str(key))
    assert told == f"Done: {MANY + 1:,} imported, 0 updated, 0 unchanged, 0 refused.\n"
    keys = expect(200, customer.api.operator("GET", customer.at("/vapid-keys")))["vapid_keys"]
    assert {one["public_key"]: one["subscriptions"] for one in keys}[foreign.public] == MANY + 1

    folder = tmp_path / "moved"
    move(deployed, customer, "export", "--to", str(folder), "--private-keys")
    exported = [json.loads(line) for line in (folder / "subscriptions.jsonl").read_text().splitlines()]
    assert {one["endpoint"] for one in exported} >= {agent.endpoint}
    assert len({one["endpoint"] for one in exported}) == len(exported) == MANY + 1
    [present] = [one for one in json.loads((folder / "vapid-keys.json").read_text())["vapid_keys"] if one["present"]]
    assert present["public_key"] == customer.vapid_public_key


def move(deployed: Stack, customer: Customer, command: str, *arguments: str) -> str:
    """What the command tells at its end."""
    given = [sys.executable, "-m", "dev.move", command, "--url", deployed.api, "--app", customer.app, *arguments]
    environment: dict[str, Any] = {**os.environ, "TOCSIN_OPERATOR_KEY": deployed.dev["admin_key"]}
    ended = subprocess.run(given, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=240, check=False)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout
