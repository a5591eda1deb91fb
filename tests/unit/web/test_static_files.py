"""What the browser files promise without a browser: their size, and that no policy of a site stands against them."""

import gzip
import re
import shutil
import subprocess
from importlib.resources import files
from pathlib import Path

import pytest
from rjsmin import jsmin

from tocsin.dialects.tocsin.beacons import MOST_EVENTS
from tocsin.domain.place_token import TOKEN_LENGTH

WEB = files("tocsin") / "web"
DEMO = Path(__file__).parents[3] / "dev" / "demo"
SCRIPTS = ["sdk.js", "sw.js", "mobile.js", "enrol.js"]


def web_file(name: str) -> str:
    return (WEB / name).read_text("utf-8")


@pytest.mark.parametrize(("name", "budget"), [("sdk.js", 4352), ("sw.js", 4096)])
def test_a_script_fits_its_budget_as_the_layer_holds_it(name: str, budget: int) -> None:
    assert len(gzip.compress(jsmin(web_file(name)).encode(), 9)) <= budget


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_keeps_its_words_when_it_is_made_smaller(name: str) -> None:
    quoted = re.compile(r"\"[^\"\n]*\"|`[^`]*`")
    without_comments = re.sub(r"^\s*//.*", "", web_file(name), flags=re.MULTILINE)
    assert quoted.findall(jsmin(web_file(name))) == quoted.findall(without_comments) != []


@pytest.mark.parametrize("name", SCRIPTS)
@pytest.mark.parametrize(
    "forbidden",
    [
        r"\beval\b",
        r"\bFunction\(",
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write",
        r"\bconsole\.",
        r"localStorage|sessionStorage|document\.cookie",
        r"\bdebugger\b",
    ],
)
def test_nothing_is_used_that_a_strict_policy_or_a_visitor_would_mind(name: str, forbidden: str) -> None:
    assert not re.search(forbidden, web_file(name))


@pytest.mark.parametrize("forbidden", [r'addEventListener\("fetch"', r"\bcaches\b", r"clients\.claim", r"skipWaiting"])
def test_the_worker_stays_out_of_the_sites_way(forbidden: str) -> None:
    assert not re.search(forbidden, web_file("sw.js"))


def test_the_worker_reports_no_more_at_a_time_and_no_other_tokens_than_the_server_takes() -> None:
    worker = web_file("sw.js")
    assert f".slice(0, {MOST_EVENTS})" in worker
    assert rf"/^[\w-]{{{TOKEN_LENGTH}}}$/" in worker


def test_the_worker_declares_no_name_that_a_sites_own_script_could_collide_with() -> None:
    outside = re.sub(r"^\(\(\) => \{\n.*?^\}\)\(\);\n", "", web_file("sw.js"), flags=re.MULTILINE | re.DOTALL)
    assert [line for line in outside.splitlines() if not line.startswith("//")] == []


def exported(text: str) -> set[str]:
    return set(re.findall(r"^export (?:async )?(?:const|function|class) (\w+)", text, re.MULTILINE))


def test_the_types_declare_exactly_what_the_module_exports() -> None:
    assert exported(web_file("sdk.d.ts")) == exported(web_file("sdk.js")) != set()


def test_every_error_code_of_the_module_is_in_the_types() -> None:
    union = re.search(r"export type ErrorCode =(.*?);\n\n", web_file("sdk.d.ts"), re.DOTALL)
    assert union is not None
    declared = set(re.findall(r'\| "(\w+)"', union[1]))
    script = web_file("sdk.js")
    messages = re.search(r"const MESSAGES = \{(.*?)\};", script, re.DOTALL)
    refusals = re.search(r"const REFUSALS = \[(.*?)\];", script, re.DOTALL)
    assert messages is not None
    assert refusals is not None
    with_message = set(re.findall(r"^\s+(\w+):", messages[1], re.MULTILINE))
    from_server = set(re.findall(r'"(\w+)"', refusals[1]))
    assert declared == with_message | from_server | {"server_error"}


def test_the_demo_page_explains_every_error() -> None:
    union = re.search(r"export type ErrorCode =(.*?);\n\n", web_file("sdk.d.ts"), re.DOTALL)
    assert union is not None
    explained = set(re.findall(r"^  (\w+): \[", (DEMO / "demo.js").read_text("utf-8"), re.MULTILINE))
    assert set(re.findall(r'\| "(\w+)"', union[1])) <= explained


def test_the_demo_page_loads_nothing_from_elsewhere() -> None:
    for path in DEMO.iterdir():
        addresses = re.findall(r"https?://[^\s\"'<>,)]+", path.read_text("utf-8"))
        assert [each for each in addresses if each not in {"http://www.w3.org/2000/svg", "http://localhost"}] == []


@pytest.mark.parametrize(
    "path", [*(WEB / name for name in SCRIPTS), DEMO / "demo.js", DEMO / "tocsin-sw.js"], ids=lambda path: path.name
)
def test_a_script_is_well_formed(path: Path, tmp_path: Path) -> None:
    text = path.read_text("utf-8")
    assert text.count("{") == text.count("}")
    assert text.count("(") == text.count(")")
    if node := shutil.which("node"):
        # Modules are checked as such by their ending only.
        copy = tmp_path / ("script.cjs" if "importScripts" in text else "script.mjs")
        copy.write_text(text, "utf-8")
        subprocess.run([node, "--check", str(copy)], check=True)
