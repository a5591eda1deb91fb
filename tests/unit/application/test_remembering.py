"""What a container remembers: for how long, and how much of it."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.memory.system import START, VirtualClock
from tocsin.application.ports import Unavailable
from tocsin.application.remembering import SIZE, Remembered


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


def test_a_value_is_there_until_its_time_is_over(clock: VirtualClock) -> None:
    remembered: Remembered[str, int] = Remembered(clock)
    remembered.put("a", 1, START + 30)
    clock.advance(29.9)
    assert remembered.get("a") == 1
    clock.advance(0.1)
    assert remembered.get("a") is None


def test_what_was_read_is_not_read_again_even_if_it_was_nothing(clock: VirtualClock) -> None:
    remembered: Remembered[str, int | None] = Remembered(clock)
    reads: list[str] = []

    def read() -> None:
        reads.append("again")

    for _ in range(5):
        assert remembered.get_or_read("a", 30, read) is None
    assert len(reads) == 1
    clock.advance(30)
    remembered.get_or_read("a", 30, read)
    assert len(reads) == 2


def test_a_read_that_failed_is_not_remembered(clock: VirtualClock) -> None:
    remembered: Remembered[str, int] = Remembered(clock)

    def fail() -> int:
        raise Unavailable

    with pytest.raises(Unavailable):
        remembered.get_or_read("a", 30, fail)
    assert remembered.get_or_read("a", 30, lambda: 1) == 1


def test_the_time_runs_from_before_the_read(clock: VirtualClock) -> None:
    """What is read slowly may have changed while it was read."""
    remembered: Remembered[str, int] = Remembered(clock)

    def slowly() -> int:
        clock.advance(10)
        return 1

    remembered.get_or_read("a", 30, slowly)
    clock.advance(20)
    assert remembered.get("a") is None


def test_a_full_memory_forgets_what_was_noted_longest_ago(clock: VirtualClock) -> None:
    remembered: Remembered[int, int] = Remembered(clock)
    for number in range(SIZE):
        remembered.put(number, number, START + 60)
    remembered.put(0, 0, START + 60)  # noted anew
    remembered.put(SIZE, SIZE, START + 60)
    assert [remembered.get(number) for number in (0, 1, 2, SIZE)] == [0, None, 2, SIZE]
    assert sum(remembered.get(number) is not None for number in range(SIZE + 1)) == SIZE


def test_threads_may_share_it(clock: VirtualClock) -> None:
    remembered: Remembered[int, int] = Remembered(clock)

    def use(thread: int) -> None:
        for number in range(SIZE):
            remembered.put(thread * 7 + number, number, START + 60)
            remembered.get_or_read(number, 60, lambda: 1)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(use, range(4)))
    assert sum(remembered.get(number) is not None for number in range(2 * SIZE)) == SIZE
