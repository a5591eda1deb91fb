"""Texts with placeholders: filled in once, bounded, and never leading anywhere else."""

import time
from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import urlsplit

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.contract.records import subscription
from tocsin.domain.document import cut
from tocsin.domain.identity import Identity, IdentityKind
from tocsin.domain.notification import MAX_BODY, MAX_TITLE, MAX_URL, Notification
from tocsin.domain.subscription import Subscription
from tocsin.domain.template import (
    MAX_PLACEHOLDERS,
    MAX_VALUE,
    MalformedWording,
    Renderer,
    Wording,
    check_worded_url,
    check_wording,
)

SITE = "Shop"
REPEATABLE = settings(deadline=None, derandomize=True)
NAMES = st.sampled_from(["a", "b", "user.name", "_x9"])
ANY = st.text(st.one_of(st.characters(), st.sampled_from("{}a .\u200d\U0001f468\U0001f1e6")), max_size=60)
PIECES = st.one_of(st.text(st.characters(exclude_characters="{}")), NAMES.map(lambda name: "{{" + name + "}}"))
WORDINGS = st.lists(PIECES, max_size=8).map("".join)
VALUES = st.dictionaries(NAMES, ANY)


def somebody(custom: Mapping[str, object] | None = None, external: str | None = None) -> Subscription:
    names = () if external is None else (Identity(IdentityKind.EXTERNAL, external),)
    return replace(subscription(1), custom=custom, identities=names)


def shown(
    title: str = "t",
    body: str = "b",
    url: str | None = None,
    variables: Mapping[str, str] | None = None,
    to: Subscription | None = None,
) -> Notification:
    return Renderer(Notification(title, body, url), variables or {}, SITE).to(to or somebody()).notification


# --- what is a wording ---


@pytest.mark.parametrize(
    "text", ["", "plain", "{a}", "{ {a} }", "{{a}}", "{{ a }}", "{{a.b_c.9}}", "{{{a}}}", "{{a}}{{b}}", "a } b { c"]
)
def test_these_are_wordings(text: str) -> None:
    check_wording(text)


@pytest.mark.parametrize(
    "text",
    [
        "{{",
        "}}",
        "{{}}",
        "{{ }}",
        "{{a}",
        "{a}}",
        "{{a b}}",
        "{{7*7}}",
        "{{a|upper}}",
        "{{#if a}}",
        "{{a}}}}",
        "{{{{a}}}}",
        "{{a[0]}}",
        "{{a\n}}",
        "{{é}}",
        "{{" + "x" * 65 + "}}",
        "{{a.__class__()}}",
        "{{config['SECRET']}}",
        "{{a}} {{",
    ],
)
def test_what_only_looks_like_a_placeholder_is_refused_where_it_is_written(text: str) -> None:
    with pytest.raises(MalformedWording, match="form"):
        check_wording(text)


def test_a_text_has_fifty_placeholders_at_most() -> None:
    check_wording("{{a}}" * MAX_PLACEHOLDERS)
    with pytest.raises(MalformedWording, match="at most 50"):
        check_wording("{{a}}" * (MAX_PLACEHOLDERS + 1))


@pytest.mark.parametrize("text", ["{{" * 2048, "{{ " + " " * 4000, "{{" + "a" * 4000, "{{ a" * 1000, "{" * 4096])
def test_taking_a_hostile_text_apart_takes_no_time(text: str) -> None:
    before = time.process_time()
    with pytest.raises(MalformedWording):
        check_wording(text)
    assert time.process_time() - before < 0.1


@pytest.mark.parametrize(
    "url",
    [
        "https://shop.example/{{a}}",
        "https://shop.example?q={{a}}",
        "http://localhost:8080/#{{a}}",
        "https://x.example/",
    ],
)
def test_a_url_may_have_placeholders_behind_its_host(url: str) -> None:
    assert "{" not in check_worded_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "{{a}}",
        "https://{{a}}/",
        "https://shop.{{a}}/",
        "https://shop.example{{a}}",
        "{{a}}://shop.example/",
        "https://shop.example:{{a}}/",
        "https://{{a}}@shop.example/",
        "https:{{a}}",
        "//{{a}}/",
        "https://shop.example/../{{a}}",
        "https://shop.example/%2E%2e/{{a}}",
        "https://shop.example/./x",
    ],
)
def test_nothing_decides_about_the_host_of_a_url_but_its_plain_text(url: str) -> None:
    with pytest.raises(MalformedWording):
        check_worded_url(url)


# --- filling in ---


@REPEATABLE
@given(WORDINGS, VALUES)
def test_a_value_is_never_looked_at_again(text: str, values: Mapping[str, str]) -> None:
    """Whatever a value holds stands in the text as it is, as if each place had been cut out and pasted over."""
    parts = Wording.of(text).parts
    expected = "".join(part if number % 2 == 0 else values.get(part, "") for number, part in enumerate(parts))
    assert Wording.of(text).filled(values) == expected


@REPEATABLE
@given(ANY)
@example("{{b}}")
@example("{{ a }}")
def test_a_placeholder_in_a_value_stays_one(value: str) -> None:
    filled = shown(body="<{{a}}>", variables={"a": value, "b": "secret"}).body
    assert "secret" not in filled
    if value.isprintable():
        assert filled == f"<{value}>"


@pytest.mark.parametrize(
    ("variables", "custom", "external", "expected"),
    [
        ({"externalId": "given"}, {"externalId": "kept"}, "u1", "given"),
        ({}, {"externalId": "kept"}, "u1", "kept"),
        ({}, {}, "u1", "u1"),
        ({"externalId": ""}, {"externalId": "kept"}, "u1", ""),
        ({}, None, None, ""),
    ],
)
def test_values_come_from_the_request_then_from_custom_data_then_from_what_is_known(
    variables: Mapping[str, str], custom: Mapping[str, object] | None, external: str | None, expected: str
) -> None:
    assert shown(body="{{externalId}}", variables=variables, to=somebody(custom, external)).body == expected


def test_the_site_has_a_name_unless_somebody_gives_another() -> None:
    assert shown("Welcome to {{siteName}}!").title == "Welcome to Shop!"
    assert shown("{{siteName}}", to=somebody({"siteName": "kept"})).title == "kept"
    assert shown("{{siteName}}", variables={"siteName": "given"}, to=somebody({"siteName": "kept"})).title == "given"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("plan", "pro"),
        ("count", "3"),
        ("price", "9.5"),
        ("vip", "true"),
        ("address.city", "Bern"),
        ("a.b", "whole name first"),
        ("address", ""),
        ("list", ""),
        ("nothing", ""),
        ("address.city.x", ""),
        ("address.__class__", ""),
        ("keys", ""),
        (".", ""),
    ],
)
def test_custom_data_gives_texts_numbers_and_truth_values_by_name_or_path(name: str, expected: str) -> None:
    custom = {
        "plan": "pro",
        "count": 3,
        "price": 9.5,
        "vip": True,
        "address": {"city": "Bern"},
        "a.b": "whole name first",
        "a": {"b": "path"},
        "list": [1],
        "nothing": None,
    }
    assert shown(body="{{" + name + "}}", to=somebody(custom)).body == expected


def test_missing_names_are_counted_once_each_and_leave_nothing_behind() -> None:
    renderer = Renderer(Notification("{{a}}{{a}}x", "{{b}}", "https://x.example/{{c}}"), {"b": ""}, SITE)
    rendered = renderer.to(somebody())
    assert rendered.missing == 2
    assert (rendered.notification.title, rendered.notification.url) == ("x", "https://x.example/")


def test_a_title_that_comes_out_blank_is_the_sites_name() -> None:
    assert shown(" {{a}} ").title == "Shop"


def test_everybody_is_shown_the_same_where_the_request_has_all_values() -> None:
    notification = Notification("{{a}}", "x", "https://x.example/{{b}}")
    assert Renderer(notification, {"a": "1", "b": "2", "c": "3"}, SITE).alike
    assert Renderer(notification, {"a": "1", "b": "2"}, SITE).to_all().url == "https://x.example/2"
    assert not Renderer(notification, {"a": "1"}, SITE).alike
    assert not Renderer(Notification("{{siteName}}", "x"), {}, SITE).alike


def test_control_characters_and_halves_of_letters_become_spaces_but_a_line_may_end() -> None:
    assert shown(body="{{a}}", variables={"a": "1\x00\x1b\x7f\x85\ud800\r\n2"}).body == "1     " + " \n2"


# --- whatever the values, what comes out is bounded ---


@REPEATABLE
@given(WORDINGS, WORDINGS, st.dictionaries(NAMES, st.text(max_size=3) | st.just("👨‍👩‍👧" * 300)))
def test_texts_stay_within_the_documented_lengths(title: str, body: str, values: Mapping[str, str]) -> None:
    made = shown(title, body, variables=values)
    assert 0 < len(made.title) <= MAX_TITLE
    assert len(made.body) <= MAX_BODY
    made.body.encode()


def test_a_text_is_cut_between_letters() -> None:
    assert cut("👨‍👩‍👧👨‍👩‍👧", 9) == "👨‍👩‍👧…"
    assert cut("e\u0301e\u0301", 3) == "e\u0301…"
    assert cut("e\u0301", 2) == "e\u0301"


def test_a_bomb_is_cheap() -> None:
    """Fifty places, each for a value of megabytes inside of custom data that nests deeply."""
    custom: dict[str, object] = {"v": "x" * 1_000_000}
    for _ in range(500):
        custom = {"v": "x" * 1_000_000, "d": custom}
    notification = Notification("{{v}}" * 50, "{{d.d.d.v}}" * 50, "https://x.example/" + "{{v}}" * 50)
    renderer, person = Renderer(notification, {}, SITE), somebody(custom)
    before = time.process_time()
    for _ in range(20):
        renderer.to(person)
    assert time.process_time() - before < 0.5
    assert len(renderer.to(person).notification.body) == MAX_BODY


# --- URLs ---


@REPEATABLE
@given(ANY, ANY)
@example("//evil.example", "")
@example("..", "@evil.example")
@example("\\evil.example", "%2e%2e")
def test_a_url_stays_on_its_host_and_above_its_folder(first: str, second: str) -> None:
    url = shown(url="https://shop.example/a/{{a}}?q={{b}}#{{a}}", variables={"a": first, "b": second}).url
    if url is None:
        return
    parts = urlsplit(url)
    assert (parts.scheme, parts.netloc) == ("https", "shop.example")
    assert parts.path.startswith("/a/")
    assert url.isascii()
    assert not set('\\"<> \n') & set(url)
    assert {".", ".."}.isdisjoint(parts.path.lower().replace("%2e", ".").split("/"))


def test_values_in_a_url_are_percent_encoded() -> None:
    url = shown(url="https://shop.example/{{a}}?x={{a}}", variables={"a": "é/&?#%20"}).url
    assert url == "https://shop.example/%C3%A9%2F%26%3F%23%2520?x=%C3%A9%2F%26%3F%23%2520"


@pytest.mark.parametrize("value", [".", "..", "x" * MAX_VALUE])
def test_a_url_that_climbs_or_grows_too_long_gives_way_to_the_site(value: str) -> None:
    assert shown(url="https://shop.example/a/{{a}}/" + "x" * (MAX_URL - MAX_VALUE), variables={"a": value}).url is None
