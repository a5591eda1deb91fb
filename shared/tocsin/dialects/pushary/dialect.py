"""The Pushary API in one place: its path, its keys, its errors."""

from tocsin.dialect_kit.contract import Dialect, KeyForm
from tocsin.dialects.pushary.callers import NAME, both_halves, counted
from tocsin.dialects.pushary.errors import render
from tocsin.domain.api_key import KeyKind, Scope

DIALECT = Dialect(
    name=NAME,
    prefixes=("/api/v1/server",),
    keys={
        KeyKind.SECRET: KeyForm(
            "sk",
            "authorization",
            frozenset({Scope.SEND, Scope.CLIENTS_READ, Scope.CLIENTS_WRITE}),
            told=both_halves,
        ),
    },
    render=render,
    met=counted,
)
