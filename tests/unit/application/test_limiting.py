"""How often somebody may ask, and what it costs when they ask all the same."""

import pytest

from tests import builders
from tests.engine import MemoryEngine
from tests.memory.system import START
from tocsin.application.limiting import PER_ADDRESS, PER_APP, Limiting
from tocsin.application.ports import RequestWindows, Window
from tocsin.application.remembering import SIZE
from tocsin.domain.errors import Fault, Refused

MINUTE = 60
MINUTE_START = START // MINUTE * MINUTE


class CountedWindows:
    """The RequestWindows port; notes whose requests reached the store."""

    def __init__(self, windows: RequestWindows) -> None:
        self._windows = windows
        self.asked: list[str] = []

    def take(self, subject: str, limit: int, seconds: int, now: float) -> Window:
        """Note the subject, and count."""
        self.asked.append(subject)
        return self._windows.take(subject, limit, seconds, now)

    def look(self, subject: str, limit: int, seconds: int, now: float) -> Window:
        """Note the subject, and look."""
        self.asked.append(subject)
        return self._windows.look(subject, limit, seconds, now)


@pytest.fixture
def engine() -> MemoryEngine:
    """It is twenty seconds past the minute."""
    engine = MemoryEngine()
    engine.clock.advance(MINUTE_START + MINUTE + 20 - START)
    return engine


@pytest.fixture
def windows(engine: MemoryEngine) -> CountedWindows:
    return CountedWindows(engine.windows)


@pytest.fixture
def limiting(engine: MemoryEngine, windows: CountedWindows) -> Limiting:
    return Limiting(windows, engine.clock)


def wait(limiting: Limiting, subject: str = "key", limit: int = 3) -> int | None:
    """The seconds that a request is told to wait; None when it is let through."""
    try:
        limiting.take(subject, limit, MINUTE)
    except Refused as refused:
        return refused.retry_after
    return None


def asked(limiting: Limiting, windows: CountedWindows, times: int, subject: str = "key", limit: int = 3) -> int:
    """How many of so many requests reached the store."""
    before = len(windows.asked)
    for _ in range(times):
        wait(limiting, subject, limit)
    return len(windows.asked) - before


@pytest.mark.row("PS-7")
def test_whoever_was_refused_costs_the_store_nothing_until_the_window_ends(
    engine: MemoryEngine, limiting: Limiting, windows: CountedWindows
) -> None:
    assert asked(limiting, windows, 1000) == 3 + 1
    engine.clock.advance(39.9)
    assert asked(limiting, windows, 1000) == 0
    engine.clock.advance(0.1)
    assert wait(limiting) is None
    assert asked(limiting, windows, 1000) == 2 + 1


@pytest.mark.row("PS-7", "PS-29")
def test_a_refusal_from_memory_tells_the_end_of_the_window_as_the_first_one_did(
    engine: MemoryEngine, limiting: Limiting
) -> None:
    assert [wait(limiting) for _ in range(5)] == [None, None, None, 40, 40]
    with pytest.raises(Refused) as refusal:
        limiting.take("key", 3, MINUTE, "Slow down")
    assert (refusal.value.fault, refusal.value.message) == (Fault.RATE_LIMITED, "Slow down")
    engine.clock.advance(0.5)
    assert wait(limiting) == 40
    engine.clock.advance(39)
    assert wait(limiting) == 1
    engine.clock.advance(0.5)
    assert wait(limiting) is None


def test_the_others_are_counted_as_ever(limiting: Limiting, windows: CountedWindows) -> None:
    asked(limiting, windows, 10)
    assert wait(limiting, "another") is None


def test_a_raised_limit_works_at_once_and_a_lowered_one_refuses_from_memory(
    limiting: Limiting, windows: CountedWindows
) -> None:
    asked(limiting, windows, 4, limit=3)
    assert [wait(limiting, limit=5) for _ in range(3)] == [None, None, 40]
    assert asked(limiting, windows, 10, limit=5) == 0
    assert asked(limiting, windows, 10, limit=2) == 0


def test_who_looks_for_room_counts_nothing_and_asks_nobody_who_is_known_to_be_refused(
    limiting: Limiting, windows: CountedWindows
) -> None:
    assert all(limiting.has_room("key", 3, MINUTE) for _ in range(10))
    asked(limiting, windows, 3)
    assert not limiting.has_room("key", 3, MINUTE)
    asked(limiting, windows, 1)
    before = len(windows.asked)
    assert not limiting.has_room("key", 3, MINUTE)
    assert len(windows.asked) == before


def test_each_container_asks_once(engine: MemoryEngine, limiting: Limiting, windows: CountedWindows) -> None:
    other = Limiting(windows, engine.clock)
    assert asked(limiting, windows, 100) == 4
    assert asked(other, windows, 100) == 1


def test_a_window_that_others_have_begun_is_the_one_that_is_waited_for(
    engine: MemoryEngine, limiting: Limiting, windows: CountedWindows
) -> None:
    """This container's clock lags by 50 s."""
    for _ in range(3):
        windows.take("key", 3, MINUTE, engine.clock.now() + 50)
    assert wait(limiting) == 40 + MINUTE
    assert asked(limiting, windows, 100) == 0
    engine.clock.advance(40 + MINUTE)
    assert wait(limiting) is None


def test_what_is_remembered_has_an_end(limiting: Limiting, windows: CountedWindows) -> None:
    for number in range(SIZE + 1):
        wait(limiting, f"key {number}", limit=0)
    assert asked(limiting, windows, 2, f"key {SIZE}", limit=0) == 0
    assert asked(limiting, windows, 2, "key 0", limit=0) == 1


@pytest.mark.row("PS-20")
def test_a_browser_that_one_limit_refuses_counts_for_neither(
    engine: MemoryEngine, limiting: Limiting, windows: CountedWindows
) -> None:
    owner = builders.app(engine)

    def ask(network: str) -> str | None:
        try:
            limiting.browser(owner, network)
        except Refused as refused:
            return refused.message
        return None

    assert [ask("a") for _ in range(PER_ADDRESS[0])] == [None] * PER_ADDRESS[0]
    assert ask("a") == "Too many requests from browsers: more than 30 a minute of this network"
    assert [ask(f"{number}") for number in range(PER_APP[0] - PER_ADDRESS[0])].count(None) == 570
    assert ask("b") == "Too many requests from browsers: more than 600 a minute of this app"
    known = len(windows.asked)
    assert [ask(network) for network in ("a", "b", "c")].count(None) == 0
    assert len(windows.asked) == known
