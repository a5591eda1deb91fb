"""What may be a webhook's URL, and which secrets sign."""

from itertools import pairwise

import pytest

from tocsin.domain.event import event_id
from tocsin.domain.ids import AppId
from tocsin.domain.tenancy import DialectName
from tocsin.domain.webhook import (
    OVERLAP_SECONDS,
    TRIES_AT,
    URL_LIMIT,
    Webhook,
    fault_of_url,
    host_of,
    open_auth,
    seal_auth,
    text_of,
)

HOOK = Webhook(AppId("a0" * 12), DialectName("pager"), "https://hooks.example.com/", 3, 1000)
HOST = "https://hooks.example.com"


@pytest.mark.parametrize(
    "url",
    [
        HOST,
        f"{HOST}/",
        f"{HOST}:443/in?shop=1&x=%20a",
        f"{HOST}?shop=1",
        f"{HOST}/a@b:c/[d]",
        "https://HOOKS.Example.COM/",
        "https://hooks.example.com./in",
        "https://xn--bcher-kva.example/",
        "https://1und1.de/",
        HOST + "/" + "x" * (URL_LIMIT - len(HOST) - 1),
    ],
)
def test_a_url_that_names_a_public_host_by_https_is_fine(url: str) -> None:
    assert fault_of_url(url) is None
    assert host_of(url).islower()


BAD = [
    *("", "hooks.example.com", "//hooks.example.com/", "http://hooks.example.com/", "ftp://hooks.example.com/"),
    *("HTTPS://hooks.example.com/", "https:/hooks.example.com/", "https:///hooks.example.com", " " + HOST),
    *(f"{HOST}:8443/", f"{HOST}:80/", f"{HOST}:0443/", f"{HOST}:/", f"{HOST}:443x/"),
    *("https://user@hooks.example.com/", "https://user:pass@hooks.example.com/", f"{HOST}@127.0.0.1/"),
    *(f"{HOST}\\@127.0.0.1/", f"{HOST}\\.internal/", f"{HOST}%2f@127.0.0.1/", f"{HOST}\t/", f"{HOST}/\n", f"{HOST}/ "),
    *(f"{HOST}/#f", f"{HOST}#f", f"{HOST}/é", "https://hooks。example.com/", "https://ⓗooks.example.com/"),
    *("https://localhost/", "https://hooks.localhost/", "https://hooks/", "https://hooks./", "https://metadata.google.internal/"),
    *("https://printer.local/", "https://nas.lan/", "https://x.home/", "https://db.corp/", "https://a.intranet/"),
    *("https://127.0.0.1/", "https://127.0.0.1./", "https://127.1/", "https://2130706433/", "https://0x7f000001/"),
    *("https://0177.0.0.1/", "https://0x7f.0.0.1/", "https://1.2.3.0x4/", "https://169.254.169.254/", "https://0/"),
    *("https://[::1]/", "https://[::ffff:127.0.0.1]/", "https://[64:ff9b::a9fe:a9fe]/", "https://[fe80::1%25eth0]/"),
    *("https://.example.com/", "https://hooks..example.com/", "https://-hooks.example.com/", "https://hooks-.example.com/"),
    *("https://hooks_1.example.com/", "https://" + "a" * 64 + ".example.com/", f"{HOST}/" + "x" * URL_LIMIT),
]  # fmt: skip


@pytest.mark.parametrize("url", BAD)
def test_whatever_parsers_may_read_in_two_ways_or_is_no_public_name_is_refused(url: str) -> None:
    fault = fault_of_url(url)
    assert fault is not None
    assert fault.startswith("must ")


def test_the_secret_before_the_present_one_signs_for_a_day() -> None:
    assert HOOK.versions(1000) == (3, 2)
    assert HOOK.versions(999 + OVERLAP_SECONDS) == (3, 2)
    assert HOOK.versions(1000 + OVERLAP_SECONDS) == (3,)


def test_the_first_secret_has_none_before_it() -> None:
    first = Webhook(HOOK.app, HOOK.dialect, None, 1, 1000)
    assert first.versions(1000) == (1,)


def test_eight_tries_grow_apart_over_a_day() -> None:
    gaps = [after - before for before, after in pairwise(TRIES_AT)]
    assert (len(TRIES_AT), TRIES_AT[0], TRIES_AT[-1]) == (8, 0, 86_400)
    assert gaps == sorted(gaps)


def test_a_credential_opens_for_its_own_dialect_only() -> None:
    sealed = seal_auth(bytes(64), DialectName("pager"), "Basic x")
    assert open_auth(bytes(64), DialectName("pager"), sealed) == "Basic x"
    assert open_auth(bytes(64), DialectName("other"), sealed) is None
    assert open_auth(bytes(63) + b"\x01", DialectName("pager"), sealed) is None


def test_a_secret_reads_as_the_standard_says() -> None:
    assert text_of(bytes(32)) == "whsec_" + "A" * 43 + "="


def test_the_same_happening_has_the_same_id_and_no_other() -> None:
    ids = {event_id("send", 1, 23), event_id("send", 12, 3), event_id("send", 1, 24), event_id("sen", "d1", 23)}
    assert len(ids) == 4
    assert event_id("send", 1, 23) in ids
    assert all(len(one) == 24 for one in ids)
