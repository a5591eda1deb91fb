"""What the reference says of flows beyond their code."""

from collections.abc import Mapping

from tocsin.dialect_kit.reference import SECRET_KEY, Call, Example, Parameter, members
from tocsin.domain.api_key import KeyKind
from tocsin.domain.errors import Fault

_BASE = "/api/v1/server/flows"
_SERVER = (KeyKind.SECRET,)
_COUNTED = {
    **SECRET_KEY,
    Fault.RATE_LIMITED: "Rate limit exceeded. Please retry after 60 seconds.",
}
_OF_ONE = {**_COUNTED, Fault.NOT_FOUND: "Flow not found"}
_ID = Parameter("flow_id", "As lists show it.", {"type": "string", "minLength": 1})
_PATH = {"flow_id": "flow_abc123"}
_AT = "2024-01-15T10:30:00Z"
_WELCOME = {"title": "Welcome!", "body": "Thanks for subscribing"}
_STEPS: list[dict[str, object]] = [
    {"stepType": "send_notification", "config": {"notification": _WELCOME}},
    {"stepType": "delay", "config": {"delay": {"value": 1, "unit": "days"}}},
    {
        "stepType": "send_notification",
        "config": {"templateId": "tmpl_abc123", "variables": {"code": "WELCOME10"}},
    },
    {"stepType": "exit", "config": {}},
]
_COPIED = {"notification": {"title": "A present", "body": "{{code}} is yours"}, "variables": {"code": "WELCOME10"}}


def _flow(status: str, began: int, steps: list[dict[str, object]]) -> dict[str, object]:
    return {
        "id": "flow_abc123",
        "siteId": "site_xyz",
        "name": "Welcome Series",
        "description": "Onboard new subscribers",
        "triggerType": "subscription",
        "triggerCampaignId": None,
        "status": status,
        "executionCount": began,
        "createdAt": _AT,
        "updatedAt": _AT,
        "steps": [
            {
                "id": f"step_abc{number}",
                "flowId": "flow_abc123",
                "stepOrder": number,
                **step,
                **({"config": _COPIED} if step["config"] == _STEPS[2]["config"] else {}),
                "createdAt": _AT,
                "updatedAt": _AT,
            }
            for number, step in enumerate(steps)
        ],
        "minIntervalMinutes": 60,
        "createdBy": "k3yP9xQz",
        "runs": {"live": began // 10, "ended": began - began // 10, "skippedSteps": began // 50, "missingVariables": 0},
    }


_ACTIVE, _DRAFT = _flow("active", 150, _STEPS), _flow("draft", 0, _STEPS)

FLOWS: Mapping[str, Call] = {
    f"GET {_BASE}": Call(
        credentials=_SERVER,
        refusals=_COUNTED,
        examples=(Example("Active ones", {"data": [_ACTIVE], "hasMore": False, "nextCursor": None}),),
    ),
    f"POST {_BASE}": Call(
        credentials=_SERVER,
        refusals=_COUNTED,
        examples=(
            Example(
                "Welcome who subscribes",
                _DRAFT,
                {
                    "name": "Welcome Series",
                    "description": "Onboard new subscribers",
                    "triggerType": "subscription",
                    "steps": _STEPS,
                },
            ),
        ),
    ),
    f"GET {_BASE}/{{flow_id}}": Call(
        credentials=_SERVER,
        refusals=_OF_ONE,
        parameters=(_ID,),
        examples=(Example("One flow", _ACTIVE, path=_PATH),),
    ),
    f"PATCH {_BASE}/{{flow_id}}": Call(
        credentials=_SERVER,
        refusals={**_OF_ONE, Fault.CONFLICT: "A flow needs at least one step to be active"},
        parameters=(_ID,),
        examples=(
            Example(
                "Other steps, and a rest",
                _flow("paused", 150, _STEPS[:1]),
                {"status": "paused", "steps": _STEPS[:1]},
                path=_PATH,
            ),
        ),
    ),
    f"DELETE {_BASE}/{{flow_id}}": Call(
        credentials=_SERVER,
        refusals=_OF_ONE,
        parameters=(_ID,),
        answer=members(success="boolean"),
        examples=(Example("Delete one", {"success": True}, path=_PATH),),
    ),
    f"POST {_BASE}/{{flow_id}}/activate": Call(
        credentials=_SERVER,
        refusals={
            **_OF_ONE,
            Fault.CONFLICT: "At most 50 flows with the trigger subscription can be active: pause another one first",
        },
        parameters=(_ID,),
        examples=(Example("Begin", _ACTIVE, path=_PATH),),
    ),
    f"POST {_BASE}/{{flow_id}}/pause": Call(
        credentials=_SERVER,
        refusals={**_OF_ONE, Fault.CONFLICT: "Only a flow that is active can become paused; this one is draft"},
        parameters=(_ID,),
        examples=(Example("Rest", _flow("paused", 150, _STEPS), path=_PATH),),
    ),
}
