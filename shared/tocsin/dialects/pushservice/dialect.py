"""The pushService API in one place: its paths, its keys, its errors."""

from tocsin.dialect_kit.contract import Dialect, KeyForm
from tocsin.dialects.pushservice.errors import render
from tocsin.domain.api_key import KeyKind, Scope
from tocsin.domain.tenancy import DialectName

NAME = DialectName("pushservice")
_EVERYTHING = frozenset({Scope.SEND, Scope.SUBSCRIBE, Scope.UNSUBSCRIBE})
DIALECT = Dialect(
    name=NAME,
    prefixes=("/v1",),
    keys={
        KeyKind.SECRET: KeyForm("psk", _EVERYTHING),
        KeyKind.PUBLISHABLE: KeyForm("psp", frozenset({Scope.SUBSCRIBE})),
        KeyKind.SERVICE: KeyForm("pss", _EVERYTHING),
    },
    render=render,
)
