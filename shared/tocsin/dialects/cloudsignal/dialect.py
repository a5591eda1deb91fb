"""The CloudSignal API in one place: its paths, its keys, its errors."""

from tocsin.dialect_kit.contract import Dialect, KeyForm
from tocsin.dialects.cloudsignal.errors import render
from tocsin.domain.api_key import KeyKind, Scope
from tocsin.domain.tenancy import DialectName

NAME = DialectName("cloudsignal")
DIALECT = Dialect(
    name=NAME,
    prefixes=("/v2/push",),
    keys={
        KeyKind.SECRET: KeyForm(
            "sk",
            "x-secret-key",
            frozenset({Scope.SEND, Scope.CLIENTS_READ, Scope.CLIENTS_WRITE, Scope.SERVICE_READ}),
        ),
        KeyKind.PUBLISHABLE: KeyForm("pk", "x-publishable-key", frozenset({Scope.SUBSCRIBE})),
    },
    render=render,
)
