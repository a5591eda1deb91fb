"""Takes what service workers report of messages, and has counted what their tokens prove."""

from tocsin.entrypoints.http import Capability, http_handler

handler = http_handler(Capability.BEACONS)
