"""Lists subscribers, shows one and why nothing reached it, and unregisters it."""

from tocsin.entrypoints.http import Capability, http_handler

handler = http_handler(Capability.SUBSCRIBERS)
