"""Thousands of subscriptions, stored by the product's own adapters: through the API they would take minutes."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby

from dev.stack import Stack
from tests.contract.stores import Stores, dynamo_stores
from tests.contract.tables import Tables
from tests.customer import Customer
from tests.integration.deployed_api import Simulator, UserAgent
from tocsin.adapters.dynamodb.subscriptions import EXPIRED_AT_ONCE
from tocsin.adapters.system import SystemClock, SystemRandomness
from tocsin.application.ports import Change
from tocsin.dialect_kit.identifiers import parse
from tocsin.domain.derivation import Derivation
from tocsin.domain.ids import AppId, SubscriptionId, shard_of
from tocsin.domain.subscription import Device, Subscription, SubscriptionState
from tocsin.domain.tenancy import App
from tocsin.webpush.encryption import parse_keys

AT_ONCE = 8
SERVICES = ("mozilla", "fcm", "apple", "wns")
PACKED = EXPIRED_AT_ONCE
"""Subscriptions of a shard in one transaction, beside the shard's counters."""


def stores_of(stack: Stack) -> Stores:
    """What the deployment keeps, read and written as the product does."""
    database = stack.aws("dynamodb")
    names = database.list_tables()["TableNames"]
    parts = ("TenantsTable", "CreditsTable", "SubscriptionsTable", "SendsTable", "CampaignsTable")
    tables = Tables(*(next(name for name in names if part in name) for part in parts))
    return dynamo_stores(database, tables, SystemClock(), SystemRandomness())


class Crowd:
    """User agents of all push services, subscribed to one app."""

    def __init__(self, stack: Stack, simulator: Simulator, customer: Customer, size: int) -> None:
        def subscribed(number: int) -> UserAgent:
            return simulator.user_agent(SERVICES[number % len(SERVICES)], customer.vapid_public_key)

        with ThreadPoolExecutor(AT_ONCE) as threads:
            self.agents: Sequence[UserAgent] = list(threads.map(subscribed, range(size)))
            self._root = Derivation(_root_secret(stack))
            self.app = AppId(parse("app", customer.app) or "")
            stores = stores_of(stack)
            app = stores.registry.app(self.app)
            assert app is not None
            for _ in threads.map(stores.subscriptions.put_all, self._packed(app)):
                pass

    def id_of(self, agent: UserAgent) -> SubscriptionId:
        """The id of its subscription."""
        return self._root.subscription_id(self.app, agent.endpoint)

    def _packed(self, app: App) -> Iterator[list[Change]]:
        everybody = sorted((self._subscription(app, agent) for agent in self.agents), key=lambda one: shard_of(one.id))
        for _, of_shard in groupby(everybody, lambda one: shard_of(one.id)):
            changes: list[Change] = [(subscription, None) for subscription in of_shard]
            for start in range(0, len(changes), PACKED):
                yield changes[start : start + PACKED]

    def _subscription(self, app: App, agent: UserAgent) -> Subscription:
        keys = parse_keys(**agent.subscription["keys"])
        state, at = SubscriptionState.ACTIVE, app.created_at
        return Subscription(
            self.id_of(agent), app.id, agent.endpoint, keys, app.vapid_key, state, (), (), Device(), at, at, 1
        )


def _root_secret(stack: Stack) -> bytes:
    secrets = stack.aws("secretsmanager")
    (name,) = (one["Name"] for one in secrets.list_secrets()["SecretList"] if "RootSecret" in one["Name"])
    return str(secrets.get_secret_value(SecretId=name)["SecretString"]).encode()
