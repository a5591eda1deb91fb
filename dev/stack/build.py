"""Building the template's artefacts for a target: `sam build` with what its makefiles need to know."""

import fcntl
import hashlib
import os
import platform
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dev.stack.failure import StackFailure

ROOT = Path(__file__).resolve().parents[2]
LOCAL_BUILD = ROOT / ".aws-sam" / "local"
AWS_BUILD = ROOT / ".aws-sam" / "build"  # where `sam deploy` looks
SAM = Path(sys.executable).with_name("sam")
INPUTS = ("template.yaml", "layers", "functions", "shared/tocsin")


@dataclass(frozen=True, slots=True)
class Target:
    """What the layers are built for: `python` as "3.13", `architecture` as Lambda spells it.

    `host`: for this machine's own operating system, where the emulator runs functions; else for Lambda's Linux.
    """

    python: str
    architecture: str
    host: bool = False

    @property
    def parameters(self) -> dict[str, str]:
        """The template's parameters that must agree with the build."""
        return {"PythonRuntime": f"python{self.python}", "Architecture": self.architecture}

    @property
    def environment(self) -> dict[str, str]:
        """What the layers' makefiles read."""
        names = {"TOCSIN_PYTHON": self.python, "TOCSIN_ARCHITECTURE": self.architecture}
        return names | ({"TOCSIN_PLATFORM": "host"} if self.host else {})


def local_target() -> Target:
    """This interpreter on this machine: the emulator runs functions on it."""
    machine = "arm64" if platform.machine().lower() in {"arm64", "aarch64"} else "x86_64"
    return Target(f"{sys.version_info.major}.{sys.version_info.minor}", machine, host=True)


def build(target: Target, folder: Path) -> str:
    """Build into `folder` unless it already holds this very build; return the digest of the inputs.

    Raises StackFailure: a target that Lambda cannot run, or sam's own words.
    """
    if target.python == "3.11" and not target.host:
        # pycurl's only wheels for it want glibc 2.28; Lambda's python3.11 is Amazon Linux 2, which has 2.26.
        raise StackFailure(
            "Python 3.11 is for the local stack only: choose python3.12 or newer as PythonRuntime for AWS."
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two stacks may start at once
        digest = inputs_digest(target)
        stamp = folder.parent / f"{folder.name}.digest"
        if stamp.exists() and stamp.read_text() == digest and folder.is_dir():
            return digest
        stamp.unlink(missing_ok=True)
        overrides = [f"{name}={value}" for name, value in target.parameters.items()]
        done = subprocess.run(
            [str(SAM), "build", "--no-cached", "--build-dir", str(folder), "--parameter-overrides", *overrides],
            cwd=ROOT,
            env={**os.environ, **target.environment, "SAM_CLI_TELEMETRY": "0", "MAKEFLAGS": ""},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise StackFailure(f"sam build failed:\n{last_lines(done.stdout + done.stderr)}")
        if strangers := list(foreign_modules(folder, target)):
            raise StackFailure(f"sam build made binaries for another target than {target}: {', '.join(strangers)}")
        stamp.write_text(digest)
        return digest


def inputs_digest(target: Target) -> str:
    """SHA-256 over all that a build reads."""
    digest = hashlib.sha256(repr(target).encode())
    for name in INPUTS:
        path = ROOT / name
        files = sorted(path.rglob("*")) if path.is_dir() else [path]
        for file in files:
            if file.is_file() and "__pycache__" not in file.parts and file.suffix != ".md":
                digest.update(f"{file.relative_to(ROOT)}\0".encode())
                digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def foreign_modules(folder: Path, target: Target) -> Iterator[str]:
    """Names of the built extension modules whose tag says another Python or machine than `target`."""
    version = target.python.replace(".", "")
    machine = "aarch64" if target.architecture == "arm64" else "x86_64"
    for module in sorted((folder / "DependenciesLayer").rglob("*.cpython-*.so")):
        tag = module.name.split(".")[-2]  # cpython-313-aarch64-linux-gnu, cpython-313-darwin
        fits = f"cpython-{version}-" in f"{tag}-" and (machine in tag or (target.host and "darwin" in tag))
        if not fits:
            yield module.name


def last_lines(text: str, count: int = 25) -> str:
    """The end of a tool's output, where the error stands."""
    return "\n".join(text.strip().splitlines()[-count:])


def stage_target(stage: str) -> Target:
    """What a stage deploys: the template's defaults, or what its section of samconfig.toml says instead."""
    template = (ROOT / "template.yaml").read_text()
    chosen = dict(
        re.findall(r"^  (PythonRuntime|Architecture):\n    Type: String\n    Default: (\S+)$", template, re.MULTILINE)
    )
    stages = tomllib.loads((ROOT / "samconfig.toml").read_text())
    if stage not in stages:
        raise StackFailure(f"samconfig.toml has no section {stage}.")
    for override in stages[stage]["deploy"]["parameters"].get("parameter_overrides", []):
        name, _, value = override.partition("=")
        chosen[name] = value
    return Target(chosen["PythonRuntime"].removeprefix("python"), chosen["Architecture"])
