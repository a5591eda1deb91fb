"""`make bench`: the contenders side by side, cold imports, and a simulated million with its costs. Linux only.

Tables on the terminal, everything as JSON in .tocsin/bench.json. --quick: small numbers, to see that all of it works.
"""

import argparse
import datetime as dt
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path

import pycurl
from cryptography.hazmat.backends.openssl import backend

from tests.bench import beacons, cold_start, tools
from tests.bench.million import Story, Task
from tests.bench.push_service import WrongMessages, running
from tests.bench.racing import FAN_OUT, FULL, OURS, QUICK, Measured, Race
from tests.bench.results import MILLION, Results

DELAYS = (0.0, 0.02)
WORKERS = 20
"""Of each of the two functions: 40 in all."""
RUNTIME_START = 0.2
"""Seconds that Lambda itself needs for a cold start, before the import: fetching the code, starting Python."""
SMALL = 10_000
BUSY = 0.5
"""Load of the machine before the run from which on its figures are not to be trusted."""
REFUSED = 50
_PACKAGES = ("cryptography", "pywebpush", "aiohttp", "requests", "botocore")


def main() -> int:
    """Run everything; 1 if something was not as claimed."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__, allow_abbrev=False)
    parser.add_argument("--quick", action="store_true", help="small numbers, to see that all of it works")
    quick: bool = parser.parse_args().quick
    try:
        _say("Preparing")
        tools.prepare()
        with tempfile.TemporaryDirectory(prefix="tocsin-bench-") as folder:
            results = _measured(Path(folder), quick=quick)
    except (tools.MissingTool, WrongMessages) as error:
        _say(str(error))
        return 1
    file = tools.ROOT / ".tocsin" / ("bench-quick.json" if quick else "bench.json")
    file.write_text(json.dumps(results.as_json(), indent=1) + "\n")
    lines = [f"{name}: {what}" for name, what in results.machine.items()]
    lines += [*results.tables(verdicts=not quick), "", f"All figures: {file.relative_to(tools.ROOT)}"]
    if quick:
        lines.append("So few messages show that everything works; the figures say nothing.")
    sys.stdout.write("\n".join(lines) + "\n")
    return 0


def _measured(folder: Path, *, quick: bool) -> Results:
    load = os.getloadavg()[0]
    race = Race(folder, QUICK if quick else FULL)
    races: dict[float, Mapping[str, Measured]] = {}
    for delay in DELAYS:
        _say(f"Racing, push service answers after {1000 * delay:.0f} ms")
        races[delay] = race.run(delay, 1 if quick else 3)
    _say("The last chunk of a million")
    with running(folder / "nginx", 0, race.theirs) as service:
        last_chunk = race.last_chunk(service, MILLION)
    _say("Cold imports")
    imports = cold_start.imports(1 if quick else 5)
    size = MILLION // 100 if quick else MILLION
    slow = races[max(races)]
    task = Task(
        size=size,
        workers=WORKERS,
        fan_out_seconds=1 / slow[FAN_OUT].rate,
        deliver_seconds=1 / slow[OURS].rate,
        cold_start={function: time + RUNTIME_START for function, time in imports.items()},
    )
    _say(f"Simulating a send to {size:,}")
    million, tenth = _side_by_side(race, task, replace(task, size=size // 10))
    small = replace(task, size=min(size, SMALL))
    _say("Simulating refusals")
    plain, gone, failed = (
        _simulated(race.own, one)
        for one in (small, replace(small, refuse=REFUSED, status=410), replace(small, refuse=REFUSED, status=400))
    )
    _say("Counting what readers do")
    readers = beacons.measured(folder, MILLION, 500 if quick else 20)
    return Results(
        _machine(load), load > BUSY, races, last_chunk, imports, size, million, tenth, plain, gone, failed, readers
    )


def _side_by_side(race: Race, whole: Task, tenth: Task) -> tuple[Story, Story]:
    """The whole on one core, ten times the tenth on the other meanwhile, so that both meet the same disturbances."""
    process = _started(race.own, whole)
    tenths = [_simulated(race.theirs, tenth) for _ in range(10)]
    return _ended(process, whole), replace(tenths[0], cpu=sum(one.cpu for one in tenths) / len(tenths))


def _simulated(core: int | None, task: Task) -> Story:
    return _ended(_started(core, task), task)


def _started(core: int | None, task: Task) -> "subprocess.Popen[str]":
    process = subprocess.Popen(
        tools.on_core(core, [sys.executable, "-m", "tests.bench.million"]),
        cwd=tools.ROOT,
        env={**os.environ, "PYTHONPATH": "shared"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin
    process.stdin.write(json.dumps(asdict(task)))
    process.stdin.close()
    return process


def _ended(process: "subprocess.Popen[str]", task: Task) -> Story:
    assert process.stdout
    with process.stdout:
        said = process.stdout.read()
    if process.wait():
        raise WrongMessages("the simulation failed")
    story = Story(**json.loads(said))
    reached = story.accepted + story.gone + story.failed
    if not story.settled or reached != task.size:
        raise WrongMessages(f"the simulated send to {task.size} reached {reached}; settled: {story.settled}")
    return story


def _machine(load: float) -> Mapping[str, str]:
    model = re.search(r"model name\s*: (.+)", Path("/proc/cpuinfo").read_text())
    return {
        "load": f"{load:.1f}{' - too busy to measure well' if load > BUSY else ''}",
        "date": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "processor": f"{model[1] if model else platform.machine()}, {os.cpu_count()} cores",
        "system": f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
        "packages": ", ".join(f"{name} {version(name)}" for name in _PACKAGES),
        "libcurl": pycurl.version,
        "OpenSSL of cryptography": backend.openssl_version_text(),
        "peers": ", ".join(f"{name} {number}" for name, number in tools.versions().items()),
    }


def _say(what: str) -> None:
    sys.stderr.write(what + "\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
