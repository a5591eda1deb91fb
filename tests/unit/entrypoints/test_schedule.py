"""The scheduler's handler: which event does what, and what the day's proof leaves in log and metrics."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests import builders
from tests.engine import MemoryEngine
from tests.unit.application.scenes import breaks
from tocsin.application.ports import Unavailable, Unreadable
from tocsin.domain.campaign import Campaign, CampaignStatus
from tocsin.domain.ids import AppId, CampaignId, SendId
from tocsin.domain.quota import Limits
from tocsin.domain.tenancy import DialectName
from tocsin.entrypoints import schedule
from tocsin.entrypoints.observability import EmbeddedMeter

EVENTS = Path(__file__).parents[3] / "events"
LogLines = Callable[[], list[dict[str, Any]]]


class Deployed(MemoryEngine):
    """What a container offers to the handler, over memory."""

    def __init__(self) -> None:
        super().__init__()
        self.meter = EmbeddedMeter("Tocsin/test", "scheduler", self.clock)  # type: ignore[assignment]

    def run(self, event: str = "scheduler-reconcile", seconds: float = 900) -> None:
        """Handle an example of events/ with this much time left."""
        handler = schedule.schedule_handler()
        context: Any = SimpleNamespace(get_remaining_time_in_millis=lambda: seconds * 1000)
        handler(json.loads((EVENTS / f"{event}.json").read_text()), context)


@pytest.fixture
def deployed(monkeypatch: pytest.MonkeyPatch) -> Deployed:
    """Two apps of one send each."""
    engine = Deployed()
    monkeypatch.setattr(schedule, "Container", lambda settings: engine)
    for _ in range(2):
        owner, _ = builders.shop(engine, 1)
        engine.sending.send(builders.send_command(owner))
    engine.clock.advance(600)
    return engine


def measured(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """The counters that were flushed."""
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith('{"_aws"')]
    return {name: value for line in lines for name, value in line.items() if name != "_aws" and "service" in line}


def test_what_adds_up_is_one_line(deployed: Deployed, log_lines: LogLines, capsys: pytest.CaptureFixture[str]) -> None:
    deployed.run()
    [line] = log_lines()
    assert (line["message"], line["apps"], line["left"], line["level"]) == ("reconciliation", 2, 0, "INFO")
    assert "Drift" not in measured(capsys)


def test_an_app_that_drifts_is_counted_and_has_a_line_of_ids_and_counts(
    deployed: Deployed, log_lines: LogLines, capsys: pytest.CaptureFixture[str]
) -> None:
    (app, send), stored = next(iter(deployed.storage.sends.items()))
    counts = replace(stored.send.counts, failed=5)
    deployed.storage.sends[app, send] = replace(stored, send=replace(stored.send, counts=counts))
    deployed.storage.balances[app] = replace(deployed.storage.balances[app], available=1)
    deployed.run()
    told, _ = log_lines()
    assert (told["message"], told["app"], told["sends"]) == ("drift", app, [send])
    assert told["drifts"] == {"counts": 1, "balance": 1}
    assert measured(capsys)["Drift"] == 2


def test_the_billers_own_text_is_not_logged(deployed: Deployed, log_lines: LogLines) -> None:
    (app, kind, _), row = next(iter(deployed.storage.ledger.items()))
    deployed.storage.ledger[app, kind, "anna@shop.example"] = replace(row, reference="bert@shop.example")
    deployed.run()
    assert "shop.example" not in json.dumps(log_lines())


def test_a_record_that_cannot_be_read_hides_nothing_of_other_apps_and_is_an_error(
    deployed: Deployed, log_lines: LogLines, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = list(deployed.reconciling.active_lately())
    balance = deployed.credits.balance

    def broken(app: str) -> object:
        if app == first:
            raise ValueError("a stored text that nobody may read")
        return balance(app)  # type: ignore[arg-type]

    monkeypatch.setattr(deployed.credits, "balance", broken)
    deployed.storage.balances[second] = replace(deployed.storage.balances[second], available=1)
    with pytest.raises(schedule.Unreconciled):
        deployed.run()
    failed, told, end = log_lines()
    assert (failed["message"], failed["app"], failed["error"]) == ("reconciliation failed", first, "ValueError")
    assert "nobody may read" not in json.dumps(failed)
    assert (told["app"], told["drifts"]) == (second, {"balance": 1})
    assert (end["apps"], end["left"]) == (2, 1)


def test_apps_that_there_is_no_time_for_are_an_error(deployed: Deployed, log_lines: LogLines) -> None:
    with pytest.raises(schedule.Unreconciled):
        deployed.run(seconds=schedule.RESERVE_SECONDS)
    assert log_lines()[-1]["left"] == 1  # the first of those that it did not come to


def test_any_other_event_sweeps(deployed: Deployed, log_lines: LogLines) -> None:
    owner = next(iter(deployed.storage.apps.values()))
    deployed.sending.send(builders.send_command(owner, queued=True))
    deployed.clock.advance(60)
    deployed.run("scheduler")
    [line] = log_lines()
    assert (line["message"], line["swept"]) == ("sweep", 1)


def scheduled(deployed: Deployed) -> Campaign:
    """The campaign of the example, whose time has come."""
    owner = replace(next(iter(deployed.storage.apps.values())), id=AppId("a0" * 12), limits=Limits(None, None))
    deployed.storage.apps[owner.id] = owner
    key = next(iter(deployed.storage.vapid_keys.values()))
    deployed.storage.vapid_keys[owner.id, owner.vapid_key] = key
    builders.subscribe(deployed, owner)
    now = int(deployed.clock.now())
    campaign = Campaign(
        CampaignId("c0" * 12),
        owner.id,
        DialectName("pushary"),
        "Sale",
        builders.NOTIFICATION,
        CampaignStatus.SCHEDULED,
        now,
        now,
        scheduled_at=now,
        due_at=now,
    )
    deployed.campaigns.put(campaign)
    return campaign


@pytest.mark.row("PU-31")
def test_pu_31_a_campaigns_own_event_sends_it_and_says_whether_it_did(deployed: Deployed, log_lines: LogLines) -> None:
    campaign = scheduled(deployed)
    for fired in (True, False):
        deployed.run("scheduler-campaign")
        line = log_lines()[-1]
        assert (line["message"], line["campaign"], line["fired"]) == ("campaign", campaign.id, fired)
    assert (campaign.app, SendId(campaign.id)) in deployed.storage.sends


@pytest.mark.row("PU-31")
def test_pu_31_the_sweep_sends_it_though_other_sweeps_fail(
    deployed: Deployed, log_lines: LogLines, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign = scheduled(deployed)
    monkeypatch.setattr(deployed.sweeping, "sweep", breaks(Unavailable()))
    with pytest.raises(ExceptionGroup):
        deployed.run("scheduler")
    assert log_lines()[-1]["campaigns"] == 1
    assert (campaign.app, SendId(campaign.id)) in deployed.storage.sends


def test_a_campaign_that_cannot_be_fired_is_named(
    deployed: Deployed, log_lines: LogLines, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign = scheduled(deployed)
    monkeypatch.setattr(deployed.launching, "launch", breaks(Unreadable("title")))
    deployed.run("scheduler")
    line = next(line for line in log_lines() if line["message"] == "campaign not fired")
    assert (line["level"], line["app"], line["campaign"], line["error"]) == (
        "ERROR",
        campaign.app,
        campaign.id,
        "Unreadable",
    )


def test_what_is_left_of_schedules_is_tidied_away(deployed: Deployed, log_lines: LogLines) -> None:
    deployed.schedules.put(AppId("a0" * 12), CampaignId("ee" * 12), 1)
    deployed.run("scheduler-tidy")
    assert log_lines()[-1]["schedules"] == 1
    assert deployed.schedules.at == {}
