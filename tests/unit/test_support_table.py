"""The compatibility table: the rows, the marks of tests, what a run leaves behind, and the table in the README."""

import json
import re
from pathlib import Path

import pytest

from dev import support_table
from dev.support_table import BEGIN, END, CannotWrite, main, place, proven_rows, render
from tests.row_marks import RESULTS_FILE, CompatibilityTable, Row, RowResult, read_table

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parents[2]
SMALL = CompatibilityTable(
    {row.id: row for row in (Row("A-1", "a", 2, "First"), Row("A-2", "a", 3, "Second"), Row("B-1", "b", 3, "Third"))},
    {"a": "Alpha", "b": "Beta"},
    {2: "the start", 3: "the rest"},
)


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A small project of its own that uses the plugin, and no other."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makepyprojecttoml(
        f"""
        [tool.pytest.ini_options]
        testpaths = ["tests"]
        pythonpath = [{str(ROOT)!r}]
        addopts = "--strict-markers -p tests.row_marks"
        filterwarnings = ["error"]
        markers = ["row(*ids): rows"]
        """
    )
    pytester.mkdir("tests")
    return pytester


def write(project: pytest.Pytester, source: str, name: str = "test_a.py") -> None:
    (project.path / "tests" / name).write_text("import pytest\n" + source, "utf-8")


def results(project: pytest.Pytester) -> dict[str, RowResult]:
    found: dict[str, RowResult] = json.loads((project.path / RESULTS_FILE).read_text("utf-8"))
    return found


def test_the_table_has_195_rows_with_a_short_title_and_a_known_dialect_and_issue() -> None:
    table = read_table()
    assert len(table.rows) == 195
    assert {dialect: len(table.of(dialect)) for dialect in table.dialects} == {
        "pushservice": 34, "cloudsignal": 40, "bnotify": 28, "pushary": 57, "keymaster": 26, "all": 10,
    }  # fmt: skip
    for row in table.rows.values():
        assert re.fullmatch(r"(PS|CS|BN|PU|KM|X)-[1-9]\d?", row.id)
        assert 0 < len(row.title) <= 90
        assert "|" not in row.title
        assert row.issue in table.issues
    assert len({row.title for row in table.rows.values()}) == 195


def test_a_row_listed_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "rows.toml"
    path.write_text('[issues]\n[dialects]\n[rows]\na.X-1={issue=2,title="t"}\nb.X-1={issue=2,title="t"}\n', "utf-8")
    with pytest.raises(ValueError, match="X-1 is listed under a and b"):
        read_table(path)


def test_the_access_patterns_name_every_row_exactly_once() -> None:
    text = (ROOT / "shared/DECISIONS.md").read_text("utf-8")
    section = text.partition("## Access patterns\n")[2].partition("\n## ")[0]
    cells = [line.split("|")[1] for line in section.splitlines() if line.startswith("|")]
    named = re.findall(r"\b(?:PS|CS|BN|PU|KM|X)-\d+\b", " ".join(cells))
    assert sorted(named) == sorted(read_table().rows)


def test_wrong_marks_fail_the_collection_even_of_deselected_tests(project: pytest.Pytester) -> None:
    marks = ['"PS-99"', '"PS-1", "ps-2"', "17", "", '"PS-1", dialect="x"']
    source = "".join(f"@pytest.mark.row({mark})\ndef test_{n}(): pass\n" for n, mark in enumerate(marks))
    write(project, source + "def test_fine(): pass\n")
    outcome = project.runpytest_inprocess("-k", "fine")
    assert outcome.ret == pytest.ExitCode.USAGE_ERROR
    outcome.stderr.fnmatch_lines(
        [
            "*test_0: no row 'PS-99' in tests/rows.toml",
            "*test_1: no row 'ps-2' in tests/rows.toml",
            "*test_2: no row 17 in tests/rows.toml",
            "*test_3: the mark `row` takes row ids and nothing else",
            "*test_4: the mark `row` takes row ids and nothing else",
        ]
    )


def test_a_green_run_counts_tests_and_says_which_rows_went_through_the_deployment(project: pytest.Pytester) -> None:
    write(
        project,
        """
@pytest.fixture
def deployed(): return "http://localhost"
@pytest.mark.row("PS-1", "X-1")
def test_one(): pass
@pytest.mark.row("PS-1")
def test_two(deployed): pass
def test_three(): pass
""",
    )
    assert project.runpytest_inprocess().ret == 0
    found = results(project)
    assert found["PS-1"]["by_test"] == {
        "tests/test_a.py::test_one": {"passed": True, "deployed": False},
        "tests/test_a.py::test_two": {"passed": True, "deployed": True},
    }
    assert {name: (row["tests"], row["passed"], row["deployed"]) for name, row in found.items()} == {
        "PS-1": (2, True, True),
        "X-1": (1, True, False),
    }


def test_a_partial_run_changes_what_it_ran_and_keeps_the_rest(project: pytest.Pytester) -> None:
    one = '@pytest.mark.row("PS-1")\ndef test_one(): assert {}\n'
    two = '@pytest.mark.row("PS-1", "PS-2")\ndef test_two(): pass\n'
    write(project, one.format(1) + two)
    write(project, '@pytest.mark.row("PS-3")\ndef test_three(): pass\n', "test_gone.py")
    assert project.runpytest_inprocess().ret == 0
    assert project.runpytest_inprocess("-k", "test_two").ret == 0
    assert results(project)["PS-1"]["tests"] == 2
    write(project, one.format(0) + two)
    (project.path / "tests/test_gone.py").unlink()
    assert project.runpytest_inprocess("-k", "test_one").ret == pytest.ExitCode.TESTS_FAILED
    found = results(project)
    assert {name: (row["tests"], row["passed"]) for name, row in found.items()} == {
        "PS-1": (2, False),
        "PS-2": (1, True),
    }


def test_a_complete_green_run_forgets_tests_that_no_longer_exist(project: pytest.Pytester) -> None:
    write(project, '@pytest.mark.row("PS-1")\ndef test_one(): pass\n@pytest.mark.row("PS-2")\ndef test_two(): pass\n')
    project.runpytest_inprocess()
    write(project, '@pytest.mark.row("PS-2")\ndef test_two(): pass\n')
    project.runpytest_inprocess("tests/test_a.py")
    assert set(results(project)) == {"PS-1", "PS-2"}, "a run of named files does not know what else there is"
    project.runpytest_inprocess()
    assert set(results(project)) == {"PS-2"}


def test_only_a_test_that_passes_in_every_phase_proves_its_row(project: pytest.Pytester) -> None:
    write(
        project,
        """
@pytest.fixture
def broken_setup(): raise OSError
@pytest.fixture
def broken_teardown():
    yield
    raise OSError
@pytest.mark.row("PS-1")
def test_skipped(): pytest.skip("no browser")
@pytest.mark.row("PS-2")
def test_set_up(broken_setup): pass
@pytest.mark.row("PS-3")
def test_torn_down(broken_teardown): pass
@pytest.mark.row("PS-4")
@pytest.mark.xfail
def test_expected(): assert 0
@pytest.mark.row("PS-5")
def test_fine(): pass
""",
    )
    project.runpytest_inprocess()
    assert {name for name, row in results(project).items() if row["passed"]} == {"PS-5"}


def test_collecting_writes_the_listing_and_no_results(project: pytest.Pytester) -> None:
    write(
        project,
        "@pytest.fixture\ndef deployed(): ...\n"
        '@pytest.mark.row("PS-1", "PS-2")\ndef test_one(deployed): raise OSError("was run")\n'
        '@pytest.mark.row("PS-3")\ndef test_in_process(): raise OSError("was run")\n',
    )
    assert proven_rows(project.path) == {"PS-1", "PS-2"}
    assert not (project.path / RESULTS_FILE).exists()


def test_a_broken_test_file_stops_the_table(project: pytest.Pytester) -> None:
    write(project, "import nothing_of_that_name")
    with pytest.raises(CannotWrite, match="nothing_of_that_name"):
        proven_rows(project.path)


def test_the_table_counts_all_and_lists_what_has_begun() -> None:
    assert render(SMALL, {"A-1"}).splitlines() == [
        "| API | rows proven by tests |",
        "|---|---|",
        "| Alpha | 1 of 2 |",
        "| Beta | 0 of 1 |",
        "",
        "<details><summary>Alpha: 1 of 2</summary>",
        "",
        "- **A-1** First: ✓",
        "- **A-2** Second: planned (the rest)",
        "",
        "</details>",
    ]


def test_the_table_replaces_what_stands_between_the_markers() -> None:
    assert place(f"a\n{BEGIN}\nold\n{END}\nz\n", "new") == f"a\n{BEGIN}\nnew\n{END}\nz\n"


@pytest.mark.parametrize("readme", ["", BEGIN, f"{END}\n{BEGIN}", f"{BEGIN}{END}{END}", f"{BEGIN}{BEGIN}{END}"])
def test_missing_or_repeated_markers_are_refused(readme: str) -> None:
    with pytest.raises(CannotWrite, match="once each"):
        place(readme, "new")


def test_check_fails_with_one_sentence_until_the_table_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(support_table, "proven_rows", lambda root: frozenset({"PS-18"}))
    readme = tmp_path / "README.md"
    readme.write_text(f"# T\n{BEGIN}\n{END}\n", "utf-8")
    assert main(["--check"], tmp_path) == 1
    assert capsys.readouterr().err == "The support table in README.md is stale: run `python -m dev.support_table`.\n"
    assert main([], tmp_path) == 0
    assert "| pushService | 1 of 34 |" in readme.read_text("utf-8")
    assert main(["--check"], tmp_path) == 0
