"""What the use cases need from outside. Each docstring is the contract that every adapter is tested against.

A method that takes an app keeps to that app: nothing of another one can be read or written through it.
"""

from tocsin.application.ports.accounts import Registry, SealedVapidKey, Vault, WrongContext
from tocsin.application.ports.campaigns import CampaignChange, Campaigns, Schedules
from tocsin.application.ports.catalogue import Catalogue
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
from tocsin.application.ports.engagements import Engagements, Sightings
from tocsin.application.ports.flows import DueRun, FlowCatalogue, RunJobs, Runs
from tocsin.application.ports.members import Members
from tocsin.application.ports.moving import BulkWriter, Imports, SideBySide
from tocsin.application.ports.oauth import OauthAnswer, OauthServers, SealedServiceAccount, ServiceAccounts
from tocsin.application.ports.persons import Codes, EnrolmentCode, Inbox, Persons
from tocsin.application.ports.push import Answer, PushTransport
from tocsin.application.ports.subscribers import Change, Gone, Place, Sifted, Subscriptions, Walk
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
from tocsin.application.ports.tokens import IssuerKeys, Signer
from tocsin.application.ports.webhooks import Events, Hooks, PendingEvents, WebhookAnswer, WebhookPost, WebhookTransport
from tocsin.domain.ledger import LedgerEntry

__all__ = [
    "Answer",
    "BulkWriter",
    "CampaignChange",
    "Campaigns",
    "Catalogue",
    "Change",
    "Chunks",
    "Clock",
    "Codes",
    "Credits",
    "DeadLetters",
    "DueRun",
    "EarlierSend",
    "Engagements",
    "EnrolmentCode",
    "Events",
    "Fetches",
    "FlowCatalogue",
    "Frozen",
    "Gone",
    "Hooks",
    "Idempotency",
    "IdempotencyKeyTaken",
    "Imports",
    "Inbox",
    "InsufficientCredits",
    "InsufficientQuota",
    "IssuerKeys",
    "Jobs",
    "LeaseLost",
    "LedgerEntry",
    "Letter",
    "MalformedCursor",
    "Members",
    "Meter",
    "OauthAnswer",
    "OauthServers",
    "Page",
    "PendingEvents",
    "Persons",
    "Place",
    "PushTransport",
    "Queue",
    "Quotas",
    "Randomness",
    "ReferenceTaken",
    "Registry",
    "RequestWindows",
    "RunJobs",
    "Runs",
    "Schedules",
    "SealedServiceAccount",
    "SealedVapidKey",
    "Sends",
    "ServiceAccounts",
    "SideBySide",
    "Sifted",
    "Sightings",
    "Signer",
    "Stale",
    "Subscriptions",
    "Told",
    "Unavailable",
    "Unreadable",
    "Vault",
    "Walk",
    "WebhookAnswer",
    "WebhookPost",
    "WebhookTransport",
    "Window",
    "WrongContext",
]
