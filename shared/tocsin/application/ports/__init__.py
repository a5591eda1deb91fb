"""What the use cases need from outside. Each docstring is the contract that every adapter is tested against.

A method that takes an app keeps to that app: nothing of another one can be read or written through it.
"""

from tocsin.application.ports.accounts import Registry, SealedVapidKey, Vault, WrongContext
from tocsin.application.ports.credit import Credits, Quotas, ReferenceTaken, RequestWindows, Window
from tocsin.application.ports.dead_letters import DeadLetters, Letter, Queue
from tocsin.application.ports.deliveries import (
    Chunks,
    EarlierSend,
    Fetches,
    Frozen,
    Idempotency,
    IdempotencyKeyTaken,
    InsufficientCredits,
    InsufficientQuota,
    Jobs,
    LeaseLost,
    Sends,
    Told,
)
from tocsin.application.ports.push import Answer, PushTransport
from tocsin.application.ports.subscribers import Change, Gone, Place, Subscriptions, Walk
from tocsin.application.ports.surroundings import (
    Clock,
    MalformedCursor,
    Meter,
    Page,
    Randomness,
    Stale,
    Unavailable,
    Unreadable,
)
from tocsin.domain.ledger import LedgerEntry

__all__ = [
    "Answer",
    "Change",
    "Chunks",
    "Clock",
    "Credits",
    "DeadLetters",
    "EarlierSend",
    "Fetches",
    "Frozen",
    "Gone",
    "Idempotency",
    "IdempotencyKeyTaken",
    "InsufficientCredits",
    "InsufficientQuota",
    "Jobs",
    "LeaseLost",
    "LedgerEntry",
    "Letter",
    "MalformedCursor",
    "Meter",
    "Page",
    "Place",
    "PushTransport",
    "Queue",
    "Quotas",
    "Randomness",
    "ReferenceTaken",
    "Registry",
    "RequestWindows",
    "SealedVapidKey",
    "Sends",
    "Stale",
    "Subscriptions",
    "Told",
    "Unavailable",
    "Unreadable",
    "Vault",
    "Walk",
    "Window",
    "WrongContext",
]
