"""What service workers report of messages: displayed, clicked, dismissed."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from tocsin.application.reporting import Beacon
from tocsin.dialect_kit.bodies import WireModel, json_list
from tocsin.dialect_kit.dependencies import EngineDependency
from tocsin.dialects.tocsin.browser import Short
from tocsin.dialects.tocsin.callers import UncountedApp, page_preflight
from tocsin.domain.engagement import Act
from tocsin.domain.ids import SendId

router = APIRouter(prefix="/sdk/v1/{app}/events")

MOST_EVENTS = 50
MAX_BODY = 16 * 1024
LAST_SECOND = 2**40


class EventBody(WireModel):
    """What became of a message. id, k: as in its `data`. t: when, in Unix seconds."""

    e: Annotated[Act, Field(strict=False)]
    id: Short
    k: Short
    t: Annotated[int, Field(ge=0, le=LAST_SECOND)]

    def to_beacon(self) -> Beacon:
        """The core's form."""
        return Beacon(self.e, SendId(self.id), self.k, self.t)


@router.post("", status_code=202)
def report(
    app: UncountedApp,
    events: Annotated[list[EventBody], json_list(EventBody, items=MOST_EVENTS, most=MAX_BODY)],
    engine: EngineDependency,
) -> dict[str, object]:
    """Have these counted, each once; what no token of the app proves counts nothing, and the answer is the same."""
    engine.reporting.report(app.id, (event.to_beacon() for event in events))
    return {}


@router.options("")
def report_preflight(request: Request, app: str, engine: EngineDependency) -> Response:
    """Workers need no preflight; another client may."""
    return page_preflight(request, app, engine, "POST")
