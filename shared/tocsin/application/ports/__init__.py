"""What the use cases need from outside. Each docstring is the contract that every adapter is tested against.

A method that takes an app keeps to that app: nothing of another one can be read or written through it.
"""

from tocsin.application.ports.accounts import Registry, SealedVapidKey, Vault, WrongContext
from tocsin.application.ports.credit import Credits, ReferenceTaken, RequestWindows, Window
from tocsin.application.ports.deliveries import (
    Chunks,
    EarlierSend,
    Frozen,
    Idempotency,
    IdempotencyKeyTaken,
    InsufficientCredits,
    Jobs,
    LeaseLost,
    Sends,
)
from tocsin.application.ports.push import Answer, PushTransport
from tocsin.application.ports.subscribers import Stale, Subscriptions, Walk
from tocsin.application.ports.surroundings import Clock, MalformedCursor, Meter, Page, Randomness, Unavailable

__all__ = [
    "Answer",
    "Chunks",
    "Clock",
    "Credits",
    "EarlierSend",
    "Frozen",
    "Idempotency",
    "IdempotencyKeyTaken",
    "InsufficientCredits",
    "Jobs",
    "LeaseLost",
    "MalformedCursor",
    "Meter",
    "Page",
    "PushTransport",
    "Randomness",
    "ReferenceTaken",
    "Registry",
    "RequestWindows",
    "SealedVapidKey",
    "Sends",
    "Stale",
    "Subscriptions",
    "Unavailable",
    "Vault",
    "Walk",
    "Window",
    "WrongContext",
]
