"""Serves the SDK, the service worker and the pages; answers every unknown path."""

from tocsin.entrypoints.http import Capability, http_handler

handler = http_handler(Capability.WEB)
