"""VAPID key pairs as people keep them in files."""

import json
from pathlib import Path
from typing import Any

from dev.move.failure import MoveFailure

_PRIVATE = ("privateKey", "private_key")
_PUBLIC = ("publicKey", "public_key")


def pair_in(private: Path, public: Path | None) -> dict[str, str]:
    """The pair as the API takes it. private: PEM, DER, base64url or JWK, or what web-push's generate-vapid-keys wrote.

    Raises MoveFailure.
    """
    text = read(private)
    written = _object(text)
    if (key := _first(written, _PRIVATE)) is not None:
        text = key
    pair = {"private_key": text.strip()}
    told = read(public).strip() if public is not None else _first(written, _PUBLIC)
    return pair if told is None else pair | {"public_key": told}


def exported_keys(file: Path) -> list[dict[str, Any]]:
    """The keys that an export wrote. Raises MoveFailure."""
    keys = _object(read(file)).get("vapid_keys")
    if not isinstance(keys, list) or not all(isinstance(key, dict) and _first(key, _PRIVATE) for key in keys):
        raise MoveFailure(f"{file} is no vapid-keys.json of an export.")
    return keys


def read(file: Path) -> str:
    """The text of a small file. Raises MoveFailure."""
    try:
        return file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise MoveFailure(f"{file} cannot be read: {reason}.") from None


def _object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _first(found: dict[str, Any], names: tuple[str, ...]) -> str | None:
    return next((found[name] for name in names if isinstance(found.get(name), str)), None)
