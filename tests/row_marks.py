"""The compatibility table in tests: which rows exist, which test proves which, and what the last run said.

A pytest plugin (`pytest_plugins` in tests/conftest.py) and, for tools, the list of rows as data.
"""

import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypedDict

import pytest

ROWS_FILE = Path(__file__).with_name("rows.toml")
RESULTS_FILE = Path(".tocsin/rows.json")


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the compatibility table; `issue` is the one that brings it."""

    id: str
    dialect: str
    issue: int
    title: str


@dataclass(frozen=True, slots=True)
class CompatibilityTable:
    """Every row in its written order, with the names of dialects and issues."""

    rows: Mapping[str, Row]
    dialects: Mapping[str, str]
    issues: Mapping[int, str]

    def of(self, dialect: str) -> list[Row]:
        return [row for row in self.rows.values() if row.dialect == dialect]


class WrittenRow(TypedDict):
    issue: int
    title: str


class WrittenTable(TypedDict):
    issues: dict[str, str]
    dialects: dict[str, str]
    rows: dict[str, dict[str, WrittenRow]]


class Proof(TypedDict):
    """What one test said about its rows."""

    passed: bool
    deployed: bool


class RowResult(TypedDict):
    """`deployed`: at least one of the tests goes through the deployed template. `by_test` lets partial runs merge."""

    tests: int
    passed: bool
    deployed: bool
    by_test: dict[str, Proof]


def read_table(path: Path = ROWS_FILE) -> CompatibilityTable:
    """Read rows.toml. Raises ValueError for a row that is listed in two dialects."""
    written: WrittenTable = tomllib.loads(path.read_text("utf-8"))  # type: ignore[assignment]
    rows: dict[str, Row] = {}
    for dialect, listed in written["rows"].items():
        for name, row in listed.items():
            if name in rows:
                raise ValueError(f"row {name} is listed under {rows[name].dialect} and {dialect}")
            rows[name] = Row(name, dialect, row["issue"], row["title"])
    issues = {int(number): name for number, name in written["issues"].items()}
    return CompatibilityTable(rows, written["dialects"], issues)


def rows_of(item: pytest.Item) -> list[str]:
    """Row ids that the marks of a test name, once each, in the order written."""
    return list(dict.fromkeys(name for mark in item.iter_markers("row") for name in mark.args))


@dataclass(slots=True, eq=False)
class RowMarks:
    """Watches one pytest session."""

    known: frozenset[str]
    marked: dict[str, list[str]] = field(default_factory=dict)
    """test id -> rows, before -k and the like deselect any."""
    deployed: set[str] = field(default_factory=set)
    passed: dict[str, bool] = field(default_factory=dict)

    # First, so that a misspelt row is found even in a test that -k deselects.
    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: Sequence[pytest.Item]) -> None:
        mistakes = []
        for item in items:
            rows = rows_of(item)
            if any(not mark.args or mark.kwargs for mark in item.iter_markers("row")):
                mistakes.append(f"{item.nodeid}: the mark `row` takes row ids and nothing else")
            mistakes += [
                f"{item.nodeid}: no row {name!r} in tests/rows.toml" for name in rows if name not in self.known
            ]
            if rows:
                self.marked[item.nodeid] = rows
            if "deployed" in getattr(item, "fixturenames", ()):
                self.deployed.add(item.nodeid)
        if mistakes:
            raise pytest.UsageError("\n".join(mistakes))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.nodeid not in self.marked:
            return
        # A test passes if every phase does: a skip or a broken teardown proves nothing.
        self.passed[report.nodeid] = self.passed.get(report.nodeid, True) and report.outcome == "passed"

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        config = session.config
        if target := config.getoption("list_rows"):
            proven = {row: sorted(self.deployed.intersection(tests)) for row, tests in self.tests_by_row().items()}
            Path(target).write_text(
                json.dumps({row: tests for row, tests in proven.items() if tests}, indent=1), "utf-8"
            )
        if not self.passed:
            return
        path = config.rootpath / RESULTS_FILE
        old = {} if self._is_complete(config, exitstatus) else read_results(path)
        path.parent.mkdir(exist_ok=True)
        path.write_text(
            json.dumps(merge(old, self.results(), config.rootpath), indent=1, sort_keys=True) + "\n", "utf-8"
        )

    def tests_by_row(self) -> dict[str, list[str]]:
        """Row -> ids of the tests that name it."""
        found: dict[str, list[str]] = {}
        for test, rows in self.marked.items():
            for name in rows:
                found.setdefault(name, []).append(test)
        return found

    def results(self) -> dict[str, dict[str, Proof]]:
        """Row -> test -> result, of the tests that ran."""
        return {
            name: {test: {"passed": self.passed[test], "deployed": test in self.deployed} for test in ran}
            for name, tests in self.tests_by_row().items()
            if (ran := [test for test in tests if test in self.passed])
        }

    def _is_complete(self, config: pytest.Config, exitstatus: int) -> bool:
        whole = config.args_source is pytest.Config.ArgsSource.TESTPATHS
        return whole and exitstatus == pytest.ExitCode.OK and set(self.passed) == set(self.marked)


def read_results(path: Path) -> dict[str, RowResult]:
    """The results kept so far; {} if there are none yet or the file is not readable as such."""
    try:
        found: dict[str, RowResult] = json.loads(path.read_text("utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return {}
    return found


def merge(old: Mapping[str, RowResult], new: Mapping[str, Mapping[str, Proof]], root: Path) -> dict[str, RowResult]:
    """Results of `new` over those of `old`; a test whose file has gone is forgotten."""
    merged: dict[str, RowResult] = {}
    for name in {*old, *new}:
        kept = old[name]["by_test"] if name in old else {}
        by_test = {test: result for test, result in kept.items() if (root / test.partition("::")[0]).exists()}
        by_test |= new.get(name, {})
        if by_test:
            merged[name] = _summary(by_test)
    return merged


def _summary(by_test: dict[str, Proof]) -> RowResult:
    return {
        "tests": len(by_test),
        "passed": all(result["passed"] for result in by_test.values()),
        "deployed": any(result["deployed"] for result in by_test.values()),
        "by_test": by_test,
    }


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--list-rows",
        metavar="FILE",
        help="write {row: [tests that name it and go through the deployed template]} to FILE as JSON",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(RowMarks(frozenset(read_table().rows)), "tocsin-row-marks")
