"""What a simulated send used, as AWS bills it."""

from collections.abc import Mapping
from decimal import Decimal

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


def priced(units: Mapping[Resource, Decimal]) -> Mapping[Resource, Decimal]:
    """US dollars for each resource."""
    return {resource: number * USD[resource] for resource, number in units.items()}


def extra_writes(story: Story, plain: Story) -> float:
    """Write units for each recipient who was refused, beyond what the same send needs when everybody accepts."""
    refused = story.gone + story.failed
    return (sum(story.write_units.values()) - sum(plain.write_units.values())) / refused


def _number(value: float) -> Decimal:
    return Decimal(str(value))
