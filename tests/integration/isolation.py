"""Two customers, and every door that a credential opens: what the isolation table is tried on."""

import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tests import firebase
from tests.customer import SITE, Api, Customer, expect
from tests.http_api import Answer
from tests.routes import KnownRoute, every_route
from tocsin.domain.api_key import BASE62, ID_LENGTH, SECRET_LENGTH, KeyKind, Scope, compose
from tocsin.domain.errors import Fault, Refused
from tocsin.entrypoints.registry import dialects

KEYED = {name: dialect for name, dialect in dialects().items() if dialect.keys}

PREFLIGHT = "a browser asks it before it may send any key"
LOADED = "a page loads it like any file; it holds nothing of anybody"
SETTINGS = "a page loads it; it holds what the site's pages show everybody, by an id that stands in them"
BROWSER = "browsers have no secret: the page's origin is checked, names need proofs, and an id is what opens a record"
CODE = "whoever brings a code, 160 random bits that its person was given, may enrol as that person"
OWN = "only an enrolled browser knows the id that it was told, and pages of ours alone may show it"
OPEN = {
    "GET /": LOADED,
    "GET /.well-known/jwks.json": "the public half of the key that signs our tokens, for whoever wants to check them",
    "POST /auth/token": "a client shows its own secret, and gets a token for its own app",
    "OPTIONS /push/devices/register": PREFLIGHT,
    "OPTIONS /push/devices/{id}": PREFLIGHT,
    "GET /docs": LOADED,
    "GET /docs/": LOADED,
    "GET /docs.css": LOADED,
    "GET /docs/{name}": LOADED,
    "GET /healthz": "whoever watches us has no key; it says only that we run",
    "GET /mobile": SETTINGS,
    "GET /mobile.js": LOADED,
    "GET /openapi/{file}": LOADED,
    "GET /page.css": LOADED,
    "GET /plans": LOADED,
    "GET /enrol.js": LOADED,
    "GET /qrcode/{code}": CODE,
    "POST /qrcode/{code}": CODE,
    "GET /qrcode/{code}/manifest.json": SETTINGS,
    "POST /qrcode/{code}/inbox": OWN,
    "POST /qrcode/{code}/mute": OWN,
    "POST /qrcode/{code}/read": OWN,
    "GET /sdk.d.ts": LOADED,
    "GET /sdk.js": LOADED,
    "GET /sw.js": SETTINGS,
    "GET /sdk/v1/{app}/config": SETTINGS,
    "POST /sdk/v1/{app}/events": "a worker shows the token that it was pushed, which says only what became of it",
    "POST /sdk/v1/{app}/identify": BROWSER,
    "POST /sdk/v1/{app}/message": "a worker shows the token that it was pushed, good for one message, once",
    "POST /sdk/v1/{app}/subscriptions": BROWSER,
    "POST /sdk/v1/{app}/tags": BROWSER,
    "POST /sdk/v1/{app}/unsubscribe": BROWSER,
    "OPTIONS /sdk/v1/{app}/unsubscribe": PREFLIGHT,
    "OPTIONS /sdk/v1/{app}/events": PREFLIGHT,
    "OPTIONS /sdk/v1/{app}/{call}": PREFLIGHT,
    "OPTIONS /v1/subscribe": PREFLIGHT,
    "OPTIONS /v2/push/clients/heartbeat": PREFLIGHT,
    "OPTIONS /v2/push/clients/register": PREFLIGHT,
}
"""Every route that needs no credential, and why it does not. One that is not here has to be closed."""

KINDS = {
    "POST /v1/subscribe": (KeyKind.SECRET, KeyKind.SERVICE, KeyKind.PUBLISHABLE),
    "POST /v2/push/clients/heartbeat": (KeyKind.PUBLISHABLE,),
    "POST /v2/push/clients/register": (KeyKind.PUBLISHABLE,),
}
"""What opens the routes that pages call. All others are for servers: no key that stands in a page may open them."""

HEADERS = {
    ("pushservice", KeyKind.SECRET): "X-Api-Key",
    ("pushservice", KeyKind.SERVICE): "X-Api-Key",
    ("pushservice", KeyKind.PUBLISHABLE): "X-Api-Key",
    ("bnotify", KeyKind.SECRET): "X-Channel-Api-Key",
    ("cloudsignal", KeyKind.SECRET): "X-Secret-Key",
    ("cloudsignal", KeyKind.PUBLISHABLE): "X-Publishable-Key",
    ("pushary", KeyKind.SECRET): "Authorization",
}
"""Where each document puts its keys."""

BY_TOKEN = "keymaster"
"""Its callers come with tokens of three sorts and never with a key: keymaster/test_isolation.py has its table."""

ANSWERS_WHILE_OFF = {"GET /v2/push/service"}
"""Says that push is switched off, so it cannot be silent then (CS-4)."""


@dataclass(frozen=True, slots=True)
class Door:
    """A route that needs a credential, and one kind of key that opens it; None: the operator's key."""

    route: KnownRoute
    kind: KeyKind | None

    def __str__(self) -> str:
        return f"{self.route} by {self.kind or 'operator'}"

    @property
    def header(self) -> str:
        """Where the key belongs."""
        return "Authorization" if self.kind is None else HEADERS[self.route.dialect.name, self.kind]

    def with_key(self, key: str, header: str = "") -> dict[str, str]:
        """A key in its header, or in another one; as a page sends it where it is a page's key."""
        into = header or self.header
        sent = {into: f"Bearer {key}" if into.lower() == "authorization" else key}
        return sent | {"Origin": SITE} if self.kind is KeyKind.PUBLISHABLE else sent


TWO_SCOPES = {"POST /api/v1/server/segments", "PATCH /api/v1/server/segments/{segment_id}"}
"""Routes whose callers must be allowed to send and to read subscribers."""


class World:
    """A victim, a stranger, and keys of all sorts. canary: stands in what the victim stored, and in no request."""

    address, person = "victim@example.com", "u-17"

    def __init__(
        self, api: Api, operator_key: str, platform_key: str, new_subscription: Callable[[], dict[str, Any]]
    ) -> None:
        self.api, self.operator_key, self.platform_key = api, operator_key, platform_key
        self.canary = secrets.token_hex(12)
        self.keys: dict[tuple[str, str, KeyKind], str] = {}
        self.scoped: dict[tuple[str, KeyKind, Scope], str] = {}
        self.victim, self.stranger = (Customer.sign_up(self.api, name=f"Shop {mark}") for mark in (self.canary, "two"))
        self.closed = Customer.sign_up(self.api)
        off = {"dialects": dict.fromkeys(KEYED, False)}
        expect(200, self.api.operator("PATCH", self.closed.at(""), off))
        for name, dialect in KEYED.items():
            for kind, form in dialect.keys.items():
                for whose, customer in (("victim", self.victim), ("stranger", self.stranger), ("off", self.closed)):
                    self.keys[whose, name, kind] = self._key(customer, name, kind)["key"]
                self.keys["revoked", name, kind] = self._revoked_key(name, kind)
                for scope in form.scopes:
                    self.scoped[name, kind, scope] = self._key(self.stranger, name, kind, scopes=[scope])["key"]
        both = [Scope.SEND, Scope.CLIENTS_READ]
        self.sender_who_reads = self._key(self.stranger, "pushary", KeyKind.SECRET, scopes=both)["key"]
        self.reader = self.victim.cloudsignal()
        self.subscription = new_subscription()
        self.ids = self._store_the_victims_things(new_subscription())
        self.before = self.state()

    def call(self, route: KnownRoute, headers: Mapping[str, str], *, at: Customer | None = None) -> Answer:
        """A good request for what is the victim's, in paths and bodies; `at`: below another customer's app."""
        named = {} if at is None else {"app": at.app, "tenant": at.tenant, "channel": at.channel}
        return self.api.call(route.method, route.at(self.ids | named), self.body(route), headers)

    def body(self, route: KnownRoute) -> object:
        """What a route reads, naming the victim's person and browser. KeyError: a new route has none yet, add it."""
        if route.body is None:
            return None
        note = {"title": "Hi", "body": "there"}
        bodies: dict[str, object] = {
            "POST /v1/send": note | {"email": self.address},
            "POST /v1/subscribe": {"email": "somebody@example.com", "subscription": self.subscription},
            "POST /v1/unsubscribe": {"email": self.address},
            "POST /v2/push/send": note | {"target_registration_ids": [self.ids["registration_id"]]},
            "POST /v2/push/broadcast": note,
            "POST /v2/push/clients/register": {"subscription": self.subscription, "user_id": "u-18"},
            "POST /v2/push/clients/heartbeat": {"registration_id": self.ids["registration_id"]},
            "POST /api/v1/server/send": note | {"externalIds": [self.person]},
            "PATCH /api/v1/server/subscribers/{subscriber_id}": {"tags": ["stolen"]},
            "POST /api/v1/server/send/preview": note | {"externalIds": [self.person]},
            "POST /api/v1/server/campaigns": note | {"name": "More"},
            "PATCH /api/v1/server/campaigns/{campaign_id}": {"name": "stolen"},
            "POST /api/v1/server/templates": note | {"name": "More"},
            "PATCH /api/v1/server/templates/{template_id}": {"name": "stolen"},
            "POST /api/v1/server/segments": {"name": "More", "rules": {"everyone": True}},
            "POST /api/v1/server/segments/preview": {"rules": {"everyone": True}},
            "PATCH /api/v1/server/segments/{segment_id}": {"name": "stolen"},
            "POST /api/v1/server/flows": {"name": "More", "triggerType": "subscription"},
            "PATCH /api/v1/server/flows/{flow_id}": {"name": "stolen"},
            "POST /channels/{channel}/notifications/{iuid}": {"title": "Hello", "text": "there"},
            "POST /api/channels/{channel}/notifications/{iuid}": {"title": "Hello", "text": "there"},
            "POST /admin/tenants": {"name": "More"},
            "POST /admin/tenants/{tenant}/apps": {
                "name": "More",
                "site_url": SITE,
                "contact": "mailto:push@tocsin.dev",
            },
            "PATCH /admin/apps/{app}": {"name": "More"},
            "POST /admin/apps/{app}/keys": {"dialect": "pushservice"},
            "POST /admin/apps/{app}/credits": {"amount": 5, "reference": secrets.token_hex(8)},
            "POST /admin/apps/{app}/vapid-keys": {},
            "POST /admin/apps/{app}/user-tokens": {"user_id": self.person},
            "POST /admin/apps/{app}/people/export": {"external_id": self.person},
            "POST /admin/apps/{app}/people/erase": {"email": self.address},
            "POST /admin/apps/{app}/access-tokens": {"type": "user", "user_id": self.person},
            "POST /admin/apps/{app}/imports": {"vapid_key": self.ids["vapid_key"]},
            "PUT /admin/apps/{app}/fcm": firebase.service_account(),
            "PUT /admin/apps/{app}/webhooks/{dialect}": {"url": "https://hooks.example.com/stranger"},
            "POST /admin/apps/{app}/sends": note | {"to": {"external_ids": [self.person]}},
        }
        return bodies[str(route)]

    def made_up_key(self, real: str) -> str:
        """A key with the id of a real one, and a checksum that is right."""
        public, dot, secret = real.rpartition(".")
        start = secret.index("_") + 1
        made_up = compose(secret[: start - 1], secret[start : start + ID_LENGTH], BASE62[7] * SECRET_LENGTH)
        return f"{public}{dot}{made_up}"

    def state(self) -> dict[str, Any]:
        """What the victim has."""
        at = self.victim.at
        parts = ("keys", "credits", "audit", "vapid-keys", "webhooks/bnotify", "fcm")
        read = {part: self.api.operator("GET", at(f"/{part}")) for part in parts}
        kept = {part: expect(200, answer) for part, answer in read.items()}
        kept["app"] = expect(200, self.api.operator("GET", at("")))
        for key in kept["keys"]["keys"]:
            del key["last_used_at"]
        client = self.reader.call("GET", f"/clients/{self.ids['registration_id']}")
        kept["client"] = {name: value for name, value in expect(200, client).items() if name != "is_online"}
        return kept

    def _store_the_victims_things(self, sent_to: dict[str, Any]) -> dict[str, str]:
        """One browser that is named and tagged, one that was sent to, and the ids of everything."""
        page = {"Origin": SITE}
        below = f"/sdk/v1/{self.victim.app}/subscriptions"
        identity = {"externalId": self.person}
        tagged = {"subscription": self.subscription, "identity": identity, "tags": [self.canary]}
        made = expect(201, self.api.call("POST", below, tagged, page))
        client = self.victim.client()
        expect(201, client.subscribe(self.subscription, self.address))
        expect(201, self.api.call("POST", below, {"subscription": sent_to, "identity": {"externalId": "u-99"}}, page))
        note = {"title": self.canary, "body": self.canary, "to": {"external_ids": ["u-99"]}}
        sent = expect(200, self.api.operator("POST", self.victim.at("/sends"), note))
        asked = expect(200, self.victim.cloudsignal().send(target_user_ids=["nobody"]))
        named = self._key(self.victim, "pushservice", KeyKind.SECRET, name=self.canary)
        rotated = expect(200, self.api.operator("GET", self.victim.at("/vapid-keys")))["vapid_keys"][0]
        brought = expect(201, self.api.operator("POST", self.victim.at("/imports"), {"vapid_key": rotated["id"]}))
        account = firebase.service_account(project_id=f"shop-{self.canary}")
        expect(200, self.api.operator("PUT", self.victim.at("/fcm"), account))
        hook = {"url": f"https://hooks.example.com/{self.canary}"}
        expect(200, self.api.operator("PUT", self.victim.at("/webhooks/bnotify"), hook))
        campaign = {"name": self.canary, "title": self.canary, "body": self.canary}
        campaign = expect(201, self.victim.pushary().call("POST", "/campaigns", campaign))
        segment = {"name": self.canary, "rules": {"field": "tags", "operator": "has", "value": self.canary}}
        segment = expect(201, self.victim.pushary().call("POST", "/segments", segment))
        template = {"name": self.canary, "title": self.canary, "body": self.canary}
        template = expect(201, self.victim.pushary().call("POST", "/templates", template))
        flow = {"name": self.canary, "triggerType": "unsubscription", "steps": [{"stepType": "exit"}]}
        flow = expect(201, self.victim.pushary().call("POST", "/flows", flow))
        expect(200, self.victim.bnotify().notify("u-99", title=self.canary, text=self.canary))
        return {
            "app": self.victim.app,
            "tenant": self.victim.tenant,
            "channel": self.victim.channel,
            "iuid": "u-99",
            "key": named["id"],
            "vapid_key": rotated["id"],
            "import_id": brought["id"],
            "dialect": "bnotify",
            "event": "0" * 24,
            "send": sent["id"],
            "request_id": asked["request_id"],
            "campaign_id": campaign["id"],
            "segment_id": segment["id"],
            "template_id": template["id"],
            "flow_id": flow["id"],
            "subscriber_id": made["id"].partition(".")[0],
            "registration_id": made["id"].partition(".")[0].replace("sub_", "reg_"),
        }

    def _key(self, customer: Customer, dialect: str, kind: KeyKind, **fields: object) -> dict[str, Any]:
        return customer.key(kind, dialect=dialect, **fields)

    def _revoked_key(self, dialect: str, kind: KeyKind) -> str:
        made = self._key(self.victim, dialect, kind)
        expect(200, self.api.operator("DELETE", self.victim.at(f"/keys/{made['id']}")))
        return str(made["key"])


def doors() -> Iterator[Door]:
    """Every closed route, once for each kind of key that may open it."""
    for route in every_route():
        if str(route) in OPEN or route.dialect.name == BY_TOKEN:
            continue
        if not route.dialect.keys:
            yield Door(route, None)
        else:
            kinds = [kind for kind in route.dialect.keys if kind is not KeyKind.PUBLISHABLE]
            for kind in KINDS.get(str(route), kinds):
                yield Door(route, kind)


DOORS = list(doors())


def is_refused_for(answer: Answer, door: Door, fault: Fault) -> bool:
    """Whether an answer is the dialect's own refusal for this fault, by status, code and shape."""
    expected = door.route.dialect.render(Refused(fault, ""))
    told = answer.headers.get("x-error-code") == expected.headers.get("X-Error-Code")
    if answer.status != expected.status or not told or answer.json.keys() != expected.body.keys():
        return False
    error = answer.json.get("error")
    if isinstance(error, dict):
        return bool(error["code"] == fault)
    if expected.body == door.route.dialect.render(Refused(Fault.CREDENTIAL_INVALID, "")).body:
        return True  # it has one text for all that is wrong with a credential (PU-3)
    # One code may stand for several faults: then the words tell this one from others of a good request.
    return fault is not Fault.CREDENTIAL_AMBIGUOUS or b"exactly one credential" in answer.body
