"""Accepts sends; delivers up to 100 recipients in the request."""

from tocsin.entrypoints.http import Capability, http_handler

handler = http_handler(Capability.SEND)
