"""The command that moves subscribers in and out, over the operator's API in this process."""

import json
import stat
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from email.message import Message
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from dev.move import api as over_http
from dev.move import moving_in
from dev.move.__main__ import KEY, main
from dev.move.api import OperatorApi, Reply
from dev.move.progress import Progress
from tests.customer import Customer, expect, new_subscription
from tests.engine import OPERATOR_KEY, MemoryEngine
from tests.http_api import HttpApi
from tocsin.webpush.encoding import to_base64url
from tocsin.webpush.vapid import VapidKey

URL = "http://localhost:8787"
Answering = Callable[[urllib.request.Request], Reply]


class Wire:
    """What the command's requests arrive at. before, after: called with each request, to let something go wrong."""

    def __init__(self) -> None:
        self.api = HttpApi(MemoryEngine())
        self.seen: list[str] = []
        self.before: Callable[[str], None] = lambda _: None
        self.after: Callable[[str], None] = lambda _: None

    def once(self, request: urllib.request.Request) -> Reply:
        parts = urlsplit(request.full_url)
        name = f"{request.method} {parts.path.rpartition('/')[2]}"
        self.seen.append(name)
        self.before(name)
        body = request.data
        assert body is None or isinstance(body, bytes)
        headers = {key: value for key, value in request.headers.items() if key != "User-agent"}
        query = dict(parse_qsl(parts.query))
        answer = self.api.call(request.method or "GET", parts.path, body, headers, query=query)
        if answer.status >= 400:
            raise failure(answer.status, answer.body)
        self.after(name)
        return Reply(answer.headers, answer.body)


def failure(status: int, body: bytes = b"") -> urllib.error.HTTPError:
    return urllib.error.HTTPError(URL, status, "Bad Gateway", Message(), BytesIO(body))


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Wire:
    wire = Wire()
    monkeypatch.setattr(OperatorApi, "_once", lambda _, request: wire.once(request))
    monkeypatch.setattr(over_http, "TRIES", 3)
    monkeypatch.setattr("time.sleep", lambda _: None)
    monkeypatch.setenv(KEY, OPERATOR_KEY)
    monkeypatch.setattr(moving_in, "MOST_LINES", 4)
    return wire


@pytest.fixture
def customer(wire: Wire) -> Customer:
    return Customer.sign_up(wire.api)


@pytest.fixture
def key() -> VapidKey:
    return VapidKey.generate()


@pytest.fixture
def file(tmp_path: Path, key: VapidKey) -> Path:
    """Ten subscriptions, and the private key beside them."""
    (tmp_path / "private.pem").write_bytes(pem(key.signer))
    lines = tmp_path / "subscriptions.jsonl"
    lines.write_text("".join(json.dumps(new_subscription()) + "\n" for _ in range(10)))
    return lines


def pem(signer: ec.EllipticCurvePrivateKey) -> bytes:
    return signer.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["move", *map(str, arguments)])
    return main()


def bring(monkeypatch: pytest.MonkeyPatch, customer: Customer, file: Path, *more: object) -> int:
    private = ("--private-key", file.parent / "private.pem") if "--vapid-keys" not in more else ()
    return run(monkeypatch, "import", "--url", URL, "--app", customer.app, "--file", file, *private, *more)


def take_out(monkeypatch: pytest.MonkeyPatch, customer: Customer, folder: Path, *more: object) -> int:
    return run(monkeypatch, "export", "--url", URL, "--app", customer.app, "--to", folder, *more)


def stored(wire: Wire) -> Sequence[Any]:
    return list(wire.api.engine.storage.subscriptions.values())


def test_a_file_is_imported_under_its_key(
    wire: Wire, customer: Customer, file: Path, key: VapidKey, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    assert bring(monkeypatch, customer, file) == 0
    assert capsys.readouterr().out == "Done: 10 imported, 0 updated, 0 unchanged, 0 refused.\n"
    assert {subscription.vapid_key for subscription in stored(wire)} == {key.id}
    assert wire.seen == ["POST imports", "POST lines", "POST lines", "POST lines", "POST finish"]
    app = expect(200, wire.api.operator("GET", customer.at("")))
    assert app["vapid_key_id"] != key.id


def test_what_was_refused_is_told_by_line_and_kept_in_a_file(
    wire: Wire, customer: Customer, file: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    wrong = ["{}", '{"endpoint": "' + "x" * 20_000 + '"}', '{"endpoint": "https://evil.example/", "keys": {}}']
    file.write_text("\n".join([*file.read_text().splitlines(), *wrong, *(["[]"] * 30)]))  # no newline at the end
    assert bring(monkeypatch, customer, file) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0] == "Done: 10 imported, 0 updated, 0 unchanged, 33 refused."
    assert told[1:4] == [
        "  line 11: endpoint is required",
        "  line 12: the line is longer than 16 KiB",
        "  line 13: keys.p256dh is required",
    ]
    report = file.with_name("subscriptions.jsonl.refused.jsonl")
    assert told[-1] == f"  and 13 more, see {report}"
    assert [json.loads(line)["line"] for line in report.read_text().splitlines()] == list(range(11, 44))


def test_after_ctrl_c_the_same_command_goes_on(
    wire: Wire, customer: Customer, file: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    file.write_text("{}\n" + file.read_text())

    def interrupt(name: str) -> None:
        if wire.seen.count("POST lines") == 2:
            report = file.with_name(f"{file.name}.refused.jsonl")
            report.write_text(report.read_text() + '{"line": 1')  # the pen fell in the middle of a word
            raise KeyboardInterrupt

    wire.before = interrupt
    assert bring(monkeypatch, customer, file) == 130
    assert capsys.readouterr().err.endswith("Stopped. The same command goes on from here.\n")
    assert len(stored(wire)) == 3
    wire.before, wire.seen = lambda _: None, []
    assert bring(monkeypatch, customer, file) == 0
    captured = capsys.readouterr()
    assert "Going on from line 5." in captured.err
    assert captured.out == "Done: 10 imported, 0 updated, 0 unchanged, 1 refused.\n  line 1: endpoint is required\n"
    assert "POST imports" not in wire.seen


def test_an_answer_that_gets_lost_costs_nothing(
    wire: Wire, customer: Customer, file: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    file.write_text("{}\n" + file.read_text())
    lost = iter([1])

    def lose(name: str) -> None:
        if name == "POST lines" and next(lost, None):
            raise ConnectionResetError("reset by peer")

    wire.after = lose
    assert bring(monkeypatch, customer, file) == 0
    captured = capsys.readouterr()
    assert "Trying again in" in captured.err
    assert captured.out == "Done: 10 imported, 0 updated, 0 unchanged, 1 refused.\n  line 1: endpoint is required\n"


def test_a_server_with_little_time_is_asked_again_for_the_rest(
    wire: Wire, customer: Customer, file: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setattr("tocsin.application.importing.AT_ONCE", 3)
    monkeypatch.setattr("tocsin.application.importing.SECONDS", -1)
    assert bring(monkeypatch, customer, file) == 0
    assert capsys.readouterr().out.startswith("Done: 10 imported")


def test_a_server_that_stays_away_ends_it_and_it_goes_on_later(
    wire: Wire, customer: Customer, file: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    def away(name: str) -> None:
        if name == "POST lines":
            raise failure(502)

    wire.before = away
    assert bring(monkeypatch, customer, file) == 1
    assert "No answer from http://localhost:8787 after 3 tries." in capsys.readouterr().err
    wire.before = lambda _: None
    assert bring(monkeypatch, customer, file) == 0


def test_a_file_that_changed_or_is_in_already_begins_anew_only_when_asked(
    wire: Wire, customer: Customer, file: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    assert bring(monkeypatch, customer, file) == 0
    assert bring(monkeypatch, customer, file) == 1
    assert "was imported on 2027-01-15" in capsys.readouterr().err
    file.write_text(file.read_text() + "{}\n")
    assert bring(monkeypatch, customer, file) == 1
    assert "has changed since its import began" in capsys.readouterr().err
    assert bring(monkeypatch, customer, file, "--anew") == 0
    assert capsys.readouterr().out.startswith("Done: 0 imported, 0 updated, 10 unchanged, 1 refused.")


def test_an_export_imports_again_keys_and_all(
    wire: Wire, customer: Customer, file: Path, key: VapidKey, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    bring(monkeypatch, customer, file, "--present")
    folder = file.parent / "moved"
    assert take_out(monkeypatch, customer, folder, "--private-keys") == 0
    assert capsys.readouterr().out.splitlines()[1].startswith("Done: 10 subscriptions are in")
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["app.json", "export.json", "subscriptions.jsonl", "vapid-keys.json"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}

    other = Customer.sign_up(wire.api)
    keys, exported = ("--vapid-keys", folder / "vapid-keys.json"), folder / "subscriptions.jsonl"
    assert bring(monkeypatch, other, exported, *keys, "--present") == 0
    app = expect(200, wire.api.operator("GET", other.at("")))
    assert app["vapid_key_id"] == key.id
    moved = [one for one in stored(wire) if one.vapid_key == key.id]
    assert len({one.endpoint for one in moved}) == 10
    assert len(moved) == 20


def test_an_export_goes_on_where_it_stopped_and_holds_nothing_twice(
    wire: Wire, customer: Customer, file: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    bring(monkeypatch, customer, file)
    monkeypatch.setattr("tocsin.dialects.tocsin.exports.MAX_BYTES", 1200)
    folder = file.parent / "moved"

    def interrupt(name: str) -> None:
        if wire.seen.count("GET export") == 3:
            raise KeyboardInterrupt

    wire.before = interrupt
    assert take_out(monkeypatch, customer, folder) == 130
    wire.before = lambda _: None
    lines = folder / "subscriptions.jsonl"
    lines.write_bytes(lines.read_bytes() + b'{"half of a page' * 1000)
    assert take_out(monkeypatch, customer, folder) == 0
    endpoints = [json.loads(line)["endpoint"] for line in lines.read_text().splitlines()]
    assert (len(endpoints), len(set(endpoints))) == (10, 10)
    assert "--private-keys writes them too" in capsys.readouterr().out
    assert take_out(monkeypatch, customer, folder) == 1


def test_a_folder_of_somebody_else_is_left_alone(
    wire: Wire, customer: Customer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "subscriptions.jsonl").write_text("mine")
    assert take_out(monkeypatch, customer, tmp_path) == 1
    assert (tmp_path / "subscriptions.jsonl").read_text() == "mine"


@pytest.mark.parametrize("form", ["pem", "base64url", "web-push", "jwk"])
def test_a_key_is_read_in_the_forms_that_people_have(
    wire: Wire, customer: Customer, file: Path, key: VapidKey, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = to_base64url(key.private_raw)
    text = {
        "pem": pem(key.signer).decode(),
        "base64url": f"{raw}\n",
        "web-push": json.dumps({"publicKey": key.public, "privateKey": raw}),
        "jwk": json.dumps({"kty": "EC", "crv": "P-256", "d": raw}),
    }[form]
    (file.parent / "private.pem").write_text(text)
    (file.parent / "public").write_text(f"{key.public}\n")
    assert bring(monkeypatch, customer, file, "--public-key", file.parent / "public") == 0
    assert {subscription.vapid_key for subscription in stored(wire)} == {key.id}


def test_a_key_that_is_none_is_the_servers_word(
    wire: Wire, customer: Customer, file: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    (file.parent / "private.pem").write_text("hunter2")
    assert bring(monkeypatch, customer, file) == 1
    error = capsys.readouterr().err
    assert "The server answers 400: vapid: private key" in error
    assert "hunter2" not in error


@pytest.mark.parametrize(
    "url", ["http://push.example.com", "push.example.com", "ftp://x.example", "https://push.example.com/admin"]
)
def test_the_operators_key_goes_nowhere_that_is_not_safe(
    wire: Wire, customer: Customer, file: Path, url: str, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    arguments = ("import", "--url", url, "--app", customer.app, "--file", file, "--private-key", file)
    assert run(monkeypatch, *arguments) == 1
    assert capsys.readouterr().err.startswith("--url must be")
    assert wire.seen == []


def test_without_a_key_nothing_is_asked(
    wire: Wire, customer: Customer, file: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.delenv(KEY)
    monkeypatch.setattr(sys, "stdin", StringIO())
    assert bring(monkeypatch, customer, file) == 1
    assert capsys.readouterr().err == f"Set {KEY} to the operator's key: it is the stack's OperatorSecret.\n"
    assert wire.seen == []


def test_a_missing_or_empty_file_is_told(
    wire: Wire, customer: Customer, file: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    (file.parent / "empty").touch()
    for name, reason in (("missing", "cannot be read: No such file or directory."), ("empty", "is empty.")):
        assert bring(monkeypatch, customer, file.with_name(name)) == 1
        assert capsys.readouterr().err == f"{file.with_name(name)} {reason}\n"


def test_the_key_is_no_argument(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["move", "import", "--key", OPERATOR_KEY])
    with pytest.raises(SystemExit, match="2"):
        main()


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_is_one_line_in_a_terminal_and_tells_how_long_it_takes() -> None:
    out, now = Terminal(), 0.0
    progress = Progress(out, lambda: now)
    progress.total = 10_000
    progress.tell(0)
    now = 2.0
    progress.tell(1000, "imported 990  refused 10")
    assert out.getvalue().split("\r")[-1] == "1,000 of 10,000  10 %  imported 990  refused 10  500/s  18 s left"
    progress.say("Stopped.")
    assert out.getvalue().endswith("left\nStopped.\n")


def test_progress_in_a_log_is_a_line_now_and_then() -> None:
    out, now = StringIO(), 0.0
    progress = Progress(out, lambda: now)
    for now in (0.0, 1.0, 9.0, 11.0):
        progress.tell(int(now) * 10)
    assert out.getvalue() == "0\n110  10/s\n"
