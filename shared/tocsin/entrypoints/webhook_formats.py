"""Finding what dialects tell by webhook: every webhooks.py of a dialect; of the dialects, workers load nothing else."""

import importlib
import importlib.util
import pkgutil

import tocsin.dialects
from tocsin.domain.tenancy import DialectName
from tocsin.domain.webhook import WebhookFormat


def webhook_formats() -> dict[DialectName, WebhookFormat]:
    """The format of each dialect that has webhooks."""
    found = {}
    for package in pkgutil.iter_modules(tocsin.dialects.__path__):
        name = f"{tocsin.dialects.__name__}.{package.name}.webhooks"
        if package.ispkg and importlib.util.find_spec(name):
            module = importlib.import_module(name)
            found[DialectName(package.name)] = WebhookFormat(module.KINDS, module.request)
    return found
