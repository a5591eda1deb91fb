"""The app that a use case is about."""

from tocsin.application.ports import Registry
from tocsin.domain.errors import Fault, Refused
from tocsin.domain.ids import AppId
from tocsin.domain.tenancy import App


def known_app(registry: Registry, app: AppId) -> App:
    """An app as it is stored. Raises Refused: NOT_FOUND."""
    found = registry.app(app)
    if found is None:
        raise Refused(Fault.NOT_FOUND, "App not found")
    return found
