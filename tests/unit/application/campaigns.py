"""A shop with campaigns, in virtual time."""

from dataclasses import dataclass

from tests import builders
from tests.engine import MemoryEngine
from tests.unit.application import queues
from tocsin.application.campaigning import NewCampaign
from tocsin.domain.audit import Actor
from tocsin.domain.campaign import Campaign, CampaignStatus
from tocsin.domain.notification import Notification
from tocsin.domain.quota import Limits, QuotaWindow
from tocsin.domain.tenancy import App, DialectName

PUSHARY = DialectName("pushary")
MARKETER = Actor("key", "req-7")
SALE = NewCampaign("Sale", Notification("Everything must go", "Today only"))


@dataclass(frozen=True, slots=True)
class CampaignShop:
    """An app of the Pushary API with some anonymous browsers."""

    engine: MemoryEngine
    app: App

    @classmethod
    def open(cls, browsers: int = 3, monthly: int | None = 10_000) -> "CampaignShop":
        """A new one."""
        engine = MemoryEngine()
        app = builders.app(engine, limits=Limits(None, None, monthly))
        for number in range(1, browsers + 1):
            builders.subscribe(engine, app, number)
        return cls(engine, app)

    def create(self, new: NewCampaign = SALE) -> Campaign:
        """A new campaign."""
        return self.engine.campaigning.create(self.app.id, PUSHARY, new, MARKETER)

    def send(self, campaign: Campaign) -> Campaign:
        """Send it now."""
        return self.engine.campaigning.send(self.app, campaign.id, MARKETER)

    def fire(self, campaign: Campaign) -> bool:
        """As its wake-up call does."""
        return self.engine.firing.fire(self.app.id, campaign.id, self.engine.clock.now() + queues.HANDLER_SECONDS)

    def stored(self, campaign: Campaign) -> Campaign:
        """Its record as it is."""
        found = self.engine.campaigning.find(self.app.id, campaign.id)
        assert found is not None
        return found

    def status(self, campaign: Campaign) -> CampaignStatus:
        """Where it is."""
        return self.engine.measuring.view(self.stored(campaign)).status

    def work(self) -> None:
        """Do what is in the queues, until they are empty."""
        queues.drain(self.engine)

    def posts(self) -> int:
        """How often anybody was posted to."""
        return len(self.engine.transport.requests)

    def used(self) -> int:
        """How much of its month is used."""
        return self.engine.quotas.usage(self.app.id, int(self.engine.clock.now())).of(QuotaWindow.MONTH)

    def actions(self) -> list[str]:
        """What the audit log has of campaigns, oldest first."""
        return [str(entry.action) for entry in self.engine.storage.audit if entry.action.startswith("campaign.")]
