"""The pushService API in one place: its paths, its keys, its errors."""

from tocsin.dialect_kit.contract import Dialect
from tocsin.dialects.pushservice.errors import render
from tocsin.domain.api_key import KeyKind
from tocsin.domain.tenancy import DialectName

NAME = DialectName("pushservice")
DIALECT = Dialect(
    name=NAME,
    prefixes=("/v1",),
    key_prefixes={KeyKind.SECRET: "psk", KeyKind.PUBLISHABLE: "psp", KeyKind.SERVICE: "pss"},
    render=render,
)
