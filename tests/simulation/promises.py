"""What charging promises, checked after every step against what the push services really accepted.

G1 nobody is charged who was not accepted, nor twice. G2 no credit appears or vanishes. G3 whatever was accepted and not
charged is in doubt, and doubts are few. G4 only doubt leads to a second acceptance. G5 every send ends in time.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.memory.storage import ChunkKey, Entry, Storage
from tocsin.domain.chunk import POST_SECONDS, Chunk, ChunkState, Repeat, Result
from tocsin.domain.ids import AppId, SendId
from tocsin.domain.quota import QuotaWindow
from tocsin.domain.report import Fate, total
from tocsin.domain.send import Charge, Send, SendState, used_by
from tocsin.webpush.message import topic_of

SMALL_WINDOW = 2
HALT_SECONDS = 12 + 1
"""From the answer to a pause or cancel to the last POST that begins; one more for what stores take in a history."""
UNSUBSCRIBED_SECONDS = 60
SETTLE_SECONDS = 400
"""From a send's end (or the last failure, if that is later) to its settlement: G5 leaves it 600."""
RELEASE_SECONDS = 120
"""From the answer to a cancel to its settlement, where nothing fails and no queue is long."""
RESUME_SECONDS = 40
"""From the answer to a resume to its settlement, where moreover every push service is well."""

SendKey = tuple[AppId, SendId]


class Violation(AssertionError):
    """A promise of the protocol was broken."""


@dataclass(slots=True)
class Promises:
    """What was promised in one history, and the records as they were last seen.

    lost: how many workers may have died with POSTs in flight; unanswered: POSTs whose answer nobody heard.
    accepted, posts: by (topic, URL), as the push services know. halted: the answers to pauses and cancels. left: when
    who is unsubscribed was told so. Times in Unix seconds.
    """

    storage: Storage
    lost: int = 0
    unanswered: int = 0
    accepted: Counter[tuple[str, str]] = field(default_factory=Counter)
    posts: Counter[tuple[str, str]] = field(default_factory=Counter)
    halted: dict[SendKey, float] = field(default_factory=dict)
    cancelled: dict[SendKey, float] = field(default_factory=dict)
    resumed: dict[SendKey, float] = field(default_factory=dict)
    left: dict[str, float] = field(default_factory=dict)
    urls: dict[str, str] = field(default_factory=dict)
    _granted: dict[AppId, int] = field(default_factory=dict)
    _balances: dict[AppId, object] = field(default_factory=dict)
    _chunks: dict[ChunkKey, Chunk] = field(default_factory=dict)
    _sends: dict[SendKey, Send] = field(default_factory=dict)
    _topics: dict[str, SendKey] = field(default_factory=dict)
    _owners: dict[tuple[SendId, str], ChunkKey] = field(default_factory=dict)
    _frozen: set[ChunkKey] = field(default_factory=set)

    # --- after every step -------------------------------------------------------------------------------------------

    def check_step(self) -> None:
        """What changed keeps every promise. Raises Violation."""
        self.check_balances()
        storage = self.storage
        if len(storage.frozen) != len(self._frozen):
            for key in storage.frozen.keys() - self._frozen:
                self._freeze(key)
        doubts = False
        for key, chunk in storage.chunks.items():
            seen = self._chunks.get(key)
            if seen is not chunk:
                self._check_chunk(key, seen, chunk)
                self._chunks[key] = chunk
                doubts = doubts or seen is None or seen.doubted != chunk.doubted
        if doubts:
            self._check_doubts()
        for name, stored in storage.sends.items():
            known = self._sends.get(name)
            if known is not stored.send:
                self._topics[topic_of(stored.send.id)] = name
                self._sends[name] = stored.send
                self._check_send(known, stored.send)

    def check_balances(self) -> None:
        """G2: available + reserved + spent is what was granted, and none is negative."""
        for app, balance in self.storage.balances.items():
            if self._balances.get(app) is balance:
                continue
            if app not in self._granted:
                rows = self.storage.ledger.items()
                self._granted[app] = sum(r.amount for (a, entry, _), r in rows if a == app and entry is Entry.GRANT)
            if balance.available + balance.reserved + balance.spent != self._granted[app]:
                raise Violation(f"G2: {balance} is not the {self._granted[app]} that were granted")
            if min(balance.available, balance.reserved, balance.spent) < 0:
                raise Violation(f"G2: {balance} is negative")
            self._balances[app] = balance

    def check_post(self, topic: str, url: str, asked: float, awake: float) -> None:
        """A POST begins, which its worker asked for at `asked`; it was last suspended until `awake`."""
        name = self._topics.get(topic)
        if name is None:
            raise Violation("a POST of a send that was never stored")
        send = self._sends[name]
        key = self._owners.get((send.id, url))
        if key is None:
            raise Violation("a POST to somebody who is in no chunk")
        chunk, index = self.storage.chunks[key], self._place(key, url)
        if index not in chunk.in_flight and index not in chunk.doubted:
            raise Violation("G3: a POST began before its intent was stored")
        if index in chunk.in_flight and asked + POST_SECONDS > chunk.lease_until:
            raise Violation("a POST began that may outlive its worker's lease")
        if asked > send.expires_at + POST_SECONDS + HALT_SECONDS and awake < send.expires_at:
            raise Violation("G5: a POST began after the end of its send")
        for since, seconds, what in (
            (self.halted.get(name), HALT_SECONDS, f"the send was {send.course}"),
            (self.left.get(url), UNSUBSCRIBED_SECONDS, "its recipient had unsubscribed"),
        ):
            if since is not None and asked > max(since, awake) + seconds:
                raise Violation(f"a POST began {asked - since:.1f} s after {what}")

    def check_accepted(self, topic: str, url: str) -> None:
        """A push service accepted a message once more."""
        self.accepted[topic, url] += 1
        if self.accepted[topic, url] > 1 and self._sends[self._topics[topic]].repeat is Repeat.SKIP:
            raise Violation("G4: accepted twice, although no repeat was wanted")

    def check_time(self, now: float, last_failure: float) -> None:
        """G5: nobody is still waiting for the end of a send."""
        for send in self._open():
            if now > max(send.expires_at, last_failure) + SETTLE_SECONDS:
                raise Violation(f"G5: a send that ended {now - send.expires_at:.0f} s ago is not settled")

    def check_prompt(self, now: float, *, well: bool) -> None:
        """Where nothing fails and no queue is long, what is cancelled ends soon. well: what is resumed does, too."""
        for send in self._open():
            name = send.app, send.id
            at = self.cancelled.get(name)
            if at is not None and now > at + RELEASE_SECONDS:
                raise Violation(f"G5: a send that was cancelled {now - at:.0f} s ago is not settled")
            at = self.resumed.get(name)
            if well and at is not None and now > at + RESUME_SECONDS:
                raise Violation(f"G5: a send that was resumed {now - at:.0f} s ago does not go on")

    def _open(self) -> Iterator[Send]:
        return (send for send in self._sends.values() if send.state is not SendState.SETTLED)

    def _freeze(self, key: ChunkKey) -> None:
        self._frozen.add(key)
        for name in self.storage.frozen[key].ids:
            url = self._url(key[0], name)
            if self._owners.setdefault((key[1], url), key) != key:
                raise Violation("G1: somebody is in two chunks of one send")

    def _url(self, app: AppId, name: str) -> str:
        if name not in self.urls:
            self.urls[name] = next(
                s.endpoint for (a, i), s in self.storage.subscriptions.items() if (a, i) == (app, name)
            )
        return self.urls[name]

    def _place(self, key: ChunkKey, url: str) -> int:
        places = (i for i, name in enumerate(self.storage.frozen[key].ids) if self._url(key[0], name) == url)
        index = next(places, None)
        if index is None:
            raise Violation("the recipients of a chunk changed")
        return index

    def _check_chunk(self, key: ChunkKey, old: Chunk | None, new: Chunk) -> None:
        counted = new.count(Result.ACCEPTED), new.count(Result.FAILED)
        said = new.report.count(Fate.ACCEPTED), new.report.count(Fate.GONE) + new.report.count(Fate.FAILED)
        if counted != said:
            raise Violation(f"the report says {said}, the results {counted} of (accepted, failed)")
        frozen = self.storage.frozen.get(key)
        if frozen is None or len(frozen.ids) != len(new.results):
            raise Violation("a chunk without its frozen recipients")
        topic = topic_of(new.send)
        for index, result in enumerate(new.results):
            if result is Result.ACCEPTED and not self.accepted[topic, self._url(key[0], frozen.ids[index])]:
                raise Violation("G1: charged, but never accepted")
        if old is not None:
            self._check_progress(old, new)

    @staticmethod
    def _check_progress(old: Chunk, new: Chunk) -> None:
        if old.state is ChunkState.DONE:
            raise Violation("a finished chunk changed")
        if not old.doubted <= new.doubted:
            raise Violation("G3: a doubt was forgotten")
        final = (Result.ACCEPTED, Result.FAILED)
        if any(was in final and now is not was for was, now in zip(old.results, new.results, strict=True)):
            raise Violation("G1: a final result changed")
        if new.version < old.version or new.epoch < old.epoch:
            raise Violation("a record went back")

    def _check_doubts(self) -> None:
        doubted = sum(len(chunk.doubted) for chunk in self.storage.chunks.values())
        if doubted > self.lost * SMALL_WINDOW + self.unanswered:
            raise Violation(f"G3: {doubted} in doubt, {self.lost} workers lost, {self.unanswered} POSTs unanswered")

    def _check_send(self, old: Send | None, new: Send) -> None:
        if old is not None and old.state is SendState.SETTLED:
            raise Violation("a settled send changed")
        if new.state is not SendState.SETTLED:
            return
        chunks = [chunk for key, chunk in self.storage.chunks.items() if key[:2] == (new.app, new.id)]
        accepted = sum(chunk.count(Result.ACCEPTED) for chunk in chunks)
        if any(chunk.state is not ChunkState.DONE for chunk in chunks):
            raise Violation("G1: settled before every chunk was done")
        if new.counts.accepted != accepted or accepted > new.reserved:
            raise Violation(f"G1: {new.counts}, but {accepted} accepted of {new.reserved} reserved")
        if new.report.said != total(chunk.report for chunk in chunks).said:
            raise Violation("the report of a settled send is not that of its chunks")
        row = self.storage.ledger.get((new.app, Entry.SETTLE, new.id))
        if row is None or row.amount != (accepted if new.charge is Charge.CREDITS else 0):
            raise Violation("G1: the ledger does not say what was charged")

    # --- at the end -------------------------------------------------------------------------------------------------

    def check_rest(self) -> None:
        """A history came to rest. Raises Violation."""
        self.check_step()
        for send in self._sends.values():
            if send.state is not SendState.SETTLED:
                raise Violation("G5: not settled")
        for key, chunk in self.storage.chunks.items():
            topic, frozen = topic_of(key[1]), self.storage.frozen[key]
            for index, name in enumerate(frozen.ids):
                accepted = self.accepted[topic, self._url(key[0], name)]
                if accepted and chunk.results[index] is not Result.ACCEPTED and index not in chunk.doubted:
                    raise Violation("G3: accepted, not charged, and not in doubt")
                if accepted > 1 and index not in chunk.doubted:
                    raise Violation(f"G4: accepted {accepted} times without doubt")
        for balance in self.storage.balances.values():
            if balance.reserved:
                raise Violation(f"G5: {balance.reserved} credits are still held")
        self._check_quotas()

    def _check_quotas(self) -> None:
        for app, meter in self.storage.meters.items():
            counted = [send for (owner, _), send in self._sends.items() if owner == app]
            for window, start, used in (
                (QuotaWindow.HOUR, meter.hour, meter.hour_used),
                (QuotaWindow.DAY, meter.day, meter.day_used),
                (QuotaWindow.MONTH, meter.month, meter.month_used),
            ):
                tried = sum(
                    used_by(send.counts, send.report) for send in counted if window.start(send.created_at) == start
                )
                if used != tried:
                    raise Violation(f"G5: {used} of the {window} are used, {tried} were tried")
