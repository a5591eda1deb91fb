"""Takes the runs of flows from step to step."""

from tocsin.entrypoints.queue import runs_handler

handler = runs_handler()
