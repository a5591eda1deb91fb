"""Sweeps each minute: resumes what got stuck, settles what ran out. Each day, proves the money."""

from tocsin.entrypoints.schedule import schedule_handler

handler = schedule_handler()
