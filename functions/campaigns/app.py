"""Shows what was sent, as campaigns; answers every unknown path of the Pushary API."""

from tocsin.entrypoints.http import Capability, http_handler

handler = http_handler(Capability.CAMPAIGNS)
