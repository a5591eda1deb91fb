"""QR codes as GIF images (BN-6): the symbol by segno, the image by the few lines that two colours need."""

import base64
from collections.abc import Iterator, Sequence

MODULE = 6
"""Pixels of a module's side: a phone reads it from a screen at arm's length."""
MARGIN = 4
"""Modules of quiet zone on each side (ISO/IEC 18004)."""
_CODE_SIZE = 2
"""Bits of a pixel's first code; GIF has none below 2 (GIF89a, appendix F)."""
_MOST_CODES = 4096
_BLOCK = 255


def gif_data_uri(text: str) -> str:
    """A QR code of a text of at most 2,331 bytes, with error correction M, as a `data:` URI."""
    # Imported here: one call of its function needs it, and loading it would lengthen each cold start.
    import segno  # noqa: PLC0415

    symbol = segno.make_qr(text, error="m", boost_error=False)
    rows = [[pixel for pixel in row for _ in range(MODULE)] for row in symbol.matrix_iter(border=MARGIN)]
    image = gif([row for row in rows for _ in range(MODULE)])
    return f"data:image/gif;base64,{base64.b64encode(image).decode()}"


def gif(rows: Sequence[Sequence[int]]) -> bytes:
    """A GIF89a of equally long rows of pixels, 0 for white and 1 for black."""
    width, height = len(rows[0]).to_bytes(2, "little"), len(rows).to_bytes(2, "little")
    screen = b"GIF89a" + width + height + b"\x80\x00\x00" + b"\xff\xff\xff\x00\x00\x00"
    descriptor = b"\x2c" + bytes(4) + width + height + b"\x00"
    data = _packed(_codes([pixel for row in rows for pixel in row]))
    blocks = b"".join(
        bytes([len(block)]) + block for start in range(0, len(data), _BLOCK) for block in [data[start : start + _BLOCK]]
    )
    return screen + descriptor + bytes([_CODE_SIZE]) + blocks + b"\x00\x3b"


def _codes(pixels: Sequence[int]) -> Iterator[tuple[int, int]]:
    """The pixels as LZW codes, each with its number of bits (GIF89a, appendix F)."""
    clear, end = 1 << _CODE_SIZE, (1 << _CODE_SIZE) + 1
    known: dict[tuple[int, int], int] = {}
    following, bits = end + 1, _CODE_SIZE + 1
    yield clear, bits
    prefix = pixels[0]
    for pixel in pixels[1:]:
        if (code := known.get((prefix, pixel))) is not None:
            prefix = code
            continue
        yield prefix, bits
        if following < _MOST_CODES:
            known[prefix, pixel] = following
            # The reader learns each code one step later than we do.
            bits += following == 1 << bits
            following += 1
        else:
            yield clear, bits
            known, following, bits = {}, end + 1, _CODE_SIZE + 1
        prefix = pixel
    yield prefix, bits
    yield end, bits


def _packed(codes: Iterator[tuple[int, int]]) -> bytes:
    """The codes as bytes, the lowest bits first."""
    packed, held, count = bytearray(), 0, 0
    for code, bits in codes:
        held |= code << count
        count += bits
        while count >= 8:  # noqa: PLR2004 - bits of a byte
            packed.append(held & 0xFF)
            held, count = held >> 8, count - 8
    if count:
        packed.append(held)
    return bytes(packed)
