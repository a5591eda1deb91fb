"""Who calls: a server with its channel's key; and in which order that is checked (BN-24)."""

import re
from collections.abc import Callable
from typing import Annotated

from fastapi import Depends, Path
from starlette.requests import Request

from tocsin.application.authenticating import Caller
from tocsin.dialect_kit.callers import caller_by, limit_key
from tocsin.dialect_kit.credentials import credential
from tocsin.dialect_kit.dependencies import EngineDependency
from tocsin.dialects.bnotify.dialect import DIALECT, NAME
from tocsin.domain.api_key import KeyKind, Scope
from tocsin.domain.errors import Fault, Refused
from tocsin.domain.identity import MAX_EXTERNAL
from tocsin.domain.ids import AppId

LOOK_UPS_PER_MINUTE, SENDS_PER_MINUTE = 200, 600
"""For each key and route, unless the key was made with a limit of its own (BN-11, BN-15, BN-21)."""
_CHANNEL = re.compile(r"[0-9a-fA-F]{24}")


def _server(scope: Scope, route: str, per_minute: int) -> Callable[..., Caller]:
    def caller(request: Request, engine: EngineDependency, channel: Annotated[str, Path()]) -> Caller:
        """Raises Refused: FIELD_INVALID (no channel id), CREDENTIAL_*, RATE_LIMITED, NOT_FOUND, in this order."""
        if not _CHANNEL.fullmatch(channel):
            raise Refused(Fault.FIELD_INVALID, "Channel id not valid", field="channelId")
        id_ = AppId(channel.lower())
        key = credential(request, DIALECT.keys[KeyKind.SECRET].header)
        found = caller_by(request, engine, key, NAME, scope)
        own = found.app.id == id_
        if not own and engine.authenticating.app(id_) is not None:
            raise Refused(Fault.CREDENTIAL_INVALID, "The key is another channel's")
        limit_key(engine, found, route, per_minute)
        if not own:
            raise Refused(Fault.NOT_FOUND, "Channel not found")
        return found

    return caller


def _iuid(iuid: Annotated[str, Path()]) -> str:
    """Your own id of a user, taken as it is (BN-10). Raises Refused: FIELD_INVALID."""
    if not iuid.strip():
        raise Refused(Fault.FIELD_INVALID, "iuid should not be empty", field="iuid")
    if len(iuid) > MAX_EXTERNAL:
        message = f"iuid must be shorter than or equal to {MAX_EXTERNAL} characters"
        raise Refused(Fault.FIELD_INVALID, message, field="iuid")
    return iuid


CodeCaller = Annotated[Caller, Depends(_server(Scope.CLIENTS_WRITE, "code", LOOK_UPS_PER_MINUTE))]
ListCaller = Annotated[Caller, Depends(_server(Scope.CLIENTS_READ, "list", LOOK_UPS_PER_MINUTE))]
DetailCaller = Annotated[Caller, Depends(_server(Scope.CLIENTS_READ, "detail", LOOK_UPS_PER_MINUTE))]
NotificationReader = Annotated[Caller, Depends(_server(Scope.CLIENTS_READ, "notifications", LOOK_UPS_PER_MINUTE))]
Sender = Annotated[Caller, Depends(_server(Scope.SEND, "send", SENDS_PER_MINUTE))]
Iuid = Annotated[str, Depends(_iuid)]
