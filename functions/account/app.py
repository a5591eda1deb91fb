"""The operator's API: tenants, apps, keys, credits."""

from tocsin.entrypoints.http import Capability, http_handler

handler = http_handler(Capability.ACCOUNT)
