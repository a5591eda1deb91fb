"""The benchmark is to be trusted: it counts what was sent and asked for, and says so when something is missing."""

import json
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import boto3
import pytest

from tests.bench import beacons, tools
from tests.bench.audience import UserAgent
from tests.bench.bars import Bar, count
from tests.bench.cloud import Cloud
from tests.bench.cloud_doors import clients_of, served
from tests.bench.costs import priced, used, used_by_readers
from tests.bench.deployment import notification, text
from tests.bench.lambda_event import event
from tests.bench.million import Task, simulate
from tests.bench.push_service import PushService, WrongMessages, make_certificate, running
from tests.bench.racing import ASYNC, AWS, LOOP, NODE, QUICK, Race
from tests.contract.histories import History
from tests.contract.stores import Stores, dynamo_stores, memory_stores
from tests.contract.tables import Tables
from tests.contract.test_histories import random_steps
from tests.memory.system import VirtualClock
from tocsin.domain.cost import cost_of_reports
from tocsin.domain.estimate import USUAL_REPORTS
from tocsin.domain.ids import SendId
from tocsin.domain.prices import Resource

TABLES = Tables("TenantsTable", "CreditsTable", "SubscriptionsTable", "SendsTable", "CampaignsTable")
KB = "x" * 1000


def task(size: int, **changes: int) -> Task:
    return Task(size, 20, 0.0001, 0.0002, {"fanout": 0.5, "deliver": 0.5}, **changes)


@pytest.fixture
def cloud() -> Cloud:
    return Cloud(VirtualClock().now)


@pytest.fixture
def race(tmp_path: Path) -> Race:
    tools.prepare()
    return Race(tmp_path, QUICK)


@pytest.fixture
def service(race: Race, tmp_path: Path) -> Iterator[PushService]:
    with running(tmp_path / "nginx", 0, race.theirs) as service:
        yield service


def put(cloud: Cloud, table: str, sk: str, **more: str) -> None:
    item = {"pk": {"S": "P"}, "sk": {"S": sk}} | {name: {"S": value} for name, value in more.items()}
    cloud.answer("PutItem", {"TableName": table, "Item": item})


def same_history(stores: Stores, seed: int) -> None:
    memory, other = History(memory_stores()), History(stores)
    for place, step in enumerate(random_steps(seed, 80)):
        assert other.play(step) == memory.play(step), (place, step)
    assert other.view() == memory.view()


@pytest.mark.parametrize("seed", range(4))
def test_on_the_cloud_a_history_comes_to_what_it_comes_to_elsewhere(cloud: Cloud, seed: int) -> None:
    with clients_of(cloud):
        same_history(dynamo_stores(boto3.client("dynamodb"), TABLES), seed)


def test_over_https_too(cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate = tmp_path / "certificate.pem"
    make_certificate(certificate)
    for name, value in AWS.items():
        monkeypatch.setenv(name, value)
    with served(cloud, str(certificate), 0) as endpoint:
        client = boto3.client("dynamodb", endpoint_url=endpoint, verify=str(certificate))
        same_history(dynamo_stores(client, TABLES), 5)
        client.close()


def test_a_write_costs_a_unit_for_each_kilobyte_and_twice_that_in_a_transaction(cloud: Cloud) -> None:
    put(cloud, "SendsTable", "CHUNK#0001")
    put(cloud, "SendsTable", "IDS#0001", ids=KB * 2)
    assert cloud.write_units == {"SendsTable CHUNK": 1, "SendsTable IDS": 2}
    change = {"TableName": "SendsTable", "Item": {"pk": {"S": "P"}, "sk": {"S": "IDS#0001"}}}
    cloud.answer("TransactWriteItems", {"TransactItems": [{"Put": change}]})
    # What it replaces counts too: two kilobytes, twice.
    assert cloud.write_units["SendsTable IDS"] == 2 + 4


def test_a_write_to_an_index_costs_beside(cloud: Cloud) -> None:
    put(cloud, "SubscriptionsTable", "SUB#1", listed="active", listed_at="1")
    assert cloud.write_units["SubscriptionsTable index by_created"] == 1
    put(cloud, "SubscriptionsTable", "SUB#1", listed="expired", listed_at="1")
    assert cloud.write_units["SubscriptionsTable index by_created"] == 1 + 2
    put(cloud, "SubscriptionsTable", "SUB#1", listed="expired", listed_at="1", lang="de")
    assert cloud.write_units["SubscriptionsTable index by_created"] == 1 + 2


def test_a_read_costs_a_unit_for_four_kilobytes_and_half_when_eventually_consistent(cloud: Cloud) -> None:
    put(cloud, "SendsTable", "IDS#0001", ids=KB * 5)
    key = {"TableName": "SendsTable", "Key": {"pk": {"S": "P"}, "sk": {"S": "IDS#0001"}}}
    cloud.answer("GetItem", {**key, "ConsistentRead": True})
    cloud.answer("GetItem", key)
    assert cloud.read_units["SendsTable IDS"] == 2 + 1


def test_a_simulated_send_reaches_everybody_and_costs_what_it_asked_for() -> None:
    story = simulate(task(3_000))
    assert story.settled
    assert story.accepted == 3_000
    # Six chunks: two kilobytes-and-a-bit of frozen ids each would be three units, and none is saved less than twice.
    assert story.write_units["SendsTable IDS"] >= 6 * 6
    assert story.write_units["SendsTable CHUNK"] >= 6 * 3
    assert story.queue_requests > story.invocations["deliver"] > 0
    assert 0.7 < story.first < story.most


def test_what_readers_do_is_counted_and_costs_what_it_asked_for(tmp_path: Path) -> None:
    found = beacons.measured(tmp_path, 1_000_000, 200)
    assert found.counted == 5_000  # measured() fails unless the figures are those of the pattern
    assert 0.3 < found.writes <= found.write_units < 2
    assert found.queue_requests > found.invocations > 1
    assert found.cpu > 0.0005
    counted = used_by_readers(found, 1_000_000)
    for resource, told in cost_of_reports(1_000_000).units.items():
        if resource is not Resource.GB_SECOND:  # depends on the machine
            assert float(told) == pytest.approx(float(counted[resource]), rel=0.1), resource


def test_as_many_reports_are_expected_as_the_readers_here_send() -> None:
    assert round(beacons.READERS / beacons.DISPLAYED, 2) == USUAL_REPORTS


def test_who_is_gone_costs_more_and_is_counted_apart() -> None:
    plain, gone = simulate(task(1_000)), simulate(task(1_000, refuse=100))
    assert (gone.accepted, gone.gone, gone.failed) == (990, 10, 0)
    assert sum(gone.write_units.values()) > sum(plain.write_units.values()) + 10


def test_what_a_send_tells_of_its_cost_is_what_it_asked_for() -> None:
    story = simulate(task(20_000))
    told = priced({Resource(name): Decimal(str(units)) for name, units in story.estimate.items()})
    counted = priced(used(story, cpu_seconds=0))
    assert told[Resource.GB_SECOND] == 0  # simulated time takes no processor
    assert float(sum(told.values())) == pytest.approx(float(sum(counted[part] for part in told)), rel=0.15)


def test_messages_of_an_event_have_receipts_of_their_own() -> None:
    assert len({record["receiptHandle"] for record in event(["a", "b"])["Records"]}) == 2


def test_a_contender_that_sent_less_than_it_claims_is_found_out(race: Race, service: PushService) -> None:
    race.peer(service, ASYNC, 20)
    plaintext = text(notification(), SendId("0" * 24))
    with pytest.raises(WrongMessages, match="121 messages"):
        service.check(121, 121, plaintext, race.browsers)
    with pytest.raises(WrongMessages, match="to 119 endpoints"):
        service.check(120, 119, plaintext, race.browsers)
    with pytest.raises(WrongMessages, match="119 messages"):
        service.check(119, 119, plaintext, race.browsers)


def test_a_message_that_its_browser_cannot_read_is_found_out(race: Race, service: PushService) -> None:
    race.peer(service, ASYNC, 20)
    with pytest.raises(WrongMessages, match="another text"):
        service.check(120, 120, b"something else", race.browsers)
    with pytest.raises(WrongMessages, match="cannot read"):
        service.check(120, 120, text(notification(), SendId("0" * 24)), [UserAgent()] * len(race.browsers))


@pytest.mark.parametrize("name", [LOOP, ASYNC, NODE])
def test_a_peer_sends_what_we_send(race: Race, service: PushService, name: str) -> None:
    measured = race.peer(service, name, 10)
    assert measured.messages == 10
    assert measured.cpu > 0
    assert measured.peak > 10


def test_our_engine_speaks_http_2_and_settles_what_it_sent(race: Race, service: PushService) -> None:
    assert race.ours(service, 0).protocol == "HTTP/2.0"


def test_a_bar_says_what_was_reached() -> None:
    assert Bar("", 30, 40, 30, count).reached == "aim"
    assert Bar("", 35, 40, 30, count).reached == "yes"
    assert Bar("", 41, 40, 30, count).reached == "no"
    assert Bar("", 4, 3, 5, count, more_is_better=True).reached == "yes"
    assert Bar("", 30, 40, 40, count).reached == "yes"


def test_a_quick_run_fills_every_table(race: Race) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench", "--quick"], cwd=tools.ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "reached" not in done.stdout
    found = json.loads((tools.ROOT / ".tocsin" / "bench-quick.json").read_text())
    assert len(found["bars"]) == 11
    assert all(bar["value"] > 0 for bar in found["bars"])
    assert found["a_million"]["DynamoDB write units"]["units"] > 12_000
    assert found["a_million_beacons"]["HTTP API requests"]["usd"] == 1
    assert set(found["import_ms"]) >= {"send", "fanout", "deliver"}
