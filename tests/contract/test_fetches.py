"""The contract of Fetches: each recipient once."""

from tests.contract.records import APP, NOW, OTHER_APP, send
from tests.contract.stores import Stores
from tocsin.domain.chunk import CHUNK_SIZE

SEND, OTHER = send(1).id, send(2).id
END = NOW + 600


def test_a_recipient_fetches_once(stores: Stores) -> None:
    assert stores.fetches.first(APP, SEND, 0, 7)
    assert not stores.fetches.first(APP, SEND, 0, 7)


def test_one_recipients_fetch_is_no_others(stores: Stores) -> None:
    places = [(APP, SEND, 0, 0), (APP, SEND, 0, 1), (APP, SEND, 1, 0), (APP, OTHER, 0, 0), (OTHER_APP, SEND, 0, 0)]
    assert [stores.fetches.first(*place) for place in places] == [True] * 5
    assert [stores.fetches.first(*place) for place in places] == [False] * 5


def test_a_whole_chunk_can_fetch(stores: Stores) -> None:
    assert all(stores.fetches.first(APP, SEND, 0, index) for index in range(CHUNK_SIZE))
    assert not any(stores.fetches.first(APP, SEND, 0, index) for index in range(0, CHUNK_SIZE, 50))
