"""The use cases over memory adapters, in virtual time: what unit tests drive."""

from collections import Counter
from functools import cached_property

from tests.memory.catalogue import MemoryCatalogue
from tests.memory.deployment import MemoryDeployment
from tocsin.application.access_tokens import AccessTokens
from tocsin.application.accounts import Accounts
from tocsin.application.amending import Amending
from tocsin.application.authenticating import Authenticating
from tocsin.application.campaigning import Campaigning
from tocsin.application.configuring import Configuring
from tocsin.application.continuing import Continuing
from tocsin.application.counting import Counting
from tocsin.application.cursors import Cursors
from tocsin.application.delivering import Delivering
from tocsin.application.delivery_pass import Surroundings
from tocsin.application.diagnosing import Diagnosing
from tocsin.application.enrolling import Enrolling
from tocsin.application.exporting import Exporting
from tocsin.application.fanning_out import FanningOut
from tocsin.application.fcm_access import FcmAccess
from tocsin.application.fcm_accounts import FcmAccounts
from tocsin.application.fetching import Fetching
from tocsin.application.firing import Firing
from tocsin.application.flows import Flows
from tocsin.application.following import Following
from tocsin.application.identifying import Identifying
from tocsin.application.importing import Importing
from tocsin.application.launching import Launching
from tocsin.application.limiting import Limiting
from tocsin.application.listing import Listing
from tocsin.application.measuring import Measuring
from tocsin.application.membership import Membership
from tocsin.application.messaging import Messaging
from tocsin.application.metrics import Metric
from tocsin.application.pacing import Pacing
from tocsin.application.people import People
from tocsin.application.previewing import Previewing
from tocsin.application.reading import Reading
from tocsin.application.reconciling import Reconciling
from tocsin.application.redriving import Redriving
from tocsin.application.repeating import Repeating
from tocsin.application.reporting import Reporting
from tocsin.application.resuming import Resuming
from tocsin.application.retrying import Retrying
from tocsin.application.reviewing import Reviewing
from tocsin.application.running import Running
from tocsin.application.segments import Segments
from tocsin.application.sending import Sending
from tocsin.application.settling import Settling
from tocsin.application.signing import Signing
from tocsin.application.steering import Steering
from tocsin.application.subscribing import Subscribing
from tocsin.application.sweeping import Sweeping
from tocsin.application.templates import Templates
from tocsin.application.triggering import Triggering
from tocsin.application.user_tokens import UserTokens
from tocsin.application.watching import Watching
from tocsin.application.webhooks import Webhooks
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
            FcmAccess(self.service_accounts, self.vault, self.oauth, self.clock),
        )
        return Delivering(self.sends, self.jobs, self.events, self.settling, surroundings)

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
            lambda: self.delivering,
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
        return Fetching(self.sends, self.chunks, self.subscriptions, self.fetches, self.derivation, self.clock)

    @cached_property
    def reporting(self) -> Reporting:
        """What service workers report of messages."""
        return Reporting(self.sightings, self.derivation)

    @cached_property
    def counting(self) -> Counting:
        """What service workers reported, counted."""
        return Counting(
            self.sends,
            self.chunks,
            self.subscriptions,
            self.engagement,
            self.inbox,
            self.events,
            self.triggering,
            self.clock,
            self.meter,
        )

    @cached_property
    def subscribing(self) -> Subscribing:
        """Subscriptions."""
        return Subscribing(
            self.subscriptions,
            self.registry,
            self.identifying,
            self.following,
            self.triggering,
            self.derivation,
            self.clock,
            self.randomness,
        )

    @cached_property
    def flows(self) -> Flows:
        """Flows."""
        return Flows(self.flow_catalogue, self.runs, self.run_jobs, self.registry, self.clock, self.randomness)

    @cached_property
    def triggering(self) -> Triggering:
        """What begins runs of flows."""
        return Triggering(self.flow_catalogue, self.run_jobs)

    @cached_property
    def running(self) -> Running:
        """The worker of runs."""
        return Running(
            self.flow_catalogue,
            self.runs,
            self.run_jobs,
            self.registry,
            self.subscriptions,
            self.sending,
            self.limiting,
            self.derivation,
            self.clock,
            self.randomness,
        )

    @cached_property
    def continuing(self) -> Continuing:
        """The sweep of runs."""
        return Continuing(self.runs, self.run_jobs, lambda call, asked: [call(one) for one in asked], self.clock)

    @cached_property
    def following(self) -> Following:
        """People and their devices."""
        return Following(self.persons, self.subscriptions, self.events, self.derivation, self.clock)

    @cached_property
    def enrolling(self) -> Enrolling:
        """Enrolment codes."""
        return Enrolling(self.codes, self.derivation, self.clock, self.randomness, days=30)

    @cached_property
    def reading(self) -> Reading:
        """Inboxes."""
        return Reading(self.inbox, self.sends, self.clock)

    @cached_property
    def limiting(self) -> Limiting:
        """Request windows."""
        return Limiting(self.windows, self.clock)

    @cached_property
    def amending(self) -> Amending:
        """What an app's owner changes of subscriptions."""
        return Amending(self.subscriptions, self.following, self.clock, self.randomness)

    @cached_property
    def reviewing(self) -> Reviewing:
        """Sends, looked at afterwards."""
        return Reviewing(self.sends, self.settling)

    @cached_property
    def campaigning(self) -> Campaigning:
        """Campaigns."""
        return Campaigning(
            self.campaigns,
            self.launching,
            self.measuring,
            self.steering,
            self.segments,
            self.schedules,
            self.clock,
            self.randomness,
            self.meter,
        )

    @cached_property
    def launching(self) -> Launching:
        """The sending of campaigns."""
        return Launching(
            self.sending,
            self.campaigns,
            self.segments,
            self.subscriptions,
            self.registry,
            self.clock,
            self.randomness,
        )

    @cached_property
    def measuring(self) -> Measuring:
        """How campaigns and API sends are going."""
        return Measuring(
            self.campaigns,
            self.sends,
            self.settling,
            self.engagement,
            self.clock,
            lambda call, asked: [call(one) for one in asked],
        )

    @cached_property
    def firing(self) -> Firing:
        """What the clock does with campaigns."""
        return Firing(
            self.campaigns, self.launching, self.measuring, self.schedules, self.registry, self.clock, self.meter
        )

    @cached_property
    def previewing(self) -> Previewing:
        """What sends and campaigns would do."""
        return Previewing(
            self.sends, self.measuring, self.subscriptions, self.segments, self.quotas, self.credits, self.clock
        )

    @cached_property
    def segments(self) -> Segments:
        """Rules that say whom a campaign means."""
        return Segments(MemoryCatalogue(self.storage), self.subscriptions, self.clock, self.randomness)

    @cached_property
    def templates(self) -> Templates:
        """Texts that are kept to be sent again."""
        return Templates(MemoryCatalogue(self.storage), self.clock, self.randomness)

    @cached_property
    def identifying(self) -> Identifying:
        """Names of people."""
        return Identifying(self.limiting, lambda: self.user_tokens, self.derivation, self.clock, self.meter)

    @cached_property
    def access_tokens(self) -> AccessTokens:
        """Tokens by which callers say who they are."""
        return AccessTokens(self.signer, None, self.clock, self.randomness)

    @cached_property
    def membership(self) -> Membership:
        """Who is enrolled in an app."""
        return Membership(self.members, self.persons, self.derivation, self.clock)

    @cached_property
    def messaging(self) -> Messaging:
        """Sends to an app's own users."""
        return Messaging(self.sending, self.membership, self.subscriptions, self.events, self.clock)

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
    def fcm_accounts(self) -> FcmAccounts:
        """Service accounts for FCM."""
        return FcmAccounts(
            self.registry, self.service_accounts, self.subscriptions, self.vault, self.clock, self.randomness
        )

    @cached_property
    def people(self) -> People:
        """What is kept of a person."""
        return People(
            self.registry,
            self.subscriptions,
            self.persons,
            self.inbox,
            self.codes,
            self.identifying,
            self.following,
            self.listing,
            self.clock,
            self.randomness,
        )

    @cached_property
    def webhooks(self) -> Webhooks:
        """Webhooks."""
        return Webhooks(
            self.registry,
            self.hooks,
            self.pending_events,
            self.events,
            self.derivation,
            self.clock,
            self.randomness,
        )

    @cached_property
    def importing(self) -> Importing:
        """Subscriptions of other systems."""
        return Importing(
            self.imports,
            self.bulk,
            lambda call, asked: [call(one) for one in asked],
            self.subscriptions,
            self.registry,
            self.configuring,
            self.identifying,
            self.following,
            self.derivation,
            self.clock,
            self.randomness,
        )

    @cached_property
    def exporting(self) -> Exporting:
        """What an app takes elsewhere."""
        return Exporting(
            self.registry,
            self.listing,
            self.persons,
            lambda call, asked: [call(one) for one in asked],
            self.vault,
            self.clock,
            self.randomness,
        )

    @cached_property
    def retrying(self) -> Retrying:
        """The sweep of events that webhooks did not take."""
        return Retrying(self.pending_events, self.events, self.clock)

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
