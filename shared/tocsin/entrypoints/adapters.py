"""What use cases stand on: stores, queues, keys, the clock; made when first asked for."""

from functools import cached_property
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

from tocsin.adapters.dynamodb.campaigns import CampaignSteps, DynamoCampaigns
from tocsin.adapters.dynamodb.chunks import DynamoChunks
from tocsin.adapters.dynamodb.codes import DynamoCodes
from tocsin.adapters.dynamodb.credits import DynamoCredits
from tocsin.adapters.dynamodb.database import Database
from tocsin.adapters.dynamodb.engagements import DynamoEngagements
from tocsin.adapters.dynamodb.fetches import DynamoFetches
from tocsin.adapters.dynamodb.flows import DynamoFlows
from tocsin.adapters.dynamodb.inbox import DynamoInbox
from tocsin.adapters.dynamodb.persons import DynamoPersons
from tocsin.adapters.dynamodb.quotas import DynamoQuotas
from tocsin.adapters.dynamodb.registry import DynamoRegistry
from tocsin.adapters.dynamodb.runs import DynamoRuns
from tocsin.adapters.dynamodb.sends import DynamoSends
from tocsin.adapters.dynamodb.service_accounts import DynamoServiceAccounts
from tocsin.adapters.dynamodb.subscriptions import DynamoSubscriptions
from tocsin.adapters.dynamodb.webhooks import DynamoHooks, DynamoPendingEvents
from tocsin.adapters.kms import KmsSigner, KmsVault
from tocsin.adapters.scheduler import EventBridgeSchedules
from tocsin.adapters.secrets_manager import read_secret
from tocsin.adapters.sqs import SqsEvents, SqsJobs, SqsRunJobs, SqsSightings
from tocsin.adapters.system import SystemClock, SystemRandomness
from tocsin.application.jobs import Lane
from tocsin.domain.derivation import Derivation
from tocsin.entrypoints.observability import EmbeddedMeter
from tocsin.entrypoints.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_sqs.client import SQSClient

    from tocsin.adapters.oauth_http import OauthHttp
    from tocsin.adapters.push_http import PushHttpByThread
    from tocsin.application.access_tokens import OtherIssuer


# Short: a request has 29 s in all, and a store that needs seconds for an answer will not have one in ten.
# Stores ask up to 16 things at once, and the sending thread goes on meanwhile.
# A save is dear: botocore would check each of our (typed, tested) requests, and build its user agent's name, anew.
_AWS = Config(
    retries={"mode": "standard", "total_max_attempts": 2},
    connect_timeout=1,
    read_timeout=3,
    max_pool_connections=32,
    parameter_validation=False,
    user_agent="Tocsin",
)


class Adapters:
    """Each is made when first asked for, so a function pays only for what it uses."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @cached_property
    def quotas(self) -> DynamoQuotas:
        """Notifications for each app, hour, day and month."""
        return DynamoQuotas(self._database, self._settings.required("CREDITS_TABLE"))

    @cached_property
    def jobs(self) -> SqsJobs:
        """The queues."""
        optional = self._settings.optional
        return SqsJobs(
            self._sqs,
            {Lane.DIRECT: optional("FANOUT_QUEUE_URL"), Lane.BULK: optional("BULK_FANOUT_QUEUE_URL")},
            {Lane.DIRECT: optional("DELIVER_QUEUE_URL"), Lane.BULK: optional("BULK_DELIVER_QUEUE_URL")},
        )

    @cached_property
    def events(self) -> SqsEvents:
        """What customers are told by webhook."""
        return SqsEvents(self._sqs, self._settings.optional("WEBHOOKS_QUEUE_URL"))

    @cached_property
    def engagement(self) -> DynamoEngagements:
        """What readers did with the messages of a send."""
        return DynamoEngagements(self._database, self._settings.required("SENDS_TABLE"))

    @cached_property
    def clock(self) -> SystemClock:
        """The time."""
        return SystemClock()

    @cached_property
    def meter(self) -> EmbeddedMeter:
        """Counters."""
        settings = self._settings
        return EmbeddedMeter(
            settings.required("METRICS_NAMESPACE"), settings.required("POWERTOOLS_SERVICE_NAME"), self.clock
        )

    @cached_property
    def _sightings(self) -> SqsSightings:
        return SqsSightings(self._sqs, self._settings.required("EVENTS_QUEUE_URL"))

    @cached_property
    def run_jobs(self) -> SqsRunJobs:
        """The queue of runs."""
        return SqsRunJobs(self._sqs, self._settings.required("RUNS_QUEUE_URL"))

    @cached_property
    def _flow_catalogue(self) -> DynamoFlows:
        settings = self._settings
        return DynamoFlows(self._database, settings.required("CAMPAIGNS_TABLE"), settings.optional("TENANTS_TABLE"))

    @cached_property
    def _runs(self) -> DynamoRuns:
        return DynamoRuns(self._database, self._settings.required("CAMPAIGNS_TABLE"))

    @cached_property
    def _fetches(self) -> DynamoFetches:
        return DynamoFetches(self._database, self._settings.required("SENDS_TABLE"))

    @cached_property
    def _derivation(self) -> Derivation:
        return Derivation(self._secret("ROOT_SECRET").encode())

    @cached_property
    def _randomness(self) -> SystemRandomness:
        return SystemRandomness()

    @cached_property
    def _database(self) -> Database:
        return Database(boto3.client("dynamodb", config=_AWS), self.clock, self._randomness)

    @cached_property
    def _sqs(self) -> "SQSClient":
        return boto3.client("sqs", config=_AWS)

    @cached_property
    def _registry(self) -> DynamoRegistry:
        return DynamoRegistry(self._database, self._settings.required("TENANTS_TABLE"))

    @cached_property
    def _hooks(self) -> DynamoHooks:
        return DynamoHooks(self._database, self._settings.required("TENANTS_TABLE"))

    @cached_property
    def _pending_events(self) -> DynamoPendingEvents:
        return DynamoPendingEvents(self._database, self._settings.optional("SENDS_TABLE"))

    @cached_property
    def _credits(self) -> DynamoCredits:
        return DynamoCredits(self._database, self._settings.required("CREDITS_TABLE"))

    @cached_property
    def _subscriptions(self) -> DynamoSubscriptions:
        return DynamoSubscriptions(
            self._database, self._settings.required("SUBSCRIPTIONS_TABLE"), self._settings.optional("TENANTS_TABLE")
        )

    @cached_property
    def _persons(self) -> DynamoPersons:
        return DynamoPersons(self._database, self._settings.required("SUBSCRIPTIONS_TABLE"))

    @cached_property
    def _codes(self) -> DynamoCodes:
        return DynamoCodes(self._database, self._settings.required("SUBSCRIPTIONS_TABLE"))

    @cached_property
    def _inbox(self) -> DynamoInbox:
        return DynamoInbox(self._database, self._settings.required("SENDS_TABLE"))

    @cached_property
    def _sends(self) -> DynamoSends:
        optional = self._settings.optional
        tables = optional("CAMPAIGNS_TABLE"), optional("TENANTS_TABLE")
        return DynamoSends(self._database, *self._tables_of_a_send(), CampaignSteps(self._database, *tables))

    @cached_property
    def _chunks(self) -> DynamoChunks:
        return DynamoChunks(self._database, *self._tables_of_a_send())

    def _tables_of_a_send(self) -> tuple[str, str, str]:
        # Who only reads sends touches no money and no subscriptions.
        settings = self._settings
        return (
            settings.required("SENDS_TABLE"),
            settings.optional("CREDITS_TABLE"),
            settings.optional("SUBSCRIPTIONS_TABLE"),
        )

    @cached_property
    def _campaigns(self) -> DynamoCampaigns:
        required = self._settings.required
        return DynamoCampaigns(self._database, required("CAMPAIGNS_TABLE"), required("TENANTS_TABLE"))

    @cached_property
    def _schedules(self) -> EventBridgeSchedules:
        required = self._settings.required
        # Who only removes what is left says neither whom to call nor as whom.
        target, role = self._settings.optional("SCHEDULES_TARGET"), self._settings.optional("SCHEDULES_ROLE")
        client = boto3.client("scheduler", config=_AWS)
        return EventBridgeSchedules(client, required("SCHEDULES_GROUP"), target, role)

    @cached_property
    def _other_issuer(self) -> "OtherIssuer | None":
        """The issuer whose people and administrators the operator trusts beside our own."""
        optional = self._settings.optional
        issuer = optional("EXTERNAL_ISSUER")
        if not issuer:
            return None
        from tocsin.adapters.issuer_http import HttpIssuerKeys  # noqa: PLC0415
        from tocsin.application.access_tokens import OtherIssuer  # noqa: PLC0415
        from tocsin.application.known_keys import KnownKeys  # noqa: PLC0415
        from tocsin.application.token_claims import RoleMapping  # noqa: PLC0415

        keys = KnownKeys(HttpIssuerKeys(self._oauth, issuer), self.clock)
        roles = RoleMapping.read(optional("EXTERNAL_ROLES_CLAIM"), optional("EXTERNAL_ROLES"))
        return OtherIssuer(issuer, self._settings.required("EXTERNAL_AUDIENCE"), keys, roles)

    @cached_property
    def _vault(self) -> KmsVault:
        return KmsVault(boto3.client("kms", config=_AWS), self._settings.required("VAPID_KMS_KEY"))

    @cached_property
    def _token_signer(self) -> KmsSigner:
        return KmsSigner(boto3.client("kms", config=_AWS), self._settings.required("TOKEN_KMS_KEY"))

    @cached_property
    def _service_accounts(self) -> DynamoServiceAccounts:
        return DynamoServiceAccounts(self._database, self._settings.required("TENANTS_TABLE"))

    @cached_property
    def _oauth(self) -> "OauthHttp":
        # Imported here, as below.
        from tocsin.adapters.oauth_http import OauthHttp  # noqa: PLC0415

        return OauthHttp(self._settings.optional("OUTBOUND_PROXY"), self._settings.optional("CA_BUNDLE"))

    @cached_property
    def _transport(self) -> "PushHttpByThread":
        # Imported here: only two functions post to push services, and loading libcurl is a part of a cold start.
        from tocsin.adapters.push_http import PushHttpByThread  # noqa: PLC0415

        return PushHttpByThread(self._settings.optional("OUTBOUND_PROXY"), self._settings.optional("CA_BUNDLE"))

    def _secret(self, setting: str) -> str:
        """A secret that this function is given; the empty text, which nothing matches, for one that it is not."""
        name = self._settings.optional(setting)
        return read_secret(boto3.client("secretsmanager", config=_AWS), name) if name else ""
