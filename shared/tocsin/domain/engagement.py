"""What readers did with the messages of a send: displayed, clicked, dismissed; counted once for each recipient.

Recipients are counted in blocks of four chunks. A block holds three bits for each of them and the figures that follow
from those bits, and both change in one write: so they can never disagree.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import NamedTuple

from tocsin.domain.chunk import CHUNK_SIZE
from tocsin.domain.ids import AppId, SendId
from tocsin.domain.place_token import Place
from tocsin.webpush.origins import PushService

BLOCK_CHUNKS = 4
"""Chunks whose recipients are counted together: bits and figures of 2,000 people fill the kilobyte of a write."""
HOUR = 3600


class Act(StrEnum):
    """What becomes of a message that a push service took, in the order in which it can happen."""

    DISPLAYED = "displayed"
    CLICKED = "clicked"
    DISMISSED = "dismissed"


class Sighting(NamedTuple):
    """What the worker of one recipient reported, once its token is proved. at: Unix seconds."""

    act: Act
    send: SendId
    place: Place
    at: int

    @property
    def block(self) -> int:
        """The number of the block that counts its recipient."""
        return self.place.chunk // BLOCK_CHUNKS

    @property
    def bit(self) -> int:
        """The number of the recipient in that block."""
        return self.place.chunk % BLOCK_CHUNKS * CHUNK_SIZE + self.place.index


class Cell(NamedTuple):
    """What is counted together. hour: number of the hour since 1970, UTC."""

    hour: int
    service: PushService
    act: Act


@dataclass(frozen=True, slots=True)
class Block:
    """The stored record. bits: who did what, each a set of recipients as a number. version: counts writes, 0: none."""

    app: AppId
    send: SendId
    number: int
    bits: Mapping[Act, int] = field(default_factory=dict)
    figures: Mapping[Cell, int] = field(default_factory=dict)
    version: int = 0


@dataclass(frozen=True, slots=True)
class Figures:
    """How many recipients."""

    displayed: int = 0
    clicked: int = 0
    dismissed: int = 0

    def __add__(self, other: "Figures") -> "Figures":
        return Figures(self.displayed + other.displayed, self.clicked + other.clicked, self.dismissed + other.dismissed)


@dataclass(frozen=True, slots=True)
class Engagement:
    """What is known of a send's messages. by_hour: by the hour's beginning (Unix seconds, ascending), when it happened.

    Who clicked or dismissed a message has also had it displayed, so neither can exceed `displayed`.
    """

    displayed: int = 0
    clicked: int = 0
    dismissed: int = 0
    by_hour: Mapping[int, Figures] = field(default_factory=dict)
    by_service: Mapping[PushService, Figures] = field(default_factory=dict)

    @property
    def reports(self) -> int:
        """How much was counted, in all."""
        return self.displayed + self.clicked + self.dismissed


def news(block: Block, sightings: Iterable[Sighting], *, clicks_only: bool) -> tuple[Sighting, ...]:
    """What a block does not know yet, each once, in the order in which it happened.

    A click or a dismissal proves that the message was displayed, though the report of that be lost or late.
    clicks_only: nobody asked for anything else.
    """
    known, found = dict(block.bits), []
    for sighting in sorted(sightings, key=lambda each: (each.at, _ORDER[each.act])):
        proved = (sighting.act,) if clicks_only else tuple(dict.fromkeys((Act.DISPLAYED, sighting.act)))
        for act in proved:
            if clicks_only and act is not Act.CLICKED:
                continue
            if not known.get(act, 0) >> sighting.bit & 1:
                known[act] = known.get(act, 0) | 1 << sighting.bit
                found.append(sighting._replace(act=act))
    return tuple(found)


def noted(block: Block, new: Iterable[Sighting]) -> Block:
    """The block with its news; to be stored if nobody has written to it since it was read."""
    bits, figures = dict(block.bits), Counter(block.figures)
    for sighting in new:
        bits[sighting.act] = bits.get(sighting.act, 0) | 1 << sighting.bit
        figures[Cell(sighting.at // HOUR, sighting.place.service, sighting.act)] += 1
    return replace(block, bits=bits, figures=figures, version=block.version + 1)


def engagement(blocks: Iterable[Mapping[Cell, int]]) -> Engagement:
    """The sum of the figures of all blocks of a send."""
    cells: Counter[Cell] = Counter()
    for figures in blocks:  # hundreds, with dozens of cells each: numbers first, records afterwards
        for cell, number in figures.items():
            cells[cell] += number
    total = Figures()
    by_hour: defaultdict[int, Figures] = defaultdict(Figures)
    by_service: defaultdict[PushService, Figures] = defaultdict(Figures)
    for cell, number in cells.items():
        part = Figures(**{cell.act.value: number})
        total += part
        by_hour[cell.hour * HOUR] += part
        by_service[cell.service] += part
    return Engagement(
        total.displayed, total.clicked, total.dismissed, dict(sorted(by_hour.items())), dict(sorted(by_service.items()))
    )


_ORDER = {act: number for number, act in enumerate(Act)}
