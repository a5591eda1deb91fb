"""Calls of a store that wait for each other for no reason, made at once."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Asked = TypeVar("Asked")
Answered = TypeVar("Answered")

AT_ONCE = 16
"""Calls at the same time; the client's connection pool must hold as many, and those of other threads."""


def side_by_side(call: Callable[[Asked], Answered], asked: Sequence[Asked]) -> list[Answered]:
    """What `call` answers to each, in order. Raises what the first of them raised; none goes on after this returns."""
    if len(asked) <= 1:
        return [call(one) for one in asked]
    with ThreadPoolExecutor(min(AT_ONCE, len(asked))) as threads:
        return list(threads.map(call, asked))
