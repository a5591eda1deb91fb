"""The use cases, gathered for the dialects."""

from typing import Protocol

from tocsin.application.accounts import Accounts
from tocsin.application.authenticating import Authenticating
from tocsin.application.ports import Clock, RequestWindows
from tocsin.application.sending import Sending
from tocsin.application.subscribing import Subscribing


class Engine(Protocol):
    """What a dialect may call. Each is made when first asked for, so a function pays only for what it uses."""

    @property
    def authenticating(self) -> Authenticating:
        """Who is calling."""

    @property
    def accounts(self) -> Accounts:
        """The operator's use cases."""

    @property
    def sending(self) -> Sending:
        """Sends."""

    @property
    def subscribing(self) -> Subscribing:
        """Subscriptions."""

    @property
    def windows(self) -> RequestWindows:
        """Requests for each key and minute."""

    @property
    def clock(self) -> Clock:
        """The time."""

    @property
    def public_url(self) -> str:
        """The origin under which browsers reach this deployment, for links; the empty text when nobody set one."""
