"""The contract of Acts: each recipient once."""

from tests.contract.records import APP, NOW, OTHER_APP, send
from tests.contract.stores import Stores
from tocsin.application.ports import Act
from tocsin.domain.chunk import CHUNK_SIZE

SEND, OTHER = send(1).id, send(2).id
END = NOW + 600


def test_a_recipient_fetches_once(stores: Stores) -> None:
    assert stores.acts.first(APP, SEND, 0, 7, Act.FETCHED)
    assert not stores.acts.first(APP, SEND, 0, 7, Act.FETCHED)


def test_one_recipients_fetch_is_no_others(stores: Stores) -> None:
    places = [(APP, SEND, 0, 0), (APP, SEND, 0, 1), (APP, SEND, 1, 0), (APP, OTHER, 0, 0), (OTHER_APP, SEND, 0, 0)]
    assert [stores.acts.first(*place, Act.FETCHED) for place in places] == [True] * 5
    assert [stores.acts.first(*place, Act.FETCHED) for place in places] == [False] * 5


def test_a_whole_chunk_can_fetch(stores: Stores) -> None:
    assert all(stores.acts.first(APP, SEND, 0, index, Act.FETCHED) for index in range(CHUNK_SIZE))
    assert not any(stores.acts.first(APP, SEND, 0, index, Act.FETCHED) for index in range(0, CHUNK_SIZE, 50))
