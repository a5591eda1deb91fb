"""The engine's sizes for histories: all that matters happens with three browsers, too."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from unittest.mock import patch

from tests.simulation.promises import SMALL_WINDOW
from tocsin.webpush.vapid import VapidKey


@contextmanager
def small(*, large: int = 1000) -> Iterator[None]:
    """Chunks of three, two POSTs in flight, a save after each result; sends above `large` recipients are broadcasts.

    Cryptography is left out: it costs most of a history and decides nothing in it.
    """
    with ExitStack() as patches:
        for name, value in {
            "tocsin.application.fanning_out.CHUNK_SIZE": 3,
            "tocsin.application.delivery_pass.WINDOW": SMALL_WINDOW,
            "tocsin.domain.chunk.WINDOW": SMALL_WINDOW,
            "tocsin.application.delivery_pass.SAVE_EVERY": 1,
            "tocsin.domain.parts.PART_SIZE": 4,
            "tocsin.domain.send.LARGE": large,
            "tocsin.application.posting.encrypt": lambda plaintext, keys: b"sealed",
            "tocsin.webpush.vapid.sign": lambda claims, key: "e30.e30.c2lnbmVk",
        }.items():
            patches.enter_context(patch(name, value))
        patches.enter_context(patch("tocsin.application.signing.VapidKey.from_raw", cache(VapidKey.from_raw)))
        yield
