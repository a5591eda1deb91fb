"""Names of things. Every id is 96 bits, held as 24 hex digits; a dialect renders it in its own form."""

from typing import NewType

TenantId = NewType("TenantId", str)
AppId = NewType("AppId", str)
KeyId = NewType("KeyId", str)
"""The public middle part of an API key (8 letters or digits), not one of the 96-bit ids."""
SendId = NewType("SendId", str)
SubscriptionId = NewType("SubscriptionId", str)
CampaignId = NewType("CampaignId", str)
"""A campaign is sent once: its send has the same id."""
TemplateId = NewType("TemplateId", str)
SegmentId = NewType("SegmentId", str)
FlowId = NewType("FlowId", str)

ID_BYTES = 12
SHARDS = 32
ALL_SHARDS = range(SHARDS)


def shard_of(subscription: SubscriptionId) -> int:
    """The shard (0 to 31) that holds a subscription; its id alone leads there."""
    return int(subscription[:2], 16) % SHARDS
