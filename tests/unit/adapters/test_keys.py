"""Keys: the app stands first, and no two things share one."""

from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from tocsin.adapters.dynamodb import keys
from tocsin.domain.identity import Identity, IdentityKind
from tocsin.domain.ids import SHARDS, AppId, KeyId, SendId, SubscriptionId, TenantId

HEX = st.text("0123456789abcdef", min_size=24, max_size=24)
IDENTITY = st.builds(Identity, st.sampled_from(IdentityKind), st.text(st.sampled_from("ab#:SUB1"), max_size=6))
APP, OTHER = AppId("a" * 24), AppId("b" * 24)


def of_app(app: AppId, name: str, identity: Identity) -> list[Mapping[str, str]]:
    """Every key of an app's data, all with the same names."""
    send, subscription = SendId(name), SubscriptionId(name)
    return [
        keys.app(app),
        keys.vapid_key(app, name),
        keys.balance(app),
        keys.ledger_row(app, "grant", name),
        keys.ledger_row(app, "reserve", name),
        keys.subscription(app, subscription),
        keys.shard_counts(app, 7),
        keys.alias(app, identity, subscription),
        keys.send(app, send),
        keys.chunk(app, send, 7),
        keys.frozen(app, send, 7),
        keys.progress(app, send),
        keys.fetches(app, send, 7),
        keys.idempotency(app, "/v1/send", name),
        keys.audit_entry(app, 7, name),
        keys.meter(app),
        keys.broadcasts(app),
        keys.mark(app, name, 7),
    ]


@given(name=HEX, identity=IDENTITY)
def test_the_app_stands_first_in_every_key_of_its_data(name: str, identity: Identity) -> None:
    made = of_app(APP, name, identity)
    assert all(key["pk"] == f"APP#{APP}" or key["pk"].startswith(f"APP#{APP}#") for key in made)
    assert len({(key["pk"], key["sk"]) for key in made}) == len(made)
    assert not {key["pk"] for key in made} & {key["pk"] for key in of_app(OTHER, name, identity)}


@given(first=IDENTITY, second=IDENTITY)
def test_different_people_have_different_partitions(first: Identity, second: Identity) -> None:
    assert (keys.person(APP, first) == keys.person(APP, second)) == (first == second)


@given(name=HEX)
def test_a_subscription_lies_in_the_shard_that_counts_it(name: str) -> None:
    shards = {keys.shard_counts(APP, number)["pk"] for number in range(SHARDS)}
    subscription = keys.subscription(APP, SubscriptionId(name))
    assert subscription["pk"] in shards
    assert keys.subscription_in(subscription["sk"]) == name
    assert keys.SUBSCRIPTIONS < subscription["sk"] < keys.AFTER_SUBSCRIPTIONS


@given(name=HEX, number=st.integers(0, 99_999))
def test_only_chunks_are_found_among_the_chunks_of_a_send_and_in_their_order(name: str, number: int) -> None:
    send = SendId(name)
    others = [keys.send(APP, send), keys.frozen(APP, send, number), keys.progress(APP, send)]
    assert not any(key["sk"].startswith(keys.CHUNKS) for key in others)
    assert {key["pk"] for key in others} == {keys.send_partition(APP, send)}
    assert keys.chunk_number(keys.chunk(APP, send, number)["sk"]) == number
    assert keys.chunk(APP, send, number)["sk"] < keys.chunk(APP, send, number + 1)["sk"] or number == 99_999


@given(shard=st.integers(0, SHARDS - 1))
def test_a_shard_is_known_by_its_key(shard: int) -> None:
    assert keys.shard_number(keys.shard(APP, shard)) == shard
    assert keys.shard_counts(APP, shard)["pk"] == keys.shard(APP, shard)


@given(name=HEX)
def test_a_subscription_is_listed_in_one_of_the_partitions_that_are_read(name: str) -> None:
    assert keys.listed(APP, "active", SubscriptionId(name)) in keys.all_listed(APP, "active")
    assert not set(keys.all_listed(APP, "active")) & set(keys.all_listed(APP, "expired"))
    assert all(partition.startswith(f"APP#{APP}#") for partition in keys.all_listed(APP, "active"))


@given(first=st.text(st.sampled_from("a#0123"), max_size=12), second=st.text(st.sampled_from("a#0123"), max_size=12))
def test_different_listings_keep_their_places_apart(first: str, second: str) -> None:
    assert (keys.marks(APP, first) == keys.marks(APP, second)) == (first == second)


@given(name=HEX)
def test_a_send_waits_in_one_of_the_partitions_that_are_swept(name: str) -> None:
    assert keys.due(SendId(name)) in keys.all_due()
    assert keys.send_in(keys.send(APP, SendId(name))["pk"]) == (APP, name)


def test_records_of_different_kinds_do_not_meet() -> None:
    names = [keys.tenant(TenantId("x")), keys.app(AppId("x")), keys.api_key(KeyId("x")), keys.request_window("x")]
    assert len({key["pk"] for key in names}) == len(names)
