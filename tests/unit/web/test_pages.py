"""Pages for people, without a browser: their headers, what they say without a script, and that nothing breaks out."""

import re
from html.parser import HTMLParser

import pytest

from tests.customer import Customer, expect
from tests.engine import MemoryEngine
from tests.http_api import Answer, HttpApi

HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.fixture
def api() -> HttpApi:
    return HttpApi(MemoryEngine())


class Outline(HTMLParser):
    """Tags with their attributes, and the text, of a page."""

    def __init__(self, answer: Answer) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.feed(answer.body.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words += data


@pytest.mark.parametrize("path", ["/mobile", "/docs"])
def test_a_page_lets_in_nothing_foreign(path: str, api: HttpApi) -> None:
    answer = api.call("GET", path, headers=HTML)
    assert (answer.status, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    policy = dict(each.strip().partition(" ")[::2] for each in answer.headers["content-security-policy"].split(";"))
    assert policy["default-src"] == policy["base-uri"] == policy["form-action"] == policy["frame-ancestors"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == "'self'"
    assert policy["require-trusted-types-for"] == "'script'"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    outline = Outline(answer)
    addresses = [value for _, attributes in outline.tags for name in ("src", "href") if (value := attributes.get(name))]
    assert addresses
    assert all(api.call("GET", address).status == 200 for address in addresses)
    # Neither scripts nor styles in the page itself.
    assert [a for tag, a in outline.tags if tag == "script" and "src" not in a] == []
    assert [a for tag, a in outline.tags if tag == "style" or "style" in a or any(n.startswith("on") for n in a)] == []
    assert ("html", {"lang": "en"}) in outline.tags
    assert len(re.findall("<h1>", answer.body.decode())) == 1


def test_without_javascript_the_help_is_whole_and_says_what_is_missing(api: HttpApi) -> None:
    answer = api.call("GET", "/mobile")
    outline = Outline(answer)
    systems = [attributes for tag, attributes in outline.tags if tag == "details"]
    assert [each["data-system"] for each in systems] == ["ios", "android", "mac", "windows", "linux"]
    assert all("open" in each for each in systems)
    assert "Without JavaScript" in outline.words
    assert "Add to Home Screen" in outline.words
    hidden = {attributes.get("id") for _, attributes in outline.tags if "hidden" in attributes}
    assert hidden == {"hint", "copy"}


def test_the_help_names_and_links_the_site_of_an_app(api: HttpApi) -> None:
    customer = Customer.sign_up(api)
    answer = api.call("GET", "/mobile", query={"app": customer.app})
    assert b'<a href="https://shop.example/">Shop</a>' in answer.body


def test_no_name_of_an_app_breaks_out_of_the_page(api: HttpApi) -> None:
    tenant = expect(201, api.operator("POST", "/admin/tenants", {"name": "T"}))["id"]
    site = {
        "name": "<script>$main&\"'",
        "site_url": "https://shop.example/?a='&b=<i>",
        "contact": "mailto:push@tocsin.dev",
    }
    app = expect(201, api.operator("POST", f"/admin/tenants/{tenant}/apps", site))["id"]
    answer = api.call("GET", "/mobile", query={"app": app})
    outline = Outline(answer)
    assert "<script>$main&\"'" in outline.words
    assert ("a", {"href": "https://shop.example/?a='&b=<i>"}) in outline.tags
    assert len([tag for tag, _ in outline.tags if tag == "script"]) == 1


@pytest.mark.parametrize("app", ["nonsense", "app_aaaaaaaaaaaaaaaaaaaa"])
def test_there_is_no_help_for_no_app(app: str, api: HttpApi) -> None:
    assert expect(404, api.call("GET", "/mobile", query={"app": app}))["error"]["code"] == "not_found"


@pytest.mark.parametrize("path", ["/", "/docs/"])
def test_the_bare_address_leads_to_the_references(path: str, api: HttpApi) -> None:
    answer = api.call("GET", path)
    assert (answer.status, answer.headers["location"]) == (307, "/docs")


def test_other_addresses_stay_json_for_everybody(api: HttpApi) -> None:
    assert expect(404, api.call("GET", "/nowhere", headers=HTML))["error"]["code"] == "route_unknown"
