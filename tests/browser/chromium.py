"""A real Chromium, headless, with a profile of its own, a local push service instead of FCM, and a desktop of ours."""

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self

from tests.browser.browser import Alert, BrowserError, Permission, ScriptError, find_program, wait_until
from tests.browser.desktop import Desktop
from tests.browser.devtools import DevTools, Message
from tests.browser.process import BrowserProcess

_SWITCHES = (
    "--headless=new",
    "--remote-debugging-pipe",
    "--no-first-run",
    "--disable-popup-blocking",
    "--password-store=basic",
    # Nothing else may go out to the network.
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-extensions",
    "--disable-sync",
    "--no-proxy-server",
)
# The browser reads commands from file descriptor 3 and answers on 4.
_WITH_PIPES = 'exec "$@" 3<&{read} 4>&{write}'
_ASYNC = """
(async (...args) => { %s })(...%s).then(
  (value) => ({value: value ?? null}),
  ({name, code = null, message}) => ({error: {name, code, message}}),
)
"""
_CENTRE = """
const element = document.querySelector(arguments[0]);
if (!element) return null;
element.scrollIntoView({block: "center", behavior: "instant"});
const {left, top, width, height} = element.getBoundingClientRect();
return {x: left + width / 2, y: top + height / 2};
"""


class Chromium:
    """A running browser. `push_switches` lead it to its push service, `home` is a directory of its own."""

    name = "chromium"

    def __init__(self, push_switches: Sequence[str], home: Path) -> None:
        self._switches = push_switches
        self._home = home
        self._profile = home / "profile"
        self._program = find_program("chromium", packages="chromium chromium-sandbox dbus-daemon")
        # A permission given by DevTools would be lost on a restart.
        default = self._profile / "Default"
        default.mkdir(parents=True)
        granted = {"profile": {"default_content_setting_values": {"notifications": 1}}}
        (default / "Preferences").write_text(json.dumps(granted), "utf-8")
        self._desktop = Desktop(home)
        try:
            self._start()
        except BaseException:
            self._desktop.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()
        self._desktop.close()

    @contextmanager
    def closed(self) -> Iterator[None]:
        self._stop()
        try:
            yield
        finally:
            self._start()

    def visit(self, url: str) -> None:
        self._devtools.forget_events()
        started = self._page("Page.navigate", url=url)
        if "errorText" in started:
            raise BrowserError(f"{url}: {started['errorText']}")
        if "loaderId" in started:  # otherwise it is the same page, and nothing is loaded
            self._devtools.wait_for_event("Page.lifecycleEvent", name="load", loaderId=started["loaderId"])

    def run(self, script: str, *args: object) -> object:
        return self._evaluate(f"(function () {{ {script} }})(...{json.dumps(args)})")

    def run_async(self, script: str, *args: object) -> object:
        result = self._evaluate(_ASYNC % (script, json.dumps(args)))
        assert isinstance(result, dict)
        if failure := result.get("error"):
            raise ScriptError(failure["name"], failure["code"], failure["message"])
        return result["value"]

    def click(self, selector: str) -> None:
        centre = self.run(_CENTRE, selector)
        if not isinstance(centre, dict):
            raise BrowserError(f"no element {selector}")
        for kind in ("mousePressed", "mouseReleased"):
            self._page("Input.dispatchMouseEvent", type=kind, button="left", clickCount=1, **centre)

    def resize(self, width: int, height: int) -> None:
        self._page("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def permit(self, permission: Permission) -> None:
        self._devtools.command("Browser.setPermission", permission={"name": "notifications"}, setting=permission)

    def alerts(self) -> list[Alert]:
        return self._desktop.alerts()

    def wait_for_alert(self) -> Alert:
        return wait_until(self.alerts, "a notification on the desktop")[0]

    def click_alert(self) -> None:
        self._desktop.click()

    def close_alerts(self) -> None:
        self._desktop.dismiss()

    def addresses(self) -> list[str]:
        return [tab["url"] for tab in self._tabs()]

    def selected_address(self) -> str:
        # Without a screen no window has the focus for sure, but one tab is visible.
        return next((tab["url"] for tab in self._tabs() if self._is_visible(tab)), "")

    def close_other_tabs(self) -> None:
        for tab in self._tabs():
            if tab["targetId"] != self._tab:
                self._devtools.command("Target.closeTarget", targetId=tab["targetId"])

    def violations(self) -> list[str]:
        issues = [event["issue"] for event in self._happened("Audits.issueAdded")]
        details = [issue["details"].get("contentSecurityPolicyIssueDetails") for issue in issues]
        return [each["violatedDirective"] for each in details if each]

    def errors(self) -> list[str]:
        thrown = [event["exceptionDetails"] for event in self._happened("Runtime.exceptionThrown")]
        calls = [event["args"] for event in self._happened("Runtime.consoleAPICalled") if event["type"] == "error"]
        return [_text(each["exception"]) for each in thrown] + [" ".join(map(_text, call)) for call in calls]

    def _happened(self, method: str) -> list[Message]:
        return [event["params"] for event in self._devtools.events() if event["method"] == method]

    def _is_visible(self, tab: Message) -> bool:
        session = self._attach(tab["targetId"])
        try:
            state = self._devtools.command("Runtime.evaluate", session, expression="document.visibilityState")
        finally:
            self._devtools.command("Target.detachFromTarget", sessionId=session)
        return bool(state["result"].get("value") == "visible")

    def _attach(self, target: str) -> str:
        attached = self._devtools.command("Target.attachToTarget", targetId=target, flatten=True)
        return str(attached["sessionId"])

    def _start(self) -> None:
        read_commands, write_commands = os.pipe()
        read_answers, write_answers = os.pipe()
        command = [self._program, *_SWITCHES, *self._switches, f"--user-data-dir={self._profile}"]
        if os.geteuid() == 0:
            command.append("--no-sandbox")  # it refuses to run as root otherwise
        pipes = _WITH_PIPES.format(read=read_commands, write=write_answers)
        try:
            self._process = BrowserProcess(
                ["bash", "-c", pipes, "chromium", *command, "about:blank"],
                self._home,
                {"DBUS_SESSION_BUS_ADDRESS": self._desktop.address},
                pass_fds=(read_commands, write_answers),
            )
        finally:
            os.close(read_commands)
            os.close(write_answers)
        self._devtools = DevTools(read_answers, write_commands)
        try:
            self._tab = wait_until(self._tabs, "a tab")[0]["targetId"]
            self._session = self._attach(self._tab)
            for domain in ("Page", "Runtime", "Audits"):
                self._page(f"{domain}.enable")
            self._page("Page.setLifecycleEventsEnabled", enabled=True)
        except BaseException:
            self._devtools.close()
            self._process.end()
            raise

    def _stop(self) -> None:
        with suppress(BrowserError, OSError):  # it may have crashed
            self._devtools.command("Browser.close")
        self._devtools.close()
        self._process.wait()
        self._process.end()

    def _page(self, method: str, **parameters: object) -> Message:
        return self._devtools.command(method, self._session, **parameters)

    def _tabs(self) -> list[dict[str, Any]]:
        found = self._devtools.command("Target.getTargets")["targetInfos"]
        return [target for target in found if target["type"] == "page"]

    def _evaluate(self, expression: str) -> object:
        outcome = self._page(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True, userGesture=True
        )
        if failure := outcome.get("exceptionDetails"):
            raise BrowserError(failure.get("exception", {}).get("description") or failure["text"])
        return outcome["result"].get("value")


def _text(value: Message) -> str:
    """The text of a value in the console; an error's is its first line, without the stack."""
    return str(value.get("value", value.get("description", ""))).partition("\n")[0]
