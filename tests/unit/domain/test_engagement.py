"""What readers did, counted: each recipient once, whatever is reported how often and in what order."""

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.domain.chunk import CHUNK_SIZE
from tocsin.domain.engagement import (
    BLOCK_CHUNKS,
    HOUR,
    Act,
    Block,
    Engagement,
    Figures,
    Sighting,
    engagement,
    news,
    noted,
)
from tocsin.domain.ids import AppId, SendId
from tocsin.domain.place_token import Place
from tocsin.webpush.origins import PushService

APP, SEND = AppId("a0" * 12), SendId("b0" * 12)
EMPTY = Block(APP, SEND, 0)
NINE = 9 * HOUR
DISPLAYED, CLICKED, DISMISSED = Act


def sighting(act: Act, index: int, at: int = NINE, chunk: int = 0) -> Sighting:
    """Every other recipient is reached by Apple."""
    return Sighting(act, SEND, Place(chunk, index, (PushService.FCM, PushService.APPLE)[index % 2]), at)


SIGHTINGS = st.lists(
    st.builds(
        sighting,
        st.sampled_from(Act),
        st.integers(0, 5),
        st.integers(NINE, NINE + 3 * HOUR),
    )
)


def counted(block: Block, *sightings: Sighting, clicks_only: bool = False) -> Block:
    return noted(block, news(block, sightings, clicks_only=clicks_only))


def told(block: Block) -> tuple[int, int, int]:
    found = engagement([block.figures])
    return found.displayed, found.clicked, found.dismissed


def test_each_recipient_counts_once() -> None:
    block = counted(EMPTY, *[sighting(CLICKED, index) for index in (1, 2, 1)])
    assert told(block) == (2, 2, 0)
    assert news(block, [sighting(CLICKED, 2, NINE + 5)], clicks_only=False) == ()


@pytest.mark.parametrize("act", [CLICKED, DISMISSED])
def test_who_clicked_or_dismissed_a_message_has_seen_it(act: Act) -> None:
    block = counted(EMPTY, sighting(act, 1))
    assert told(block)[0] == 1
    assert told(counted(block, sighting(DISPLAYED, 1)))[0] == 1


def test_where_only_clicks_are_asked_for_nothing_else_counts() -> None:
    block = counted(EMPTY, *[sighting(act, 1) for act in Act], clicks_only=True)
    assert told(block) == (0, 1, 0)


def test_what_happened_first_is_noted_first_and_its_hour_is_the_one_that_counts() -> None:
    late, early = sighting(CLICKED, 1, NINE + HOUR), sighting(DISPLAYED, 1, NINE + 1)
    assert news(EMPTY, [late, early, late], clicks_only=False) == (early, late)
    assert engagement([counted(EMPTY, late, early).figures]).by_hour == {
        NINE: Figures(displayed=1),
        NINE + HOUR: Figures(clicked=1),
    }


def test_recipients_of_all_chunks_of_a_block_are_told_apart() -> None:
    ends = [sighting(DISPLAYED, index, chunk=chunk) for chunk in range(BLOCK_CHUNKS) for index in (0, CHUNK_SIZE - 1)]
    assert len({each.bit for each in ends}) == 2 * BLOCK_CHUNKS
    assert {each.block for each in ends} == {0}
    assert sighting(DISPLAYED, 0, chunk=BLOCK_CHUNKS).block == 1


def test_figures_are_told_by_hour_and_by_push_service() -> None:
    block = counted(
        EMPTY, sighting(DISPLAYED, 0), sighting(DISPLAYED, 1, NINE + HOUR), sighting(DISMISSED, 1, NINE + HOUR)
    )
    assert engagement([block.figures, counted(EMPTY, sighting(CLICKED, 0)).figures]) == Engagement(
        3,
        1,
        1,
        {NINE: Figures(2, 1, 0), NINE + HOUR: Figures(1, 0, 1)},
        {PushService.APPLE: Figures(1, 0, 1), PushService.FCM: Figures(2, 1, 0)},
    )


@given(SIGHTINGS, st.randoms(use_true_random=False), st.integers(1, 4), st.booleans())
def test_figures_and_bits_agree_however_it_is_reported(
    sightings: list[Sighting], chance: random.Random, parts: int, clicks_only: bool
) -> None:
    shuffled = [*sightings, *chance.choices(sightings, k=3)] if sightings else []
    chance.shuffle(shuffled)
    block = EMPTY
    for part in range(parts):
        block = counted(block, *shuffled[part::parts], clicks_only=clicks_only)
    clicked = {each.bit for each in sightings if each.act is CLICKED}
    seen = {each.bit for each in sightings}
    dismissed = {each.bit for each in sightings if each.act is DISMISSED}
    assert told(block) == ((0, len(clicked), 0) if clicks_only else (len(seen), len(clicked), len(dismissed)))
    assert told(block) == tuple(block.bits.get(act, 0).bit_count() for act in Act)
    assert block.version == parts
    assert news(replace(block, version=0), shuffled, clicks_only=clicks_only) == ()
