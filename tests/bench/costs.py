"""What a simulated send and its readers used, as AWS bills it."""

from collections.abc import Mapping
from decimal import Decimal

from tests.bench.beacons import Beacons
from tests.bench.million import Story
from tocsin.domain.prices import USD, VCPU_GB, Resource


def used(story: Story, cpu_seconds: float) -> Mapping[Resource, Decimal]:
    """Units of each resource. cpu_seconds: of all workers together, as measured; Lambda bills them by memory."""
    calls = story.calls
    return {
        Resource.WRITE_UNIT: _number(sum(story.write_units.values())),
        Resource.READ_UNIT: _number(sum(story.read_units.values())),
        Resource.QUEUE_REQUEST: _number(story.queue_requests),
        Resource.FAIR_QUEUE_REQUEST: _number(story.grouped_requests),
        Resource.INVOCATION: _number(sum(story.invocations.values())),
        Resource.GB_SECOND: _number(cpu_seconds) * VCPU_GB,
        Resource.LOG_GB: _number(story.log_bytes) / 10**9,
        Resource.KEY_REQUEST: _number(calls.get("Decrypt", 0)),
        Resource.SECRET_REQUEST: _number(calls.get("GetSecretValue", 0)),
    }


def used_by_readers(each: Beacons, number: int) -> Mapping[Resource, Decimal]:
    """The same of so many beacons."""
    used_by_one = {
        Resource.API_REQUEST: 1.0,
        Resource.INVOCATION: each.invocations,
        Resource.GB_SECOND: each.cpu * float(VCPU_GB),
        Resource.QUEUE_REQUEST: each.queue_requests,
        Resource.FAIR_QUEUE_REQUEST: each.queue_requests,
        Resource.WRITE_UNIT: each.write_units,
        Resource.READ_UNIT: each.read_units,
        Resource.LOG_GB: each.log_bytes / 10**9,
    }
    return {resource: number * _number(units) for resource, units in used_by_one.items()}


def priced(units: Mapping[Resource, Decimal]) -> Mapping[Resource, Decimal]:
    """US dollars for each resource."""
    return {resource: number * USD[resource] for resource, number in units.items()}


def extra_writes(story: Story, plain: Story) -> float:
    """Write units for each recipient who was refused, beyond what the same send needs when everybody accepts."""
    refused = story.gone + story.failed
    return (sum(story.write_units.values()) - sum(plain.write_units.values())) / refused


def _number(value: float) -> Decimal:
    return Decimal(str(value))
