"""What a person meets around `make dev`: ports, signals, what an earlier run left, and the lines in the terminal."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from aiohttp import web

from dev.__main__ import port_of, reset
from dev.stack import Stack, StackFailure, earlier_run
from dev.stack.build import ROOT
from dev.stack.demo_tenant import DemoTenant, demo_tenant
from dev.stack.earlier_run import end_earlier_run, lock_to_hand_down
from dev.stack.emulator import Emulator
from dev.stack.front import Front
from dev.stack.page import page
from dev.stack.places import Places, port_is_free
from dev.stack.stored_format import FORMAT, check_format
from tests.browser.served import ServerThread

# Starts an emulator as `make dev` does, says so, and then waits to be killed.
PARENT = """
import sys, time
from pathlib import Path
from dev.stack.emulator import Emulator
Emulator(Path(sys.argv[1]), int(sys.argv[2])).start()
print("up", flush=True)
time.sleep(600)
"""
# The command's own handling of signals, around a stack that takes its time and writes down what happened to it.
COMMAND = """
import sys, time
from pathlib import Path
import dev.__main__ as command
class Slow:
    page = "ready"
    def __init__(self, folder, *_, **__): self.log = folder / "log"
    def write(self, line):
        with self.log.open("a") as log: log.write(line + "\\n")
    def __enter__(self):
        self.write("entered")
        try:
            time.sleep(float(sys.argv[2]))
        except KeyboardInterrupt:
            self.__exit__()
            raise
        return self
    def __exit__(self, *_):
        self.write("saving")
        time.sleep(0.5)
        self.write("saved")
command.Stack = Slow
sys.exit(command.run(Path(sys.argv[1]), 1))
"""


# An interpreter as Debian has it without python3-venv: it begins a .venv and fails. It knows neither pip nor uv.
WITHOUT_VENV = """#!/bin/sh
case "$*" in
*venv*) mkdir -p .venv/bin; cp "$0" .venv/bin/python; exit 1 ;;
*pip*) exit 1 ;;
esac
"""


@pytest.mark.parametrize("left_before", [False, True], ids=["first attempt", "after a half-way attempt"])
def test_a_venv_that_failed_half_way_is_not_trusted(tmp_path: Path, *, left_before: bool) -> None:
    for name in ("Makefile", "pyproject.toml", "uv.lock"):
        shutil.copy(ROOT / name, tmp_path / name)
    interpreter = tmp_path / "commands" / "python3.13"
    places = [interpreter, *([tmp_path / ".venv" / "bin" / "python"] if left_before else [])]
    for place in places:
        place.parent.mkdir(parents=True)
        place.write_text(WITHOUT_VENV)
        place.chmod(0o755)
    done = subprocess.run(
        ["make", "dev"],
        cwd=tmp_path,
        # As from a shell, although `make test` runs this.
        env={name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
        | {"PATH": f"{interpreter.parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode != 0
    assert done.stdout == "Making .venv with python3.13\n"
    assert "install its venv module" in done.stderr
    assert not (tmp_path / ".venv").exists()


@pytest.mark.parametrize("text", ["", "0", "-1", "99999", "65536", "abc", "8_787", "٨", " 80", "1" * 5000])
def test_a_port_that_is_none_is_one_sentence(text: str) -> None:
    with pytest.raises(StackFailure, match=r"^PORT must be a number from 1 to 65535\.$"):
        port_of(text)


@pytest.mark.parametrize("text", ["1", "8787", "65535"])
def test_a_port_is_a_number(text: str) -> None:
    assert port_of(text) == int(text)


def test_the_command_says_it_without_a_traceback() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "dev", "--port=abc"], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "PORT must be a number from 1 to 65535.\n")


@pytest.mark.parametrize(("family", "address"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
def test_a_listener_on_either_loopback_is_noticed(family: socket.AddressFamily, address: str) -> None:
    with socket.socket(family) as listener:
        listener.bind((address, 0))
        listener.listen()
        port = listener.getsockname()[1]
        assert not port_is_free(port)
    assert port_is_free(port)


def test_a_machine_without_ipv6_has_free_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    # TEST-NET-1: an address that this machine does not have.
    monkeypatch.setattr("dev.stack.places.LOOPBACKS", ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET, "192.0.2.1")))
    assert port_is_free(_free_port())


def test_a_second_run_is_told_where_the_first_one_is(tmp_path: Path) -> None:
    first = Stack(tmp_path)
    places = Places.of(tmp_path, 0)
    with first._only_one(), pytest.raises(StackFailure) as refused:
        Stack(tmp_path).__enter__()
    assert f"as process {os.getpid()}, at http://localhost:{places.front}: " in str(refused.value)


def test_the_port_of_another_part_is_refused(tmp_path: Path) -> None:
    check_format(tmp_path)
    places = Places.of(tmp_path, 0)
    with pytest.raises(StackFailure, match="for another part"):
        Stack(tmp_path, places.proxy).__enter__()


@pytest.mark.parametrize("written", [None, "", "1\n", f"{FORMAT + 1}\n"])
def test_data_of_an_earlier_version_is_one_sentence(tmp_path: Path, written: str | None) -> None:
    state = tmp_path / ".tocsin"
    state.mkdir()
    Places.of(state, 0)
    if written is not None:
        (state / "format").write_text(written)
    refusal = r"^The data in \.tocsin is of an earlier version: `make reset` begins anew\.$"
    with pytest.raises(StackFailure, match=refusal):
        Stack(state).__enter__()
    assert reset(state) == 0
    assert not state.exists()


def test_a_new_folder_is_of_this_version_and_stays_so(tmp_path: Path) -> None:
    for _ in range(2):
        check_format(tmp_path)
        Places.of(tmp_path, 0)


@pytest.fixture
def orphan(tmp_path: Path) -> Iterator[Emulator]:
    """An emulator with a bucket, whose parent was killed the hard way."""
    emulator = Emulator(tmp_path, _free_port())
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path), str(emulator.port)], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    assert parent.stdout.readline() == "up\n"
    emulator.client("s3").create_bucket(Bucket="kept")
    parent.kill()
    parent.wait()
    parent.stdout.close()
    assert not port_is_free(emulator.port)
    yield emulator
    end_earlier_run(tmp_path)


def test_what_a_killed_run_left_is_ended_and_has_saved(orphan: Emulator, tmp_path: Path) -> None:
    with pytest.raises(StackFailure, match="already runs"):
        Emulator(tmp_path, orphan.port).start()
    assert end_earlier_run(tmp_path)
    assert port_is_free(orphan.port)
    assert not end_earlier_run(tmp_path)
    with Emulator(tmp_path, orphan.port) as again:
        assert [each["Name"] for each in again.client("s3").list_buckets()["Buckets"]] == ["kept"]


def test_a_reset_ends_it_too(orphan: Emulator, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "lock").touch()
    assert reset(tmp_path) == 0
    assert port_is_free(orphan.port)
    assert not tmp_path.exists()
    assert (
        "A local AWS of an earlier run is still there: stopping it, which saves its data.\n" in capsys.readouterr().out
    )


def test_a_stranger_with_the_number_of_an_old_emulator_is_left_alone(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True) as stranger:
        try:
            with lock_to_hand_down(tmp_path) as lock:
                lock.write(str(stranger.pid))
            assert not end_earlier_run(tmp_path)
            assert stranger.poll() is None
        finally:
            stranger.kill()


def test_one_that_ignores_the_request_to_end_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(earlier_run, "END_SECONDS", 0.3)
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(600)"
    with lock_to_hand_down(tmp_path) as lock:
        process = subprocess.Popen(
            [sys.executable, "-c", deaf], stdout=subprocess.PIPE, pass_fds=(lock.fileno(),), start_new_session=True
        )
        lock.write(str(process.pid))
    with process:
        assert process.stdout is not None
        process.stdout.readline()
        assert end_earlier_run(tmp_path)
        assert process.wait() == -signal.SIGKILL


def test_one_that_does_not_end_is_told_of_and_what_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(earlier_run, "END_SECONDS", 0.5)
    monkeypatch.setattr("dev.stack.emulator.TELL_SECONDS", 0.2)
    said: list[str] = []
    emulator = Emulator(tmp_path, 1, said.append)
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(600)"
    with _instead_of(emulator, deaf) as process:
        with pytest.raises(StackFailure, match=r"was killed: what this run stored may be lost\."):
            emulator.stop()
        assert process.returncode == -signal.SIGKILL
    assert said[:2] == ["Still saving, and waiting for functions at work"] * 2


def test_one_that_ended_by_itself_has_not_saved(tmp_path: Path) -> None:
    emulator = Emulator(tmp_path, 1)
    with _instead_of(emulator, "print(flush=True)") as process:
        process.wait()
        with pytest.raises(StackFailure, match=r"had ended by itself: what this run stored may be lost\."):
            emulator.stop()


def test_what_functions_unpacked_is_removed_without_waiting_for_it(tmp_path: Path) -> None:
    with Emulator(tmp_path, _free_port()):
        [folder] = tmp_path.glob("tmp-*")
        (folder / "unpacked").mkdir()
    deadline = time.monotonic() + 20
    while folder.exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_nothing_is_called_saved_that_was_not(tmp_path: Path) -> None:
    lost = COMMAND.replace('self.write("saved")', 'raise command.StackFailure("It is lost.")')
    with subprocess.Popen(
        [sys.executable, "-c", lost, str(tmp_path), "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        said, failure = process.communicate(timeout=10)
    assert (process.returncode, said.strip()) == (1, "Saving the data ...")
    assert failure.endswith("StackFailure: It is lost.\n")


@pytest.fixture
def at_a_terminal() -> Iterator[None]:
    """As if these tests had not been started by nohup, which lets everything that they start ignore SIGHUP."""
    ours = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, ours)


@pytest.mark.usefixtures("at_a_terminal")
@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize(("delay", "status"), [(0, 0), (600, 130)], ids=["ready", "starting"])
def test_a_signal_saves_even_if_it_comes_twice_and_the_terminal_is_gone(
    tmp_path: Path, number: signal.Signals, delay: int, status: int
) -> None:
    log = tmp_path / "log"
    with subprocess.Popen(
        [sys.executable, "-c", COMMAND, str(tmp_path), str(delay)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        if delay:
            _wait_for(log, "entered")
        else:
            process.stdout.readline()
        process.stdout.close()  # each write fails from here on
        process.send_signal(number)
        _wait_for(log, "saving")
        process.send_signal(number)
        assert process.wait(10) in {status, 120}  # 120: Python's own, when what it still had to print cannot be printed
        assert b"Traceback" not in process.stderr.read()
    assert log.read_text().split() == ["entered", "saving", "saved"]


def test_a_run_that_is_to_outlive_its_terminal_does(tmp_path: Path) -> None:
    with subprocess.Popen(
        ["nohup", sys.executable, "-c", COMMAND, str(tmp_path), "0"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGHUP)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(2)
        process.terminate()
        assert process.wait(10) == 0


@pytest.fixture
def front() -> Iterator[Front]:
    """The front, before an API that answers everything with a refusal."""

    async def refuse(_: web.Request) -> web.Response:
        return web.json_response({}, status=404, headers={"X-Error-Code": "NO_SUBSCRIPTIONS"})

    api = web.Application()
    api.router.add_route("*", "/{path:(?s:.*)}", refuse)
    with ServerThread() as servers:
        opened = Front(_free_port(), Emulator(Path(os.devnull), servers.start(api)), "api", [])
        opened.start()
        yield opened
        opened.stop()


def test_each_api_request_is_told_in_a_line_without_its_query(front: Front) -> None:
    told: list[str] = []
    front.tell = told.append
    front.show_demo({"app": "app_x"}, "key")
    _status(f"{front.url}/v1/send?email=reader@example.com", b"{}")
    _status(f"{front.url}/a%0Ab/")
    for asset in ("/demo/", "/demo/style.css", "/demo/config.json", "/sdk.js?app=app_x", "/sw.js"):
        _status(front.url + asset)
    _status(f"{front.url}/demo/send", b'{"email": "reader@example.com"}', {"Origin": front.url})
    assert told == [
        "POST /v1/send 404 NO_SUBSCRIPTIONS",
        "GET /a%0Ab/ 404 NO_SUBSCRIPTIONS",
        "POST /v1/send 404 NO_SUBSCRIPTIONS",
    ]


def test_the_demo_page_stands_beside_the_api(front: Front) -> None:
    assert _status(f"{front.url}/") == 404  # the API's own answer
    with urllib.request.urlopen(f"{front.url}/demo", timeout=10) as answer:
        assert answer.url == f"{front.url}/demo/"
        assert b"<title>Tocsin demo</title>" in answer.read()


def test_the_page_says_where_to_look() -> None:
    keys = {
        "pushservice": {"secret": "psk_x"},
        "cloudsignal": {"secret": "sk_x"},
        "pushary": {"secret": "pk_x.sk_y"},
        "bnotify": {"secret": "bn_x"},
        "keymaster": {"secret": "id:secret"},
    }
    tenant = DemoTenant("http://localhost:1", "app_x", keys, {"id": "ua_1"}, {"id": "ua_2", "subscription": {}})
    text = page(tenant, "http://127.0.0.1:2", Path("/x/dev.json"), Path("/x/emulator.log"))
    assert "/x/emulator.log" in text
    assert re.search(r"/x/dev\.json .*operator.*publishable.*simulator", text)
    first, second = (text.index(f"http://127.0.0.1:2/user-agents/{agent}/messages") for agent in ("ua_1", "ua_2"))
    assert first < text.index("/v1/subscribe") < second < text.index("/v1/unsubscribe")
    assert """http://127.0.0.1:2/user-agents/ua_1/events -d '{"event": "clicked", "app": "app_x"}'""" in text
    assert "http://localhost:1/v2/push/send -H 'X-Secret-Key: sk_x'" in text
    assert "/subscriptions/reader/code -H 'X-CHANNEL-API-KEY: bn_x'" in text
    assert "/notifications/reader -H 'X-CHANNEL-API-KEY: bn_x'" in text
    assert "http://localhost:1/api/v1/server/send -H 'Authorization: Bearer pk_x.sk_y'" in text


def test_a_demo_tenant_is_remembered(tmp_path: Path) -> None:
    asked: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(request.path)
        made = {"id": f"id_{len(asked)}", "key": f"key_{len(asked)}", "subscription": {}}
        return web.json_response({**made, "ids": {"keymaster": "id"}, "access_token": "token"})

    api = web.Application()
    api.router.add_route("*", "/{path:(?s:.*)}", answer)
    with ServerThread() as servers:
        url = f"http://localhost:{servers.start(api)}"
        made = demo_tenant(url, "operator", url, tmp_path / "demo-1.json")
        assert demo_tenant(url, "operator", url, tmp_path / "demo-1.json") == made
        assert asked.count("/admin/tenants") == 1
        assert demo_tenant(url, "operator", url, tmp_path / "demo-2.json") != made
        assert demo_tenant(url, "operator", url, tmp_path / "demo-1.json") == made
    assert json.loads((tmp_path / "demo-1.json").read_text())["keys"] == made.keys
    assert set(made.keys["pushservice"]) == {"secret", "publishable", "service"}
    assert (tmp_path / "demo-1.json").stat().st_mode & 0o077 == 0


def test_a_demo_tenant_of_an_earlier_version_is_made_anew(tmp_path: Path) -> None:
    asked: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(request.path)
        made = {"id": "id", "key": "key", "subscription": {}}
        return web.json_response({**made, "ids": {"keymaster": "id"}, "access_token": "token"})

    record = tmp_path / "demo-1.json"
    record.write_text(json.dumps({"api": "http://localhost:1", "app": "app_x", "secret_key": "psk_x"}))
    api = web.Application()
    api.router.add_route("*", "/{path:(?s:.*)}", answer)
    with ServerThread() as servers:
        url = f"http://localhost:{servers.start(api)}"
        made = demo_tenant(url, "operator", url, record)
    assert "/admin/tenants" in asked
    assert json.loads(record.read_text())["app"] == made.app


@contextmanager
def _instead_of(emulator: Emulator, program: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process that says a line, then is what `emulator` takes for its own."""
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, start_new_session=True)
    emulator._process = process
    with process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process


def _free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _status(url: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> int:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, headers or {}), timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code


def _wait_for(log: Path, line: str) -> None:
    deadline = time.monotonic() + 20
    while not (log.exists() and line in log.read_text().split()):
        assert time.monotonic() < deadline, line
        time.sleep(0.02)
