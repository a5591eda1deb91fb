"""Takes subscriptions and identities from browsers and application servers; gives workers long messages."""

from tocsin.entrypoints.http import Capability, http_handler

handler = http_handler(Capability.SUBSCRIBE)
