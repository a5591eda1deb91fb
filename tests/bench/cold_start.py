"""How long each function's import takes in a new process, as in a cold start: byte-compiled, nothing else."""

import compileall
import os
import statistics
import subprocess
import sys
from collections.abc import Mapping

from tests.bench import tools
from tests.bench.lambda_event import environment
from tests.bench.racing import AWS

_TIMED = "import time; began = time.perf_counter(); import app; print(time.perf_counter() - began)"


def imports(rounds: int) -> Mapping[str, float]:
    """Seconds, by function: the median of some rounds."""
    compileall.compile_dir(tools.ROOT / "shared", quiet=1)
    functions = sorted(folder.name for folder in (tools.ROOT / "functions").iterdir() if (folder / "app.py").exists())
    times: dict[str, list[float]] = {function: [] for function in functions}
    # Round by round, so that what else the machine does meets all of them alike.
    for _ in range(rounds + 1):
        for function in functions:
            times[function].append(_import(function))
    # The first round only brought the files into memory.
    return {function: statistics.median(measured[1:]) for function, measured in times.items()}


def _import(function: str) -> float:
    settings = {"PATH": os.environ["PATH"], "PYTHONPATH": str(tools.ROOT / "shared"), **AWS, **environment(function)}
    done = subprocess.run(
        [sys.executable, "-c", _TIMED],
        cwd=tools.ROOT / "functions" / function,
        env=settings,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise AssertionError(f"functions/{function} cannot be imported:\n{done.stderr}")
    return float(done.stdout)
