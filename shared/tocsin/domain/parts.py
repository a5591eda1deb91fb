"""How a send to everyone is cut into parts that are planned side by side, each a run of shards."""

from collections.abc import Sequence

from tocsin.domain.ids import SHARDS

PART_SIZE = 20_000
"""Recipients that one planner gets through in about two seconds."""


def parted(active: Sequence[int], reach: int) -> tuple[int, ...]:
    """The most recipients of each part, `reach` together. active: how many each shard had when the send was accepted.

    Who subscribes later takes nobody's place in another part: a part stops at what its own shards had.
    """
    count = 1
    while count < SHARDS and count * PART_SIZE < reach:
        count *= 2
    parts, left = [], reach
    for part in range(count):
        shards = shards_of(part, count)
        parts.append(min(left, sum(active[shards.start : shards.stop])))
        left -= parts[-1]
    return tuple(parts)


def shards_of(part: int, parts: int) -> range:
    """The shards of a part. parts: how many there are, a power of two up to 32."""
    width = SHARDS // parts
    return range(part * width, (part + 1) * width)
