"""A desktop that shows notifications, without a screen: org.freedesktop.Notifications on a D-Bus of its own.

Chromium hands its notifications to the desktop, headless too, and learns from it what a person does with them.
The interface is that of the Desktop Notifications Specification 1.2.
"""

import subprocess
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

from jeepney import DBusAddress, HeaderFields, MessageType, new_method_return, new_signal
from jeepney.bus_messages import message_bus
from jeepney.io.threading import DBusConnection, ReceiveStopped, open_dbus_connection

from tests.browser.browser import Alert, find_program

_NAME = "org.freedesktop.Notifications"
_OBJECT = DBusAddress("/org/freedesktop/Notifications", bus_name=_NAME, interface=_NAME)
_DEFAULT_ACTION = "default"
# No markup, and the site's origin aside from the body: what is shown is then exactly what the site gave.
_CAPABILITIES = ["actions", "body", "persistence", "x-kde-origin-name"]
# Nothing is started by itself on this bus, so that no part of a real desktop gets in.
_BUS = """<busconfig>
  <type>session</type>
  <listen>unix:tmpdir=/tmp</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*"/>
    <allow receive_sender="*"/>
    <allow own="*"/>
  </policy>
</busconfig>
"""


class Desktop:
    """The notifications on show, by the desktop's own number; `home` is a directory of its own."""

    def __init__(self, home: Path) -> None:
        program = find_program("dbus-daemon", packages="dbus-daemon")
        configuration = home / "bus.xml"
        configuration.write_text(_BUS, "utf-8")
        command = [program, f"--config-file={configuration}", "--nofork", "--print-address"]
        with (home / "bus.log").open("wb") as log:
            self._daemon = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        assert self._daemon.stdout is not None
        self.address = self._daemon.stdout.readline().strip()
        self._shown: dict[int, Alert] = {}
        self._last_number = 0
        self._connection: DBusConnection = open_dbus_connection(bus=self.address)
        self._thread = threading.Thread(target=self._serve, name="desktop", daemon=True)
        self._thread.start()
        self._connection.send(message_bus.RequestName(_NAME))

    def close(self) -> None:
        """End the bus, and with it everything on it."""
        self._connection.interrupt()
        self._thread.join()
        self._connection.close()
        self._daemon.terminate()
        self._daemon.communicate()

    def alerts(self) -> list[Alert]:
        """The notifications on show, oldest first."""
        return list(self._shown.values())

    def click(self) -> None:
        """Click every notification."""
        for number in list(self._shown):
            self._tell("ActionInvoked", "us", (number, _DEFAULT_ACTION))

    def dismiss(self) -> None:
        """Wave every notification away."""
        for number in list(self._shown):
            self._close(number, reason=2)

    def _serve(self) -> None:
        with suppress(ReceiveStopped):
            while True:
                message = self._connection.receive()
                if message.header.message_type is MessageType.method_call:
                    signature, body = self._answer(message.header.fields[HeaderFields.member], message.body)
                    self._connection.send(new_method_return(message, signature, body))

    def _answer(self, method: str, arguments: tuple[Any, ...]) -> tuple[str | None, tuple[object, ...]]:
        match method:
            case "GetCapabilities":
                return "as", (_CAPABILITIES,)
            case "GetServerInformation":
                return "ssss", ("Desktop", "Tocsin", "1", "1.2")
            case "Notify":
                _, replaces, _, title, body, *_ = arguments
                return "u", (self._show(replaces, Alert(title, body)),)
            case "CloseNotification":
                self._close(arguments[0], reason=3)
        return None, ()

    def _show(self, replaces: int, alert: Alert) -> int:
        self._last_number += 1
        number = replaces or self._last_number
        self._shown[number] = alert
        return number

    def _close(self, number: int, reason: int) -> None:
        if self._shown.pop(number, None) is not None:
            self._tell("NotificationClosed", "uu", (number, reason))

    def _tell(self, signal: str, signature: str, body: tuple[object, ...]) -> None:
        self._connection.send(new_signal(_OBJECT, signal, signature, body))
