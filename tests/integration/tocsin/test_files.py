"""What browsers load from the deployed template."""

import gzip
import json

import pytest

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


def test_the_worker_carries_its_apps_settings_in_its_first_line(api: DeployedApi, customer: Customer) -> None:
    answer = api.call("GET", "/sw.js", query={"app": customer.app})
    assert answer.status == 200
    assert answer.headers["content-type"] == SCRIPT
    first, _, rest = answer.body.decode().partition("\n")
    settings = json.loads(first.removeprefix("self.TOCSIN=").removesuffix(";"))
    assert settings == {
        "app": customer.app,
        "site": "https://shop.example/",
        "title": "Shop",
        "icon": None,
    }
    assert "addEventListener" in rest


@pytest.mark.parametrize("app", ["", "nonsense", "app_aaaaaaaaaaaaaaaaaaaa"])
def test_there_is_no_worker_for_no_app(app: str, api: DeployedApi) -> None:
    answer = api.call("GET", "/sw.js", query={"app": app})
    assert expect(404, answer)["error"]["code"] == "not_found"
