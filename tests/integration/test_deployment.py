"""The deployed template as its callers see it: routes, roles, queues, and the first line that `make dev` prints."""

import json
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dev.stack import Stack, StackFailure
from dev.stack.demo_tenant import key_kinds, post
from dev.stack.emulator import Emulator
from dev.stack.places import Places


def get(url: str, **headers: str) -> Any:
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=60) as answer:
        return json.load(answer)


def pasted(line: str) -> Any:
    done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, timeout=60, check=True)
    return json.loads(done.stdout)


def eventually(read: Callable[[], Any], done: Callable[[Any], bool], seconds: float = 60) -> Any:
    deadline = time.monotonic() + seconds
    while not done(seen := read()):
        assert time.monotonic() < deadline, f"still {seen}"
        time.sleep(0.5)
    return seen


def app_of_its_own(stack: Stack, granted: int) -> tuple[str, str, dict[str, str]]:
    """Address of a new app under /admin, its secret key, and the operator's header."""
    operator = {"Authorization": f"Bearer {stack.dev['admin_key']}"}
    tenant = post(f"{stack.api}/admin/tenants", {"name": "Test"}, operator)["id"]
    wanted = {
        "name": "Test",
        "site_url": "https://shop.example/",
        "contact": "mailto:push@tocsin.dev",
        "identity": "off",
    }
    made = post(f"{stack.api}/admin/tenants/{tenant}/apps", wanted, operator)["id"]
    app = f"{stack.api}/admin/apps/{made}"
    post(f"{app}/credits", {"amount": granted, "reference": "test"}, operator)
    return app, post(f"{app}/keys", {"dialect": "pushservice", "name": "test"}, operator)["key"], operator


def enrol(stack: Stack, key: str, email: str, service: str = "mozilla") -> str:
    agent = post(f"{stack.simulator}/user-agents", {"service": service}, {})
    body = {"email": email, "subscription": agent["subscription"]}
    post(f"{stack.api}/v1/subscribe", body, {"X-Api-Key": key})
    return str(agent["id"])


@pytest.mark.row("PS-9", "PS-10", "PS-24")
def test_the_printed_lines_work_and_cost_what_was_accepted(deployed: Stack) -> None:
    lines = [line for line in deployed.page.splitlines() if line.startswith("curl")]
    paths = ("/v1/send", "/v1/subscribe", "/v2/push/send", "/code", "/notifications/reader", "/v1/unsubscribe")
    send, enrol_second, by_cloudsignal, code, notify, unsubscribe = (
        next(line for line in lines if f"{path} " in line) for path in paths
    )
    before = pasted(send)
    assert (before["sent"], before["failed"]) == (1, 0)
    assert pasted(enrol_second) == {"ok": True}
    after = pasted(send)
    assert (after["sent"], after["failed"]) == (2, 0)
    assert after["credits"] == before["credits"] - 2
    where = next(line for line in deployed.page.splitlines() if "decrypted" in line).split()[-1]
    # Other tests send to the demo's reader too.
    assert [message["json"]["notification"]["title"] for message in get(where)][-2:] == ["Your table is ready"] * 2
    assert pasted(by_cloudsignal)["successful_sends"] == 2
    assert pasted(code)["deepLink"].startswith(f"{deployed.api}/qrcode/")
    assert pasted(notify)["readedAt"] == 0
    assert pasted(unsubscribe) == {"removed": 2}
    assert "error" in pasted(send)


def test_dev_json_says_what_callers_need(deployed: Stack) -> None:
    assert set(deployed.dev) == {"api", "admin_key", "app", "sdk", "simulator", *key_kinds()}
    assert get(f"{deployed.api}/sdk/v1/{deployed.dev['sdk']['app']}/config")["key"]
    assert len(deployed.dev["admin_key"]) == 64
    assert deployed.dev["admin_key"].isalnum()


def test_a_large_send_goes_through_both_queues_and_settles(deployed: Stack) -> None:
    app, key, operator = app_of_its_own(deployed, granted=200)
    for number in range(101):
        enrol(deployed, key, f"reader{number}@example.com", service=("mozilla", "fcm", "apple", "wns")[number % 4])
    started = post(f"{app}/sends", {"to": {"everyone": True}, "title": "Hello", "body": "All of you"}, operator)
    assert (started["status"], started["targets"]) == ("queued", 101)
    settled = eventually(
        lambda: get(f"{app}/sends/{started['id']}", **operator), lambda send: send["settled_at"] is not None
    )
    assert (settled["accepted"], settled["failed"]) == (101, 0)
    balance = get(f"{app}/credits", **operator)
    assert (balance["available"], balance["reserved"], balance["spent"]) == (99, 0, 101)


@pytest.mark.parametrize(
    ("path", "function"),
    [
        ("/v1/send", "send"),
        ("/v1/subscribe", "subscribe"),
        ("/v1/unsubscribe", "unsubscribe"),
        ("/admin/apps/app_x/sends", "send"),
        ("/admin/apps/app_x/sends/snd_x", "send"),
        ("/admin/apps/app_x/keys", "account"),
        ("/admin/tenants", "account"),
        ("/sdk/v1/app_x/config", "subscribe"),
        ("/sdk/v1/app_x/unsubscribe", "unsubscribe"),
        ("/", "web"),
        ("/healthz", "web"),
        ("/v2/push/send", "send"),
        ("/v2/push/broadcast", "send"),
        ("/v2/push/requests/req_x", "send"),
        ("/v2/push/clients/register", "subscribe"),
        ("/v2/push/clients/heartbeat", "subscribe"),
        ("/v2/push/clients", "subscribers"),
        ("/v2/push/clients/reg_x", "subscribers"),
        ("/v2/push/clients/reg_x/doctor", "subscribers"),
        ("/v2/push/quota", "quota"),
        ("/v2/push/service", "account"),
        ("/v2/nothing/here", "web"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "OPTIONS"])
def test_a_path_reaches_its_function_with_every_method(deployed: Stack, path: str, function: str, method: str) -> None:
    request = urllib.request.Request(deployed.api + path, method=method)
    try:
        answer = urllib.request.urlopen(request, timeout=60)
    except urllib.error.HTTPError as refused:
        answer = refused
    with answer:
        number = answer.headers["X-Request-Id"]
    line = f'"method":"{method}"' if number == "local" else f'"request_id":"{number}"'
    logged = eventually(lambda: deployed.log_lines(line), bool, seconds=10)
    assert function in {json.loads(line)["service"] for line in logged}


def test_each_minute_is_swept_each_hour_tidied_and_each_day_reconciled(deployed: Stack) -> None:
    scheduler = deployed.aws("scheduler")
    listed = [one for one in scheduler.list_schedules()["Schedules"] if one["Name"].startswith("tocsin-")]
    found = {one["Name"]: scheduler.get_schedule(Name=one["Name"]) for one in listed}
    assert {name: one["ScheduleExpression"] for name, one in found.items()} == {
        "tocsin-sweep": "rate(1 minute)",
        "tocsin-reconcile": "cron(17 3 * * ? *)",
        "tocsin-tidy": "rate(1 hour)",
    }
    assert all(one["State"] == "ENABLED" and "SchedulerFunction" in one["Target"]["Arn"] for one in found.values())
    for task in ("reconcile", "tidy"):
        assert json.loads(found[f"tocsin-{task}"]["Target"]["Input"]) == {"task": task}


def test_a_function_may_do_no_more_than_its_role_says(deployed: Stack) -> None:
    """The emulator enforces the roles; the web function, which only reads tenants, cannot write them."""
    (role,) = (r for r in deployed.aws("iam").list_roles()["Roles"] if "WebRole" in r["RoleName"])
    assumed = deployed.aws("sts").assume_role(RoleArn=role["Arn"], RoleSessionName="test")["Credentials"]
    tables = deployed.aws("dynamodb", credentials=assumed)
    (tenants,) = (name for name in deployed.aws("dynamodb").list_tables()["TableNames"] if "Tenants" in name)
    item = {"pk": {"S": "x"}, "sk": {"S": "x"}}
    assert "Item" not in tables.get_item(TableName=tenants, Key=item)
    with pytest.raises(tables.exceptions.ClientError, match="AccessDenied"):
        tables.put_item(TableName=tenants, Item=item)
    with pytest.raises(tables.exceptions.ClientError, match="AccessDenied"):
        tables.scan(TableName=tenants)


def test_what_is_measured_stands_in_the_log_for_cloudwatch_to_read(deployed: Stack) -> None:
    """The emulator makes no metrics of such lines, as CloudWatch does: what can be seen here is the lines."""

    def accepted_by_apple() -> int:
        lines = [json.loads(line) for line in deployed.log_lines('"push_service": "apple"')]
        for line in lines:
            [directive] = line["_aws"]["CloudWatchMetrics"]
            assert directive["Namespace"] == "Tocsin/tocsin"
            assert directive["Dimensions"] == [["dialect"], ["push_service"]]
        return sum(line.get("Accepted", 0) for line in lines if line["dialect"] == "pushservice")

    _, key, _ = app_of_its_own(deployed, granted=1)
    enrol(deployed, key, "apple@example.com", "apple")
    before = accepted_by_apple()
    note = {"email": "apple@example.com", "title": "Hello", "body": "Apple"}
    post(f"{deployed.api}/v1/send", note, {"X-Api-Key": key})
    assert eventually(accepted_by_apple, lambda seen: seen > before, seconds=10) == before + 1


def test_a_second_start_is_one_sentence(deployed: Stack) -> None:
    with pytest.raises(StackFailure, match=r"^It already runs, as process \d+"), Stack(deployed.state_dir):
        pass


def test_a_taken_port_is_one_sentence(deployed: Stack, tmp_path: Path) -> None:
    port = int(deployed.api.rpartition(":")[2])
    with pytest.raises(StackFailure, match=rf"^Port {port} is taken"), Stack(tmp_path, port):
        pass


def test_data_outlives_a_restart(tmp_path: Path) -> None:
    places = Places.of(tmp_path, front=0)
    with Emulator(tmp_path, places.emulator) as first:
        queue = first.client("sqs").create_queue(QueueName="kept")["QueueUrl"]
        first.client("sqs").send_message(QueueUrl=queue, MessageBody="yesterday")
    assert Places.of(tmp_path, front=0) == places
    with Emulator(tmp_path, places.emulator) as second:
        (message,) = second.client("sqs").receive_message(QueueUrl=queue)["Messages"]
        assert message["Body"] == "yesterday"
