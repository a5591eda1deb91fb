"""The allow-list of push services: every real endpoint passes, every trick is refused."""

import itertools
from urllib.parse import urlsplit

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tocsin.webpush.origins import MAX_URL_BYTES, InvalidEndpoint, PushService, parse_endpoint

TOKEN = "dGhpcyBpcyBub3QgYSB0b2tlbg:APA91bH-x_Y0123456789abcdefghijklmnopqrstuvwxyz"

REAL = [
    (f"https://fcm.googleapis.com/fcm/send/{TOKEN}", "https://fcm.googleapis.com", PushService.FCM),
    (f"https://fcm.googleapis.com/wp/{TOKEN}", "https://fcm.googleapis.com", PushService.FCM),
    (f"https://jmt17.google.com/fcm/send/{TOKEN}", "https://jmt17.google.com", PushService.FCM),
    (f"https://android.googleapis.com/gcm/send/{TOKEN}", "https://android.googleapis.com", PushService.FCM),
    (
        "https://updates.push.services.mozilla.com/wpush/v2/gAAAAABl-x_yz0123456789==",
        "https://updates.push.services.mozilla.com",
        PushService.MOZILLA,
    ),
    (
        "https://updates.push.services.mozilla.com/wpush/v1/gAAAAABl",
        "https://updates.push.services.mozilla.com",
        PushService.MOZILLA,
    ),
    (
        "https://autopush.dev.push.services.mozilla.com/wpush/v2/gAAAAABl",
        "https://autopush.dev.push.services.mozilla.com",
        PushService.MOZILLA,
    ),
    ("https://web.push.apple.com/QGuQyavXutnMH-_x", "https://web.push.apple.com", PushService.APPLE),
    ("https://web.push.apple.com/3/device/QGuQ", "https://web.push.apple.com", PushService.APPLE),
    (
        "https://wns2-par02p.notify.windows.com/w/?token=BQYAAAC%2bPuq%2fx%3d%3d",
        "https://wns2-par02p.notify.windows.com",
        PushService.WNS,
    ),
    (
        "https://sg2p.notify.windows.com/w/?token=BQYAAAC%2BPuq" + "A" * 300,
        "https://sg2p.notify.windows.com",
        PushService.WNS,
    ),
    ("https://web.push.apple.com:443/QGuQ", "https://web.push.apple.com", PushService.APPLE),
    ("https://FCM.GoogleApis.com/fcm/send/x", "https://fcm.googleapis.com", PushService.FCM),
]

HOSTS = [
    "fcm.googleapis.com",
    "jmt17.google.com",
    "android.googleapis.com",
    "updates.push.services.mozilla.com",
    "web.push.apple.com",
    "wns2-par02p.notify.windows.com",
]
INSIDE = [
    *("127.0.0.1", "127.1", "2130706433", "0x7f.1", "0177.0.0.1", "0.0.0.0", "10.0.0.1", "192.168.1.1", "172.16.0.1"),
    *("169.254.169.254", "169.254.170.2", "168.63.129.16", "100.64.0.1", "224.0.0.1", "[::1]", "[::ffff:127.0.0.1]"),
    *("[fd00:ec2::254]", "[64:ff9b::a9fe:a9fe]", "[2002:a9fe:a9fe::1]", "[::]", "[fe80::1%25eth0]", "localhost"),
    *("localhost.localdomain", "metadata.google.internal", "example.com", "fcm.googleapis.com.example.com"),
]
CONTROLS = [chr(code) for code in (*range(33), 127)]


def hostile_urls() -> list[str]:
    urls = [f"{scheme}://{host}/x" for scheme in ("https", "http", "ftp", "gopher", "file") for host in INSIDE]
    for host in HOSTS:
        urls += [
            # another scheme, or none
            *(
                f"{scheme}{host}/x"
                for scheme in ("http://", "HTTPS://", "https:", "https:/", "https:///", "//", "", "ws://")
            ),
            # another port
            *(
                f"https://{host}:{port}/x"
                for port in ("80", "8443", "0443", "443 ", "+443", "-443", "4430", "65979", "", "443:443")
            ),
            # user information, and parsers that disagree about where it ends
            *(f"https://{inside}@{host}/x" for inside in ("user", "user:pass", ":", "", "127.0.0.1", "localhost:80")),
            *(
                f"https://{host}{trick}127.0.0.1/x"
                for trick in ("@", ":443@", "\\@", "%40", "#@", "?@", "/@\\", "\\", "%2f@", "\t@")
            ),
            # look-alikes
            *(f"https://{prefix}{host}/x" for prefix in ("x", "-", ".", "..", "%", "xn--")),
            *(
                f"https://{host}{suffix}/x"
                for suffix in (".", "..", ".evil.example", "-evil.example", "x", "%2e", "%00", "。")
            ),
            f"https://{host.replace('.', '')}/x",
            f"https://{host.replace('.', '%2e')}/x",
            f"https://{host.replace('.', '。')}/x",
            f"https://{host.replace('o', 'ⓞ').replace('e', 'ⓔ')}/x",
            f"https://{host.replace('c', 'с')}/x",  # noqa: RUF001 - a Cyrillic letter is the point
            # nothing that could be an endpoint
            *(
                f"https://{host}{rest}"
                for rest in ("", "/", "?x", "#x", "/x#", "/x#fragment", "/x y", "/x\\y", '/x"y', "/x<y>", "/x|y")
            ),
            *(
                f"https://{host}/{path}"
                for path in ("..", ".", "x/../y", "x/./y", "x/..", "%2e%2e/y", "x/.%2E/y", "./x", "x/..?y")
            ),
            *(
                f"https://{host}/x{bad}"
                for bad in ("%", "%2", "%zz", "%00", "%0d%0aHost:x", "%1F", "%7f", "é", "%0A", "ⓕ", "[", "{}", "^", "`")
            ),
            f"https://{host}/" + "x" * MAX_URL_BYTES,
            # controls and spaces anywhere
            *(f"{c}https://{host}/x" for c in CONTROLS),
            *(f"https://{host}{c}/x" for c in CONTROLS),
            *(f"https://{host}/x{c}" for c in CONTROLS),
            *(f"ht{c}tps://{host}/x" for c in "\t\r\n"),
            *(f"https:{c}//{host}/x" for c in "\t\r\n /\\"),
            *(f"https://{host[:4]}{c}{host[4:]}/x" for c in "\t\r\n \\/?#@:\u00ad\u200b"),
        ]
    urls += [
        *(
            "",
            "https://",
            "https:///x",
            "https://.push.apple.com/x",
            "https://push.apple.com/x",
            "https://notify.windows.com/x",
        ),
        *(
            "https://push.services.mozilla.com/x",
            "https://google.com/x",
            "https://googleapis.com/x",
            "https://storage.googleapis.com/x",
        ),
        *("https://evil.fcm.googleapis.com/x", "https://x.jmt17.google.com/x", "https://a..push.apple.com/x"),
        *(
            "https://-a.push.apple.com/x",
            "https://a-.push.apple.com/x",
            "https://a_b.push.apple.com/x",
            "https://*.push.apple.com/x",
        ),
        *(
            "https://up.example.com/UP?token=x",
            "https://ntfy.sh/upabc?up=1",
            "javascript:alert(1)",
            "data:text/plain,x",
        ),
        f"https://{'a' * 64}.push.apple.com/x",
        "https://" + "a." * 150 + "push.apple.com/x",
    ]
    return urls


HOSTILE = hostile_urls()


@pytest.mark.row("X-8")
@pytest.mark.parametrize(("url", "origin", "service"), REAL)
def test_real_endpoints_pass_and_are_kept_verbatim(url: str, origin: str, service: PushService) -> None:
    endpoint = parse_endpoint(url)
    assert (endpoint.url, endpoint.origin, endpoint.service) == (url, origin, service)


# A prefix of letters and digits makes another host of these suffixes, and it belongs to the same company.
SAME_COMPANY = {f"https://{prefix}{host}/x" for prefix, host in itertools.product(("x", "xn--"), HOSTS[3:])}


@pytest.mark.row("X-8")
def test_every_hostile_url_is_refused_without_repeating_it() -> None:
    hostile = [url for url in HOSTILE if url not in SAME_COMPANY]
    assert len(set(hostile)) >= 300
    assert [url for url in hostile if (reason := refusal(url)) is None or (len(url) > 1 and url in reason)] == []


def refusal(url: str) -> str | None:
    try:
        parse_endpoint(url)
    except InvalidEndpoint as error:
        return error.reason
    return None


def test_the_longest_endpoint() -> None:
    start = "https://fcm.googleapis.com/fcm/send/"
    parse_endpoint(start + "x" * (MAX_URL_BYTES - len(start)))
    with pytest.raises(InvalidEndpoint, match="too long"):
        parse_endpoint(start + "x" * (MAX_URL_BYTES - len(start) + 1))


PIECES = st.sampled_from(
    [
        *HOSTS,
        *INSIDE,
        "https://",
        "http://",
        "/",
        "//",
        "@",
        ":",
        ":443",
        "\\",
        "?",
        "#",
        "%2e",
        "%40",
        ".",
        "..",
        "x",
        "\t",
        "ⓕ",
    ]
)


JOINED = st.lists(PIECES, max_size=8).map("".join)


@given(st.one_of(st.text(), JOINED, JOINED.map(lambda rest: f"https://{rest}")))
@example("https://fcm.googleapis.com\t/x")
@example("https://ⓕcm.googleapis.com/x")
def test_all_parsers_see_a_known_host_in_what_passes(url: str) -> None:
    try:
        endpoint = parse_endpoint(url)
    except InvalidEndpoint:
        return
    host = endpoint.origin.removeprefix("https://")
    split, other = urlsplit(url), httpx.URL(url)
    assert split.hostname == other.host == host
    assert (split.port or 443, other.port or 443) == (443, 443)
    assert (split.username, split.password, split.fragment, other.userinfo) == (None, None, "", b"")
    assert host in HOSTS[:3] or host.endswith((".push.services.mozilla.com", ".push.apple.com", ".notify.windows.com"))


def test_an_endpoint_does_not_show_in_a_log_line() -> None:
    assert TOKEN not in repr(parse_endpoint(REAL[0][0]))
