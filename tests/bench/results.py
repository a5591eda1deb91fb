"""Everything that one run of the benchmark found out; its tables and its JSON."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any

from tests.bench import bars, costs
from tests.bench.bars import Bar
from tests.bench.beacons import PATTERN, Beacons
from tests.bench.million import Story
from tests.bench.racing import ASYNC, FAN_OUT, FLOOR, FLOOR_C, LOOP, NODE, OURS, PEERS, Measured
from tocsin.domain.cost import cost_of_reports
from tocsin.domain.prices import AS_OF, USD, VCPU_GB, Resource

MILLION = 1_000_000
LEFT_OUT = (
    "Processor time is this machine's, at the price of arm64.",
    "Queues are polled while they are empty, too: a fixed cost of each deployment.",
    "All workers are there from the beginning; Lambda's pollers add theirs over minutes.",
    "Data transfer: the messages to the push services leave AWS.",
    "API Gateway: one request a send.",
)
_NOTES = {
    FLOOR: "the OpenSSL that cryptography brings",
    FLOOR_C: "the system's OpenSSL; where that is 3.0, it is slower than the one above",
}


@dataclass(frozen=True, slots=True)
class Results:
    """races: by the push service's seconds. simulated: `million` stands for so many recipients, `tenth` for a tenth.

    plain, gone, failed: small sends to find out what a refusal costs. imports: seconds by function. busy: whether the
    machine had something else to do when this began; verdicts say so then.
    """

    machine: Mapping[str, str]
    busy: bool
    races: Mapping[float, Mapping[str, Measured]]
    last_chunk: Measured
    imports: Mapping[str, float]
    size: int
    million: Story
    tenth: Story
    plain: Story
    gone: Story
    failed: Story
    beacons: Beacons

    @property
    def fast(self) -> Mapping[str, Measured]:
        """The race against a push service that answers at once."""
        return self.races[min(self.races)]

    @property
    def slow(self) -> Mapping[str, Measured]:
        """The race against one that takes its time."""
        return self.races[max(self.races)]

    @property
    def cpu_seconds(self) -> float:
        """Processor seconds of all workers for the simulated send, as in the slower race, cold starts included."""
        starts = sum(self.imports[function] * number for function, number in self.million.cold_starts.items())
        return self.size * (self.slow[OURS].cpu_ms + self.slow[FAN_OUT].cpu_ms) / 1000 + starts

    @property
    def units(self) -> Mapping[Resource, Decimal]:
        """What the simulated send used, for a million."""
        factor = Decimal(MILLION) / self.size
        return {name: used * factor for name, used in costs.used(self.million, self.cpu_seconds).items()}

    @property
    def dollars(self) -> Mapping[Resource, Decimal]:
        """What that costs."""
        return costs.priced(self.units)

    @property
    def dollars_of_beacons(self) -> Mapping[Resource, Decimal]:
        """What a million reports of readers cost."""
        return costs.priced(costs.used_by_readers(self.beacons, MILLION))

    @property
    def growth(self) -> Mapping[str, float]:
        """The simulated send against ten times one to a tenth: what it asked of AWS, and its processor time.

        The first is exact; the second is as steady as the machine.
        """
        whole, tenth = (sum(costs.priced(costs.used(one, 0)).values()) for one in (self.million, self.tenth))
        return {"cost": float(whole / (10 * tenth)), "cpu": self.million.cpu / (10 * self.tenth.cpu)}

    def bars(self) -> Sequence[Bar]:
        """The figures that have a bar."""
        ours, peers = self.fast[OURS], {name: self.fast[name].cpu_ms for name in PEERS}
        best = max(self.slow[name].rate for name in PEERS)
        memory = max(race[OURS].peak for race in self.races.values())
        return [
            Bar("CPU against pywebpush.webpush()", ours.cpu_ms / peers[LOOP], 1 / 18, 1 / 25, bars.part),
            Bar("CPU against pywebpush async", ours.cpu_ms / peers[ASYNC], 1 / 4, 1 / 6, bars.part),
            Bar("CPU against node web-push", ours.cpu_ms / peers[NODE], 1 / 4.5, 1 / 6, bars.part),
            Bar("CPU against the floor", ours.cpu_ms / self.fast[FLOOR].cpu_ms, 2.2, 1.6, bars.times),
            Bar("msg/s at 20 ms against the best peer", self.slow[OURS].rate / best, 3, 5, bars.times, True),
            Bar("Worker's peak memory", max(memory, self.last_chunk.peak), 200, 120, bars.megabytes),
            Bar("A million against ten times 100,000, off by", abs(self.growth["cost"] - 1), 0.05, 0.05, bars.share),
            Bar("Write units a million", float(self.units[Resource.WRITE_UNIT]), 40_000, 30_000, bars.count),
            Bar("AWS a million, before data transfer", float(sum(self.dollars.values())), 0.06, 0.04, bars.dollars),
            Bar("First accepted, 20 workers of each function", self.million.first, 2, 1, bars.seconds),
            Bar("99 % accepted, 20 workers of each function", self.million.most, 60, 30, bars.seconds),
        ]

    def tables(self, *, verdicts: bool) -> Iterator[str]:
        """The lines to show. verdicts: whether the figures mean enough to be held against the bars."""
        for delay, race in self.races.items():
            yield from _race(delay, race)
        yield from self._imports()
        yield from self._cost()
        yield from self._exceptions()
        yield from self._beacons()
        yield from self._bars(verdicts)

    def as_json(self) -> Mapping[str, Any]:
        """The same for programs."""
        return {
            "machine": self.machine,
            "races": {
                f"{1000 * delay:.0f} ms": {
                    name: {**asdict(one), "rate": one.rate, "cpu_ms": one.cpu_ms} for name, one in race.items()
                }
                for delay, race in self.races.items()
            },
            "last_chunk": asdict(self.last_chunk),
            "import_ms": {function: 1000 * time for function, time in self.imports.items()},
            "prices_as_of": AS_OF.isoformat(),
            "a_million": {
                resource.value: {"units": float(number), "usd": float(self.dollars[resource])}
                for resource, number in self.units.items()
            },
            "a_million_beacons": {
                resource.value: {"units": float(number), "usd": float(self.dollars_of_beacons[resource])}
                for resource, number in costs.used_by_readers(self.beacons, MILLION).items()
            },
            "growth": self.growth,
            "simulated": {
                name: asdict(story)
                for name, story in (
                    (str(self.size), self.million),
                    (str(self.size // 10), self.tenth),
                    ("plain", self.plain),
                    ("gone", self.gone),
                    ("failed", self.failed),
                )
            },
            "bars": [
                {"name": bar.name, "value": bar.value, "must": bar.must, "aim": bar.aim, "reached": self._verdict(bar)}
                for bar in self.bars()
            ],
        }

    def _imports(self) -> Iterator[str]:
        yield ""
        yield "Cold import, ms"
        yield "  " + "  ".join(f"{function} {1000 * time:.0f}" for function, time in self.imports.items())

    def _cost(self) -> Iterator[str]:
        yield ""
        yield f"AWS for a million recipients, counted in a simulated send to {self.size:,}; prices as of {AS_OF}"
        for resource, number in self.units.items():
            price = self.dollars[resource]
            yield f"  {resource.value:28} {float(number):14,.3f} x ${USD[resource]:.10f} = ${price:.4f}"
        waited = MILLION / self.slow[OURS].rate * float(VCPU_GB * USD[Resource.GB_SECOND])
        yield f"  Delivering billed by the clock instead of the processor, at 20 ms: ${waited:.4f}"
        grown = ", ".join(f"{what} {ratio:.3f}" for what, ratio in self.growth.items())
        yield f"  Against ten times a send to {self.size // 10:,}: {grown}"

    def _exceptions(self) -> Iterator[str]:
        yield ""
        gone, failed = (round(costs.extra_writes(one, self.plain), 1) for one in (self.gone, self.failed))
        yield f"Write units beside: {gone:.1f} for each recipient who is gone, {abs(failed):.1f} for each who failed"

    def _beacons(self) -> Iterator[str]:
        yield ""
        counted, writes = self.beacons.counted, self.beacons.writes
        yield f"AWS for a million beacons, counted in {counted:,}; {writes:.2f} writes for each"
        yield f"  {PATTERN}"
        for resource, number in costs.used_by_readers(self.beacons, MILLION).items():
            price = self.dollars_of_beacons[resource]
            yield f"  {resource.value:28} {float(number):14,.3f} x ${USD[resource]:.10f} = ${price:.4f}"
        yield f"  {'together':28} {'':33} ${sum(self.dollars_of_beacons.values()):.4f}"
        yield f"  {'as previews and sends tell it':28} {'':32} ${cost_of_reports(MILLION).total / MILLION:.4f}"

    def _bars(self, verdicts: bool) -> Iterator[str]:
        yield ""
        yield f"{'Bars':48} {'measured':>14} {'must':>14} {'aim':>14}" + "  reached" * verdicts
        for bar in self.bars():
            figures = (bar.written(figure) for figure in (bar.value, bar.must, bar.aim))
            yield (
                f"{bar.name:48} "
                + " ".join(f"{figure:>14}" for figure in figures)
                + (f"  {self._verdict(bar)}" if verdicts else "")
            )
        yield "Left out, or otherwise than on AWS:"
        yield from (f"- {what}" for what in LEFT_OUT)

    def _verdict(self, bar: Bar) -> str:
        return f"{bar.reached}{', on a busy machine' if self.busy else ''}"


def _race(delay: float, race: Mapping[str, Measured]) -> Iterator[str]:
    ours = race[OURS].cpu_ms
    yield ""
    yield f"Push service that answers after {1000 * delay:.0f} ms; one core each"
    yield f"  {'':20} {'messages':>9} {'msg/s':>9} {'CPU ms':>8} {'x ours':>7} {'peak MB':>8}"
    for name, one in race.items():
        peak = f"{one.peak:8.0f}" if one.peak else f"{'-':>8}"
        yield (
            f"  {name:20} {one.messages:9,} {one.rate:9,.0f} {one.cpu_ms:8.3f} {one.cpu_ms / ours:7.2f} {peak}"
            f" {one.protocol or _NOTES.get(name, '')}"
        )
