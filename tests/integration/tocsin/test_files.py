"""What browsers load from the deployed template."""

import gzip
import json

import pytest

from dev.stack import Stack
from tests.customer import Customer, expect
from tests.integration.deployed_api import DeployedApi

SCRIPT = "text/javascript; charset=utf-8"


def test_healthz(api: DeployedApi) -> None:
    assert expect(200, api.call("GET", "/healthz")) == {"status": "ok"}


@pytest.mark.parametrize("path", ["/sdk.js", "/sdk.d.ts"])
@pytest.mark.row("X-7")
def test_any_site_may_load_the_sdk_and_keep_it_for_an_hour(path: str, api: DeployedApi) -> None:
    answer = api.call("GET", path)
    assert answer.status == 200
    assert b"export" in answer.body
    assert answer.headers["content-type"] == (SCRIPT if path == "/sdk.js" else "text/plain; charset=utf-8")
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["cache-control"].startswith("public, max-age=3600")
    assert answer.headers["x-content-type-options"] == "nosniff"
    known = api.call("GET", path, headers={"If-None-Match": answer.headers["etag"]})
    assert (known.status, known.body) == (304, b"")
    packed = api.call("GET", path, headers={"Accept-Encoding": "gzip"})
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed.body) == answer.body


def test_the_worker_carries_its_apps_settings_in_its_first_line(
    api: DeployedApi, deployed: Stack, customer: Customer
) -> None:
    answer = api.call("GET", "/sw.js", query={"app": customer.app})
    assert answer.status == 200
    assert answer.headers["content-type"] == SCRIPT
    first, _, rest = answer.body.decode().partition("\n")
    settings = json.loads(first.removeprefix("self.TOCSIN=").removesuffix(";"))
    assert settings == {
        "app": customer.app,
        "api": deployed.api,
        "key": customer.vapid_public_key,
        "site": "https://shop.example/",
        "title": "Shop",
        "icon": None,
    }
    assert "addEventListener" in rest


@pytest.mark.parametrize(("path", "budget"), [("/sdk.js", 4352), ("/sw.js", 4096)])
def test_a_script_fits_its_budget_as_it_is_served(path: str, budget: int, api: DeployedApi, customer: Customer) -> None:
    packed = api.call("GET", path, query={"app": customer.app}, headers={"Accept-Encoding": "gzip"})
    assert packed.headers["content-encoding"] == "gzip"
    assert len(packed.body) <= budget


def test_pages_arrive_whole(api: DeployedApi) -> None:
    page = api.call("GET", "/mobile", headers={"Accept": "text/html"})
    assert (page.status, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert page.headers["content-security-policy"].startswith("default-src 'none'; ")
    assert b"iPhone and iPad" in page.body
    assert [api.call("GET", path).status for path in ("/page.css", "/mobile.js")] == [200, 200]


@pytest.mark.parametrize("app", ["", "nonsense", "app_aaaaaaaaaaaaaaaaaaaa"])
def test_there_is_no_worker_for_no_app(app: str, api: DeployedApi) -> None:
    answer = api.call("GET", "/sw.js", query={"app": app})
    assert expect(404, answer)["error"]["code"] == "not_found"
