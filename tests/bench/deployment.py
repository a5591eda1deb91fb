"""A tenant with an app and subscribers on a Cloud, made and used through the product's own use cases."""

import io
import logging
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import replace
from unittest import mock

from tests.bench.audience import Audience, UserAgent
from tests.bench.cloud import Cloud
from tests.bench.cloud_doors import clients_of
from tests.bench.lambda_event import Context, environment, events
from tocsin.application.accounts import NewApp, VapidPair
from tocsin.application.send_command import SendCommand
from tocsin.domain.audit import Actor
from tocsin.domain.document import whole
from tocsin.domain.engagement import Engagement
from tocsin.domain.ids import SendId
from tocsin.domain.notification import Notification
from tocsin.domain.quota import LIMITS_OF, Plan
from tocsin.domain.send import Charge, Everyone, Send
from tocsin.domain.tenancy import DialectName, IdentityMode
from tocsin.entrypoints.container import Container
from tocsin.entrypoints.queue import QueueHandler, deliver_handler, fanout_handler
from tocsin.entrypoints.settings import Settings
from tocsin.webpush.encoding import to_base64url
from tocsin.webpush.vapid import VapidKey

FANOUT, DELIVER = "FanoutQueue", "DeliverQueue"
"""What the names of the queues end in; broadcasts have their own."""
TEXT_BYTES = 300
SITE = "https://shop.example/"
_USED = ("account", "send", "fanout", "deliver")
_OPERATOR = Actor("operator", "bench")
WORKERS = {"fanout": fanout_handler, "deliver": deliver_handler}


class Deployment:
    """One app with `size` subscribers, whose keys are those of `browsers` in turn."""

    def __init__(self, cloud: Cloud, size: int, browsers: list[UserAgent]) -> None:
        self.cloud = cloud
        self.vapid = VapidKey.generate()
        settings = Settings({name: value for one in _USED for name, value in environment(one).items()})
        with clients_of(cloud):
            self._container = Container(settings)
            accounts = self._container.accounts
            new = NewApp(
                name="Shop",
                site_url=SITE,
                origins=(SITE.rstrip("/"),),
                contact="mailto:push@tocsin.example.org",
                identity=IdentityMode.OFF,
                icon=None,
                limits=LIMITS_OF[Plan.SCALE],
                vapid=VapidPair(to_base64url(self.vapid.private_raw), None),
            )
            self.app, _ = accounts.create_app(accounts.create_tenant("Tenant").id, new, _OPERATOR)
            accounts.grant(self.app.id, 10 * size, "first", _OPERATOR)
            # Kept: what is made outside of `clients_of` would be boto3's own.
            self.sends, self.chunks = self._container._sends, self._container._chunks
            self.subscriptions = self._container._subscriptions
        self.audience = Audience(self.app, size, browsers)
        self.audience.move_in(cloud, "SubscriptionsTable")

    def send(self) -> SendId:
        """A send to everyone, accepted; its fan-out is queued."""
        command = SendCommand(self.app, DialectName("tocsin"), Everyone(), notification(), Charge.CREDITS, queued=True)
        with clients_of(self.cloud):
            send = self._container.sending.send(command).send
        assert send
        return send

    def planned(self) -> tuple[SendId, list[str]]:
        """A send whose chunks are queued, and the bodies of their messages."""
        send = self.send()
        self.invoke("fanout", self.take(FANOUT))
        return send, self.take(DELIVER)

    def invoke(self, function: str, bodies: Sequence[str]) -> None:
        """Have a function of this deployment work on messages, in this process."""
        logging.disable(logging.INFO)
        with clients_of(self.cloud), redirect_stdout(io.StringIO()):
            handler = handler_of(function)
            for event in events(function, bodies):
                if handler(event, Context())["batchItemFailures"]:
                    raise AssertionError(f"{function} failed")
        logging.disable(logging.NOTSET)

    def take(self, queues: str) -> list[str]:
        """All messages of the queues that are named so, which are then empty."""
        named = [url for url in self.cloud.queued if queues in url]
        return [body for url in named for _, body in self.cloud.queued.pop(url)]

    def engagement(self, send: SendId) -> Engagement:
        """What readers did with a send's messages."""
        with clients_of(self.cloud):
            return self._container.engagement.of(self.app.id, send)

    def found(self, send: SendId) -> Send:
        """The send as it is stored now."""
        with clients_of(self.cloud):
            found = self.sends.get(self.app.id, send)
        assert found
        return found


def handler_of(worker: str) -> QueueHandler:
    """The handler of a function that works on a queue, in a new container with the settings that the template gives."""
    with mock.patch.object(Settings, "from_environment", return_value=Settings(environment(worker))):
        return WORKERS[worker]()


def notification() -> Notification:
    """What is sent: its message has 300 bytes."""
    bare = Notification("Half price until midnight", "", ttl=3600)
    missing = TEXT_BYTES - len(text(bare, SendId("0" * 24)))
    return replace(bare, body="x" * missing)


def text(shown: Notification, send: SendId) -> bytes:
    """The plaintext of its push message."""
    return whole(shown, send, SITE).to(None)
