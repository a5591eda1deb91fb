"""Ends subscriptions."""

from tocsin.entrypoints.http import Capability, http_handler

handler = http_handler(Capability.UNSUBSCRIBE)
