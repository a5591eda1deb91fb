"""All memory adapters over one storage."""

from tests.memory.credits import MemoryCredits, MemoryRequestWindows
from tests.memory.dead_letters import MemoryDeadLetters
from tests.memory.fetches import MemoryFetches
from tests.memory.jobs import MemoryJobs
from tests.memory.quotas import MemoryQuotas
from tests.memory.registry import MemoryRegistry
from tests.memory.sends import MemoryChunks, MemorySends
from tests.memory.storage import Storage
from tests.memory.subscriptions import MemorySubscriptions
from tests.memory.system import SeededRandomness, VirtualClock
from tests.memory.transport import ScriptedTransport
from tests.memory.vault import MemoryVault


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
        self.subscriptions = MemorySubscriptions(self.storage, self.clock)
        self.credits = MemoryCredits(self.storage)
        self.quotas = MemoryQuotas(self.storage)
        self.windows = MemoryRequestWindows(self.storage)
        self.sends = MemorySends(self.storage, self.clock)
        self.chunks = MemoryChunks(self.storage)
        self.fetches = MemoryFetches(self.storage)
