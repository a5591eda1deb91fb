"""Counts what readers did with their messages: displayed, clicked, dismissed."""

from tocsin.entrypoints.queue import tally_handler

handler = tally_handler()
