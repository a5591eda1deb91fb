"""The bNotify API in one place: its paths, its key, its errors."""

from tocsin.dialect_kit.contract import Dialect, KeyForm
from tocsin.dialects.bnotify.errors import render
from tocsin.domain.api_key import KeyKind, Scope
from tocsin.domain.tenancy import DialectName

NAME = DialectName("bnotify")
DIALECT = Dialect(
    name=NAME,
    prefixes=("/channels", "/api/channels", "/qrcode"),
    keys={
        KeyKind.SECRET: KeyForm(
            "bn",
            "x-channel-api-key",
            frozenset({Scope.SEND, Scope.CLIENTS_READ, Scope.CLIENTS_WRITE}),
        ),
    },
    render=render,
    app_id=str,
)
