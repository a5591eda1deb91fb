"""A send to everyone in parts: nobody beyond what was reserved, nobody of another part's shards."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.domain.ids import SHARDS
from tocsin.domain.parts import PART_SIZE, parted, shards_of

ACTIVE = st.lists(st.integers(0, 40_000), min_size=SHARDS, max_size=SHARDS)


@given(active=ACTIVE, data=st.data())
def test_parts_make_up_the_reach_and_none_is_more_than_its_shards_have(active: list[int], data: st.DataObject) -> None:
    reach = data.draw(st.integers(0, sum(active)) | st.just(sum(active)))
    parts = parted(active, reach)
    assert sum(parts) == reach
    for part, most in enumerate(parts):
        assert 0 <= most <= sum(active[shard] for shard in shards_of(part, len(parts)))


@given(active=ACTIVE, beyond=st.integers(1, 10**6))
def test_a_reach_beyond_everyone_is_everyone(active: list[int], beyond: int) -> None:
    assert sum(parted(active, sum(active) + beyond)) == sum(active)


@given(active=ACTIVE)
def test_when_everyone_is_reached_no_part_leaves_anybody_out(active: list[int]) -> None:
    parts = parted(active, sum(active))
    for part, most in enumerate(parts):
        assert most == sum(active[shard] for shard in shards_of(part, len(parts)))


@pytest.mark.parametrize("parts", [1, 2, 4, 8, 16, 32])
def test_the_shards_of_all_parts_are_all_shards_each_once(parts: int) -> None:
    assert [shard for part in range(parts) for shard in shards_of(part, parts)] == list(range(SHARDS))


@pytest.mark.parametrize(
    ("reach", "parts"),
    [
        (0, 1),
        (1, 1),
        (PART_SIZE, 1),
        (PART_SIZE + 1, 2),
        (2 * PART_SIZE + 1, 4),
        (1_000_000, 32),
        (32 * PART_SIZE, 32),
        (10_000_000, 32),
    ],
)
def test_there_are_as_many_parts_as_one_planner_each_gets_through_and_never_more_than_shards(
    reach: int, parts: int
) -> None:
    assert len(parted([-(-reach // SHARDS)] * SHARDS, reach)) == parts


def test_a_full_shard_does_not_give_its_place_to_another_part() -> None:
    active = [0] * (SHARDS - 1) + [PART_SIZE + 1]
    assert parted(active, PART_SIZE + 1) == (0, PART_SIZE + 1)
