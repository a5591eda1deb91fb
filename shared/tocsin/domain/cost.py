"""What a send costs: the operations that it took, counted where they are counted, and list prices."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from math import ceil

from tocsin.domain.chunk import CHUNK_SIZE
from tocsin.domain.ids import ID_BYTES
from tocsin.domain.prices import USD, VCPU_GB, Resource
from tocsin.domain.report import Report
from tocsin.domain.send import SYNC_RECIPIENTS, Charge, Chosen, Everyone, Matching, Send, Tally

KB, QUEUE_KB = 1024, 65_536
RECIPIENT_BYTES = 350
"""In a queue's message."""
RECORD_BYTES = 130
"""Keys and names of an item that holds ids."""
WALKED = Decimal("0.09")
"""Read units for each subscription of an app that is walked: about 600 bytes, read eventually, a page at a time."""
SHARDS = 32
REPORT: Mapping[Resource, Decimal] = {
    Resource.API_REQUEST: Decimal(1),
    Resource.INVOCATION: Decimal("1.01"),
    Resource.GB_SECOND: Decimal("0.0025") * VCPU_GB,
    Resource.QUEUE_REQUEST: Decimal("1.2"),
    Resource.FAIR_QUEUE_REQUEST: Decimal("1.2"),
    Resource.WRITE_UNIT: Decimal("0.82"),
    Resource.READ_UNIT: Decimal("1.02"),
    Resource.LOG_GB: Decimal("295e-9"),
}
"""What it takes to have one report of a reader counted, each sent by itself, as most are; `make bench` counts it."""
IN_TRANSACTION = 2
_MICRO = 1_000_000


@dataclass(frozen=True, slots=True)
class Cost:
    """Units by what AWS bills, and what they cost at its list prices."""

    units: Mapping[Resource, Decimal]

    def micro_dollars(self, resource: Resource) -> Decimal:
        """The price of one part, in millionths of a US dollar."""
        return self.units[resource] * USD[resource] * _MICRO

    @property
    def total(self) -> Decimal:
        """All parts together, in millionths of a US dollar."""
        return sum(map(self.micro_dollars, self.units), Decimal(0))


def cost(send: Send, counts: Tally, report: Report) -> Cost:
    """An estimate, for what the send took so far.

    Saves of chunks and processor time are counted as they happen; what belongs to every send, chunk or recipient is
    counted by its number. Left out: what readers report, data transfer, logs, waiting (a worker waits for many chunks
    at once), repeats of queue messages, reading who has not the label or is not in the segment, free tiers, discounts.
    """
    units: Counter[Resource] = Counter()
    of_chunks = _of_queued(send) if send.parts else _of_request(send)
    for part in (_of_any(send), of_chunks, _of_recipients(send, counts)):
        units.update(part)
    units[Resource.WRITE_UNIT] += report.writes
    found = {resource: Decimal(number) for resource, number in units.items()}
    return Cost(found | {Resource.GB_SECOND: Decimal(report.cpu_ms) / 1000 * VCPU_GB})


def cost_of_reports(number: int) -> Cost:
    """An estimate, for so many reports of readers that were counted: displayed, clicked, dismissed."""
    return Cost({resource: number * units for resource, units in REPORT.items()})


def cost_of_looking(subscriptions: int) -> Cost:
    """An estimate, for finding out how many are meant by looking at so many of an app's subscriptions."""
    return Cost({Resource.READ_UNIT: SHARDS + subscriptions * WALKED})


def _of_any(send: Send) -> Mapping[Resource, int]:
    """The request, the reservation and the settlement: two writes of the send, two ledger rows, and the money."""
    rows = 4 * (IN_TRANSACTION + 1)  # each changes an index, too
    money = 0 if send.charge is Charge.NONE else 2 * IN_TRANSACTION
    broadcast = isinstance(send.audience, Everyone) and send.reserved > SYNC_RECIPIENTS
    return {
        Resource.WRITE_UNIT: rows + money + IN_TRANSACTION * broadcast,
        Resource.READ_UNIT: 2 + (SHARDS if isinstance(send.audience, Everyone) else 0),
        Resource.INVOCATION: 1,
    }


def _of_request(send: Send) -> Mapping[Resource, int]:
    """A send that is delivered in the request: its chunk comes with the reservation and ends with the settlement."""
    # The claim and the end, which the report counts as well, are in transactions: twice the price of a write.
    return {Resource.WRITE_UNIT: (2 + IN_TRANSACTION * _ids_kb(send.reserved)) * bool(send.chunks)}


def _of_queued(send: Send) -> Mapping[Resource, int]:
    """Planning, and for each chunk: opening it, its ids, counting its end, and its message there and back."""
    parts, chunks = len(send.parts), send.chunks or ceil(send.reserved / CHUNK_SIZE)
    each = ceil(send.reserved / chunks) if chunks else 0
    message = 2 * ceil(each * RECIPIENT_BYTES / QUEUE_KB) + 1  # sent, received, deleted
    requests = 3 * parts + chunks * message
    return {
        Resource.WRITE_UNIT: chunks * (1 + _ids_kb(each) + 1) + parts + 1,
        Resource.READ_UNIT: 2 * chunks + ceil(chunks / 4),  # claimed with its send; read again at the end
        Resource.QUEUE_REQUEST: requests,
        Resource.FAIR_QUEUE_REQUEST: requests,
        Resource.INVOCATION: parts + chunks,
    }


def _of_recipients(send: Send, counts: Tally) -> Mapping[Resource, int]:
    """Finding them, reading what personal texts are made of, noting who a small send reached, burying the gone."""
    match send.audience:
        case Everyone():
            found = ceil(send.reserved * WALKED)
        case Matching():
            found = ceil(send.reserved * WALKED)
        case Chosen(identities, ids, labels):
            found = len(identities) + len(ids) + (send.reserved if identities else 0)
            found += ceil(send.reserved * WALKED) if labels else 0
    found += send.reserved if send.variables is not None else 0
    noted = counts.accepted if send.reserved <= SYNC_RECIPIENTS else 0
    return {Resource.WRITE_UNIT: noted + 6 * counts.gone, Resource.READ_UNIT: found + counts.gone}


def _ids_kb(recipients: int) -> int:
    return ceil((recipients * ID_BYTES + RECORD_BYTES) / KB)
