"""What has to be reached, and whether it was."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bar:
    """One figure. must: the bar; aim: what is wanted; written: how a figure is shown."""

    name: str
    value: float
    must: float
    aim: float
    written: Callable[[float], str]
    more_is_better: bool = False

    @property
    def reached(self) -> str:
        """ "aim", "yes" or "no"; "yes" too where bar and aim are the same."""
        if self.aim != self.must and self._holds(self.aim):
            return "aim"
        return "yes" if self._holds(self.must) else "no"

    def _holds(self, limit: float) -> bool:
        return self.value >= limit if self.more_is_better else self.value <= limit


def part(value: float) -> str:
    """A share, as 1/18."""
    return f"1/{1 / value:.1f}".removesuffix(".0")


def times(value: float) -> str:
    """A multiple."""
    return f"{value:.1f}x"


def megabytes(value: float) -> str:
    """Memory."""
    return f"{value:.0f} MB"


def seconds(value: float) -> str:
    """A time."""
    return f"{value:.1f} s"


def dollars(value: float) -> str:
    """An amount."""
    return f"${value:.4f}".rstrip("0")


def count(value: float) -> str:
    """A number of things."""
    return f"{value:,.0f}"


def share(value: float) -> str:
    """A part of the whole, in percent."""
    return f"{100 * value:.1f} %"
