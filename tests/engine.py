"""The use cases over memory adapters, in virtual time: what unit tests drive."""

from functools import cached_property

from tests.memory.deployment import MemoryDeployment
from tocsin.application.accounts import Accounts
from tocsin.application.authenticating import Authenticating
from tocsin.application.delivering import Delivering
from tocsin.application.fanning_out import FanningOut
from tocsin.application.metrics import Metric
from tocsin.application.repeating import Repeating
from tocsin.application.sending import Sending
from tocsin.application.settling import Settling
from tocsin.application.signing import Signing
from tocsin.application.subscribing import Subscribing
from tocsin.application.sweeping import Sweeping
from tocsin.domain.derivation import Derivation

OPERATOR_KEY = "operator-key-of-the-tests"
SERVICE_KEY = "service-key-of-the-tests"


class CountingMeter:
    """The Meter port; remembers the sums."""

    def __init__(self) -> None:
        self.counted: dict[Metric, int] = {}
        self.refusals: list[tuple[str, str]] = []
        self.crashes: list[Exception] = []

    def count(self, metric: Metric, amount: int = 1) -> None:
        """Add to a counter."""
        self.counted[metric] = self.counted.get(metric, 0) + amount

    def refusal(self, service: str, reason: str) -> None:
        """Remember it."""
        self.refusals.append((service, reason))

    def crash(self, error: Exception) -> None:
        """Remember it."""
        self.crashes.append(error)


class MemoryEngine(MemoryDeployment):
    """The Engine port and the workers' use cases, over memory."""

    public_url = ""

    def __init__(self, seed: int = 0) -> None:
        super().__init__(seed)
        self.meter = CountingMeter()
        self.derivation = Derivation(b"the root secret of the tests, 32 bytes or more")

    @cached_property
    def authenticating(self) -> Authenticating:
        """Who is calling."""
        return Authenticating(self.registry, self.clock, self.meter, SERVICE_KEY, OPERATOR_KEY)

    @cached_property
    def accounts(self) -> Accounts:
        """The operator's use cases."""
        return Accounts(self.registry, self.credits, self.vault, self.derivation, self.clock, self.randomness)

    @cached_property
    def settling(self) -> Settling:
        """Settlement."""
        return Settling(self.sends, self.chunks, self.clock)

    @cached_property
    def delivering(self) -> Delivering:
        """Chunks."""
        return Delivering(
            self.sends,
            self.chunks,
            self.subscriptions,
            self.jobs,
            self.transport,
            Signing(self.registry, self.vault),
            self.settling,
            self.derivation,
            self.clock,
            self.meter,
        )

    @cached_property
    def sending(self) -> Sending:
        """Sends."""
        return Sending(
            self.sends,
            self.credits,
            self.subscriptions,
            self.delivering,
            self.settling,
            Repeating(self.sends, self.credits, self.settling, self.derivation, self.clock),
            self.jobs,
            self.clock,
            self.randomness,
            self.meter,
        )

    @cached_property
    def subscribing(self) -> Subscribing:
        """Subscriptions."""
        return Subscribing(self.subscriptions, self.windows, self.derivation, self.clock, self.meter)

    @cached_property
    def fanning_out(self) -> FanningOut:
        """The planning of large sends."""
        return FanningOut(self.sends, self.chunks, self.subscriptions, self.jobs, self.settling, self.clock)

    @cached_property
    def sweeping(self) -> Sweeping:
        """The sweep."""
        return Sweeping(self.sends, self.chunks, self.jobs, self.settling, self.clock, self.meter)
