"""How often a key may send: the dialect's limit, or the key's own (PS-7, PS-8)."""

import pytest

from tests.engine import MemoryEngine
from tests.http_api import HttpApi


@pytest.mark.parametrize(
    ("kind", "own", "allowed"), [("secret", None, 60), ("service", None, 600), ("service", 3, 3), ("secret", 70, 70)]
)
@pytest.mark.row("PS-7", "PS-8")
def test_ps_8_a_key_sends_as_often_as_its_limit_says_and_may_have_one_of_its_own(
    kind: str, own: int | None, allowed: int
) -> None:
    api = HttpApi(MemoryEngine())
    tenant = api.operator("POST", "/admin/tenants", {"name": "T"}).json["id"]
    site = {"name": "A", "site_url": "https://shop.example", "contact": "mailto:push@example.com"}
    app = api.operator("POST", f"/admin/tenants/{tenant}/apps", site).json["id"]
    wanted = {"dialect": "pushservice", "kind": kind} | ({} if own is None else {"requests_per_minute": own})
    made = api.operator("POST", f"/admin/apps/{app}/keys", wanted).json
    assert made["requests_per_minute"] == own

    def send() -> int:
        return api.call("POST", "/v1/send", {}, {"X-Api-Key": made["key"]}).status

    assert [send() for _ in range(allowed)] == [400] * allowed
    assert send() == 429
