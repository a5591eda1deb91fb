"""Random histories of everything that moves money, recipients and counters, played on any stores.

What a history did and found is a transcript of plain values, so that two kinds of stores can be compared.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from tests.contract.records import ANNA, APP, BERT, NOW, REPORT, REQUEST, changed, chunk, entry, send, subscription
from tests.contract.stores import Stores
from tocsin.application.ports import (
    Gone,
    Idempotency,
    IdempotencyKeyTaken,
    InsufficientCredits,
    InsufficientQuota,
    LeaseLost,
    Place,
    ReferenceTaken,
    Stale,
)
from tocsin.domain.chunk import Chunk, Repeat, Result, Wait, claimed, finished
from tocsin.domain.quota import Limits
from tocsin.domain.report import Fate, Report, Said
from tocsin.domain.send import Charge, Course, Send, SendState, Tally
from tocsin.domain.subscription import Subscription, SubscriptionState

Step = tuple[int, int, int]
EXPECTED = (IdempotencyKeyTaken, InsufficientCredits, LeaseLost, ReferenceTaken, Stale)
OPERATIONS = 21
SUBJECTS = 4
AN_HOUR = 3600
STATES = tuple(SubscriptionState)
COURSES = tuple(Course)
CHARGES = (Charge.CREDITS, Charge.CREDITS, Charge.QUOTA, Charge.QUOTA, Charge.NONE)
VAPID_KEYS = ("vapid-1", "vapid_2-")
LIMITS = (Limits(5, 8), Limits(105, None), Limits(None, 120), Limits(None, None, 9))
IDENTITIES = ((), (ANNA,), (BERT,), (ANNA, BERT))


class History:
    """Plays steps (which operation, on which subject, with what detail) and notes what came back."""

    def __init__(self, stores: Stores) -> None:
        self._stores = stores
        self._owned: dict[int, Chunk] = {}
        self._read: dict[int, Subscription] = {}
        self._writes = 0
        self.granted = 0
        self.operations: Sequence[Callable[[int, int], object]] = (
            self._grant,
            self._reserve,
            self._reserve,
            self._open,
            self._steer,
            self._claim,
            self._save,
            self._finish,
            self._settle,
            self._settle,
            self._done,
            self._postpone,
            self._put_new,
            self._put_changed,
            self._read_again,
            self._expire,
            self._expire_all,
            self._reject,
            self._note,
            self._erase,
            self._mark,
            self._wait,
        )

    def play(self, step: Step) -> object:
        """What one step came to: a value, or the name of an expected refusal."""
        operation, subject, detail = step
        try:
            return self.operations[operation](subject % SUBJECTS, detail)
        except InsufficientQuota as refusal:
            return refusal.window
        except EXPECTED as refusal:
            return type(refusal).__name__

    def view(self) -> tuple[object, ...]:
        """All that can be seen from outside."""
        stores = self._stores
        return (
            stores.credits.balance(APP),
            stores.subscriptions.counts(APP),
            stores.subscriptions.of(APP, [ANNA]),
            stores.subscriptions.of(APP, [BERT]),
            stores.subscriptions.walk(APP, None, 3),
            [stores.sends.get(APP, send(number).id) for number in range(SUBJECTS)],
            [stores.chunks.of(APP, send(number).id) for number in range(SUBJECTS)],
            [stores.chunks.frozen(APP, send(number).id, 0) for number in range(SUBJECTS)],
            list(stores.sends.due(NOW + 1000, 100)),
            stores.subscriptions.broadcasts(APP),
            stores.subscriptions.known(APP, ANNA),
            stores.subscriptions.listed(APP, STATES, None, 3),
            [stores.subscriptions.listed(APP, [state], None, 9) for state in STATES],
            stores.subscriptions.marks(APP, "listing"),
            stores.quotas.usage(APP, self._now()),
            stores.registry.audit(APP, 3, None),
            stores.credits.ledger(APP, 3, None),
        )

    def held(self) -> int:
        """The credits that sends which are not settled should hold."""
        found = (self._stores.sends.get(APP, send(number).id) for number in range(SUBJECTS))
        return sum(
            one.reserved for one in found if one and one.state is not SendState.SETTLED and one.charge is Charge.CREDITS
        )

    def _grant(self, subject: int, detail: int) -> object:
        added = self._stores.credits.grant(APP, 1 + detail % 7, f"grant {subject}", NOW, REQUEST)
        self.granted += 1 + detail % 7 if added else 0
        return added

    def _reserve(self, subject: int, detail: int) -> object:
        planned = detail % 3 == 0
        wanted = send(
            subject,
            101 if detail % 13 == 0 else detail % 4,
            state=SendState.PLANNED if planned else SendState.SENDING,
            charge=CHARGES[detail % 5],
            # Clocks differ by an hour at times.
            created_at=self._now() - (AN_HOUR if detail % 11 == 0 else 0),
        )
        idempotency = Idempotency("/v1/send", "aa" * 32, "bb" * 32, self._now() + 9) if detail % 7 == 0 else None
        only = None if planned else chunk(wanted, 0, wanted.reserved)
        self._stores.sends.reserve(wanted, only, idempotency, NOW + detail, LIMITS[detail % 4])
        return idempotency and self._stores.sends.earlier(APP, idempotency)

    def _open(self, subject: int, detail: int) -> object:
        planned = self._send(subject)
        if planned.state is not SendState.PLANNED:
            return self._stores.sends.opened(planned, 0, 1)
        _, mine = chunk(planned, 0, 1 + detail % 2)
        frozen = self._stores.chunks.freeze(APP, planned.id, 0, mine)
        self._stores.chunks.open(chunk(planned, 0, len(frozen.ids))[0])
        return frozen, self._stores.sends.opened(planned, 0, 1 + detail % 2)

    def _steer(self, subject: int, detail: int) -> object:
        return self._stores.sends.steer(APP, send(subject).id, COURSES[detail % 3])

    def _claim(self, subject: int, detail: int) -> object:
        stored = self._stores.chunks.get(APP, send(subject).id, 0)
        if detail % 3 == 0:
            stored = self._owned.get(subject)
        if stored is None:
            return None
        owned = claimed(stored, NOW, Repeat.RESEND)
        self._stores.chunks.claim(owned)
        self._owned[subject] = owned
        return owned

    def _save(self, subject: int, detail: int) -> object:
        if (owned := self._owned.get(subject)) is None:
            return None
        saved = self._with_results(owned, detail)
        self._stores.chunks.save(saved)
        if detail % 3:  # else the reply was lost: the next save repeats the version
            self._owned[subject] = saved
        return saved

    def _finish(self, subject: int, detail: int) -> object:
        if (owned := self._owned.get(subject)) is None:
            return None
        done = finished(self._with_results(owned, detail))
        accepted = done.count(Result.ACCEPTED)
        return self._stores.chunks.finish_only(done, self._send(subject), Tally(accepted=accepted), NOW)

    def _settle(self, subject: int, detail: int) -> object:
        return self._stores.sends.settle(self._send(subject), Tally(accepted=detail % 6), REPORT, NOW + detail % 2)

    def _done(self, subject: int, detail: int) -> object:
        return self._stores.sends.chunk_done(APP, send(subject).id)

    def _postpone(self, subject: int, detail: int) -> object:
        self._stores.sends.postpone(APP, send(subject).id, NOW + detail)
        return None

    def _put_new(self, subject: int, detail: int) -> object:
        new = subscription(
            subject,
            *IDENTITIES[detail % 4],
            state=STATES[detail // 4 % 4],
            vapid_key=VAPID_KEYS[detail % 2],
            created_at=NOW + detail % 3,
        )
        self._stores.subscriptions.put(new, None)
        return None

    def _put_changed(self, subject: int, detail: int) -> object:
        if (old := self._read.get(subject)) is None:
            return None
        state, vapid_key = STATES[detail // 4 % 4], VAPID_KEYS[detail // 2 % 2]
        new = changed(old, state=state, identities=IDENTITIES[detail % 4], vapid_key=vapid_key)
        audit = entry(detail, at=NOW + self._writes) if detail % 3 == 0 else None
        self._writes += 1
        self._stores.subscriptions.put(new, old, audit)
        return None

    def _read_again(self, subject: int, detail: int) -> object:
        found = self._stores.subscriptions.get(APP, subscription(subject).id)
        if found is not None:
            self._read[subject] = found
        return found

    def _expire(self, subject: int, detail: int) -> object:
        known = subscription(subject)
        return self._stores.subscriptions.expire(APP, known.id, known.endpoint, VAPID_KEYS[detail % 2])

    def _expire_all(self, subject: int, detail: int) -> object:
        several = [subscription(number) for number in range(subject, SUBJECTS)]
        # One each, because what is played on one thread only cannot be asked side by side.
        for one in several:
            self._stores.subscriptions.expire_all(APP, [Gone(one.id, one.endpoint, VAPID_KEYS[detail % 2])])
        return None

    def _reject(self, subject: int, detail: int) -> object:
        known = subscription(subject)
        refused = Gone(known.id, known.endpoint, VAPID_KEYS[detail % 2])
        self._stores.subscriptions.note_rejected(APP, [refused])
        return None

    def _note(self, subject: int, detail: int) -> object:
        everybody = [subscription(number).id for number in range(subject, SUBJECTS)]
        self._stores.subscriptions.note_accepted(APP, send(detail % 3).id, everybody, NOW + detail)
        return None

    def _erase(self, subject: int, detail: int) -> object:
        if (known := self._read.get(subject)) is not None:
            self._stores.subscriptions.erase(known)
        return None

    def _mark(self, subject: int, detail: int) -> object:
        self._stores.subscriptions.mark(APP, "listing", detail, Place(NOW + subject, subscription(subject).id))
        return None

    def _wait(self, subject: int, detail: int) -> object:
        self._stores.clock.advance((1, 400, 3000, 40_000, 700_000)[detail % 5])
        return None

    def _now(self) -> int:
        return int(self._stores.clock.now())

    def _send(self, subject: int) -> Send:
        return self._stores.sends.get(APP, send(subject).id) or send(subject)

    def _with_results(self, owned: Chunk, detail: int) -> Chunk:
        results = tuple(Result((detail + place) % 4) for place in range(len(owned.results)))
        waits = (Wait("fcm", detail, NOW, "status 429"), Wait("wns", 1, NOW + detail, "no answer"))[: detail % 3]
        report = Report({**REPORT.said, Said("apple", Fate.GONE, "Unregistered"): detail}, detail, owned.version, 0)
        return replace(owned, results=results, waits=waits, report=report, version=owned.version + 1)
