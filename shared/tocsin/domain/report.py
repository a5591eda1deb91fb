"""What push services answered to a chunk or a send, counted: what its record shows, and its doctor explains."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import NamedTuple

OTHER = "other"


class Fate(StrEnum):
    """What an answer did to a message. RETRIED: put off; the others are final."""

    ACCEPTED = "accepted"
    GONE = "gone"
    FAILED = "failed"
    RETRIED = "retried"


class Said(NamedTuple):
    """One sort of answer. service: who gave it, NOBODY where no push service was asked. reason: its word, or ours."""

    service: str
    fate: Fate
    reason: str


NOBODY = "none"


@dataclass(frozen=True, slots=True)
class Report:
    """Answers by sort, and what they took: POSTs, writes of chunk records, milliseconds of processor time.

    missing: values that placeholders had not, in the texts that were accepted.
    """

    said: Mapping[Said, int] = field(default_factory=dict)
    posts: int = 0
    writes: int = 0
    cpu_ms: int = 0
    missing: int = 0

    def __add__(self, other: "Report") -> "Report":
        said = Counter(self.said)
        said.update(other.said)
        return Report(
            said,
            self.posts + other.posts,
            self.writes + other.writes,
            self.cpu_ms + other.cpu_ms,
            self.missing + other.missing,
        )

    def count(self, fate: Fate) -> int:
        """How many answers had this fate."""
        return sum(number for said, number in self.said.items() if said.fate is fate)

    @property
    def untried(self) -> int:
        """How many failed without any push service being asked: their send was cancelled, or over, or they had left."""
        return sum(number for said, number in self.said.items() if said.service == NOBODY and said.fate is Fate.FAILED)

    def shortened(self, room: int) -> "Report":
        """The same in `room` characters, each sort at 8 and its reason: the rarer reasons become OTHER.

        Service and fate always stay, so that many of them together may take more.
        """
        left = room - _length(self.said)
        if left >= 0:
            return self
        nameless = {each: each._replace(reason=OTHER if each.reason else "") for each in self.said}
        said: Counter[Said] = Counter()
        for each, number in self.said.items():
            said[nameless[each]] += number
        left = room - _length(said)
        # What is final is worth a name before what was tried again.
        for each, number in sorted(self.said.items(), key=lambda item: (item[0].fate is Fate.RETRIED, -item[1])):
            if each != nameless[each] and _length([each]) <= left:
                left -= _length([each])
                said[nameless[each]] -= number
                said[each] = number
        return replace(self, said=+said)


def total(reports: Iterable[Report]) -> Report:
    """All of these together."""
    return sum(reports, Report())


def _length(said: Iterable[Said]) -> int:
    return sum(8 + len(each.reason) for each in said)
