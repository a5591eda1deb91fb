"""Tags of a browser, and the page's own question before the browser's, in real browsers (PU-80)."""

import time

from tests.browser.scripted_api import AWAY, GONE, Refusal
from tests.browser.shop import Shop

DIALOG = "document.querySelector('#tocsin-prompt')"


def asked(shop: Shop) -> bool:
    """Whether the page's question is there."""
    return bool(shop.run(f"return !!{DIALOG};"))


def ask(shop: Shop, options: str = "{}") -> None:
    """Have the page ask; its answer is kept in the page."""
    shop.run(f"window.answer = push.prompt({options});")


def wait_until_asked(shop: Shop) -> None:
    deadline = time.monotonic() + 5
    while not asked(shop):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def press(shop: Shop, words: str) -> None:
    """Press a button of the question."""
    shop.run(f"[...{DIALOG}.querySelectorAll('button')].find((one) => one.textContent === args[0]).click();", words)


def test_tags_replace_what_the_server_has_of_this_browser(shop: Shop) -> None:
    shop.visit()
    shop.subscribe(tags=["old"])
    shop.run("await push.setTags(['premium', 'early-access']);")
    assert shop.api.bodies("subscriptions")[0]["tags"] == ["old"]
    assert shop.api.bodies("tags") == [{"id": "sub_1", "tags": ["premium", "early-access"]}]
    shop.visit()
    shop.settle()
    assert len(shop.api.bodies("tags")) == 1


def test_tags_wait_for_a_subscription(shop: Shop) -> None:
    shop.visit()
    shop.run("await push.setTags(['premium']);")
    assert shop.api.calls == []
    shop.subscribe()
    assert shop.api.bodies("subscriptions")[0]["tags"] == ["premium"]
    shop.subscribe()
    assert "tags" not in shop.api.bodies("subscriptions")[1]


def test_tags_that_could_not_be_told_are_told_at_the_next_load(shop: Shop) -> None:
    shop.visit()
    shop.subscribe()
    shop.api.refusals["tags"] = [AWAY]
    assert shop.refused("return push.setTags(['premium']);").code == "server_error"
    shop.visit()
    shop.settle()
    assert shop.api.bodies("tags") == [{"id": "sub_1", "tags": ["premium"]}] * 2


def test_tags_leave_with_the_person(shop: Shop) -> None:
    shop.visit()
    shop.run("await push.identify('u1'); await push.setTags(['premium']); await push.logout();")
    shop.subscribe()
    assert "tags" not in shop.api.bodies("subscriptions")[0]


def test_a_subscription_that_the_server_ended_takes_no_tags(shop: Shop) -> None:
    shop.visit()
    shop.subscribe()
    shop.api.refusals["tags"] = [GONE]
    assert shop.refused("return push.setTags(['premium']);").code == "server_error"
    assert shop.state()["subscribed"] is False


def test_a_yes_subscribes_with_what_the_page_gave_along(shop: Shop) -> None:
    shop.visit()
    ask(shop, "{text: 'News?', accept: 'Please', decline: 'No', tags: ['news']}")
    wait_until_asked(shop)
    assert shop.run(f"return {DIALOG}.textContent;") == "News? Please No"
    assert shop.run(f"return {DIALOG}.contains(document.activeElement);") is False
    press(shop, "Please")
    state = shop.run("return window.answer;")
    assert isinstance(state, dict)
    assert state["subscribed"] is True
    assert shop.api.bodies("subscriptions")[0]["tags"] == ["news"]
    assert not asked(shop)
    ask(shop)
    assert shop.run("return (await window.answer).subscribed;") is True
    assert not asked(shop)


def test_it_is_shown_after_its_delay_and_only_once(shop: Shop) -> None:
    shop.visit()
    began = time.monotonic()
    ask(shop, "{delay: 1500}")
    shop.settle()
    assert not asked(shop)
    wait_until_asked(shop)
    assert time.monotonic() - began >= 1.5
    assert shop.run("return (await push.prompt()).subscribed;") is False
    assert shop.run("return document.querySelectorAll('#tocsin-prompt').length;") == 1


def test_who_declines_is_not_asked_again_for_some_days(shop: Shop) -> None:
    shop.visit()
    ask(shop, "{days: 7}")
    wait_until_asked(shop)
    press(shop, "Not now")
    assert shop.run("return (await window.answer).subscribed;") is False
    shop.visit()
    assert shop.run("return (await push.prompt()).subscribed;") is False
    assert not asked(shop)
    shop.change_kept(no=int(time.time() * 1000) - 1)
    shop.visit()
    ask(shop)
    wait_until_asked(shop)
    assert shop.api.calls == []


def test_a_yes_that_fails_is_told_like_a_subscription_that_fails(shop: Shop) -> None:
    shop.visit()
    shop.api.refusals["config"] = [Refusal(403, "origin_not_allowed")]
    ask(shop)
    wait_until_asked(shop)
    press(shop, "Yes")
    assert shop.refused("return window.answer;").code == "origin_not_allowed"
