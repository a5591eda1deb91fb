"""The Keymaster push API in one place: its paths, its keys, its errors."""

from tocsin.dialect_kit.contract import Dialect, KeyForm
from tocsin.dialects.keymaster.errors import render
from tocsin.dialects.keymaster.identifiers import app_id
from tocsin.domain.api_key import ID_LENGTH, KeyKind, Scope
from tocsin.domain.ids import AppId
from tocsin.domain.tenancy import DialectName

NAME = DialectName("keymaster")
PREFIX = "kmc"
_CLIENT_ID_LENGTH = len(PREFIX) + 1 + ID_LENGTH


def _credentials(_app: AppId, text: str) -> str:
    """`<client_id>:<client_secret>`, as `curl -u` takes it: the key's text, parted behind its id."""
    return f"{text[:_CLIENT_ID_LENGTH]}:{text[_CLIENT_ID_LENGTH:]}"


DIALECT = Dialect(
    name=NAME,
    prefixes=("/push", "/auth", "/.well-known"),
    keys={KeyKind.SECRET: KeyForm(PREFIX, "authorization", frozenset({Scope.SEND}), told=_credentials)},
    render=render,
    off_at_first=True,
    app_id=app_id,
)
