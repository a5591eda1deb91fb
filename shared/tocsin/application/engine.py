"""The use cases, gathered for the dialects."""

from typing import TYPE_CHECKING, Protocol

from tocsin.application.accounts import Accounts
from tocsin.application.amending import Amending
from tocsin.application.authenticating import Authenticating
from tocsin.application.campaigning import Campaigning
from tocsin.application.configuring import Configuring
from tocsin.application.cursors import Cursors
from tocsin.application.diagnosing import Diagnosing
from tocsin.application.enrolling import Enrolling
from tocsin.application.exporting import Exporting
from tocsin.application.fcm_accounts import FcmAccounts
from tocsin.application.fetching import Fetching
from tocsin.application.flows import Flows
from tocsin.application.following import Following
from tocsin.application.identifying import Identifying
from tocsin.application.importing import Importing
from tocsin.application.limiting import Limiting
from tocsin.application.listing import Listing
from tocsin.application.measuring import Measuring
from tocsin.application.membership import Membership
from tocsin.application.messaging import Messaging
from tocsin.application.people import People
from tocsin.application.ports import Clock, Engagements, Events, Quotas
from tocsin.application.previewing import Previewing
from tocsin.application.reading import Reading
from tocsin.application.reconciling import Reconciling
from tocsin.application.redriving import Redriving
from tocsin.application.reporting import Reporting
from tocsin.application.reviewing import Reviewing
from tocsin.application.segments import Segments
from tocsin.application.sending import Sending
from tocsin.application.steering import Steering
from tocsin.application.subscribing import Subscribing
from tocsin.application.templates import Templates
from tocsin.application.webhooks import Webhooks
from tocsin.domain.quota import Limits

if TYPE_CHECKING:
    from tocsin.application.access_tokens import AccessTokens
    from tocsin.application.user_tokens import UserTokens


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
    def steering(self) -> Steering:
        """Pausing, resuming and cancelling sends."""

    @property
    def redriving(self) -> Redriving:
        """Messages that were tried too often."""

    @property
    def fetching(self) -> Fetching:
        """Messages that were too long."""

    @property
    def reporting(self) -> Reporting:
        """What service workers report of messages."""

    @property
    def engagement(self) -> Engagements:
        """What readers did with the messages of a send."""

    @property
    def subscribing(self) -> Subscribing:
        """Subscriptions."""

    @property
    def amending(self) -> Amending:
        """What an app's owner changes of subscriptions."""

    @property
    def reviewing(self) -> Reviewing:
        """Sends, looked at afterwards."""

    @property
    def campaigning(self) -> Campaigning:
        """Campaigns."""

    @property
    def measuring(self) -> Measuring:
        """How campaigns and API sends are going."""

    @property
    def previewing(self) -> Previewing:
        """What sends and campaigns would do."""

    @property
    def segments(self) -> Segments:
        """Rules that say whom a campaign means."""

    @property
    def flows(self) -> Flows:
        """What subscribers are sent, step by step."""

    @property
    def templates(self) -> Templates:
        """Texts that are kept to be sent again."""

    @property
    def identifying(self) -> Identifying:
        """Names of people."""

    @property
    def listing(self) -> Listing:
        """Subscriptions as lists."""

    @property
    def diagnosing(self) -> Diagnosing:
        """Why notifications do or do not arrive."""

    @property
    def configuring(self) -> Configuring:
        """Settings of apps, their VAPID keys and their audit log."""

    @property
    def fcm_accounts(self) -> FcmAccounts:
        """Service accounts by which apps reach phones."""

    @property
    def user_tokens(self) -> "UserTokens":
        """Tokens that name a person."""

    @property
    def access_tokens(self) -> "AccessTokens":
        """Tokens by which callers say who they are."""

    @property
    def membership(self) -> Membership:
        """Who is enrolled in an app."""

    @property
    def messaging(self) -> Messaging:
        """Sends to an app's own users, by name."""

    @property
    def people(self) -> People:
        """What is kept of a person."""

    @property
    def webhooks(self) -> Webhooks:
        """Where customers' servers are told of events."""

    @property
    def following(self) -> Following:
        """Who is subscribed, by the customer's own names of people."""

    @property
    def enrolling(self) -> Enrolling:
        """Codes that enrol a person's devices."""

    @property
    def reading(self) -> Reading:
        """Inboxes."""

    @property
    def events(self) -> Events:
        """What customers are told by webhook."""

    @property
    def importing(self) -> Importing:
        """Subscriptions of other systems."""

    @property
    def exporting(self) -> Exporting:
        """What an app takes elsewhere."""

    @property
    def reconciling(self) -> Reconciling:
        """The proof of an app's money."""

    @property
    def limiting(self) -> Limiting:
        """Requests for each key and minute."""

    @property
    def quotas(self) -> Quotas:
        """Notifications for each app, hour, day and month."""

    @property
    def cursors(self) -> Cursors:
        """Cursors that customers hold."""

    @property
    def clock(self) -> Clock:
        """The time."""

    @property
    def default_limits(self) -> Limits:
        """The limits of apps that are made without any."""

    @property
    def public_url(self) -> str:
        """The origin under which browsers reach this deployment, for links; the empty text when nobody set one."""
