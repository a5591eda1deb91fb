"""Delivers chunks: encrypts, posts, saves, settles."""

from tocsin.entrypoints.queue import deliver_handler

handler = deliver_handler()
