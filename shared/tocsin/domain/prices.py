"""What AWS asks for what a send uses: us-east-1, on demand; free tiers and data transfer are left out."""

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum

AS_OF = dt.date(2026, 11, 22)
VCPU_GB = Decimal(1769) / 1024
"""The memory with which Lambda gives one whole processor."""
_MILLION = 1_000_000


class Resource(StrEnum):
    """What is billed, and its unit."""

    WRITE_UNIT = "DynamoDB write units"
    """On-demand; up to 1 KB each, twice in a transaction."""
    READ_UNIT = "DynamoDB read units"
    """On-demand; up to 4 KB each, half when eventually consistent."""
    QUEUE_REQUEST = "SQS requests"
    """On a standard queue; every 64 KB of a call is one."""
    FAIR_QUEUE_REQUEST = "SQS requests with a group"
    """What a request costs beside, when its messages name a group (fair queues)."""
    API_REQUEST = "HTTP API requests"
    """Of API Gateway; every 512 KB of one is one."""
    INVOCATION = "Lambda invocations"
    GB_SECOND = "Lambda GB-seconds"
    """On arm64."""
    LOG_GB = "CloudWatch Logs GB"
    """Ingested, of 10**9 bytes; the metrics in them are billed by name and month, not by send."""
    KEY_REQUEST = "KMS requests"
    SECRET_REQUEST = "Secrets Manager requests"  # noqa: S105 - a name, not a secret


USD: Mapping[Resource, Decimal] = {
    Resource.WRITE_UNIT: Decimal("0.625") / _MILLION,
    Resource.READ_UNIT: Decimal("0.125") / _MILLION,
    Resource.QUEUE_REQUEST: Decimal("0.40") / _MILLION,
    Resource.FAIR_QUEUE_REQUEST: Decimal("0.10") / _MILLION,
    Resource.API_REQUEST: Decimal("1.00") / _MILLION,
    Resource.INVOCATION: Decimal("0.20") / _MILLION,
    Resource.GB_SECOND: Decimal("0.0000133334"),
    Resource.LOG_GB: Decimal("0.50"),
    Resource.KEY_REQUEST: Decimal("0.03") / 10_000,
    Resource.SECRET_REQUEST: Decimal("0.05") / 10_000,
}
"""US dollars a unit."""
