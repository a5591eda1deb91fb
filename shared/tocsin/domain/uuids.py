"""Ids as UUIDs of version 4 (RFC 9562): of their 122 bits 96 are the id, and 26 say what it is an id of.

So a UUID of one kind, or one in which anything was altered, is none of another kind.
"""

import re
from dataclasses import dataclass
from hashlib import sha256

_FORM = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
_TAIL_BITS = 26
_MIDDLE_BITS, _LOW_BITS = 12, 62
"""Of the 128, version and variant take six and leave 48, 12 and 62 bits, in this order."""


@dataclass(frozen=True, slots=True)
class UuidForm:
    """The UUIDs of one kind. number_bits: how many of the 26 carry a number beside the id; the rest is a checksum."""

    kind: str
    number_bits: int = 0

    def render(self, id_: str, number: int = 0) -> str:
        """The UUID of an id (24 hex digits). number: below 2 ** number_bits."""
        value = int(id_, 16) << _TAIL_BITS | number << self._checksum_bits | self._checksum(id_, number)
        high, rest = value >> _MIDDLE_BITS + _LOW_BITS, value & (1 << _MIDDLE_BITS + _LOW_BITS) - 1
        middle, low = rest >> _LOW_BITS, rest & (1 << _LOW_BITS) - 1
        digits = f"{high:012x}4{middle:03x}{0b10 << _LOW_BITS | low:016x}"
        return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"

    def parse(self, text: str) -> tuple[str, int] | None:
        """The id and the number in a UUID, in any case (RFC 9562 section 4); None when it is none of this kind."""
        lower = text.lower()
        if not text.isascii() or not _FORM.fullmatch(lower):
            return None
        digits = lower.replace("-", "")
        high, middle, low = int(digits[:12], 16), int(digits[13:16], 16), int(digits[16:], 16) & (1 << _LOW_BITS) - 1
        value = (high << _MIDDLE_BITS | middle) << _LOW_BITS | low
        id_, number = f"{value >> _TAIL_BITS:024x}", (value & (1 << _TAIL_BITS) - 1) >> self._checksum_bits
        return (id_, number) if self.render(id_, number) == lower else None

    @property
    def _checksum_bits(self) -> int:
        return _TAIL_BITS - self.number_bits

    def _checksum(self, id_: str, number: int) -> int:
        digest = sha256(f"{self.kind}\0{id_}\0{number}".encode()).digest()
        return int.from_bytes(digest[:4], "big") >> 32 - self._checksum_bits


APP = UuidForm("app")
TENANT = UuidForm("tenant")
