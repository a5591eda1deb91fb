"""The pushService API in one place: its paths, its keys, its errors."""

from tocsin.dialect_kit.contract import Dialect, KeyForm
from tocsin.dialects.pushservice.errors import render
from tocsin.domain.api_key import KeyKind, Scope
from tocsin.domain.tenancy import DialectName

NAME = DialectName("pushservice")
HEADER = "x-api-key"
"""Of every kind of key (PS-3)."""
_EVERYTHING = frozenset({Scope.SEND, Scope.SUBSCRIBE, Scope.UNSUBSCRIBE})
DIALECT = Dialect(
    name=NAME,
    prefixes=("/v1",),
    keys={
        KeyKind.SECRET: KeyForm("psk", HEADER, _EVERYTHING),
        KeyKind.PUBLISHABLE: KeyForm("psp", HEADER, frozenset({Scope.SUBSCRIBE})),
        KeyKind.SERVICE: KeyForm("pss", HEADER, _EVERYTHING),
    },
    render=render,
)
