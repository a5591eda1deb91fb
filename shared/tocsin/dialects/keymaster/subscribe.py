"""POST /push/devices/register (KM-12 to KM-15): a person's browser or phone, by the person's own token."""

from typing import Annotated, Literal

from fastapi import APIRouter
from pydantic import ValidationError, ValidatorFunctionWrapHandler, WrapValidator
from starlette.requests import Request
from starlette.responses import Response

from tocsin.application.identifying import Claim
from tocsin.application.subscribing import SubscribeCommand
from tocsin.dialect_kit.bodies import WireModel, json_body
from tocsin.dialect_kit.dependencies import EngineDependency
from tocsin.dialect_kit.origins import preflight
from tocsin.dialect_kit.strict_json import load_object
from tocsin.dialect_kit.subscriptions import PushSubscription
from tocsin.dialect_kit.user_agent import device_of
from tocsin.dialects.keymaster.callers import Person, app_of_person
from tocsin.dialects.keymaster.dialect import NAME
from tocsin.dialects.keymaster.identifiers import app_in, device_id
from tocsin.domain.errors import Fault, Refused
from tocsin.domain.identity import IdentityKind
from tocsin.domain.subscription import Device, Platform
from tocsin.domain.tenancy import App

router = APIRouter()

TOKEN_SCHEME = "fcm:"  # noqa: S105 - a prefix, not a secret


def _in_either_form(value: object, validate: ValidatorFunctionWrapHandler) -> object:
    # A union's own errors name our classes.
    try:
        return validate(value)
    except ValidationError:
        raise ValueError("must be a PushSubscription as JSON, or an FCM token") from None


class RegisterRequest(WireModel):
    """A device. push_token: for web the browser's PushSubscription, as JSON text or as an object, else an FCM token."""

    app_id: str
    platform: Literal["web", "ios", "android"]
    push_token: Annotated[str | PushSubscription, WrapValidator(_in_either_form)]

    def to_command(self, app: App, user_id: str, device: Device) -> SubscribeCommand:
        """The core's form; the person's token is the proof of whose device it is. Raises Refused: FIELD_INVALID."""
        found = self._subscription()
        return SubscribeCommand(
            app=app,
            endpoint=f"{TOKEN_SCHEME}{self.push_token}" if found is None else found.endpoint,
            p256dh="" if found is None else found.keys.p256dh,
            auth="" if found is None else found.keys.auth,
            trusted=True,
            claims=(Claim(IdentityKind.EXTERNAL, user_id, None),),
            device=device,
            platform=Platform(self.platform),
            untold=True,
        )

    def _subscription(self) -> PushSubscription | None:
        """A browser's subscription, None for an FCM token. Raises Refused: FIELD_INVALID."""
        if isinstance(self.push_token, PushSubscription):
            if self.platform != "web":
                raise _invalid("must be an FCM registration token for ios and android")
            return self.push_token
        if self.platform != "web" or not self.push_token.lstrip().startswith("{"):
            return None
        try:
            return PushSubscription.model_validate(load_object(self.push_token.encode()))
        except (ValidationError, Refused):
            raise _invalid("must be a PushSubscription as JSON, or an FCM token") from None


@router.post("/push/devices/register", status_code=201)
def register(
    person: Person,
    body: Annotated[RegisterRequest, json_body(RegisterRequest)],
    request: Request,
    engine: EngineDependency,
) -> dict[str, str]:
    """Register a device for the person; again renews it, and another person's becomes theirs (KM-13)."""
    app = app_of_person(person, app_in(body.app_id), request, engine)
    if NAME in app.dialects_off:
        raise Refused(Fault.APP_DISABLED, "Push not enabled")
    engine.identifying.count_registration(app, person.subject)
    try:
        stored = engine.subscribing.subscribe(body.to_command(app, person.subject, device_of(request, Device())))
    except Refused as refused:
        if refused.field is None or not refused.field.startswith("subscription"):
            raise
        raise _invalid(refused.message.partition(" ")[2]) from refused
    return {"device_id": device_id(stored.id)}


@router.options("/push/devices/register")
def register_preflight(request: Request) -> Response:
    """What a browser asks before a page's call with its user's token."""
    return preflight(request, "POST", "Authorization, Content-Type")


def _invalid(rule: str) -> Refused:
    return Refused(Fault.FIELD_INVALID, f"push_token {rule}", field="push_token")
