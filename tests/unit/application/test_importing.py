"""Bringing in what another system kept: what a line makes of what is known, and imports that are broken off."""

import json
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

import pytest

from tests import builders
from tests.builders import OPERATOR
from tests.engine import MemoryEngine
from tests.memory.system import START
from tocsin.application import importing
from tocsin.application.accounts import VapidPair
from tocsin.application.importing import AT_ONCE, SECONDS, NewImport
from tocsin.application.lines import Line, Told
from tocsin.application.ports import Change, Stale, Unavailable
from tocsin.application.signing import Signing
from tocsin.domain.audit import Action
from tocsin.domain.errors import Fault, Refused
from tocsin.domain.identity import Identity, IdentityKind
from tocsin.domain.ids import SubscriptionId
from tocsin.domain.importing import Import, ImportId, RefusedLine, Tally
from tocsin.domain.subscription import FCM_KEY, Device, Platform, Subscription, SubscriptionState
from tocsin.domain.tenancy import App
from tocsin.webpush.encoding import to_base64url
from tocsin.webpush.vapid import VapidKey

NOW = int(START)
FOREIGN = VapidKey.generate()
DAY = 86_400


@pytest.fixture
def shop(engine: MemoryEngine) -> App:
    return builders.app(engine)


def pair() -> VapidPair:
    """The foreign key as web-push keeps it."""
    return VapidPair(to_base64url(FOREIGN.private_raw), FOREIGN.public)


def begin(engine: MemoryEngine, shop: App, **wanted: Any) -> Import:
    new = NewImport(pair(), None, present=False, keeps_addresses=False, total=None)
    return engine.importing.begin(shop, replace(new, **wanted), OPERATOR)


def line(number: int = 1, **told: Any) -> Line:
    browser = builders.user_agent(number)
    return Line(builders.endpoint(number), browser.p256dh, browser.auth, **told)


def bring(engine: MemoryEngine, shop: App, *lines: Told, **wanted: Any) -> Tally:
    """A whole import of its own."""
    return engine.importing.take(shop, begin(engine, shop, **wanted).id, 1, lines).tally


def kept(engine: MemoryEngine, shop: App, number: int = 1) -> Subscription:
    name = engine.derivation.subscription_id(shop.id, builders.endpoint(number))
    found = engine.subscriptions.get(shop.id, name)
    assert found is not None
    return found


def fault(attempt: Any, *arguments: Any) -> tuple[Fault, str]:
    with pytest.raises(Refused) as refused:
        attempt(*arguments)
    return refused.value.fault, refused.value.message


# --- what a line makes ---


def test_a_line_becomes_a_subscription_under_the_key_that_came_with_it(engine: MemoryEngine, shop: App) -> None:
    told = line(
        external_id="u-17",
        email=builders.ANNA,
        labels=("a", "b"),
        device=Device("de", "Europe/Berlin"),
        custom={"plan": "gold"},
        created_at=NOW - 9 * DAY,
        seen_at=NOW - DAY,
    )
    assert bring(engine, shop, told) == Tally(imported=1)
    found = kept(engine, shop)
    assert (found.state, found.vapid_key, found.untold) == (SubscriptionState.ACTIVE, FOREIGN.id, True)
    assert (found.created_at, found.seen_at, found.updated_at) == (NOW - 9 * DAY, NOW - DAY, NOW)
    assert (found.labels, found.device, found.custom) == (("a", "b"), told.device, {"plan": "gold"})
    email = engine.identifying.identity(shop, IdentityKind.EMAIL, builders.ANNA)
    assert found.identities == (Identity(IdentityKind.EXTERNAL, "u-17"), email)
    assert found.address is None
    assert engine.subscriptions.of(shop.id, [email]) == [found]
    assert engine.subscriptions.counts(shop.id).by_key == {FOREIGN.id: 1}


def test_it_is_sent_to_under_that_key(engine: MemoryEngine) -> None:
    shop = builders.app(engine, credits_=5)
    bring(engine, shop, line())
    assert engine.sending.send(builders.send_command(shop)).counts.accepted == 1
    [post] = engine.transport.requests
    assert dict(post.headers)["Authorization"].endswith(f"k={FOREIGN.public}")


def test_addresses_are_kept_where_the_import_says_so(engine: MemoryEngine, shop: App) -> None:
    bring(engine, shop, line(email=f" {builders.ANNA}"), keeps_addresses=True)
    assert engine.listing.get(shop.id, kept(engine, shop).id).address == builders.ANNA


def test_what_no_line_dates_is_as_old_as_the_import(engine: MemoryEngine, shop: App) -> None:
    import_ = begin(engine, shop)
    engine.clock.advance(100)
    engine.importing.take(shop, import_.id, 1, [line()])
    assert (kept(engine, shop).created_at, kept(engine, shop).seen_at) == (NOW, NOW)


def test_a_registration_token_needs_no_keys(engine: MemoryEngine, shop: App) -> None:
    token = Line("fcm:abc:DEF_1", platform=Platform.ANDROID)
    assert bring(engine, shop, token) == Tally(imported=1)
    found = engine.subscriptions.get(shop.id, engine.derivation.subscription_id(shop.id, "fcm:abc:DEF_1"))
    assert found is not None
    assert (found.platform, found.keys, found.vapid_key) == (Platform.ANDROID, None, FCM_KEY)


def test_who_is_named_is_a_person_from_now_on(engine: MemoryEngine, shop: App) -> None:
    bring(engine, shop, line(1, external_id="u-17"), line(2, external_id="u-17"), line(3))
    assert [person.external_id for person in engine.following.listed(shop.id, 10, None).items] == ["u-17"]
    assert engine.following.person(shop, "u-17").subscribed
    bring(engine, shop, line(1, external_id="u-18"), line(2, external_id="u-18"))
    assert [person.external_id for person in engine.following.listed(shop.id, 10, None).items] == ["u-18"]


def test_a_person_who_had_left_is_back_with_a_new_device(engine: MemoryEngine, shop: App) -> None:
    bring(engine, shop, line(1, external_id="u-17"))
    engine.subscribing.withdraw(shop, kept(engine, shop).id)
    assert engine.following.listed(shop.id, 10, None).items == []
    bring(engine, shop, line(2, external_id="u-17"))
    assert [person.external_id for person in engine.following.listed(shop.id, 10, None).items] == ["u-17"]


def test_who_wanted_no_messages_there_gets_none_here(engine: MemoryEngine, shop: App) -> None:
    lines = [line(1, external_id="u-17", muted=True), line(2, external_id="u-18"), line(3, muted=True)]
    bring(engine, shop, *lines, line(4, external_id="u-19", muted=True, state=SubscriptionState.INACTIVE))
    assert [engine.following.person(shop, name).muted for name in ("u-17", "u-18")] == [True, False]
    assert engine.exporting.muted(shop, [engine.listing.get(shop.id, kept(engine, shop, 1).id)]) == {"u-17"}


def test_a_person_who_cannot_be_noted_now_is_by_who_asks_next(
    engine: MemoryEngine, shop: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(engine.persons, "put", lambda *_: (_ for _ in ()).throw(Unavailable()))
        assert bring(engine, shop, line(1, external_id="u-17")) == Tally(imported=1)
    assert engine.following.person(shop, "u-17").subscribed


def test_notifications_are_counted_from_the_import_on(engine: MemoryEngine) -> None:
    shop, _ = builders.shop(engine, 101)
    engine.storage.broadcasts[shop.id] = replace(engine.subscriptions.broadcasts(shop.id), count=3)
    bring(engine, shop, line(500))
    assert engine.listing.get(shop.id, kept(engine, shop, 500).id).notified == 0


@pytest.mark.parametrize("state", [one for one in SubscriptionState if one is not SubscriptionState.ACTIVE])
def test_who_had_ended_it_there_is_not_reached_here(engine: MemoryEngine, shop: App, state: SubscriptionState) -> None:
    bring(engine, shop, line(state=state))
    assert kept(engine, shop).state is state
    assert engine.subscriptions.counts(shop.id).active == 0


# --- what is known already ---


def test_the_same_again_changes_nothing(engine: MemoryEngine, shop: App) -> None:
    told = line(external_id="u-17", email=builders.ANNA, labels=("a",), created_at=NOW - DAY)
    bring(engine, shop, told, keeps_addresses=True)
    before = kept(engine, shop)
    engine.clock.advance(100)
    assert bring(engine, shop, told, keeps_addresses=True) == Tally(unchanged=1)
    assert kept(engine, shop) == before


def test_a_corrected_file_replaces_what_only_an_import_knew(engine: MemoryEngine, shop: App) -> None:
    bring(engine, shop, line(external_id="u-17", labels=("a",)))
    first = kept(engine, shop)
    engine.clock.advance(100)
    assert bring(engine, shop, line(external_id="u-18", labels=("b",))) == Tally(updated=1)
    second = kept(engine, shop)
    assert [name.value for name in second.identities] == ["u-18"]
    assert (second.labels, second.created_at, second.revision) == (("b",), first.created_at, first.revision + 1)


def test_what_a_browser_told_us_itself_wins_over_a_line_of_unknown_age(engine: MemoryEngine, shop: App) -> None:
    before = builders.subscribe(engine, shop, 1, builders.external("u-17"))
    assert bring(engine, shop, line(external_id="u-18")) == Tally(unchanged=1)
    assert kept(engine, shop) == before


@pytest.mark.parametrize(("age", "becomes"), [(1, Tally(unchanged=1)), (-1, Tally(updated=1))])
def test_of_a_browser_and_a_line_whoever_spoke_later_wins(
    engine: MemoryEngine, shop: App, age: int, becomes: Tally
) -> None:
    engine.clock.advance(-age + 1)
    seen = builders.subscribe(engine, shop, 1, builders.external("u-17")).seen_at
    assert bring(engine, shop, line(external_id="u-18", seen_at=seen - age)) == becomes
    assert kept(engine, shop).subscribed_at == seen  # whatever a line says, it is this browser's own


def test_a_browser_that_spoke_after_an_import_wins_over_the_next_one(engine: MemoryEngine, shop: App) -> None:
    bring(engine, shop, line(external_id="u-17"))
    engine.clock.advance(100)
    engine.subscribing.identify(shop, kept(engine, shop).id, None)
    engine.clock.advance(100)
    assert bring(engine, shop, line(external_id="u-17")) == Tally(unchanged=1)
    assert kept(engine, shop).identities == ()


@pytest.mark.parametrize("seen_at", [None, NOW + 200])
def test_no_line_brings_back_who_has_unsubscribed(engine: MemoryEngine, shop: App, seen_at: int | None) -> None:
    bring(engine, shop, line())
    engine.subscribing.withdraw(shop, kept(engine, shop).id)
    engine.clock.advance(200)
    assert bring(engine, shop, line(seen_at=seen_at)) == Tally(unchanged=1)
    assert kept(engine, shop).state is SubscriptionState.INACTIVE


def test_a_browser_that_comes_back_takes_over_what_was_imported(engine: MemoryEngine, shop: App) -> None:
    bring(engine, shop, line(external_id="u-17", created_at=NOW - DAY))
    engine.clock.advance(10)
    command = replace(builders.subscribe_command(shop, 1), renew=True, application_server_key=FOREIGN.public)
    renewed = engine.subscribing.subscribe(command)
    assert (renewed.created_at, renewed.imported_at, renewed.vapid_key) == (NOW - DAY, None, FOREIGN.id)
    assert [name.value for name in renewed.identities] == ["u-17"]


def test_of_two_lines_for_one_endpoint_the_last_counts(engine: MemoryEngine, shop: App) -> None:
    assert bring(engine, shop, line(labels=("a",)), line(labels=("b",))) == Tally(imported=1, unchanged=1)
    assert kept(engine, shop).labels == ("b",)


def test_who_writes_in_between_is_read_again(engine: MemoryEngine, shop: App, monkeypatch: pytest.MonkeyPatch) -> None:
    real, intruders = engine.bulk.put_each, iter([1])

    def interrupted(changes: Sequence[Change]) -> Collection[SubscriptionId]:
        if next(intruders, None):
            builders.subscribe(engine, shop, 1, builders.external("u-17"))
        return real(changes)

    monkeypatch.setattr(engine.bulk, "put_each", interrupted)
    assert bring(engine, shop, line(1), line(2)) == Tally(imported=1, unchanged=1)
    assert [name.value for name in kept(engine, shop).identities] == ["u-17"]


def test_who_is_always_slower_gives_up(engine: MemoryEngine, shop: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine.bulk, "put_each", lambda changes: [new.id for new, _ in changes])
    with pytest.raises(Unavailable):
        bring(engine, shop, line())


# --- lines that are refused ---


@pytest.mark.parametrize(
    ("told", "rule"),
    [
        ("keys is required", "keys is required"),
        (replace(line(), endpoint="https://evil.example/x"), "endpoint is not at a known push service"),
        (replace(line(), endpoint="http://fcm.googleapis.com/x"), "endpoint is not a plain https URL"),
        (replace(line(), auth="AAAA"), "auth is not 16 bytes"),
        (replace(line(), p256dh="BA" + "A" * 85), "p256dh is not a point on P-256"),
        (replace(line(), email="anna"), "email must be an e-mail address"),
        (replace(line(), created_at=NOW + 2 * DAY), "createdAt is in the future"),
        (replace(line(), seen_at=NOW + 2 * DAY), "seenAt is in the future"),
        (replace(line(), expires_at=NOW), "expirationTime is over: nothing reaches it any more"),
        (replace(line(), application_server_key="x"), "applicationServerKey is no VAPID public key"),
        (
            replace(line(), application_server_key=VapidKey.generate().public),
            "applicationServerKey is no VAPID key of this app that is in use",
        ),
        (Line("fcm:a b", platform=Platform.IOS), "the registration token is malformed"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_line_that_cannot_be_is_told_by_number_and_rule_and_the_others_go_on(
    engine: MemoryEngine, shop: App, told: Told, rule: str
) -> None:
    import_ = begin(engine, shop)
    taken = engine.importing.take(shop, import_.id, 1, [line(1), told, None, line(2)])
    assert (taken.next, taken.tally, taken.refused) == (5, Tally(2, 0, 0, 1), [RefusedLine(2, rule)])
    assert engine.importing.get(shop.id, import_.id).refused == (RefusedLine(2, rule),)


def test_a_time_of_today_is_no_future_whatever_its_zone(engine: MemoryEngine, shop: App) -> None:
    assert bring(engine, shop, line(created_at=NOW + DAY // 2)) == Tally(imported=1)
    assert kept(engine, shop).created_at == NOW


def test_the_record_keeps_the_first_hundred_refused_lines(engine: MemoryEngine, shop: App) -> None:
    import_ = begin(engine, shop)
    taken = engine.importing.take(shop, import_.id, 1, ["wrong"] * 150)
    assert len(taken.refused) == 150
    found = engine.importing.get(shop.id, import_.id)
    assert (found.tally.refused, [line.number for line in found.refused]) == (150, list(range(1, 101)))


# --- going on ---


def test_lines_that_were_read_are_passed_over_and_none_may_be_left_out(engine: MemoryEngine, shop: App) -> None:
    import_ = begin(engine, shop)
    take = engine.importing.take
    assert take(shop, import_.id, 1, [line(1), line(2)]).next == 3
    again = take(shop, import_.id, 1, [line(1), line(2), line(3)])
    assert (again.next, again.tally) == (4, Tally(imported=1))
    assert take(shop, import_.id, 2, [line(2)]).tally == Tally()
    assert fault(take, shop, import_.id, 5, [line(5)]) == (Fault.CONFLICT, "The next line of this import is 4")
    assert engine.importing.get(shop.id, import_.id).tally == Tally(imported=3)


def test_what_was_stored_before_a_call_broke_off_is_found_unchanged(
    engine: MemoryEngine, shop: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    import_ = begin(engine, shop)
    with monkeypatch.context() as broken:
        broken.setattr(engine.imports, "put", lambda *_: (_ for _ in ()).throw(Unavailable()))
        with pytest.raises(Unavailable):
            engine.importing.take(shop, import_.id, 1, [line(1)])
    taken = engine.importing.take(shop, import_.id, 1, [line(1), line(2)])
    assert (taken.next, taken.tally) == (3, Tally(imported=1, unchanged=1))
    assert engine.subscriptions.counts(shop.id).active == 2


def test_a_call_ends_in_time_and_says_where_to_go_on(
    engine: MemoryEngine, shop: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = engine.bulk.put_each

    def slow(changes: Sequence[Change]) -> Collection[SubscriptionId]:
        engine.clock.advance(SECONDS + 1)
        return real(changes)

    monkeypatch.setattr(engine.bulk, "put_each", slow)
    monkeypatch.setattr(importing, "AT_ONCE", 2)
    import_ = begin(engine, shop)
    assert engine.importing.take(shop, import_.id, 1, [line(number) for number in range(1, 6)]).next == 3
    assert engine.importing.take(shop, import_.id, 3, [line(number) for number in range(3, 6)]).next == 5


def test_a_thousand_lines_are_noted_in_parts(engine: MemoryEngine, shop: App) -> None:
    import_ = begin(engine, shop)
    engine.importing.take(shop, import_.id, 1, ["wrong"] * (2 * AT_ONCE))
    assert engine.importing.get(shop.id, import_.id).revision == 2


def test_of_two_calls_at_once_one_is_told_so(engine: MemoryEngine, shop: App, monkeypatch: pytest.MonkeyPatch) -> None:
    import_ = begin(engine, shop)
    monkeypatch.setattr(engine.imports, "put", lambda *_: (_ for _ in ()).throw(Stale()))
    told = fault(engine.importing.take, shop, import_.id, 1, [line(1)])
    assert told == (Fault.CONFLICT, "Another call is at work on this import")


def test_an_import_ends_when_all_lines_were_read_and_again_changes_nothing(engine: MemoryEngine, shop: App) -> None:
    import_ = begin(engine, shop, total=2)
    engine.importing.take(shop, import_.id, 1, [line(1)])
    finish = engine.importing.finish
    told = fault(finish, shop.id, import_.id, OPERATOR)
    assert told == (Fault.CONFLICT, "Lines are missing: the next one is 2 of 2")
    engine.importing.take(shop, import_.id, 2, [line(2)])
    ended = finish(shop.id, import_.id, OPERATOR)
    engine.clock.advance(100)
    assert finish(shop.id, import_.id, OPERATOR) == ended
    assert fault(engine.importing.take, shop, import_.id, 3, [line(3)])[0] is Fault.CONFLICT


def test_an_import_is_found_by_its_app_only(engine: MemoryEngine, shop: App) -> None:
    import_ = begin(engine, shop)
    other = builders.app(engine)
    for attempt in (
        lambda: engine.importing.get(other.id, import_.id),
        lambda: engine.importing.take(other, import_.id, 1, [line()]),
        lambda: engine.importing.finish(other.id, import_.id, OPERATOR),
        lambda: engine.importing.get(shop.id, ImportId("00" * 12)),
    ):
        assert fault(attempt) == (Fault.NOT_FOUND, "Import not found")


def test_the_audit_log_says_who_began_and_ended_it_and_names_nobody(engine: MemoryEngine, shop: App) -> None:
    import_ = begin(engine, shop)
    engine.importing.take(shop, import_.id, 1, [line(email=builders.ANNA, external_id="u-17"), "wrong"])
    engine.importing.finish(shop.id, import_.id, OPERATOR)
    log = {entry.action: entry.details for entry in engine.configuring.audit(shop.id, 100, None).items}
    assert log[Action.IMPORT_STARTED] == {"import": import_.id, "vapid_key": FOREIGN.id}
    tally = {"imported": 1, "updated": 0, "unchanged": 0, "refused": 1}
    assert log[Action.IMPORT_FINISHED] == {"import": import_.id} | tally
    everything = json.dumps([dict(details) for details in log.values()])
    assert not any(secret in everything for secret in (builders.ANNA, "u-17", builders.endpoint(1)))


# --- the key ---


def test_the_pair_becomes_a_key_of_the_app_that_is_not_the_present_one(engine: MemoryEngine, shop: App) -> None:
    begin(engine, shop)
    begin(engine, shop)  # an answer that got lost: the same again
    uses = engine.configuring.vapid_keys(shop.id)
    assert [(use.key.id, use.present) for use in uses] == [(shop.vapid_key, True), (FOREIGN.id, False)]
    assert engine.accounts.app(shop.id).vapid_key == shop.vapid_key
    assert Signing(engine.registry, engine.vault).opens(shop.tenant, shop.id, FOREIGN.id)


def test_or_the_present_one_where_the_import_says_so(engine: MemoryEngine, shop: App) -> None:
    begin(engine, shop, present=True)
    begin(engine, shop, present=True)
    found = engine.accounts.app(shop.id)
    assert (found.vapid_key, found.vapid_public) == (FOREIGN.id, FOREIGN.public)


def test_a_key_that_the_app_has_already_keeps_its_place(engine: MemoryEngine, shop: App) -> None:
    begin(engine, shop)
    assert fault(lambda: begin(engine, shop, present=True))[0] is Fault.CONFLICT
    assert engine.accounts.app(shop.id).vapid_key == shop.vapid_key


def test_lines_may_name_another_key_of_the_app(engine: MemoryEngine, shop: App) -> None:
    begin(engine, shop)
    told = line(application_server_key=FOREIGN.public)
    assert bring(engine, shop, told, line(2), pair=None, vapid_key=shop.vapid_key) == Tally(imported=2)
    assert [kept(engine, shop, number).vapid_key for number in (1, 2)] == [FOREIGN.id, shop.vapid_key]


@pytest.mark.parametrize("key", ["nonsense", "aaaaaaaaaaaa", FOREIGN.id])
def test_a_key_that_the_app_does_not_have_is_refused(engine: MemoryEngine, shop: App, key: str) -> None:
    begin(engine, builders.app(engine))
    told = fault(lambda: begin(engine, shop, pair=None, vapid_key=key))
    assert told == (Fault.FIELD_INVALID, "vapid_key must be the id of a VAPID key of this app that is in use")


def test_a_retired_key_takes_nobody_in(engine: MemoryEngine, shop: App) -> None:
    begun = begin(engine, shop)
    engine.configuring.retire(shop.id, FOREIGN.id, OPERATOR)
    assert fault(engine.importing.take, shop, begun.id, 1, [line()])[0] is Fault.CONFLICT
    assert fault(lambda: begin(engine, shop))[0] is Fault.CONFLICT
    assert fault(lambda: begin(engine, shop, pair=None, vapid_key=FOREIGN.id))[0] is Fault.FIELD_INVALID
    named, ended = line(application_server_key=FOREIGN.public), SubscriptionState.INACTIVE
    wanted: dict[str, Any] = {"pair": None, "vapid_key": shop.vapid_key}
    assert bring(engine, shop, named, **wanted) == Tally(refused=1)
    assert bring(engine, shop, replace(named, state=ended), **wanted) == Tally(imported=1)


def test_whoever_is_muted_in_a_line_stays_so_when_the_call_is_repeated(
    engine: MemoryEngine, shop: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    import_ = begin(engine, shop)

    def away(*_: object, **__: object) -> None:
        raise Unavailable

    with monkeypatch.context() as patch:
        patch.setattr(engine.following, "mute", away)
        with pytest.raises(Unavailable):
            engine.importing.take(shop, import_.id, 1, [line(1, external_id="u-17", muted=True)])
    engine.importing.take(shop, import_.id, 1, [line(1, external_id="u-17", muted=True)])
    assert engine.following.person(shop, "u-17").muted
