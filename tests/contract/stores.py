"""One set of stores, whatever keeps it: what the contract tests run against."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.contract.tables import Tables
from tests.memory.catalogue import MemoryCatalogue
from tests.memory.deployment import MemoryDeployment
from tests.memory.system import SeededRandomness, VirtualClock
from tocsin.adapters.dynamodb.bulk import DynamoBulkWriter
from tocsin.adapters.dynamodb.campaigns import CampaignSteps, DynamoCampaigns
from tocsin.adapters.dynamodb.catalogue import DynamoCatalogue, Kind
from tocsin.adapters.dynamodb.chunks import DynamoChunks
from tocsin.adapters.dynamodb.codes import DynamoCodes
from tocsin.adapters.dynamodb.credits import DynamoCredits
from tocsin.adapters.dynamodb.database import Database
from tocsin.adapters.dynamodb.engagements import DynamoEngagements
from tocsin.adapters.dynamodb.fetches import DynamoFetches
from tocsin.adapters.dynamodb.flows import DynamoFlows
from tocsin.adapters.dynamodb.imports import DynamoImports
from tocsin.adapters.dynamodb.inbox import DynamoInbox
from tocsin.adapters.dynamodb.members import DynamoMembers
from tocsin.adapters.dynamodb.persons import DynamoPersons
from tocsin.adapters.dynamodb.quotas import DynamoQuotas
from tocsin.adapters.dynamodb.registry import DynamoRegistry
from tocsin.adapters.dynamodb.request_windows import DynamoRequestWindows
from tocsin.adapters.dynamodb.runs import DynamoRuns
from tocsin.adapters.dynamodb.sends import DynamoSends
from tocsin.adapters.dynamodb.service_accounts import DynamoServiceAccounts
from tocsin.adapters.dynamodb.subscriptions import DynamoSubscriptions
from tocsin.adapters.dynamodb.webhooks import DynamoHooks, DynamoPendingEvents
from tocsin.application.ports import (
    BulkWriter,
    Campaigns,
    Catalogue,
    Chunks,
    Clock,
    Codes,
    Credits,
    Engagements,
    Fetches,
    FlowCatalogue,
    Frozen,
    Hooks,
    Imports,
    Inbox,
    Members,
    PendingEvents,
    Persons,
    Quotas,
    Randomness,
    Registry,
    RequestWindows,
    Runs,
    Sends,
    ServiceAccounts,
    Subscriptions,
)
from tocsin.domain.chunk import Chunk

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient


@dataclass(frozen=True, slots=True)
class Stores:
    """The stores of one deployment, with its time."""

    clock: VirtualClock
    registry: Registry
    subscriptions: Subscriptions
    credits: Credits
    quotas: Quotas
    windows: RequestWindows
    sends: Sends
    chunks: Chunks
    fetches: Fetches
    engagements: Engagements
    imports: Imports
    bulk: BulkWriter
    persons: Persons
    inbox: Inbox
    codes: Codes
    hooks: Hooks
    pending_events: PendingEvents
    members: Members
    service_accounts: ServiceAccounts
    catalogue: Callable[[Kind[Any]], Catalogue[Any]]
    flows: FlowCatalogue
    runs: Runs
    campaigns: Campaigns

    def plan(self, chunk: Chunk, frozen: Frozen) -> None:
        """Store a chunk as a planner does: its recipients first."""
        self.chunks.freeze(chunk.app, chunk.send, chunk.number, frozen)
        self.chunks.open(chunk)


def memory_stores() -> Stores:
    """Everything in memory."""
    memory = MemoryDeployment()
    return Stores(
        memory.clock,
        memory.registry,
        memory.subscriptions,
        memory.credits,
        memory.quotas,
        memory.windows,
        memory.sends,
        memory.chunks,
        memory.fetches,
        memory.engagement,
        memory.imports,
        memory.bulk,
        memory.persons,
        memory.inbox,
        memory.codes,
        memory.hooks,
        memory.pending_events,
        memory.members,
        memory.service_accounts,
        lambda _kind: MemoryCatalogue(memory.storage),
        memory.flow_catalogue,
        memory.runs,
        memory.campaigns,
    )


def dynamo_stores(
    client: "DynamoDBClient", tables: Tables, waits: Clock | None = None, randomness: Randomness | None = None
) -> Stores:
    """Everything on DynamoDB. waits: what retries wait by, if it is not the virtual clock."""
    clock = VirtualClock()
    database = Database(client, waits or clock, randomness or SeededRandomness())
    of_sends = (tables.sends, tables.credits, tables.subscriptions)
    subscriptions = DynamoSubscriptions(database, tables.subscriptions, tables.tenants)
    return Stores(
        clock,
        DynamoRegistry(database, tables.tenants),
        subscriptions,
        DynamoCredits(database, tables.credits),
        DynamoQuotas(database, tables.credits),
        DynamoRequestWindows(database, tables.credits),
        DynamoSends(database, *of_sends, CampaignSteps(database, tables.campaigns, tables.tenants)),
        DynamoChunks(database, *of_sends),
        DynamoFetches(database, tables.sends),
        DynamoEngagements(database, tables.sends),
        DynamoImports(database, tables.tenants),
        DynamoBulkWriter(subscriptions),
        DynamoPersons(database, tables.subscriptions),
        DynamoInbox(database, tables.sends),
        DynamoCodes(database, tables.subscriptions),
        DynamoHooks(database, tables.tenants),
        DynamoPendingEvents(database, tables.sends),
        DynamoMembers(database, tables.subscriptions),
        DynamoServiceAccounts(database, tables.tenants),
        lambda kind: DynamoCatalogue(database, tables.campaigns, tables.tenants, kind),
        DynamoFlows(database, tables.campaigns, tables.tenants),
        DynamoRuns(database, tables.campaigns),
        DynamoCampaigns(database, tables.campaigns, tables.tenants),
    )
