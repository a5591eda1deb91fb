"""All memory adapters over one storage."""

from tests.memory.campaigns import MemoryCampaigns, MemorySchedules
from tests.memory.credits import MemoryCredits, MemoryRequestWindows
from tests.memory.dead_letters import MemoryDeadLetters
from tests.memory.engagements import MemoryEngagements, MemorySightings
from tests.memory.fcm import MemoryServiceAccounts, ScriptedOauth
from tests.memory.fetches import MemoryFetches
from tests.memory.flows import MemoryFlows, MemoryRunJobs, MemoryRuns
from tests.memory.imports import MemoryBulkWriter, MemoryImports
from tests.memory.jobs import MemoryJobs
from tests.memory.members import MemoryMembers
from tests.memory.persons import MemoryCodes, MemoryInbox, MemoryPersons
from tests.memory.quotas import MemoryQuotas
from tests.memory.registry import MemoryRegistry
from tests.memory.sends import MemoryChunks, MemorySends
from tests.memory.storage import Storage
from tests.memory.subscriptions import MemorySubscriptions
from tests.memory.system import SeededRandomness, VirtualClock
from tests.memory.tokens import MemorySigner
from tests.memory.transport import ScriptedTransport
from tests.memory.vault import MemoryVault
from tests.memory.webhooks import MemoryEvents, MemoryHooks, MemoryPendingEvents, ScriptedReceivers


class MemoryDeployment:
    """A whole deployment without AWS: what a use-case test takes its ports from."""

    def __init__(self, seed: int = 0) -> None:
        self.clock = VirtualClock()
        self.randomness = SeededRandomness(seed)
        self.storage = Storage()
        self.vault = MemoryVault()
        self.jobs = MemoryJobs()
        self.dead_letters = MemoryDeadLetters(self.clock)
        self.transport = ScriptedTransport(self.clock)
        self.registry = MemoryRegistry(self.storage)
        self.service_accounts = MemoryServiceAccounts(self.storage)
        self.oauth = ScriptedOauth()
        self.subscriptions = MemorySubscriptions(self.storage, self.clock)
        self.imports = MemoryImports(self.storage)
        self.bulk = MemoryBulkWriter(self.subscriptions)
        self.credits = MemoryCredits(self.storage)
        self.quotas = MemoryQuotas(self.storage)
        self.windows = MemoryRequestWindows(self.storage)
        self.sends = MemorySends(self.storage, self.clock)
        self.chunks = MemoryChunks(self.storage)
        self.campaigns = MemoryCampaigns(self.storage)
        self.schedules = MemorySchedules()
        self.fetches = MemoryFetches(self.storage)
        self.sightings = MemorySightings()
        self.engagement = MemoryEngagements(self.storage)
        self.flow_catalogue = MemoryFlows(self.storage)
        self.runs = MemoryRuns(self.storage, self.flow_catalogue)
        self.run_jobs = MemoryRunJobs()
        self.persons = MemoryPersons(self.storage)
        self.members = MemoryMembers(self.storage)
        self.signer = MemorySigner()
        self.inbox = MemoryInbox(self.storage, self.clock)
        self.codes = MemoryCodes(self.storage, self.clock)
        self.hooks = MemoryHooks(self.storage)
        self.pending_events = MemoryPendingEvents(self.storage, self.clock)
        self.events = MemoryEvents()
        self.receivers = ScriptedReceivers()
