"""What push services answered: sums stay right however much is left out."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.domain.report import NOBODY, OTHER, Fate, Report, Said, total

SAID = st.builds(
    Said,
    st.sampled_from(["mozilla", "fcm", "apple", "wns", NOBODY]),
    st.sampled_from(Fate),
    st.sampled_from(["", OTHER]) | st.text(max_size=30),
)
REPORTS = st.builds(
    Report, st.dictionaries(SAID, st.integers(1, 500), max_size=60), *[st.integers(0, 10**6) for _ in range(3)]
)
GONE, RETRIED = Said("fcm", Fate.GONE, "NotRegistered"), Said("fcm", Fate.RETRIED, "status 429")


def by_service_and_fate(report: Report) -> Counter[tuple[str, Fate]]:
    sums: Counter[tuple[str, Fate]] = Counter()
    for said, number in report.said.items():
        sums[said.service, said.fate] += number
    return sums


@given(report=REPORTS, room=st.integers(0, 1_000))
def test_shortening_changes_no_total_of_a_service_and_fate(report: Report, room: int) -> None:
    short = report.shortened(room)
    assert by_service_and_fate(short) == by_service_and_fate(report)
    assert (short.posts, short.writes, short.cpu_ms) == (report.posts, report.writes, report.cpu_ms)
    assert all(short.count(fate) == report.count(fate) for fate in Fate)


@given(report=REPORTS, room=st.integers(0, 1_000))
def test_a_shortened_report_fits_unless_services_and_fates_alone_do_not(report: Report, room: int) -> None:
    short = report.shortened(room)
    nameless = {said._replace(reason=OTHER if said.reason else "") for said in report.said}
    taken, least = (sum(8 + len(said.reason) for said in several) for several in (short.said, nameless))
    assert taken <= max(room, least)
    assert set(short.said) <= set(report.said) | nameless
    assert all(number > 0 for number in short.said.values())


@given(report=REPORTS, room=st.integers(0, 1_000))
def test_shortening_again_changes_nothing(report: Report, room: int) -> None:
    assert report.shortened(room).shortened(room) == report.shortened(room)


def test_what_fits_is_kept_word_for_word() -> None:
    report = Report({GONE: 3, RETRIED: 1})
    assert report.shortened(8 + 13 + 8 + 10) == report


def test_the_rarer_reasons_give_way_to_the_frequent_ones_and_the_passing_to_the_final() -> None:
    rare, rarer = (Said("fcm", Fate.GONE, f"a word of thirty characters, {number}") for number in "12")
    report = Report({rare: 2, GONE: 50, rarer: 1, RETRIED: 7, Said("fcm", Fate.ACCEPTED, ""): 400})
    assert report.shortened(100).said == {
        Said("fcm", Fate.ACCEPTED, ""): 400,
        GONE: 50,
        rare: 2,
        Said("fcm", Fate.GONE, OTHER): 1,
        Said("fcm", Fate.RETRIED, OTHER): 7,
    }


@given(reports=st.lists(REPORTS, max_size=4))
def test_reports_add_up(reports: list[Report]) -> None:
    everything = total(reports)
    assert by_service_and_fate(everything) == sum(map(by_service_and_fate, reports), Counter())
    assert everything.posts == sum(report.posts for report in reports)
    assert everything == total(reversed(reports))


def test_a_sum_leaves_its_parts_as_they_were() -> None:
    first, second = Report({GONE: 1}, 1, 2, 3), Report({GONE: 2, RETRIED: 1}, 4, 5, 6)
    assert first + second == Report({GONE: 3, RETRIED: 1}, 5, 7, 9)
    assert (first, second) == (Report({GONE: 1}, 1, 2, 3), Report({GONE: 2, RETRIED: 1}, 4, 5, 6))
    assert total([]) == Report()


@pytest.mark.parametrize("fate", Fate)
def test_answers_are_counted_by_fate(fate: Fate) -> None:
    assert Report({GONE: 3, RETRIED: 1}).count(fate) == {Fate.GONE: 3, Fate.RETRIED: 1}.get(fate, 0)
