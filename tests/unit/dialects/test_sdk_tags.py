"""POST /sdk/v1/{app}/tags: a browser replaces its own tags (PU-80)."""

import pytest

from tests.customer import SITE, expect, new_subscription
from tests.engine import MemoryEngine
from tests.http_api import Answer
from tests.unit.dialects.pushary_site import Site


class Page:
    """A page of a site, whose browser has subscribed."""

    def __init__(self, engine: MemoryEngine) -> None:
        self.site = Site.open(engine)
        body = {"subscription": new_subscription(), "tags": ["old"]}
        self.id: str = expect(201, self.call("subscriptions", body))["id"]

    def call(self, path: str, body: object, origin: str = SITE) -> Answer:
        """POST below the app."""
        return self.site.customer.api.call("POST", f"/sdk/v1/{self.site.customer.app}/{path}", body, {"Origin": origin})

    def tags(self) -> object:
        """What the site's server is shown."""
        return self.site.subscriber(self.id.partition(".")[0])["tags"]


@pytest.fixture
def page(engine: MemoryEngine) -> Page:
    return Page(engine)


def test_pu_80_a_browser_replaces_its_tags_each_once(page: Page) -> None:
    answer = page.call("tags", {"id": page.id, "tags": ["b", "a", "b"]})
    assert expect(200, answer) == {"id": page.id, "tags": ["b", "a"]}
    assert page.tags() == ["b", "a"]
    assert expect(200, page.call("tags", {"id": page.id, "tags": []}))["tags"] == []


def test_knowing_the_id_alone_is_not_the_right_to_change_it(page: Page) -> None:
    name = page.id.partition(".")[0]
    for id_ in (name, f"{name}.{'A' * 22}", "sub_aaaaaaaaaaaaaaaaaaaa", "x"):
        answer = page.call("tags", {"id": id_, "tags": ["stolen"]})
        assert (answer.status, answer.json["error"]["code"]) == (404, "gone")
    assert page.tags() == ["old"]


def test_another_apps_browser_and_a_foreign_page_change_nothing(page: Page, engine: MemoryEngine) -> None:
    assert page.call("tags", {"id": Page(engine).id, "tags": ["x"]}).status == 404
    assert page.call("tags", {"id": page.id, "tags": ["x"]}, "https://evil.example").status == 403
    assert page.tags() == ["old"]


def test_a_browser_that_left_has_no_tags_to_change(page: Page) -> None:
    expect(200, page.call("unsubscribe", {"id": page.id}))
    assert page.call("tags", {"id": page.id, "tags": ["x"]}).status == 404


@pytest.mark.parametrize("tags", [None, "x", [1], [""], ["x" * 65], ["x"] * 101], ids=lambda tags: str(tags)[:20])
def test_what_is_no_list_of_tags_is_400(page: Page, tags: object) -> None:
    assert page.call("tags", {"id": page.id, "tags": tags}).status == 400
    assert page.tags() == ["old"]
