"""Tells customers' servers of events: signs, posts, keeps what was not taken."""

from tocsin.entrypoints.queue import webhooks_handler

handler = webhooks_handler()
