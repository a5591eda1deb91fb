"""Every example of bNotify's document: with this deployment's host and key, each is answered in its form and order."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.customer import expect
from tests.integration.bnotify.channel import Channel
from tests.integration.deployed_api import DeployedApi

EXAMPLES: list[dict[str, Any]] = json.loads(Path(__file__).with_name("examples.json").read_text("utf-8"))
HOST, IUID = "https://bnotify.io", "your-internal-user-id"
UNIX_SECONDS = 10**9


def alike(told: Any, example: Any) -> bool:
    """Whether an answer is what the document shows: its members in their order, and what each of them is."""
    match example:
        case dict():
            return list(told) == list(example) and all(alike(told[name], example[name]) for name in example)
        case list():
            return len(told) == len(example) and all(map(alike, told, example))
        case str():
            return re.fullmatch(pattern(example), told) is not None
        case _ if type(example) is int and example > UNIX_SECONDS:
            return type(told) is int and told > UNIX_SECONDS
    return type(told) is type(example) and bool(told == example)


def pattern(example: str) -> str:
    """What a text of the document stands for: three dots for the start of an id, or for the rest of a text."""
    if example.startswith("..."):
        return "[0-9a-f]{24}"
    return re.escape(example).replace("ds88cax", "[a-z2-7]+").replace(re.escape("..."), ".*")


@pytest.mark.row("BN-6", "BN-12", "BN-13", "BN-14", "BN-18")
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example["name"])
def test_an_example_of_the_document_is_answered_as_it_says(channel: Channel, example: dict[str, Any]) -> None:
    channel.phone(IUID)
    method, path = example["call"]
    named = path.replace("{channelId}", channel.customer.channel).replace("{iuid}", IUID)
    headers = {"X-CHANNEL-API-KEY": channel.server.key}
    answer = expect(200, channel.customer.api.call(method, named, example.get("body"), headers))
    assert isinstance(channel.customer.api, DeployedApi)
    expected = json.loads(json.dumps(example["answer"]).replace(HOST, channel.customer.api.url))
    assert alike(answer, expected), answer
