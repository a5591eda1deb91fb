"""The use cases over memory adapters, in virtual time: what unit tests drive."""

from collections import Counter
from functools import cached_property

from tests.memory.deployment import MemoryDeployment
from tocsin.application.accounts import Accounts
from tocsin.application.authenticating import Authenticating
from tocsin.application.configuring import Configuring
from tocsin.application.cursors import Cursors
from tocsin.application.delivering import Delivering
from tocsin.application.delivery_pass import Surroundings
from tocsin.application.diagnosing import Diagnosing
from tocsin.application.fanning_out import FanningOut
from tocsin.application.fetching import Fetching
from tocsin.application.identifying import Identifying
from tocsin.application.limiting import Limiting
from tocsin.application.listing import Listing
from tocsin.application.metrics import Metric
from tocsin.application.pacing import Pacing
from tocsin.application.people import People
from tocsin.application.reconciling import Reconciling
from tocsin.application.redriving import Redriving
from tocsin.application.repeating import Repeating
from tocsin.application.resuming import Resuming
from tocsin.application.sending import Sending
from tocsin.application.settling import Settling
from tocsin.application.signing import Signing
from tocsin.application.steering import Steering
from tocsin.application.subscribing import Subscribing
from tocsin.application.sweeping import Sweeping
from tocsin.application.user_tokens import UserTokens
from tocsin.application.watching import Watching
from tocsin.domain.derivation import Derivation
from tocsin.domain.quota import LIMITS_OF, Plan

OPERATOR_KEY = "operator-key-of-the-tests"
SERVICE_KEY = "service-key-of-the-tests"


class CountingMeter:
    """The Meter port; remembers the sums, also by (metric, dialect, push service)."""

    def __init__(self) -> None:
        self.counted: dict[Metric, int] = {}
        self.by_whom: Counter[tuple[Metric, str | None, str | None]] = Counter()
        self.times: list[tuple[Metric, int, str]] = []
        self.refusals: list[tuple[str, str]] = []
        self.crashes: list[Exception] = []

    def count(
        self, metric: Metric, amount: int = 1, *, dialect: str | None = None, push_service: str | None = None
    ) -> None:
        """Add to a counter."""
        self.counted[metric] = self.counted.get(metric, 0) + amount
        self.by_whom[metric, dialect, push_service] += amount

    def timed(self, metric: Metric, milliseconds: int, *, dialect: str) -> None:
        """Remember it."""
        self.times.append((metric, milliseconds, dialect))

    def refusal(self, service: str, reason: str) -> None:
        """Remember it."""
        self.refusals.append((service, reason))

    def crash(self, error: Exception) -> None:
        """Remember it."""
        self.crashes.append(error)


class MemoryEngine(MemoryDeployment):
    """The Engine port and the workers' use cases, over memory."""

    public_url = ""
    default_limits = LIMITS_OF[Plan.SCALE]

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
        surroundings = Surroundings(
            self.chunks,
            self.subscriptions,
            self.transport,
            Signing(self.registry, self.vault),
            Watching(self.sends, self.clock),
            Pacing(),
            self.derivation,
            self.clock,
            self.meter,
        )
        return Delivering(self.sends, self.jobs, self.settling, surroundings)

    @cached_property
    def resuming(self) -> Resuming:
        """Queueing once more."""
        return Resuming(self.chunks, self.jobs)

    @cached_property
    def redriving(self) -> Redriving:
        """Dead letters."""
        return Redriving(self.dead_letters, self.clock)

    @cached_property
    def steering(self) -> Steering:
        """Pausing and cancelling."""
        return Steering(self.sends, self.resuming, self.settling, self.registry, self.clock, self.randomness)

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
            self.resuming,
            self.clock,
            self.randomness,
            self.meter,
        )

    @cached_property
    def fetching(self) -> Fetching:
        """Messages that were too long."""
        return Fetching(self.sends, self.fetches, self.derivation, self.clock)

    @cached_property
    def subscribing(self) -> Subscribing:
        """Subscriptions."""
        return Subscribing(
            self.subscriptions, self.registry, self.identifying, self.derivation, self.clock, self.randomness
        )

    @cached_property
    def limiting(self) -> Limiting:
        """Request windows."""
        return Limiting(self.windows, self.clock)

    @cached_property
    def identifying(self) -> Identifying:
        """Names of people."""
        return Identifying(self.limiting, lambda: self.user_tokens, self.derivation, self.clock, self.meter)

    @cached_property
    def user_tokens(self) -> UserTokens:
        """Tokens that name a person."""
        return UserTokens(self.derivation, self.clock)

    @cached_property
    def listing(self) -> Listing:
        """Subscriptions as lists."""
        return Listing(self.subscriptions, self.derivation, self.clock)

    @cached_property
    def diagnosing(self) -> Diagnosing:
        """Why notifications do or do not arrive."""
        return Diagnosing(self.registry, self.listing, self.quotas, self.clock)

    @cached_property
    def configuring(self) -> Configuring:
        """Settings of apps."""
        return Configuring(self.registry, self.subscriptions, self.vault, self.clock, self.randomness)

    @cached_property
    def people(self) -> People:
        """What is kept of a person."""
        return People(self.registry, self.subscriptions, self.identifying, self.listing, self.clock, self.randomness)

    @cached_property
    def reconciling(self) -> Reconciling:
        """The proof of an app's money."""
        return Reconciling(self.registry, self.credits, self.sends, self.chunks, self.clock)

    @cached_property
    def cursors(self) -> Cursors:
        """Cursors that customers hold."""
        return Cursors(self.derivation, self.clock)

    @cached_property
    def fanning_out(self) -> FanningOut:
        """The planning of large sends."""
        return FanningOut(self.sends, self.chunks, self.subscriptions, self.jobs, self.settling, self.clock)

    @cached_property
    def sweeping(self) -> Sweeping:
        """The sweep."""
        return Sweeping(self.sends, self.resuming, self.settling, self.clock, self.meter)
