"""What a test may ask of a visitor's browser, whichever it is."""

import shutil
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, TypeVar

import pytest

T = TypeVar("T")


class BrowserError(Exception):
    """The browser refused a command."""


class ScriptError(Exception):
    """A script's promise was rejected; `code` is the one of a PushError, else None."""

    def __init__(self, name: str, code: object, message: str) -> None:
        super().__init__(f"{name}: {message}")
        self.name = name
        self.code = code


class Permission(StrEnum):
    """What every site is told when it wants to notify."""

    GRANTED = "granted"
    DENIED = "denied"


@dataclass(frozen=True, slots=True)
class Alert:
    """What a person sees on the desktop."""

    title: str
    body: str


class Browser(Protocol):
    """A running browser whose push service is a local one; one of its tabs is driven."""

    name: str

    def visit(self, url: str) -> None:
        """Load a page in the tab that is driven, and wait for it."""

    def run(self, script: str, *args: object) -> object:
        """Run the body of a function in the page; `arguments` holds `args`."""

    def run_async(self, script: str, *args: object) -> object:
        """Run the body of an async function in the page, with `args` in scope; raises ScriptError when it throws."""

    def click(self, selector: str) -> None:
        """Click an element as a person would: it counts as one for permissions and pop-ups."""

    def resize(self, width: int, height: int) -> None:
        """Give the page this size, in CSS pixels."""

    def permit(self, permission: Permission) -> None:
        """Decide for every site, from its next page on."""

    def alerts(self) -> list[Alert]:
        """The notifications on the desktop at this moment."""

    def wait_for_alert(self) -> Alert:
        """The notification on the desktop, as soon as there is one."""

    def click_alert(self) -> None:
        """Click the notification on the desktop."""

    def close_alerts(self) -> None:
        """Clear the desktop."""

    def addresses(self) -> list[str]:
        """Of every open tab."""

    def selected_address(self) -> str:
        """Of the tab in front."""

    def close_other_tabs(self) -> None:
        """Keep the tab that is driven."""

    def violations(self) -> list[str]:
        """Directives of a Content-Security-Policy that pages broke since the last visit began, as it names them."""

    def errors(self) -> list[str]:
        """What pages did wrong since the last visit began: exceptions that nobody caught, and console.error."""

    def closed(self) -> AbstractContextManager[None]:
        """Close the browser, and start it again at the end: with the same profile, and no page."""


def only_in(name: str, fixture: str = "browser") -> pytest.MarkDecorator:
    """For a test about what one browser alone has or can be asked for; `fixture` is the one that gives the browsers."""
    return pytest.mark.parametrize(fixture, [name], indirect=True)


def find_program(*names: str, packages: str) -> str:
    """Path of a program; fails the test when there is none, for a skipped test proves nothing."""
    for name in names:
        if found := shutil.which(name):
            return found
    pytest.fail(f"{names[0]} is missing: run `make browsers` (Debian and Ubuntu: apt-get install {packages})")


def wait_until(probe: Callable[[], T], what: str, timeout: float = 20) -> T:
    """Poll until `probe` gives something true, at most `timeout` seconds; `what` names it in the failure."""
    end = time.monotonic() + timeout
    while True:
        if found := probe():
            return found
        if time.monotonic() > end:
            pytest.fail(f"not within {timeout:g} s: {what}")
        time.sleep(0.03)
