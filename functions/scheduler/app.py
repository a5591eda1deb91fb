"""Sweeps each minute: resumes what got stuck, settles what ran out."""

from tocsin.entrypoints.schedule import sweep_handler

handler = sweep_handler()
