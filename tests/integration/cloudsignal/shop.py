"""A customer of CloudSignal with visitors whose browsers are simulated."""

from dataclasses import dataclass

from tests.customer import SITE, CloudSignalClient, Customer, expect
from tests.integration.deployed_api import Simulator, UserAgent

PAGE = {"Origin": SITE}


@dataclass(frozen=True, slots=True)
class Visitor:
    """A browser that registered at a page of the shop. id: its registration id."""

    id: str
    agent: UserAgent


@dataclass(frozen=True, slots=True)
class Shop:
    """An app, its server's client and its pages' client."""

    customer: Customer
    server: CloudSignalClient
    page: CloudSignalClient
    simulator: Simulator

    @classmethod
    def of(cls, customer: Customer, simulator: Simulator) -> "Shop":
        """With keys of its own."""
        return cls(customer, customer.cloudsignal(), customer.cloudsignal("publishable"), simulator)

    def visitor(self, service: str = "mozilla", **names: object) -> Visitor:
        """A new browser that registers; names: user_email, user_id. At most 30 a minute, which is what pages may."""
        agent = self.simulator.user_agent(service, self.customer.vapid_public_key)
        body = {"subscription": agent.subscription, **names}
        made = expect(201, self.page.call("POST", "/clients/register", body, PAGE))
        return Visitor(made["registration_id"], agent)

    def crowd(self, count: int) -> list[UserAgent]:
        """As many browsers as one likes, enrolled by the shop's server."""
        server, agents = self.customer.client(), [self.simulator.user_agent() for _ in range(count)]
        for agent in agents:
            expect(201, server.subscribe(agent.subscription))
        return agents
