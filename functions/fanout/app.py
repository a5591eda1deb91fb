"""Plans a send: reads the audience, freezes chunks, queues them."""

from tocsin.entrypoints.queue import fanout_handler

handler = fanout_handler()
