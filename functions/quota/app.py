"""Says how much an app may still send."""

from tocsin.entrypoints.http import Capability, http_handler

handler = http_handler(Capability.QUOTA)
