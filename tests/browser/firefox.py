"""A real Firefox, headless, with a profile of its own and a local push service instead of Mozilla's."""

import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self, TypeVar

import pytest

from tests.browser.marionette import Marionette

T = TypeVar("T")

_START_S = 60
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


@dataclass(frozen=True, slots=True)
class Alert:
    """What a person sees on the desktop."""

    title: str
    body: str


def find_firefox() -> str:
    """Path of the browser; fails the test when there is none, for a skipped test proves nothing."""
    for name in ("firefox-esr", "firefox"):
        if found := shutil.which(name):
            return found
    pytest.fail("Firefox is missing: run `make browsers` (Debian and Ubuntu: apt-get install firefox-esr libnotify4)")


def wait_until(probe: Callable[[], T], what: str, timeout: float = 20) -> T:
    """Poll until `probe` gives something true, at most `timeout` seconds; `what` names it in the failure."""
    end = time.monotonic() + timeout
    while True:
        if found := probe():
            return found
        if time.monotonic() > end:
            pytest.fail(f"not within {timeout:g} s: {what}")
        time.sleep(0.03)


class Firefox:
    """A running browser. `push_url` is the WebSocket of the push service, `home` a directory of its own."""

    def __init__(self, push_url: str, home: Path) -> None:
        self._home = home
        self._port = _free_port()
        self._write_preferences(push_url)
        self._process = self._start(find_firefox())
        try:
            self.marionette = self._connect()
            self.marionette.open_session()
        except BaseException:
            self._kill()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.marionette.close()
        self._kill()

    def set_preference(self, name: str, value: str | int | bool) -> None:
        """Change a preference while the browser runs."""
        kind = "Bool" if isinstance(value, bool) else "Int" if isinstance(value, int) else "Char"
        with self.marionette.chrome():
            self.marionette.run(f"Services.prefs.set{kind}Pref(arguments[0], arguments[1]);", name, value)

    def alerts(self) -> list[Alert]:
        """The notifications on the desktop at this moment."""
        with self.marionette.chrome():
            found = self.marionette.run(_ALERTS)
        assert isinstance(found, list)
        return [Alert(**each) for each in found]

    def wait_for_alert(self) -> Alert:
        """The notification on the desktop, as soon as there is one."""
        return wait_until(self.alerts, "a notification on the desktop")[0]

    def click_alert(self) -> None:
        """Click the notification on the desktop."""
        with self.marionette.chrome():
            self.marionette.run(_CLICK_ALERT)

    def close_alerts(self) -> None:
        """Clear the desktop."""

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
        """Of every open tab."""
        with self.marionette.chrome():
            found = self.marionette.run(
                "return Array.from(Services.wm.getEnumerator('navigator:browser'),"
                " (window) => window.gBrowser.browsers.map((tab) => tab.currentURI.spec)).flat();"
            )
        assert isinstance(found, list)
        return found

    def close_other_tabs(self) -> None:
        """Keep the tab that is driven."""
        driven = self.marionette.command("WebDriver:GetWindowHandle")
        handles = self.marionette.command("WebDriver:GetWindowHandles")
        assert isinstance(handles, list)
        for handle in handles:
            if handle != driven:
                self.marionette.command("WebDriver:SwitchToWindow", handle=handle)
                self.marionette.command("WebDriver:CloseWindow")
        self.marionette.command("WebDriver:SwitchToWindow", handle=driven)

    def selected_address(self) -> str:
        """Of the tab in front."""
        with self.marionette.chrome():
            return str(
                self.marionette.run(
                    "return Services.wm.getMostRecentWindow('navigator:browser').gBrowser.currentURI.spec;"
                )
            )

    def _write_preferences(self, push_url: str) -> None:
        preferences: dict[str, str | int | bool] = {
            "marionette.port": self._port,
            "dom.push.serverURL": push_url,
            "dom.push.testing.allowInsecureServerURL": True,  # ws:// instead of wss://
            "dom.push.connection.enabled": True,
            "dom.push.retryBaseInterval": 200,
            "permissions.default.desktop-notification": 1,  # granted, without the question
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

    def _start(self, program: str) -> subprocess.Popen[bytes]:
        command = [program, "--headless", "--no-remote", "--profile", str(self._home)]
        # Remote access to the browser's own scripts is what reads and clicks the notifications.
        command += ["--marionette", "--remote-allow-system-access", "about:blank"]
        environment = os.environ | {
            "HOME": str(self._home),
            "MOZ_CRASHREPORTER_DISABLE": "1",
            "MOZ_DISABLE_AUTO_SAFE_MODE": "1",
        }
        with (self._home / "firefox.log").open("wb") as log:
            return subprocess.Popen(command, stdout=log, stderr=log, env=environment, start_new_session=True)

    def _connect(self) -> Marionette:
        end = time.monotonic() + _START_S
        while self._process.poll() is None and time.monotonic() < end:
            try:
                return Marionette(self._port)
            except OSError:
                time.sleep(0.05)
        tail = (self._home / "firefox.log").read_text("utf-8", "replace")[-2000:]
        pytest.fail(f"Firefox did not start within {_START_S} s:\n{tail}")

    def _kill(self) -> None:
        # The whole group: Firefox is half a dozen processes, and some outlive the first one.
        with suppress(ProcessLookupError, subprocess.TimeoutExpired):
            os.killpg(self._process.pid, signal.SIGTERM)
            self._process.wait(10)
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(10)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
