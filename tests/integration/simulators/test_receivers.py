"""Customers' servers among the simulators."""

import httpx
import pytest

from dev.simulators import Simulators
from dev.simulators.receivers import ADDRESS, HOST
from tests.integration.simulators.sender import Sender
from tests.integration.simulators.test_egress_proxy import ask

pytestmark = pytest.mark.enable_socket


def test_what_arrives_is_kept_by_receiver_and_answered_as_told(sender: Sender, simulators: Simulators) -> None:
    with httpx.Client(base_url=simulators.control_url, trust_env=False) as control:
        assert (
            sender.client.post(f"https://{HOST}/one/in?x=1", content=b"{}", headers={"X-Own": "yes"}).status_code == 200
        )
        script = {"status": 503, "headers": {"Retry-After": "1"}, "times": 1}
        assert control.put("/hooks/one", json=script).status_code == 204
        assert [sender.client.post(f"https://{HOST}/one").status_code for _ in range(2)] == [503, 200]
        arrived = control.get("/hooks/one", params={"wait": 5, "count": 3}).json()
        assert [arrived[0][name] for name in ("method", "path", "body")] == ["POST", "/one/in?x=1", "{}"]
        assert arrived[0]["headers"]["x-own"] == "yes"
        assert len(arrived) == 3
        assert control.get("/hooks/other", params={"wait": 0.1}).json() == []
        assert control.put("/hooks/one", json={"status": 1}).status_code == 400


def test_the_way_out_leads_there_from_the_address_too(simulators: Simulators) -> None:
    for target in (f"{HOST}:443", f"{ADDRESS}:443"):
        request = f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode()
        assert ask(simulators.proxy_url, request) == b"HTTP/1.1 200 Connection Established"
