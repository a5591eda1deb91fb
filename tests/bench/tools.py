"""The programs that the benchmark drives: found on this machine, or brought to .tocsin/bench/."""

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
PLACE = ROOT / ".tocsin" / "bench"
CONTENDERS = Path(__file__).parent / "contenders"
# Unpacked, not installed: an installed nginx would start to serve port 80. `echo` is what lets it wait.
_WEB_PUSH = CONTENDERS / "node_modules" / "web-push"
_NGINX_PACKAGES = ("nginx", "libnginx-mod-http-echo")
_COMMANDS = {"node": ("nodejs",), "npm": ("npm",), "gcc": ("gcc", "libc6-dev", "libssl-dev")}


class MissingTool(Exception):
    """Something is not on this machine and could not be brought; the text says what to do."""


class Nginx:
    """Where nginx and its module are."""

    def __init__(self, root: Path) -> None:
        self.program = root / "usr/sbin/nginx"
        self.module = root / "usr/lib/nginx/modules/ngx_http_echo_module.so"


def prepare() -> None:
    """Bring everything that is missing: packages by apt-get, web-push by npm. Raises MissingTool."""
    PLACE.mkdir(parents=True, exist_ok=True)
    missing = [package for command, packages in _COMMANDS.items() if not shutil.which(command) for package in packages]
    if missing:
        _apt_get("install", "-y", "-qq", "--no-install-recommends", *missing)
    nginx()
    floor()
    if not _WEB_PUSH.is_dir():
        _run(["npm", "ci", "--silent", "--no-audit", "--no-fund"], CONTENDERS)


def prepared() -> bool:
    """Whether everything is there."""
    found = Nginx(PLACE / "nginx")
    return all(map(shutil.which, _COMMANDS)) and found.module.exists() and _WEB_PUSH.is_dir()


def nginx() -> Nginx:
    """Debian's or Ubuntu's own nginx. Raises MissingTool."""
    found = Nginx(PLACE / "nginx")
    if not (found.program.exists() and found.module.exists()):
        folder = PLACE / "packages"
        folder.mkdir(parents=True, exist_ok=True)
        _download(folder)
        for package in folder.glob("*.deb"):
            _run(["dpkg-deb", "-x", str(package), str(PLACE / "nginx")], folder)
    return found


def floor() -> Path:
    """The floor in C, compiled. Raises MissingTool."""
    source, program = CONTENDERS / "floor.c", PLACE / "floor"
    if not program.exists() or program.stat().st_mtime < source.stat().st_mtime:
        _run(["gcc", "-O2", "-Wall", "-o", str(program), str(source), "-lcrypto"], PLACE)
    return program


def on_core(core: int | None, command: Sequence[str]) -> Sequence[str]:
    """A command that runs on one processor core; None where there is but one."""
    return command if core is None else ["taskset", "--cpu-list", str(core), *command]


def versions() -> dict[str, str]:
    """What was measured with."""
    nginx_says = subprocess.run([nginx().program, "-v"], capture_output=True, text=True, check=True).stderr
    return {
        "nginx": nginx_says.rpartition("/")[2].strip(),
        "node": _run(["node", "--version"], PLACE).strip(),
        "web-push": _run(["node", "-p", "require('web-push/package.json').version"], CONTENDERS).strip(),
        "OpenSSL of the C floor": _run([str(floor()), "version"], PLACE).strip(),
    }


def _download(folder: Path) -> None:
    command = ["apt-get", "download", "-qq", *_NGINX_PACKAGES]
    try:
        _run(command, folder)
    except MissingTool:
        _apt_get("update", "-qq")
        _run(command, folder)


def _apt_get(*what: str) -> None:
    root = [] if os.geteuid() == 0 else ["sudo"]
    _run([*root, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", *what], PLACE)


def _run(command: list[str], folder: Path) -> str:
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    except OSError as error:
        raise MissingTool(f"{command[0]} is missing: the benchmark needs Debian or Ubuntu") from error
    if done.returncode:
        said = re.sub(r"\s+", " ", done.stderr).strip()
        raise MissingTool(f"'{' '.join(command)}' failed: {said}")
    return done.stdout
