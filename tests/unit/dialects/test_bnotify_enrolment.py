"""The code, its picture, and the page behind it, without a browser."""

import base64
import io
import random
import re
from collections.abc import Callable

import pytest
import zxingcpp
from PIL import Image
from starlette.requests import Request

from tests.customer import expect, new_subscription
from tests.engine import MemoryEngine
from tests.http_api import Answer
from tests.unit.dialects.bnotify_channel import OWN_PAGE, Channel, Phone
from tests.unit.web.test_pages import Outline
from tocsin.dialect_kit.links import own_address
from tocsin.dialects.bnotify.qr_code import MARGIN, MODULE, gif, gif_data_uri

EVIL = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}


@pytest.fixture
def channel(engine: MemoryEngine) -> Channel:
    return Channel.open(engine)


def picture(data_uri: str) -> Image.Image:
    """The image as another program decodes it."""
    head, data = data_uri.split(",")
    assert head == "data:image/gif;base64"
    image = Image.open(io.BytesIO(base64.b64decode(data)))
    assert image.format == "GIF"
    return image.convert("L")


# --- the picture ---


@pytest.mark.row("BN-6")
@pytest.mark.parametrize(
    "host", ["a.example", "x" * 63 + "." + "y" * 63 + "." + "z" * 63 + "." + "w" * 52 + ".example"]
)
def test_bn_6_another_program_reads_the_link_from_the_picture(host: str) -> None:
    link = f"https://{host}/qrcode/{'a2b3c4d5' * 4}"
    image = picture(gif_data_uri(link))
    [found] = zxingcpp.read_barcodes(image)
    assert (found.text, found.format.name, found.ec_level) == (link, "QRCode", "M")
    quiet = MARGIN * MODULE
    assert image.getbbox() == (0, 0, image.width, image.height)
    inner = Image.eval(image, lambda shade: 255 - shade).getbbox()
    assert inner is not None
    assert inner == (quiet, quiet, image.width - quiet, image.height - quiet)
    assert MARGIN >= 4


def test_a_gif_of_anything_is_read_back_pixel_by_pixel() -> None:
    """Sizes and noise that fill the table of codes several times."""
    chance = random.Random(17)
    for width, height, share in [(1, 1, 1), (1, 300, 0), (300, 1, 0.5), (200, 200, 0.5), (257, 99, 0.02), (64, 64, 1)]:
        rows = [[int(chance.random() < share) for _ in range(width)] for _ in range(height)]
        image = Image.open(io.BytesIO(gif(rows))).convert("L")
        pixels = [[int(image.getpixel((x, y)) == 0) for x in range(width)] for y in range(height)]
        assert pixels == rows


# --- the code ---


@pytest.mark.row("BN-4", "BN-6", "BN-7", "BN-9")
def test_bn_6_a_code_comes_with_its_links_before_anybody_has_subscribed(
    channel: Channel, engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "public_url", "https://push.example")
    answer = channel.server.code("u-17")
    told = expect(200, answer)
    assert list(told) == ["code", "qrcode", "deepLink", "appUrl"]
    assert told["deepLink"] == f"https://push.example/qrcode/{told['code']}"
    assert told["appUrl"] == f"https://push.example/mobile?app={channel.customer.app}"
    assert zxingcpp.read_barcodes(picture(told["qrcode"]))[0].text == told["deepLink"]
    assert answer.headers["cache-control"] == "no-store"
    assert expect(200, channel.server.code("u-17")) == told
    assert channel.server.subscription("u-17").status == 404


@pytest.mark.row("BN-7")
def test_bn_7_a_single_use_code_lets_in_one_device_and_a_revoked_one_none(channel: Channel) -> None:
    once, kept = channel.code(single_use="true"), channel.code()
    assert [channel.redeem(once).status for _ in range(2)] == [200, 404]
    assert [channel.redeem(kept).status for _ in range(2)] == [200, 200]
    assert channel.server.call("DELETE", "/subscriptions/u-17/code").status == 204
    assert channel.redeem(kept).status == 404
    assert channel.code() != kept
    refused = channel.server.code("u-17", single_use="maybe")
    assert (refused.status, refused.json["message"]) == (400, "single_use must be true or false")


def test_a_code_tells_a_page_of_ours_only_and_lets_no_other_read(channel: Channel) -> None:
    """A page elsewhere can make the request blindly, and is refused; nothing is used up by it."""
    once = channel.code(single_use="true")
    foreign = channel.api.call("POST", f"/qrcode/{once}", {}, EVIL)
    assert foreign.status == 403
    assert channel.redeem(once).status == 200


# --- the page ---


def page(channel: Channel, path: str) -> Answer:
    return channel.api.call("GET", path, headers={"Accept": "text/html"})


@pytest.mark.row("BN-8")
def test_bn_8_the_page_says_whose_notifications_they_are_and_loads_nothing_foreign(channel: Channel) -> None:
    code = channel.code()
    answer = page(channel, f"/qrcode/{code}")
    assert (answer.status, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    policy = dict(each.strip().partition(" ")[::2] for each in answer.headers["content-security-policy"].split(";"))
    assert policy["default-src"] == policy["base-uri"] == policy["form-action"] == policy["frame-ancestors"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == policy["manifest-src"] == "'self'"
    assert (policy["require-trusted-types-for"], policy["trusted-types"]) == ("'script'", "tocsin")
    assert answer.headers["referrer-policy"] == "no-referrer"  # the address holds the code
    outline = Outline(answer)
    assert "Notifications of Shop" in outline.words
    assert ("a", {"href": "https://shop.example/"}) in outline.tags
    assert "needs JavaScript" in outline.words
    assert "Add to Home Screen" in outline.words
    own = [
        a.get(name) or "" for _, a in outline.tags for name in ("src", "href") if (a.get(name) or "").startswith("/")
    ]
    assert len(own) >= 4
    for address in own:
        path, _, query = address.partition("?")
        asked = dict(part.split("=") for part in query.split("&")) if query else {}
        assert channel.api.call("GET", path, query=asked).status == 200
    assert [a for tag, a in outline.tags if tag == "script" and "src" not in a] == []
    assert len(re.findall("<h1>", answer.body.decode())) == 1


@pytest.mark.row("BN-8")
def test_bn_8_the_manifest_brings_an_iphones_home_screen_back_to_the_code(channel: Channel) -> None:
    code = channel.code()
    manifest = expect(
        200, channel.api.call("GET", f"/qrcode/{code}/manifest.json", query={"app": channel.customer.app})
    )
    assert (manifest["display"], manifest["name"], manifest["scope"]) == ("standalone", "Shop", "/qrcode/")
    assert manifest["start_url"] == f"/qrcode/{code}?app={channel.customer.app}"
    # The icon outlives the code: whoever enrolled reads the inbox there.
    channel.server.call("DELETE", "/subscriptions/u-17/code")
    later = channel.api.call("GET", f"/qrcode/{code}", query={"app": channel.customer.app})
    assert later.status == 200
    assert code not in later.body.decode().replace("manifest.json", "") or 'data-code=""' in later.body.decode()


def test_a_code_that_is_none_or_no_more_gets_a_page_that_says_so(channel: Channel, engine: MemoryEngine) -> None:
    code = channel.code()
    engine.clock.advance(30 * 86_400)
    for path in (f"/qrcode/{code}", f"/qrcode/{'a' * 32}", "/qrcode/x", "/qrcode/app_aaaaaaaaaaaaaaaaaaaa"):
        answer = page(channel, path)
        assert answer.status == 404
        assert "Ask whoever gave it to you for a new one." in answer.body.decode()
        assert "<script" not in answer.body.decode()


def test_no_name_of_an_app_breaks_out_of_the_page(engine: MemoryEngine) -> None:
    channel = Channel.open(engine, name="<script>$main&\"'", site_url="https://shop.example/?a='&b=<i>")
    outline = Outline(page(channel, f"/qrcode/{channel.code()}"))
    assert "<script>$main&\"'" in outline.words
    assert len([tag for tag, _ in outline.tags if tag == "script"]) == 1


# --- what the page calls ---


@pytest.mark.row("BN-8")
def test_bn_8_whoever_brings_a_code_subscribes_under_its_name_where_proofs_are_required(engine: MemoryEngine) -> None:
    channel = Channel.open(engine, identity="required")
    channel.phone()
    assert expect(200, channel.server.subscription("u-17"))["iuid"] == "u-17"
    body = {"subscription": new_subscription(), "identity": {"externalId": "u-17"}}
    below = f"/sdk/v1/{channel.customer.app}/subscriptions"
    assert channel.api.call("POST", below, body, OWN_PAGE).status == 403


@pytest.mark.row("BN-19")
def test_bn_19_opening_a_notification_in_the_inbox_reads_it_once(channel: Channel, engine: MemoryEngine) -> None:
    phone, second = channel.phone(), channel.phone()
    told = expect(200, channel.server.notify("u-17"))
    [note] = phone.inbox()
    assert note == {name: told[name] for name in ("id", "title", "text", "createdAt", "readedAt")}
    engine.clock.advance(60)
    expect(200, phone.call("read", notification=told["id"]))
    engine.clock.advance(60)
    expect(200, second.call("read", notification=told["id"]))
    assert [one["readedAt"] for one in second.inbox()] == [told["createdAt"] + 60]
    shown = expect(200, channel.server.call("GET", "/notifications/u-17"))
    assert shown == [{**told, "readedAt": told["createdAt"] + 60}]
    assert channel.server.call("GET", "/notifications/u-18").status == 404


Call = Callable[[Phone], Answer]
CALLS: list[Call] = [
    lambda phone: phone.call("inbox"),
    lambda phone: phone.call("mute", muted=True),
    lambda phone: phone.call("read", notification="ab" * 12),
]


@pytest.mark.parametrize("call", CALLS, ids=["inbox", "mute", "read"])
def test_only_a_browser_that_is_enrolled_may_read_or_mute(channel: Channel, engine: MemoryEngine, call: Call) -> None:
    phone, app = channel.phone(), channel.customer.app
    name, _, capability = phone.id.partition(".")
    stranger = Channel.open(engine)
    gone = channel.phone()  # of the same user, who has another one
    gone.turn_off()
    for impostor in (
        Phone(channel.api, app, name, phone.key),
        Phone(channel.api, app, f"{name}.{capability[::-1]}", phone.key),
        Phone(channel.api, app, stranger.phone().id, phone.key),
        Phone(channel.api, stranger.customer.app, phone.id, phone.key),
        Phone(channel.api, "app_aaaaaaaaaaaaaaaaaaaa", phone.id, phone.key),
        # A page may have given the browser any name where names need no proof.
        Phone(channel.api, app, phone.id, channel.phone("u-18").key),
        Phone(channel.api, app, phone.id),
        gone,
    ):
        answer = call(impostor)
        assert (answer.status, answer.json["error"]) == (404, "Not Found")


def test_nobody_reads_another_persons_notification(channel: Channel, engine: MemoryEngine) -> None:
    mine, theirs = channel.phone(), channel.phone("u-18")
    told = expect(200, channel.server.notify("u-18"))
    assert mine.inbox() == []
    assert mine.call("read", notification=told["id"]).status == 404
    assert [note["readedAt"] for note in theirs.inbox()] == [0]
    assert engine.storage.notes


@pytest.mark.parametrize("path", ["inbox", "mute", "read"])
def test_a_foreign_page_calls_nothing_of_this(channel: Channel, path: str) -> None:
    phone = channel.phone()
    assert phone.call(path, EVIL, muted=True, notification="ab" * 12).status == 403
    assert expect(200, channel.server.subscription("u-17"))["mute"] is False


@pytest.mark.parametrize(
    ("path", "fields"), [("mute", {}), ("mute", {"muted": "yes"}), ("read", {}), ("read", {"notification": "x"})]
)
def test_a_bad_body_is_a_400(channel: Channel, path: str, fields: dict[str, object]) -> None:
    answer = channel.phone().call(path, OWN_PAGE, **fields)
    assert (answer.status, answer.json["error"]) == (400, "Bad Request")


def test_a_room_full_of_phones_may_come_at_once_and_a_flood_is_stopped(channel: Channel, engine: MemoryEngine) -> None:
    engine.clock.advance(20 - engine.clock.now() % 60)
    code = channel.code()
    assert {channel.redeem(code).status for _ in range(300)} == {200}
    refused = channel.redeem(code)
    assert refused.json == {"statusCode": 429, "message": "ThrottlerException: Too Many Requests"}
    elsewhere = channel.api.call("POST", f"/qrcode/{code}", {}, OWN_PAGE, address="198.51.100.7")
    assert elsewhere.status == 200


def test_a_link_names_the_gateways_domain_where_no_address_is_set() -> None:
    event = {"requestContext": {"domainName": "abc.execute-api.eu-central-1.amazonaws.com"}}
    scope = {"type": "http", "aws.event": event, "headers": [(b"host", b"evil.example")]}
    assert own_address(Request(scope), "") == "https://abc.execute-api.eu-central-1.amazonaws.com"
    assert own_address(Request(scope), "https://push.example") == "https://push.example"
    assert own_address(Request({"type": "http", "headers": []}), "") == ""
