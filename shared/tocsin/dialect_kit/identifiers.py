"""Ids as our own API shows them: a prefix that names the kind, and 20 characters of base32."""

import base64
import binascii
import re

from tocsin.domain.ids import ID_BYTES

_FORM = re.compile(r"[a-z2-7]{20}")
_BARE = re.compile(rf"[0-9a-f]{{{2 * ID_BYTES}}}")


def render(prefix: str, id_: str) -> str:
    """`app_...` for the 24 hex digits of an id."""
    return f"{prefix}_{base64.b32encode(bytes.fromhex(id_)).decode().rstrip('=').lower()}"


def parse_bare(text: str) -> str | None:
    """An id as it stands in log lines: its 24 hex digits, or None when the text is none."""
    return text if _BARE.fullmatch(text) else None


def parse(prefix: str, text: str) -> str | None:
    """The 24 hex digits, or None when the text is no id of this kind."""
    kind, underscore, digits = text.partition("_")
    if kind != prefix or not underscore or not _FORM.fullmatch(digits):
        return None
    try:
        data = base64.b32decode(digits.upper() + "=" * (-len(digits) % 8))
    except binascii.Error:
        return None
    # The last character carries four spare bits; only their zero form is ours.
    return data.hex() if len(data) == ID_BYTES and render(prefix, data.hex()) == text else None
