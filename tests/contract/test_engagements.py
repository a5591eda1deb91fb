"""The contract of Engagements: bits and figures change together, and of two writers one reads again."""

import pytest

from tests.bench.expressions import size_of
from tests.contract.records import APP, NOW, OTHER_APP, send
from tests.contract.stores import Stores
from tocsin.adapters.dynamodb import seen_record
from tocsin.adapters.dynamodb.marshalling import to_attributes
from tocsin.adapters.dynamodb.send_record import KEPT_SECONDS
from tocsin.application.ports import Stale
from tocsin.domain.campaign import Totals
from tocsin.domain.chunk import CHUNK_SIZE
from tocsin.domain.engagement import BLOCK_CHUNKS, HOUR, Act, Block, Engagement, Figures, Sighting, news, noted
from tocsin.domain.glance import Glance
from tocsin.domain.ids import AppId, SendId
from tocsin.domain.place_token import Place
from tocsin.webpush.origins import PushService

SEND, OTHER = send(1).id, send(2).id
HERE = NOW // HOUR * HOUR


def sighting(act: Act, index: int, chunk: int = 0, at: int = NOW) -> Sighting:
    services = tuple(PushService)
    return Sighting(act, SEND, Place(chunk, index, services[index % len(services)]), at)


def written(stores: Stores, *sightings: Sighting, app: AppId = APP, name: SendId = SEND, number: int = 0) -> Block:
    block = stores.engagements.block(app, name, number)
    block = noted(block, news(block, sightings, clicks_only=False))
    stores.engagements.put(block, NOW)
    return block


def test_what_nobody_has_written_is_empty(stores: Stores) -> None:
    assert stores.engagements.block(APP, SEND, 3) == Block(APP, SEND, 3)
    assert stores.engagements.of(APP, SEND) == Engagement()


def test_a_block_is_read_as_it_was_written(stores: Stores) -> None:
    everybody = [
        sighting(act, index, chunk, NOW + chunk * HOUR)
        for chunk in range(BLOCK_CHUNKS)
        for index in (0, 1, 2, 3, 4, CHUNK_SIZE - 1)
        for act in Act
    ]
    first = written(stores, *everybody)
    assert stores.engagements.block(APP, SEND, 0) == first
    second = written(stores, sighting(Act.DISPLAYED, 77))
    assert stores.engagements.block(APP, SEND, 0) == second
    assert second.version == 2


def test_of_two_who_write_at_once_one_has_to_read_again(stores: Stores) -> None:
    empty = stores.engagements.block(APP, SEND, 0)
    first, second = (noted(empty, [sighting(Act.CLICKED, index)]) for index in (1, 2))
    stores.engagements.put(first, NOW)
    with pytest.raises(Stale):
        stores.engagements.put(second, NOW)
    late = noted(first, [sighting(Act.CLICKED, 3)])
    written(stores, sighting(Act.CLICKED, 2))
    with pytest.raises(Stale):
        stores.engagements.put(late, NOW)
    assert stores.engagements.of(APP, SEND).clicked == 2


def test_figures_are_the_sum_of_all_blocks_of_one_send(stores: Stores) -> None:
    written(stores, sighting(Act.DISPLAYED, 0), sighting(Act.CLICKED, 1))
    written(stores, sighting(Act.DISMISSED, 1, BLOCK_CHUNKS * 1234, NOW + HOUR), number=1234)
    written(stores, sighting(Act.CLICKED, 0), name=OTHER)
    written(stores, sighting(Act.CLICKED, 0), app=OTHER_APP)
    assert stores.engagements.of(APP, SEND) == Engagement(
        3,
        1,
        1,
        {HERE: Figures(2, 1, 0), HERE + HOUR: Figures(1, 0, 1)},
        {PushService.FCM: Figures(2, 1, 1), PushService.MOZILLA: Figures(1, 0, 0)},
    )


@pytest.mark.parametrize(("hours", "kilobytes"), [(1, 1), (12, 2)])
def test_a_block_of_which_everybody_did_everything_takes_one_write_unit_in_its_first_hour_and_then_two(
    hours: int, kilobytes: int
) -> None:
    services = list(PushService)[:4]
    seen = [
        Sighting(act, SEND, Place(chunk, index, services[index % 4]), HERE + index % hours * HOUR)
        for chunk in range(BLOCK_CHUNKS)
        for index in range(CHUNK_SIZE)
        for act in Act
    ]
    empty = Block(APP, SEND, 0)
    item = seen_record.to_item(noted(empty, news(empty, seen, clicks_only=False)), NOW)
    assert item["expires_at"] == NOW + KEPT_SECONDS
    assert kilobytes - 1 < size_of(to_attributes(item)) / 1024 <= kilobytes


def test_the_totals_that_were_last_kept_are_those_of_one_send(stores: Stores) -> None:
    first, later = (
        Glance(Totals(5, 4, 1), NOW, settled=False),
        Glance(Totals(5, 4, 1, 3, 2, 1, 6), NOW + 9, settled=True),
    )
    assert stores.engagements.glance(APP, SEND) is None
    stores.engagements.keep(send(1), first)
    assert stores.engagements.glance(APP, SEND) == first
    stores.engagements.keep(send(1), later)
    assert stores.engagements.glance(APP, SEND) == later
    assert stores.engagements.glance(OTHER_APP, SEND) is None
    assert stores.engagements.glance(APP, OTHER) is None
    assert stores.engagements.of(APP, SEND) == Engagement()
