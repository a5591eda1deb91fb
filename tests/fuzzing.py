"""Cases that schemathesis makes of the documents of all dialects, sent with real keys, and held against them.

The rules that a schema cannot tell (one target of four) would keep most of them in front of the door. So every third
case is a documented example with one member of the generated body, and every second names what exists.
"""

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any, TypeAlias, cast
from urllib.parse import urlsplit

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis import Case, Response
from schemathesis.checks import not_a_server_error
from schemathesis.schemas import BaseSchema
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.customer import READER, SITE, Api, Customer, expect
from tests.http_api import Answer
from tests.keymaster import Gym
from tocsin.domain.api_key import KeyKind
from tocsin.entrypoints.documents import document, documented
from tocsin.entrypoints.registry import dialects

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
]
PERSON = "u-17"
WITHOUT_A_KEY = 11
"""One in so many cases goes out with the credential that schemathesis invented, or with none."""


def every_document(*, coverage: bool) -> BaseSchema:
    """The documents of all dialects as one: their paths do not meet. coverage: with each border of each schema."""
    whole: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {"title": "All", "version": "1"},
        "paths": {},
        "components": {"schemas": {}, "securitySchemes": {}},
    }
    for name in documented():
        mine = json.dumps(document(name, "")).replace("#/components/schemas/", f"#/components/schemas/{name}.")
        one = json.loads(mine)
        for path, item in one["paths"].items():
            # A second address of the same function shows nothing new.
            whole["paths"][path] = {method: told for method, told in item.items() if "x-same-as" not in told}
            for told in item.values():
                told["security"] = [
                    {f"{name}.{scheme}": [] for scheme in schemes} for schemes in told.get("security", ())
                ]
        for kind, parts in one["components"].items():
            whole["components"][kind] |= {f"{name}.{part}": value for part, value in parts.items()}
    config = schemathesis.Config()
    config.projects.default.phases.coverage.enabled = coverage
    # What nobody knows is ignored, in a query as in a body.
    config.projects.default.generation.allow_extra_parameters = False
    return schemathesis.openapi.from_dict(whole, config=config)


def cases(number: int) -> settings:
    """Hypothesis' settings for so many random cases of each operation: the same in every run, and none made smaller."""
    return settings(
        max_examples=number,
        phases=(Phase.explicit, Phase.generate),
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


Send: TypeAlias = Callable[[str, str, str, bytes, Mapping[str, str]], Answer]


@dataclass(slots=True)
class Visitor:
    """A customer of all dialects who calls with what schemathesis makes up.

    send: takes method, path and query as they stand in a URL, body, headers. keys: headers by a document's security
    scheme. ids: what exists, by the name of a parameter or of a member, or by operation and name.
    """

    send: Send
    keys: Mapping[str, Mapping[str, str]]
    ids: Mapping[str, Any]
    calls: "count[int]" = field(default_factory=count)

    @classmethod
    def arrive(cls, api: Api, send: Send, subscription: object) -> "Visitor":
        """With keys, money, and a person that all APIs know. subscription: of that person's browser."""
        customer = Customer.sign_up(api, credits=1_000_000)
        gym, cloudsignal = Gym.opened(customer), customer.cloudsignal()
        page = {"subscription": subscription, "identity": {"externalId": PERSON, "email": READER}}
        own = expect(201, api.call("POST", f"/sdk/v1/{customer.app}/subscriptions", page, {"Origin": SITE}))["id"]
        client = expect(200, cloudsignal.call("GET", "/clients"))["clients"][0]["registration_id"]
        code = expect(200, customer.bnotify().code(PERSON))["code"]
        let_in = expect(200, api.call("POST", f"/qrcode/{code}", {}, {"Origin": SITE}))
        sent = expect(200, customer.pushary().send())
        words = {"name": "Welcome", "title": "Hi {{name}}", "body": "{{text}}", "actionUrl": f"{SITE}/{{{{name}}}}"}
        template = expect(201, customer.pushary().call("POST", "/templates", words))["id"]
        rules = {"name": "Regulars", "rules": {"field": "tags", "operator": "has", "value": "regular"}}
        segment = expect(201, customer.pushary().call("POST", "/segments", rules))["id"]
        ids = {
            "app": customer.app,
            "app_id": gym.id,
            "campaign_id": _campaign(customer),
            "GET /api/v1/server/campaigns/{campaign_id}/stats campaign_id": sent["campaignId"],
            "POST /api/v1/server/campaigns/{campaign_id}/pause campaign_id": _campaign(customer, "send"),
            "POST /api/v1/server/campaigns/{campaign_id}/resume campaign_id": _campaign(customer, "send", "pause"),
            "channel": customer.channel,
            "code": code,
            **{f"POST /qrcode/{{code}}/{call} code": customer.app for call in ("inbox", "mute", "read")},
            "GET /push/devices/{id} id": gym.id,
            "DELETE /push/devices/{id} id": gym.admin().devices()["devices"][0]["device_id"],
            "email": READER,
            "externalIds": [PERSON],
            "id": own,
            "iuid": PERSON,
            "key": let_in["key"],
            "notification": expect(200, customer.bnotify().notify(PERSON))["id"],
            "notifications": [{"user_id": PERSON, "title": "Shift approved", "body": "Your request was approved."}],
            "registration_id": client,
            "request_id": expect(200, cloudsignal.send(target_all=True))["request_id"],
            "flow_id": _flow(customer),
            "POST /api/v1/server/flows/{flow_id}/pause flow_id": _flow(customer, "activate"),
            "segment_id": segment,
            "segmentId": segment,
            "subscriber_id": own.partition(".")[0],
            "subscription": subscription,
            "template_id": template,
            "templateId": template,
            "target_registration_ids": [client],
            "target_user_emails": [READER],
            "user_id": PERSON,
            "user_ids": [PERSON],
        }
        return cls(send, {**_keys(customer), **_tokens(gym)}, ids)

    def call(self, case: "Case[Any]") -> int:
        """Send it; the status of the answer. Raises AssertionError, FailureGroup: it is not what is documented."""
        number = next(self.calls)
        self._make_real(case, number)
        sent = requests.Request(**_parts(case)).prepare()
        url = urlsplit(sent.url or "")
        body = sent.body.encode() if isinstance(sent.body, str) else cast("bytes", sent.body or b"")
        headers = {name.title(): str(value) for name, value in sent.headers.items()}
        answer = self.send(sent.method or "", url.path, url.query, body, headers)
        received = {name: [value] for name, value in answer.headers.items()}
        case.validate_response(Response(answer.status, received, answer.body, sent, 0.0, verify=False), checks=CHECKS)
        return answer.status

    def _make_real(self, case: "Case[Any]", number: int) -> None:
        generated: dict[str, Any] = dict(case.body) if isinstance(case.body, dict) else {}
        content = case.operation.definition.raw.get("requestBody", {}).get("content", {}).get("application/json", {})
        examples = [one["value"] for one in content.get("examples", {}).values()]
        if number % 3 == 0 and generated and examples:
            name = sorted(generated)[number // 3 % len(generated)]
            generated = {**examples[number % len(examples)], name: generated[name]}
        if number % 2 == 0:
            for part in (case.path_parameters, case.query, generated):
                for name in part.keys() & self.ids.keys():
                    part[name] = self.ids.get(f"{case.operation.label} {name}", self.ids[name])
        if generated:
            case.body = generated
        schemes = [name for one in case.operation.definition.raw.get("security", ()) for name in one]
        if number % WITHOUT_A_KEY:
            case.headers.update(self.keys[schemes[number % len(schemes)]] if schemes else {"Origin": SITE})


def _campaign(customer: Customer, *steps: str) -> str:
    """The id of a campaign after these steps."""
    words = {"name": "Welcome", "title": "Hi {{name}}", "body": "There is news"}
    name = expect(201, customer.pushary().call("POST", "/campaigns", words))["id"]
    for step in steps:
        expect(200, customer.pushary().call("POST", f"/campaigns/{name}/{step}"))
    return str(name)


def _flow(customer: Customer, *steps: str) -> str:
    """The id of a flow after these steps."""
    shown = {"title": "Hi {{name}}", "body": "There is news"}
    sending = {"stepType": "send_notification", "config": {"notification": shown}}
    words = {"name": "Welcome", "triggerType": "subscription", "steps": [sending]}
    name = expect(201, customer.pushary().call("POST", "/flows", words))["id"]
    for step in steps:
        expect(200, customer.pushary().call("POST", f"/flows/{name}/{step}"))
    return str(name)


def _keys(customer: Customer) -> dict[str, Mapping[str, str]]:
    keys: dict[str, Mapping[str, str]] = {}
    for dialect in dialects().values():
        for kind, form in dialect.keys.items():
            key = customer.key(kind, dialect=dialect.name, requests_per_minute=60_000)["key"]
            text = f"Bearer {key}" if form.header == "authorization" else key
            page = {"Origin": SITE} if kind is KeyKind.PUBLISHABLE else {}
            keys[f"{dialect.name}.{kind}"] = {form.header: text, **page}
    return keys


def _tokens(gym: Gym) -> dict[str, Mapping[str, str]]:
    client = base64.b64encode(f"{gym.client_id}:{gym.client_secret}".encode()).decode()
    tokens = {"service": gym.server().token, "user": gym.user(PERSON).token, "admin": gym.admin().token}
    bearers = {f"keymaster.{name}": {"Authorization": f"Bearer {token}"} for name, token in tokens.items()}
    return {"keymaster.client": {"Authorization": f"Basic {client}"}, **bearers}


def _parts(case: "Case[Any]") -> dict[str, Any]:
    given = case.as_transport_kwargs(base_url="http://push.example")
    return {name: given[name] for name in ("method", "url", "headers", "params", "data", "json") if name in given}
