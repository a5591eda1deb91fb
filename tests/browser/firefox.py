"""A real Firefox, headless, with a profile of its own and a local push service instead of Mozilla's."""

import json
import re
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import pytest

from tests.browser.browser import Alert, Permission, find_program, wait_until
from tests.browser.marionette import Marionette
from tests.browser.process import BrowserProcess

_START_S = 60
_PERMISSION = "permissions.default.desktop-notification"
_GRANTED = 1
_DECISIONS = {Permission.GRANTED: _GRANTED, Permission.DENIED: 2}
# Firefox's alert.js sets `gIsActive` once its window listens to clicks; `arguments` hold what it was asked to show,
# before it cuts the text to what fits.
_ACTIVE = "const alerts = [...Services.wm.getEnumerator('alert:alert')].filter((window) => window.gIsActive);"
_ALERTS = _ACTIVE + "return alerts.map(({arguments: [, title, body]}) => ({title, body}));"
_CLICK_ALERT = _ACTIVE + "for (const window of alerts) window.document.getElementById('alertBox').click();"
_CLOSE_ALERTS = "for (const window of Services.wm.getEnumerator('alert:alert')) window.close();"
_ANSWER_QUESTION = """
const {document, PopupNotifications} = Services.wm.getMostRecentWindow('navigator:browser');
const question = document.getElementById('web-notifications-notification');
if (!PopupNotifications.isPanelOpen || !question) return false;
question[arguments[0]].click();
return true;
"""

# What pages wrote to the console: `arguments[0]` is since when (ms).
_CONSOLE = """
return Services.console.getMessageArray()
  .filter((message) => message instanceof Ci.nsIScriptError && message.timeStamp >= arguments[0])
  .filter(({logLevel, sourceName}) => logLevel === Ci.nsIConsoleMessage.error && /^https?:/.test(sourceName))
  .map(({category, errorMessage}) => [category, errorMessage]);
"""
_CONSOLE_CALLS = """
const {classes, interfaces} = Components;
const storage = classes["@mozilla.org/consoleAPI-storage;1"].getService(interfaces.nsIConsoleAPIStorage);
return storage.getEvents()
  .filter(({level, timeStamp, filename}) =>
    level === "error" && timeStamp >= arguments[0] && /^https?:/.test(filename))
  .map((call) => call.arguments.map(String).join(" "));
"""
# The directive in effect stands in brackets; a message without one names it with its value.
_DIRECTIVE = re.compile(r"\(([a-z-]+)\)|directive: “([a-z-]+)")


class Firefox:
    """A running browser. `push_url` is the WebSocket of the push service, `home` a directory of its own."""

    name = "firefox"

    def __init__(self, push_url: str, home: Path) -> None:
        self._home = home
        self._port = _free_port()
        self._program = find_program("firefox-esr", "firefox", packages="firefox-esr libnotify4")
        self._write_preferences(push_url)
        self._visited_ms = 0
        self._start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    @contextmanager
    def closed(self) -> Iterator[None]:
        # A signal would end it before it has written down its subscriptions.
        self.marionette.command("Marionette:Quit", flags=["eAttemptQuit"])
        self._process.wait()
        self._stop()
        try:
            yield
        finally:
            self._start()

    def visit(self, url: str) -> None:
        self._visited_ms = int(time.time() * 1000)
        self.marionette.visit(url)

    def run(self, script: str, *args: object) -> object:
        return self.marionette.run(script, *args)

    def run_async(self, script: str, *args: object) -> object:
        return self.marionette.run_async(script, *args)

    def click(self, selector: str) -> None:
        self.marionette.click(selector)

    def resize(self, width: int, height: int) -> None:
        self.marionette.command("WebDriver:SetWindowRect", width=width, height=height)

    def permit(self, permission: Permission) -> None:
        self.set_preference(_PERMISSION, _DECISIONS[permission])

    def set_preference(self, name: str, value: str | int | bool) -> None:
        """Change a preference while the browser runs."""
        kind = "Bool" if isinstance(value, bool) else "Int" if isinstance(value, int) else "Char"
        with self.marionette.chrome():
            self.marionette.run(f"Services.prefs.set{kind}Pref(arguments[0], arguments[1]);", name, value)

    def alerts(self) -> list[Alert]:
        with self.marionette.chrome():
            found = self.marionette.run(_ALERTS)
        assert isinstance(found, list)
        return [Alert(**each) for each in found]

    def wait_for_alert(self) -> Alert:
        return wait_until(self.alerts, "a notification on the desktop")[0]

    def click_alert(self) -> None:
        with self.marionette.chrome():
            self.marionette.run(_CLICK_ALERT)

    def close_alerts(self) -> None:
        def cleared() -> bool:
            with self.marionette.chrome():
                self.marionette.run(_CLOSE_ALERTS)
                return self.marionette.run("return Services.wm.getMostRecentWindow('alert:alert') === null;") is True

        wait_until(cleared, "the notifications to go")

    def answer_permission_question(self, *, allow: bool) -> None:
        """Press a button of the question that Firefox asks, once it is there."""

        def pressed() -> bool:
            with self.marionette.chrome():
                return self.marionette.run(_ANSWER_QUESTION, "button" if allow else "secondaryButton") is True

        wait_until(pressed, "the permission question")

    def addresses(self) -> list[str]:
        with self.marionette.chrome():
            found = self.marionette.run(
                "return Array.from(Services.wm.getEnumerator('navigator:browser'),"
                " (window) => window.gBrowser.browsers.map((tab) => tab.currentURI.spec)).flat();"
            )
        assert isinstance(found, list)
        return found

    def close_other_tabs(self) -> None:
        driven = self.marionette.command("WebDriver:GetWindowHandle")
        handles = self.marionette.command("WebDriver:GetWindowHandles")
        assert isinstance(handles, list)
        for handle in handles:
            if handle != driven:
                self.marionette.command("WebDriver:SwitchToWindow", handle=handle)
                self.marionette.command("WebDriver:CloseWindow")
        self.marionette.command("WebDriver:SwitchToWindow", handle=driven)

    def selected_address(self) -> str:
        with self.marionette.chrome():
            return str(
                self.marionette.run(
                    "return Services.wm.getMostRecentWindow('navigator:browser').gBrowser.currentURI.spec;"
                )
            )

    def violations(self) -> list[str]:
        found = [_DIRECTIVE.search(text) for category, text in self._console() if category.startswith("CSP_")]
        return [directive[1] or directive[2] for directive in found if directive]

    def errors(self) -> list[str]:
        said = self.marionette.run(_CONSOLE_CALLS, self._visited_ms, sandbox="system")
        assert isinstance(said, list)
        return [text for category, text in self._console() if category == "content javascript"] + said

    def _console(self) -> list[tuple[str, str]]:
        with self.marionette.chrome():
            found = self.marionette.run(_CONSOLE, self._visited_ms)
        assert isinstance(found, list)
        return [(category, text) for category, text in found]

    def _write_preferences(self, push_url: str) -> None:
        preferences: dict[str, str | int | bool] = {
            "marionette.port": self._port,
            "dom.push.serverURL": push_url,
            "dom.push.testing.allowInsecureServerURL": True,  # ws:// instead of wss://
            "dom.push.connection.enabled": True,
            "dom.push.retryBaseInterval": 200,
            _PERMISSION: _GRANTED,  # granted, without the question
            "alerts.useSystemBackend": False,  # Firefox draws notifications itself, in windows that can be read
            "ui.prefersReducedMotion": 1,  # a clicked one goes at once
            # Nothing else may go out to the network.
            "app.update.disabledForTesting": True,
            "browser.aboutwelcome.enabled": False,
            "browser.region.update.enabled": False,
            "browser.safebrowsing.update.enabled": False,
            "browser.shell.checkDefaultBrowser": False,
            "browser.startup.homepage": "about:blank",
            "datareporting.policy.dataSubmissionEnabled": False,
            "extensions.update.enabled": False,
            "media.gmp-manager.updateEnabled": False,
            "network.captive-portal-service.enabled": False,
            "network.connectivity-service.enabled": False,
            "network.proxy.type": 0,
            "services.settings.server": "data:,#remote-settings-dummy/v1",
            "toolkit.telemetry.server": "",
        }
        lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in preferences.items()]
        (self._home / "user.js").write_text("".join(lines), "utf-8")

    def _start(self) -> None:
        command = [self._program, "--headless", "--no-remote", "--profile", str(self._home)]
        # Remote access to the browser's own scripts is what reads and clicks the notifications.
        command += ["--marionette", "--remote-allow-system-access", "about:blank"]
        environment = {"MOZ_CRASHREPORTER_DISABLE": "1", "MOZ_DISABLE_AUTO_SAFE_MODE": "1"}
        self._process = BrowserProcess(command, self._home, environment)
        try:
            self.marionette = self._connect()
            self.marionette.open_session()
        except BaseException:
            self._process.end()
            raise

    def _connect(self) -> Marionette:
        end = time.monotonic() + _START_S
        while self._process.runs and time.monotonic() < end:
            try:
                return Marionette(self._port)
            except OSError:
                time.sleep(0.05)
        pytest.fail(f"Firefox did not start within {_START_S} s:\n{self._process.last_words()}")

    def _stop(self) -> None:
        self.marionette.close()
        self._process.end()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
