"""What a site that wants more than its plan allows is told (PU-72)."""

from collections.abc import Iterator
from contextlib import contextmanager

from tocsin.application.engine import Engine
from tocsin.domain.errors import Fault, Refused
from tocsin.domain.quota import QuotaWindow

PLANS = "/plans"
"""A page that tells who sets the limits."""


@contextmanager
def beyond_the_plan(engine: Engine) -> Iterator[None]:
    """A used quota is told with the page that says how to get more; in the document's words if it is the month's."""
    try:
        yield
    except Refused as refused:
        if refused.fault is not Fault.QUOTA_EXCEEDED:
            raise
        of_month = refused.field == QuotaWindow.MONTH
        raise Refused(
            refused.fault,
            "You've reached your monthly notification limit" if of_month else refused.message,
            retry_after=refused.retry_after,
            link=f"{engine.public_url}{PLANS}",
        ) from refused
