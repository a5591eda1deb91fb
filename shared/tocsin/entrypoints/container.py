"""The use cases over AWS, made when first asked for and then kept as long as the container lives."""

from functools import cached_property
from typing import TYPE_CHECKING

from tocsin.adapters.dead_letters import Place, SqsDeadLetters
from tocsin.adapters.dynamodb.bulk import DynamoBulkWriter
from tocsin.adapters.dynamodb.catalogue import DynamoCatalogue
from tocsin.adapters.dynamodb.imports import DynamoImports
from tocsin.adapters.dynamodb.members import DynamoMembers
from tocsin.adapters.dynamodb.request_windows import DynamoRequestWindows
from tocsin.adapters.dynamodb.segment_record import SEGMENTS
from tocsin.adapters.dynamodb.side_by_side import side_by_side
from tocsin.adapters.dynamodb.template_record import TEMPLATES
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
from tocsin.application.pacing import Pacing
from tocsin.application.people import People
from tocsin.application.ports import Queue
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
from tocsin.application.watching import Watching
from tocsin.application.webhooks import Webhooks
from tocsin.domain.quota import LIMITS_OF, Limits, Plan
from tocsin.entrypoints.adapters import Adapters

if TYPE_CHECKING:
    from tocsin.application.access_tokens import AccessTokens
    from tocsin.application.telling import Telling
    from tocsin.application.user_tokens import UserTokens


class Container(Adapters):
    """The Engine port and the workers' use cases."""

    @cached_property
    def authenticating(self) -> Authenticating:
        """Who is calling."""
        return Authenticating(
            self._registry,
            self.clock,
            self.meter,
            service_key=self._secret("SERVICE_SECRET"),
            operator_key=self._secret("OPERATOR_SECRET"),
        )

    @cached_property
    def accounts(self) -> Accounts:
        """The operator's use cases."""
        return Accounts(self._registry, self._credits, self._vault, self._derivation, self.clock, self._randomness)

    @cached_property
    def sending(self) -> Sending:
        """Sends."""
        return Sending(
            self._sends,
            self._credits,
            self._subscriptions,
            lambda: self.delivering,
            self._settling,
            Repeating(self._sends, self._credits, self._settling, self._derivation, self.clock),
            self._resuming,
            self.clock,
            self._randomness,
            self.meter,
        )

    @cached_property
    def fetching(self) -> Fetching:
        """Messages that were too long."""
        return Fetching(self._sends, self._chunks, self._subscriptions, self._fetches, self._derivation, self.clock)

    @cached_property
    def reporting(self) -> Reporting:
        """What service workers report of messages."""
        return Reporting(self._sightings, self._derivation)

    @cached_property
    def counting(self) -> Counting:
        """What service workers reported, counted."""
        return Counting(
            self._sends,
            self._chunks,
            self._subscriptions,
            self.engagement,
            self._inbox,
            self.events,
            self.triggering,
            self.clock,
            self.meter,
        )

    @cached_property
    def subscribing(self) -> Subscribing:
        """Subscriptions."""
        return Subscribing(
            self._subscriptions,
            self._registry,
            self.identifying,
            self.following,
            self.triggering,
            self._derivation,
            self.clock,
            self._randomness,
        )

    @cached_property
    def flows(self) -> Flows:
        """Flows."""
        return Flows(self._flow_catalogue, self._runs, self.run_jobs, self._registry, self.clock, self._randomness)

    @cached_property
    def triggering(self) -> Triggering:
        """What begins runs of flows."""
        return Triggering(self._flow_catalogue, self.run_jobs)

    @cached_property
    def running(self) -> Running:
        """The worker of runs."""
        return Running(
            self._flow_catalogue,
            self._runs,
            self.run_jobs,
            self._registry,
            self._subscriptions,
            self.sending,
            self.limiting,
            self._derivation,
            self.clock,
            self._randomness,
        )

    @cached_property
    def continuing(self) -> Continuing:
        """The sweep of runs."""
        return Continuing(self._runs, self.run_jobs, side_by_side, self.clock)

    @cached_property
    def following(self) -> Following:
        """People and their devices."""
        return Following(self._persons, self._subscriptions, self.events, self._derivation, self.clock)

    @cached_property
    def enrolling(self) -> Enrolling:
        """Enrolment codes."""
        days = int(self._settings.required("CODE_DAYS"))
        return Enrolling(self._codes, self._derivation, self.clock, self._randomness, days)

    @cached_property
    def reading(self) -> Reading:
        """Inboxes."""
        return Reading(self._inbox, self._sends, self.clock)

    @cached_property
    def amending(self) -> Amending:
        """What an app's owner changes of subscriptions."""
        return Amending(self._subscriptions, self.following, self.clock, self._randomness)

    @cached_property
    def reviewing(self) -> Reviewing:
        """Sends, looked at afterwards."""
        return Reviewing(self._sends, self._settling)

    @cached_property
    def identifying(self) -> Identifying:
        """Names of people."""
        return Identifying(self.limiting, lambda: self.user_tokens, self._derivation, self.clock, self.meter)

    @cached_property
    def listing(self) -> Listing:
        """Subscriptions as lists."""
        return Listing(self._subscriptions, self._derivation, self.clock)

    @cached_property
    def diagnosing(self) -> Diagnosing:
        """Why notifications do or do not arrive."""
        return Diagnosing(self._registry, self.listing, self.quotas, self.clock)

    @cached_property
    def campaigning(self) -> Campaigning:
        """Campaigns."""
        return Campaigning(
            self._campaigns,
            self._launching,
            self.measuring,
            self.steering,
            self.segments,
            self._schedules,
            self.clock,
            self._randomness,
            self.meter,
        )

    @cached_property
    def measuring(self) -> Measuring:
        """How campaigns and API sends are going."""
        return Measuring(self._campaigns, self._sends, self._settling, self.engagement, self.clock, side_by_side)

    @cached_property
    def firing(self) -> Firing:
        """What the clock does with campaigns."""
        return Firing(
            self._campaigns,
            self._launching,
            self.measuring,
            self._schedules,
            self._registry,
            self.clock,
            self.meter,
        )

    @cached_property
    def previewing(self) -> Previewing:
        """What sends and campaigns would do."""
        return Previewing(
            self._sends,
            self.measuring,
            self._subscriptions,
            self.segments,
            self.quotas,
            self._credits,
            self.clock,
        )

    @cached_property
    def segments(self) -> Segments:
        """Rules that say whom a campaign means."""
        required = self._settings.required
        tables = required("CAMPAIGNS_TABLE"), required("TENANTS_TABLE")
        catalogue = DynamoCatalogue(self._database, *tables, SEGMENTS)
        return Segments(catalogue, self._subscriptions, self.clock, self._randomness)

    @cached_property
    def templates(self) -> Templates:
        """Texts that are kept to be sent again."""
        required = self._settings.required
        tables = required("CAMPAIGNS_TABLE"), required("TENANTS_TABLE")
        return Templates(DynamoCatalogue(self._database, *tables, TEMPLATES), self.clock, self._randomness)

    @cached_property
    def configuring(self) -> Configuring:
        """Settings of apps."""
        return Configuring(self._registry, self._subscriptions, self._vault, self.clock, self._randomness)

    @cached_property
    def fcm_accounts(self) -> FcmAccounts:
        """Service accounts for FCM."""
        return FcmAccounts(
            self._registry, self._service_accounts, self._subscriptions, self._vault, self.clock, self._randomness
        )

    @cached_property
    def people(self) -> People:
        """What is kept of a person."""
        return People(
            self._registry,
            self._subscriptions,
            self._persons,
            self._inbox,
            self._codes,
            self.identifying,
            self.following,
            self.listing,
            self.clock,
            self._randomness,
        )

    @cached_property
    def user_tokens(self) -> "UserTokens":
        """Tokens that name a person."""
        # Imported here: two functions read or issue them, and loading the library is a part of a cold start.
        from tocsin.application.user_tokens import UserTokens  # noqa: PLC0415

        return UserTokens(self._derivation, self.clock)

    @cached_property
    def access_tokens(self) -> "AccessTokens":
        """Tokens by which callers say who they are."""
        # Imported here: only one dialect's callers come with tokens, and loading the library is a part of a cold start.
        from tocsin.application.access_tokens import AccessTokens  # noqa: PLC0415

        return AccessTokens(self._token_signer, self._other_issuer, self.clock, self._randomness)

    @cached_property
    def membership(self) -> Membership:
        """Who is enrolled in an app."""
        members = DynamoMembers(self._database, self._settings.required("SUBSCRIPTIONS_TABLE"))
        return Membership(members, self._persons, self._derivation, self.clock)

    @cached_property
    def messaging(self) -> Messaging:
        """Sends to an app's own users."""
        return Messaging(self.sending, self.membership, self._subscriptions, self.events, self.clock)

    @cached_property
    def cursors(self) -> Cursors:
        """Cursors that customers hold."""
        return Cursors(self._derivation, self.clock)

    @cached_property
    def delivering(self) -> Delivering:
        """Chunks."""
        surroundings = Surroundings(
            self._chunks,
            self._subscriptions,
            self._transport,
            self._signing,
            Watching(self._sends, self.clock),
            Pacing(),
            self._derivation,
            self.clock,
            self.meter,
            FcmAccess(self._service_accounts, self._vault, self._oauth, self.clock),
        )
        return Delivering(self._sends, self.jobs, self.events, self._settling, surroundings)

    @cached_property
    def steering(self) -> Steering:
        """Pausing and cancelling."""
        return Steering(self._sends, self._resuming, self._settling, self._registry, self.clock, self._randomness)

    @cached_property
    def redriving(self) -> Redriving:
        """Dead letters."""
        required = self._settings.required
        places = {
            queue: Place(required(f"{queue.name}_QUEUE_URL"), required(f"{queue.name}_DEAD_LETTERS_URL"))
            for queue in Queue
        }
        return Redriving(SqsDeadLetters(self._sqs, places), self.clock)

    @cached_property
    def fanning_out(self) -> FanningOut:
        """The planning of large sends."""
        return FanningOut(self._sends, self._chunks, self._subscriptions, self.jobs, self._settling, self.clock)

    @cached_property
    def sweeping(self) -> Sweeping:
        """The sweep."""
        return Sweeping(self._sends, self._resuming, self._settling, self.clock, self.meter)

    @cached_property
    def webhooks(self) -> Webhooks:
        """Webhooks."""
        return Webhooks(
            self._registry,
            self._hooks,
            self._pending_events,
            self.events,
            self._derivation,
            self.clock,
            self._randomness,
        )

    @cached_property
    def importing(self) -> Importing:
        """Subscriptions of other systems."""
        return Importing(
            DynamoImports(self._database, self._settings.required("TENANTS_TABLE")),
            DynamoBulkWriter(self._subscriptions),
            side_by_side,
            self._subscriptions,
            self._registry,
            self.configuring,
            self.identifying,
            self.following,
            self._derivation,
            self.clock,
            self._randomness,
        )

    @cached_property
    def exporting(self) -> Exporting:
        """What an app takes elsewhere."""
        return Exporting(
            self._registry, self.listing, self._persons, side_by_side, self._vault, self.clock, self._randomness
        )

    @cached_property
    def retrying(self) -> Retrying:
        """The sweep of events that webhooks did not take."""
        return Retrying(self._pending_events, self.events, self.clock)

    @cached_property
    def reconciling(self) -> Reconciling:
        """The proof of an app's money."""
        return Reconciling(self._registry, self._credits, self._sends, self._chunks, self.clock)

    @cached_property
    def limiting(self) -> Limiting:
        """Request windows."""
        return Limiting(DynamoRequestWindows(self._database, self._settings.required("CREDITS_TABLE")), self.clock)

    @cached_property
    def telling(self) -> "Telling":
        """The worker that tells customers' servers of events."""
        # Imported here: one function posts to customers' servers, and loading libcurl is a part of a cold start.
        from tocsin.adapters.webhook_http import WebhookHttp  # noqa: PLC0415
        from tocsin.application.telling import Telling  # noqa: PLC0415
        from tocsin.entrypoints.webhook_formats import webhook_formats  # noqa: PLC0415

        optional = self._settings.optional
        return Telling(
            self._registry,
            self._hooks,
            self._pending_events,
            self.events,
            self._sends,
            self._chunks,
            self._subscriptions,
            self.webhooks,
            webhook_formats(),
            WebhookHttp(optional("OUTBOUND_PROXY"), optional("CA_BUNDLE")),
            self.clock,
            self.meter,
        )

    @cached_property
    def public_url(self) -> str:
        """The deployment's own address."""
        return self._settings.optional("PUBLIC_URL")

    @cached_property
    def default_limits(self) -> Limits:
        """The limits of apps that are made without any."""
        return LIMITS_OF[Plan(self._settings.required("DEFAULT_PLAN"))]

    @cached_property
    def _launching(self) -> Launching:
        return Launching(
            self.sending,
            self._campaigns,
            self.segments,
            self._subscriptions,
            self._registry,
            self.clock,
            self._randomness,
        )

    @cached_property
    def _settling(self) -> Settling:
        return Settling(self._sends, self._chunks, self.clock)

    @cached_property
    def _resuming(self) -> Resuming:
        return Resuming(self._chunks, self.jobs)

    @cached_property
    def _signing(self) -> Signing:
        return Signing(self._registry, self._vault)
