"""What a send costs: counted operations at list prices."""

from dataclasses import replace
from decimal import Decimal

import pytest

from tests import builders
from tests.memory.system import START
from tocsin.domain.chunk import Repeat
from tocsin.domain.cost import Cost, cost, cost_of_looking, cost_of_reports
from tocsin.domain.identity import Identity, IdentityKind
from tocsin.domain.ids import AppId, SendId, SubscriptionId, TenantId
from tocsin.domain.prices import USD, VCPU_GB, Resource
from tocsin.domain.report import Report
from tocsin.domain.send import Charge, Chosen, Everyone, Send, SendState, Tally

ANNA = Chosen((Identity(IdentityKind.EXTERNAL, "anna"),))
W, R = Resource.WRITE_UNIT, Resource.READ_UNIT
SEND = Send(
    SendId("b0" * 12),
    AppId("a0" * 12),
    TenantId("c0" * 12),
    builders.DIALECT,
    ANNA,
    builders.NOTIFICATION,
    "https://shop.example/",
    "mailto:push@tocsin.dev",
    Charge.CREDITS,
    Repeat.RESEND,
    reserved=1,
    chunks=1,
    state=SendState.SETTLED,
    counts=Tally(accepted=1),
    created_at=int(START),
    expires_at=int(START) + 3600,
    settled_at=int(START) + 1,
)
CLAIMED_AND_ENDED = Report(posts=1, writes=2, cpu_ms=4)
MILLION = replace(SEND, audience=Everyone(), reserved=1_000_000, chunks=2_000, parts=(62_500,) * 16)


def cost_of(send: Send = SEND, counts: Tally | None = None, report: Report = CLAIMED_AND_ENDED) -> Cost:
    return cost(send, send.counts if counts is None else counts, report)


def test_a_message_to_one_device_costs_what_its_transactions_write() -> None:
    # Reserve: send 3, ledger 3, credits 2, chunk 2, ids 2. Settle: send 3, ledger 3, credits 2, chunk 2. One noted.
    assert cost_of().units[W] == 12 + 10 + 1
    assert 13 < cost_of().total < 16


def test_a_million_messages_cost_about_five_cents_of_writes_reads_and_queues() -> None:
    done = Report(posts=1_000_000, writes=2_000 * 7, cpu_ms=300_000)
    found = cost_of(MILLION, Tally(accepted=1_000_000), done)
    # Claims and saves, and for each chunk: record 1, ids 6, its end 1; then parts, and reserve and settle.
    assert found.units[W] == 14_000 + 2_000 * 8 + 16 + 1 + 12 + 4 + 2
    # A walk of everyone, 32 counters, two for each chunk and a quarter at the end.
    assert found.units[R] == 90_000 + 2 + 32 + 4_000 + 500
    # Each message has 175,000 bytes: three of 64 KB, sent and received, and deleted once.
    assert found.units[Resource.QUEUE_REQUEST] == 3 * 16 + 2_000 * 7
    assert found.units[Resource.GB_SECOND] == 300 * VCPU_GB
    assert 40_000 < found.total < 50_000


def test_the_total_is_the_sum_of_its_parts_at_list_prices() -> None:
    found = cost_of(MILLION, Tally(accepted=999_000, gone=1_000, failed=1_000))
    assert found.total == sum(units * USD[resource] for resource, units in found.units.items()) * 1_000_000
    assert set(found.units) <= set(USD)


@pytest.mark.parametrize("send", [SEND, MILLION])
def test_each_gone_subscription_costs_a_withdrawal(send: Send) -> None:
    none, three = cost_of(send, Tally()), cost_of(send, Tally(failed=3, gone=3))
    assert three.units[W] - none.units[W] == 18
    assert three.units[R] - none.units[R] == 3


def test_saves_and_processor_time_are_those_that_were_counted() -> None:
    less, more = cost_of(report=Report(writes=2, cpu_ms=0)), cost_of(report=Report(writes=12, cpu_ms=1_000))
    assert more.units[W] - less.units[W] == 10
    assert more.units[Resource.GB_SECOND] - less.units[Resource.GB_SECOND] == VCPU_GB


def test_who_pays_nothing_moves_no_money() -> None:
    assert cost_of().units[W] - cost_of(replace(SEND, charge=Charge.NONE)).units[W] == 4
    assert cost_of().units[W] == cost_of(replace(SEND, charge=Charge.QUOTA)).units[W]


def test_a_send_to_nobody_has_no_chunk() -> None:
    nobody = replace(SEND, audience=Chosen(subscriptions=(SubscriptionId("d0" * 12),)), reserved=0, chunks=0)
    assert cost_of(nobody, Tally(), Report()).units[W] == 16


def test_a_send_that_is_not_planned_yet_is_estimated_by_its_size() -> None:
    planned = replace(MILLION, chunks=0, state=SendState.PLANNED)
    assert cost_of(planned, Tally(), Report()).units[W] == Decimal(2_000 * 8 + 16 + 1 + 12 + 4 + 2)


def test_a_personal_text_takes_a_read_of_each_recipient() -> None:
    counts = Tally(accepted=1_000_000)
    ordinary, personal = (cost(one, counts, Report()) for one in (MILLION, replace(MILLION, variables={})))
    assert personal.units[R] - ordinary.units[R] == 1_000_000
    assert {**personal.units, R: 0} == {**ordinary.units, R: 0}


def test_a_million_reports_cost_more_than_their_messages() -> None:
    found = cost_of_reports(1_000_000)
    assert found.units[Resource.API_REQUEST] == 1_000_000
    assert 2_500_000 < found.total < 3_000_000
    assert cost_of_reports(0).total == 0


def test_looking_at_subscriptions_costs_its_reads() -> None:
    assert cost_of_looking(10_000).units == {R: 32 + 900}
