"""POST /v2/push/broadcast at the deployed template."""

import pytest

from tests.customer import counts
from tests.integration.cloudsignal.shop import Shop

NOTE = {"title": "System Update", "body": "We've released exciting new features!", "urgency": "normal"}


@pytest.mark.row("CS-23", "CS-16")
def test_cs_23_a_broadcast_reaches_everyone_who_is_active(shop: Shop) -> None:
    anna, bert, gone, left = shop.visitor(user_email="anna@example.com"), shop.visitor(), shop.visitor(), shop.visitor()
    gone.agent.delete()
    assert counts(shop.server.call("POST", "/broadcast", NOTE)) == ("completed", 4, 3, 1)
    assert shop.server.call("DELETE", f"/clients/{left.id}").status == 200

    answer = shop.server.call("POST", "/broadcast", NOTE | {"target_all": False})

    assert counts(answer) == ("completed", 2, 2, 0)
    for visitor, received in ((anna, 2), (bert, 2), (gone, 0), (left, 1)):
        titles = visitor.agent.titles()
        assert titles == ["System Update"] * received


@pytest.mark.row("CS-23")
@pytest.mark.parametrize(
    "target",
    [
        {"target_user_emails": ["user@example.com"]},
        {"target_user_ids": ["uuid-1"]},
        {"target_registration_ids": ["uuid-1"]},
        {"target_all": True, "target_user_ids": ["uuid-1"]},
    ],
    ids="+".join,
)
def test_cs_23_a_broadcast_with_another_target_is_refused_and_nobody_is_told(
    target: dict[str, object], shop: Shop
) -> None:
    visitor = shop.visitor()
    refused = shop.server.call("POST", "/broadcast", NOTE | target)
    assert (refused.status, refused.headers["x-error-code"]) == (400, "INVALID_REQUEST")
    assert refused.json == {"detail": "A broadcast goes to everyone: use /v2/push/send for a target"}
    assert visitor.agent.messages() == []
