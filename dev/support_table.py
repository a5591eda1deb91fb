"""The README's support table, written from the row marks that the tests carry: `python -m dev.support_table [--check]`.

A row counts when a test that goes through the deployed template names it. Static: tests are collected, not run, so the
table says what is tested; whether those tests pass is for CI to say.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Set as AbstractSet
from pathlib import Path

from tests.row_marks import CompatibilityTable, Row, read_table

ROOT = Path(__file__).resolve().parent.parent
BEGIN = "<!-- support:begin -->"
END = "<!-- support:end -->"


class CannotWrite(Exception):
    """The text is one sentence for the terminal."""


def proven_rows(root: Path) -> frozenset[str]:
    """Rows that at least one test under `root` proves on the deployed template.

    Raises CannotWrite if the tests cannot be collected.
    """
    with tempfile.TemporaryDirectory() as folder:
        listing = Path(folder) / "rows.json"
        command = [
            sys.executable,
            "-m",
            "pytest",
            "--collect-only",
            "-q",
            "-p",
            "no:cacheprovider",
            "--list-rows",
            str(listing),
        ]
        collected = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
        if collected.returncode or not listing.exists():
            raise CannotWrite(f"The tests cannot be collected:\n{collected.stdout}{collected.stderr}")
        return frozenset(json.loads(listing.read_text("utf-8")))


def render(table: CompatibilityTable, proven: AbstractSet[str]) -> str:
    """The Markdown between the markers: a line a dialect, then every row of those that have begun, folded."""
    summary = ["| API | rows proven by tests |", "|---|---|"]
    details = []
    for dialect, name in table.dialects.items():
        rows = table.of(dialect)
        count = f"{sum(row.id in proven for row in rows)} of {len(rows)}"
        summary.append(f"| {name} | {count} |")
        if not any(row.id in proven for row in rows):
            continue  # a list of plans would only hide what there is
        lines = [f"- {_line(row, table, proven)}" for row in rows]
        details += ["", f"<details><summary>{name}: {count}</summary>", "", *lines, "", "</details>"]
    return "\n".join([*summary, *details])


def _line(row: Row, table: CompatibilityTable, proven: AbstractSet[str]) -> str:
    state = "✓" if row.id in proven else f"planned ({table.issues[row.issue]})"
    return f"**{row.id}** {row.title}: {state}"


def place(readme: str, text: str) -> str:
    """`readme` with `text` between the markers. Raises CannotWrite unless each marker is there once, in order."""
    head, begin, rest = readme.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end or BEGIN in rest or END in tail:
        raise CannotWrite(f"The README needs {BEGIN} and {END} once each, in this order.")
    return f"{head}{begin}\n{text}\n{end}{tail}"


def main(arguments: list[str], root: Path = ROOT) -> int:
    parser = argparse.ArgumentParser(prog="python -m dev.support_table", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if the README is stale")
    check = parser.parse_args(arguments).check
    readme = root / "README.md"
    try:
        written = readme.read_text("utf-8")
        fresh = place(written, render(read_table(), proven_rows(root)))
    except CannotWrite as problem:
        print(problem, file=sys.stderr)
        return 1
    if written == fresh:
        return 0
    if check:
        print("The support table in README.md is stale: run `python -m dev.support_table`.", file=sys.stderr)
        return 1
    readme.write_text(fresh, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
