"""Every key of every table; nowhere else is one built.

The app's id comes first in each key of its data, so no request can name another app's partition.
"""

from collections.abc import Mapping

from tocsin.domain.flow import RUN_SHARDS
from tocsin.domain.identity import Identity, IdentityKind
from tocsin.domain.ids import SHARDS, AppId, CampaignId, FlowId, KeyId, SendId, SubscriptionId, TenantId, shard_of

Key = Mapping[str, str]

BY_OWNER = "by_owner"
BY_DUE = "by_due"
BY_TIME = "by_time"
BY_CREATED = "by_created"
TENANTS = "TENANTS"
DUE_PARTITIONS = 8
LISTED_PARTITIONS = 4
RUNS_DUE_PARTITIONS = 16
VAPID_KEYS = "VAPID#"
SUBSCRIPTIONS = "SUB#"
AFTER_SUBSCRIPTIONS = "SUB$"
"""The first sort key that can follow every subscription: `$` comes after `#`."""
CHUNKS = "CHUNK#"
SEEN = "SEEN#"
RUNS = "RUN#"
REPLACED_STEPS = "REV#"
CODES = "CODE"


def key(pk: str, sk: str) -> Key:
    """A primary key."""
    return {"pk": pk, "sk": sk}


# --- tenants ------------------------------------------------------------------------------------------------------


def tenant(name: TenantId) -> Key:
    """A tenant."""
    return key(f"TENANT#{name}", "META")


def app(name: AppId) -> Key:
    """An app."""
    return key(f"APP#{name}", "META")


def vapid_key(owner: AppId, name: str) -> Key:
    """A VAPID key of an app."""
    return key(f"APP#{owner}", f"{VAPID_KEYS}{name}")


def webhook(owner: AppId, dialect: str) -> Key:
    """An app's webhook for one dialect."""
    return key(f"APP#{owner}", f"HOOK#{dialect}")


def import_(owner: AppId, name: str) -> Key:
    """An import of subscriptions."""
    return key(f"APP#{owner}", f"IMPORT#{name}")


def service_account(owner: AppId) -> Key:
    """The service account by which an app reaches phones."""
    return key(f"APP#{owner}", "FCM")


def api_key(name: KeyId) -> Key:
    """An API key."""
    return key(f"KEY#{name}", "META")


def apps_of(owner: TenantId) -> str:
    """by_owner: the apps of a tenant."""
    return f"TENANT#{owner}"


def keys_of(owner: AppId) -> str:
    """by_owner: the API keys of an app."""
    return f"APP#{owner}"


def audit_log(owner: AppId) -> str:
    """The partition that holds an app's audit log."""
    return f"APP#{owner}#AUDIT"


def audit_entry(owner: AppId, at: int, name: str) -> Key:
    """An entry of the audit log."""
    return key(audit_log(owner), place(at, name))


def place(at: int, name: str) -> str:
    """The sort key of everything that is listed: by time, then by name."""
    return f"{at:012}#{name}"


# --- credits ------------------------------------------------------------------------------------------------------


def money(owner: AppId) -> str:
    """The partition that holds an app's balance, ledger and meter."""
    return f"APP#{owner}"


def balance(owner: AppId) -> Key:
    """An app's balance."""
    return key(money(owner), "BALANCE")


def meter(owner: AppId) -> Key:
    """What an app used of its hour and day."""
    return key(money(owner), "METER")


def ledger_row(owner: AppId, kind: str, reference: str) -> Key:
    """One row of the ledger; its reference happens once for each kind."""
    return key(money(owner), f"LEDGER#{kind}#{reference}")


def ledger_rows(kind: str, after: str) -> tuple[str, str]:
    """The first and the last sort key that rows of a kind can have which follow a reference."""
    # A space comes before every other character of a reference, and `$` after the `#` that ends the kind.
    return f"LEDGER#{kind}#{after} " if after else f"LEDGER#{kind}#", f"LEDGER#{kind}$"


def reference_in(sk: str, kind: str) -> str:
    """The reference that a ledger row is filed under."""
    return sk.removeprefix(f"LEDGER#{kind}#")


def request_window(subject: str) -> Key:
    """The request window of a subject."""
    return key(f"RATE#{subject}", "WINDOW")


# --- subscriptions ------------------------------------------------------------------------------------------------


def shard(owner: AppId, number: int) -> str:
    """The partition that holds one shard of an app's subscriptions."""
    return f"APP#{owner}#{number:02}"


def shard_number(pk: str) -> int:
    """The number in the partition key of a shard."""
    return int(pk.rpartition("#")[2])


def subscription(owner: AppId, name: SubscriptionId) -> Key:
    """A subscription."""
    return key(shard(owner, shard_of(name)), f"{SUBSCRIPTIONS}{name}")


def shard_counts(owner: AppId, number: int) -> Key:
    """The counters of one shard."""
    return key(shard(owner, number), "COUNT")


def all_counts(owner: AppId) -> list[Key]:
    """The counters of all shards."""
    return [shard_counts(owner, number) for number in range(SHARDS)]


def person(owner: AppId, identity: Identity) -> str:
    """The partition that lists the subscriptions of a person. The value comes last: it may hold any character."""
    return f"APP#{owner}#ID#{identity.kind}#{identity.value}"


def alias(owner: AppId, identity: Identity, name: SubscriptionId) -> Key:
    """A subscription in its person's list."""
    return key(person(owner, identity), f"{SUBSCRIPTIONS}{name}")


def person_record(owner: AppId, external_id: str) -> Key:
    """What is kept of a person beside the subscriptions."""
    return key(person(owner, Identity(IdentityKind.EXTERNAL, external_id)), "PERSON")


def person_listed(owner: AppId, name: str) -> str:
    """by_created: the partition that lists a person (by id) while they are subscribed."""
    return f"APP#{owner}#person#{int(name[:2], 16) % LISTED_PARTITIONS}"


def persons_listed(owner: AppId) -> list[str]:
    """by_created: all partitions of people."""
    return [f"APP#{owner}#person#{number}" for number in range(LISTED_PARTITIONS)]


def enrolment_code(digest: str) -> Key:
    """An enrolment code, by its SHA-256: who brings one names no app."""
    return key(f"CODE#{digest}", "META")


def person_code(owner: AppId, external_id: str, digest: str | None = None) -> Key:
    """That a person has a code: one for a single device by its digest; without a digest, the one for all."""
    return key(
        person(owner, Identity(IdentityKind.EXTERNAL, external_id)), CODES if digest is None else f"{CODES}#{digest}"
    )


def subscription_in(sk: str) -> SubscriptionId:
    """The id in the sort key of a subscription or an alias."""
    return SubscriptionId(sk.removeprefix(SUBSCRIPTIONS))


def listed(owner: AppId, state: str, name: SubscriptionId) -> str:
    """by_created: the partition that lists a subscription while it is in this state."""
    return f"APP#{owner}#{state}#{shard_of(name) % LISTED_PARTITIONS}"


def all_listed(owner: AppId, state: str) -> list[str]:
    """by_created: all partitions of a state."""
    return [f"APP#{owner}#{state}#{number}" for number in range(LISTED_PARTITIONS)]


def marks(owner: AppId, listing: str) -> str:
    """The partition of a listing's kept places. The listing comes last: its name may hold any character."""
    return f"APP#{owner}#PAGES#{listing}"


def mark(owner: AppId, listing: str, place_after: int) -> Key:
    """A kept place of a listing."""
    return key(marks(owner, listing), f"{place_after:09}")


def label(owner: AppId, name: str) -> Key:
    """How many subscriptions carry a label. The label comes last: it may hold any character."""
    return key(f"APP#{owner}", f"LABEL#{name}")


def broadcasts(owner: AppId) -> Key:
    """How many large sends to everyone an app has made."""
    return key(f"APP#{owner}", "BROADCASTS")


# --- sends --------------------------------------------------------------------------------------------------------


def send_partition(owner: AppId, name: SendId) -> str:
    """The partition that holds a send with its chunks."""
    return f"APP#{owner}#SEND#{name}"


def send(owner: AppId, name: SendId) -> Key:
    """A send."""
    return key(send_partition(owner, name), "SEND")


def send_in(pk: str) -> tuple[AppId, SendId]:
    """App and send in the partition key of a send."""
    _, owner, _, name = pk.split("#")
    return AppId(owner), SendId(name)


def listed_sends(owner: AppId, source: str) -> str:
    """by_created: the partition that lists the sends of an app that came in through one API, or that one thing made."""
    return f"APP#{owner}#{source}"


def inbox(owner: AppId, person: str) -> str:
    """The partition that holds a person's notes. The person comes last: a name may hold any character."""
    return f"APP#{owner}#INBOX#{person}"


def note(owner: AppId, person: str, created_at: int, name: SendId) -> Key:
    """A note of a send in a person's inbox."""
    return key(inbox(owner, person), f"NOTE#{place(created_at, name)}")


def chunk(owner: AppId, name: SendId, number: int) -> Key:
    """The record of a chunk."""
    return key(send_partition(owner, name), f"{CHUNKS}{number:05}")


def chunk_number(sk: str) -> int:
    """The number in the sort key of a chunk's record."""
    return int(sk.removeprefix(CHUNKS))


def frozen(owner: AppId, name: SendId, number: int) -> Key:
    """The recipients of a chunk."""
    return key(send_partition(owner, name), f"IDS#{number:05}")


def progress(owner: AppId, name: SendId) -> Key:
    """How far a large send came, apart from the send itself, whose text makes writes dear."""
    return key(send_partition(owner, name), "PROGRESS")


def fetches(owner: AppId, name: SendId, number: int) -> Key:
    """Who of a chunk fetched the message. A partition each: of a large send, thousands a second may come."""
    return key(f"{send_partition(owner, name)}#FETCHES#{number:05}", "FETCHES")


def seen(owner: AppId, name: SendId, number: int) -> Key:
    """What a block of recipients did with the message."""
    return key(send_partition(owner, name), f"{SEEN}{number:04}")


def glance(owner: AppId, name: SendId) -> Key:
    """A send's totals as they were when somebody has last added them up."""
    return key(send_partition(owner, name), "GLANCE")


def idempotency(owner: AppId, route: str, name: str) -> Key:
    """An idempotency key of a route. A partition each, so that a busy route is not one hot partition."""
    return key(f"APP#{owner}#IDEM#{route}#{name}", "IDEM")


def due(name: SendId) -> str:
    """by_due: the partition that an unsettled send waits in."""
    return f"DUE#{int(name[0], 16) % DUE_PARTITIONS}"


def all_due() -> list[str]:
    """by_due: all its partitions."""
    return [f"DUE#{number}" for number in range(DUE_PARTITIONS)]


def pending_events(owner: AppId, dialect: str) -> str:
    """The partition that holds the events that a webhook did not take."""
    return f"APP#{owner}#HOOK#{dialect}"


def pending_event(owner: AppId, dialect: str, name: str) -> Key:
    """An event that a webhook did not take."""
    return key(pending_events(owner, dialect), name)


def pending_event_in(pk: str) -> tuple[AppId, str]:
    """App and dialect in the partition key of a pending event."""
    _, owner, _, dialect = pk.split("#")
    return AppId(owner), dialect


def event_due(name: str) -> str:
    """by_due: the partition that a failing event waits in."""
    return f"HOOK#{int(name[0], 16) % DUE_PARTITIONS}"


def all_events_due() -> list[str]:
    """by_due: all its partitions."""
    return [f"HOOK#{number}" for number in range(DUE_PARTITIONS)]


# --- campaigns ----------------------------------------------------------------------------------------------------


def entry(owner: AppId, kind: str, name: str) -> Key:
    """Something of an app that is kept in a catalogue: a campaign, a template, a segment or a flow."""
    return key(f"APP#{owner}#{kind}#{name}", "META")


def catalogue(owner: AppId, kind: str) -> str:
    """by_created: the partition that lists all of a kind."""
    return f"APP#{owner}#{kind}"


def entry_in(pk: str) -> tuple[AppId, str]:
    """App and id in the partition key of what is kept in a catalogue."""
    _, owner, _, name = pk.split("#")
    return AppId(owner), name


def campaign_due(name: CampaignId) -> str:
    """by_due: the partition that a campaign waits in, for its time or for its end."""
    return f"CAMP#{int(name[0], 16) % DUE_PARTITIONS}"


def all_campaigns_due() -> list[str]:
    """by_due: all its partitions."""
    return [f"CAMP#{number}" for number in range(DUE_PARTITIONS)]


# --- flows --------------------------------------------------------------------------------------------------------


def replaced_steps(owner: AppId, name: FlowId, revision: int) -> Key:
    """Steps of a flow that were replaced, for the runs that keep to them."""
    return key(f"APP#{owner}#FLOW#{name}", f"{REPLACED_STEPS}{revision:04}")


def triggers(owner: AppId) -> str:
    """The partition that says what active flows wait for."""
    return f"APP#{owner}#TRIGGERS"


def trigger(owner: AppId, kind: str, name: FlowId) -> Key:
    """That an active flow waits for something of this kind."""
    return key(triggers(owner), f"{kind}#{name}")


def trigger_in(sk: str) -> FlowId:
    """The flow in the sort key of what it waits for."""
    return FlowId(sk.partition("#")[2])


def flow_shard(owner: AppId, name: FlowId, number: int) -> str:
    """The partition that holds the runs of a shard."""
    return f"APP#{owner}#FLOW#{name}#{number}"


def run(owner: AppId, name: FlowId, subscription: SubscriptionId) -> Key:
    """The one run of a flow and a subscriber."""
    return key(flow_shard(owner, name, shard_of(subscription) % RUN_SHARDS), f"{RUNS}{subscription}")


def run_in(pk: str, sk: str) -> tuple[AppId, FlowId, SubscriptionId]:
    """Whose run a key names."""
    _, owner, _, name, _ = pk.split("#")
    return AppId(owner), FlowId(name), SubscriptionId(sk.removeprefix(RUNS))


def executions(owner: AppId, name: FlowId, number: int) -> Key:
    """How many runs of a shard began and ended."""
    return key(flow_shard(owner, name, number), "COUNT")


def executions_with(owner: AppId, name: FlowId, subscription: SubscriptionId) -> Key:
    """Where a run is counted."""
    return executions(owner, name, shard_of(subscription) % RUN_SHARDS)


def run_due(subscription: SubscriptionId) -> str:
    """by_due: the partition that a waiting run waits in."""
    return f"RUN#{int(subscription[:2], 16) % RUNS_DUE_PARTITIONS:02}"


def all_runs_due() -> list[str]:
    """by_due: all its partitions."""
    return [f"RUN#{number:02}" for number in range(RUNS_DUE_PARTITIONS)]
