"""What a browser is told to call its subscription; showing it is the right to change it."""

import hmac

from tocsin.application.engine import Engine
from tocsin.dialect_kit.bodies import WireModel
from tocsin.dialect_kit.identifiers import parse, render
from tocsin.domain.errors import Fault, Refused
from tocsin.domain.ids import SubscriptionId
from tocsin.domain.tenancy import App


def own_id(engine: Engine, app: App, subscription: SubscriptionId) -> str:
    """What a browser is told to call its subscription: the id, and what proves that it was told."""
    return f"{render('sub', subscription)}.{engine.identifying.capability(app, subscription)}"


class OwnId(WireModel):
    """The id that this browser was given; knowing it is the right to change it."""

    id: str

    def subscription_id(self, engine: Engine, app: App) -> SubscriptionId:
        """The core's form. Raises Refused: GONE, also when it is not the whole of what the browser was given."""
        name, _, shown = self.id.partition(".")
        id_ = parse("sub", name)
        if id_ is not None:
            capability = engine.identifying.capability(app, SubscriptionId(id_))
            if hmac.compare_digest(capability.encode(), shown.encode(errors="replace")):
                return SubscriptionId(id_)
        raise Refused(Fault.GONE, "Subscription not found")
