"""base64url without padding (RFC 4648 section 5), the one text form of bytes in Web Push."""

import base64
import binascii


def to_base64url(data: bytes) -> str:
    """The text of some bytes, unpadded."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def from_base64url(text: str) -> bytes:
    """The bytes of a text, padded or not. Raises ValueError on any other character or length."""
    stripped = text.rstrip("=")
    if not stripped.isascii() or len(stripped) % 4 == 1:
        raise ValueError("not base64url")
    try:
        return base64.b64decode(stripped.encode() + b"=" * (-len(stripped) % 4), altchars=b"-_", validate=True)
    except binascii.Error as error:
        raise ValueError("not base64url") from error
