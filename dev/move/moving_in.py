"""Importing a file of subscriptions: in calls of up to a thousand lines, from wherever the last run ended."""

import contextlib
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dev.move.api import OperatorApi, Refusal
from dev.move.failure import MoveFailure
from dev.move.kept import private, remember, remembered
from dev.move.progress import Progress

MOST_LINES = 1000
MOST_BYTES = 1024 * 1024
MOST_OF_A_LINE = 16 * 1024
SHOWN = 20
INTERRUPTED = 3
COUNTED = ("imported", "updated", "unchanged", "refused")


@dataclass(frozen=True, slots=True)
class Source:
    """A file of lines, as it was when it was looked through."""

    file: Path
    lines: int
    digest: str

    def parts(self, first: int) -> Iterator[tuple[int, bytes]]:
        """From a line (counted from 1) on, as much as a call takes each time, with the number of its first line."""
        part, number, size = list[bytes](), first, 0
        for line in self._from(first):
            if part and (len(part) == MOST_LINES or size + len(line) > MOST_BYTES):
                yield number, b"".join(part)
                number, part, size = number + len(part), [], 0
            part.append(line)
            size += len(line)
        if part:
            yield number, b"".join(part)

    def _from(self, first: int) -> Iterator[bytes]:
        with self.file.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                if number >= first:
                    # One that is too long is refused by its number, and need not travel for that.
                    yield line.rstrip(b"\r\n")[: MOST_OF_A_LINE + 1] + b"\n"


def survey(file: Path) -> Source:
    """Look a file through. Raises MoveFailure."""
    digest, lines = hashlib.sha256(), 0
    try:
        with file.open("rb") as content:
            for line in content:
                digest.update(line)
                lines += 1
    except OSError as error:
        raise MoveFailure(f"{file} cannot be read: {error.strerror}.") from None
    if not lines:
        raise MoveFailure(f"{file} is empty.")
    return Source(file, lines, digest.hexdigest())


def move_in(api: OperatorApi, source: Source, wanted: dict[str, Any], progress: Progress, *, anew: bool) -> str:
    """Import a file; what to tell at the end. wanted: the body that makes the import. Raises Refusal, MoveFailure."""
    state, report = _beside(source.file, "import.json"), _beside(source.file, "refused.jsonl")
    started = None if anew else _started(api, source, state)
    if started is None:
        started = api.call("POST", "/imports", {**wanted, "total": source.lines}).json
        remember(state, {"url": api.url, "app": api.app, "import": started["id"], "digest": source.digest})
        private(report).write_text("")
    elif started["next"] > 1:
        progress.say(f"Going on from line {started['next']:,}.")
    _take_all(api, source, started, report, progress)
    ended = api.call("POST", f"/imports/{started['id']}/finish").json
    return _told(ended, _refused(report, ended), report)


def _started(api: OperatorApi, source: Source, state: Path) -> dict[str, Any] | None:
    """The import of this file that an earlier run began; None when there is none."""
    known = remembered(state)
    if known is None or (known.get("url"), known.get("app")) != (api.url, api.app):
        return None
    if known.get("digest") != source.digest:
        raise MoveFailure(
            f"{source.file} has changed since its import began. With --anew it is read from its first line; what is in "
            "already is found unchanged."
        )
    try:
        found: dict[str, Any] = api.call("GET", f"/imports/{known['import']}").json
    except Refusal as refusal:
        if refusal.status == 404:
            return None
        raise
    if found["finished_at"] is not None:
        raise MoveFailure(f"{source.file} was imported on {found['finished_at']}. With --anew it is read once more.")
    return found


def _take_all(api: OperatorApi, source: Source, started: dict[str, Any], report: Path, progress: Progress) -> None:
    following, interrupted = started["next"], 0
    sums = {name: started[name] for name in COUNTED}
    progress.tell(following - 1)
    while following <= source.lines:
        for number, body in source.parts(following):
            try:
                taken = api.call("POST", f"/imports/{started['id']}/lines", body, query={"from": number}).json
            except Refusal as refusal:
                # Somebody else is at work on it, perhaps an earlier run's last call: see how far that came.
                interrupted += 1
                if refusal.status != 409 or interrupted > INTERRUPTED:
                    raise
                following = api.call("GET", f"/imports/{started['id']}").json["next"]
                break
            following = taken["next"]
            _note(report, taken["refused"])
            counted = {**taken, "refused": len(taken["refused"])}
            sums = {name: sum_ + counted[name] for name, sum_ in sums.items()}
            progress.tell(following - 1, "  ".join(f"{name} {sum_:,}" for name, sum_ in sums.items() if sum_))
            if following != number + body.count(b"\n"):
                break  # there was time for some of them


def _note(report: Path, refused: list[dict[str, Any]]) -> None:
    with private(report).open("a", encoding="utf-8") as lines:
        lines.writelines(f"{json.dumps(one)}\n" for one in refused)


def _refused(report: Path, ended: dict[str, Any]) -> list[dict[str, Any]]:
    """By line: those of the calls' answers, and those that only the server remembers, for an answer may get lost."""
    noted = []
    for line in report.read_text("utf-8").splitlines() if report.exists() else ():
        with contextlib.suppress(ValueError):  # half of one, from a run that was broken off
            noted.append(json.loads(line))
    by_line = {one["line"]: one for one in (*ended["refused_lines"], *noted)}
    return [by_line[line] for line in sorted(by_line)]


def _told(ended: dict[str, Any], refused: list[dict[str, Any]], report: Path) -> str:
    counts = [f"{ended[name]:,} {name}" for name in COUNTED]
    told = [f"Done: {', '.join(counts)}."]
    told += [f"  line {one['line']:,}: {one['rule']}" for one in refused[:SHOWN]]
    if len(refused) > SHOWN:
        told.append(f"  and {ended['refused'] - SHOWN:,} more, see {report}")
    report.write_text("".join(f"{json.dumps(one)}\n" for one in refused))
    if not refused:
        report.unlink()
    return "\n".join(told)


def _beside(file: Path, suffix: str) -> Path:
    return file.with_name(f"{file.name}.{suffix}")
