"""Repeated requests: the same idempotency key is told the same answer and sends nothing (X-4)."""

from hashlib import sha256

from tocsin.application.ports import Clock, Credits, EarlierSend, Idempotency, Sends, Told
from tocsin.application.send_command import SendCommand, SendResult
from tocsin.application.settling import Settling
from tocsin.domain.derivation import Derivation
from tocsin.domain.errors import Fault, Refused
from tocsin.domain.ids import AppId
from tocsin.domain.send import SendState

IDEMPOTENCY_SECONDS = 24 * 3600


class Repeating:
    """Finds what an idempotency key was used for."""

    def __init__(
        self,
        sends: Sends,
        credits: Credits,  # noqa: A002 - the domain's word
        settling: Settling,
        derivation: Derivation,
        clock: Clock,
    ) -> None:
        self._sends = sends
        self._credits = credits
        self._settling = settling
        self._derivation = derivation
        self._clock = clock

    def key(self, command: SendCommand) -> Idempotency | None:
        """The stored form of a command's key; None without one.

        The fingerprint is keyed: the request holds an address, which nobody shall find out by trying (PS-13).
        """
        given = command.idempotency
        if given is None:
            return None
        return Idempotency(
            given.route,
            sha256(given.text.encode()).hexdigest(),
            self._derivation.fingerprint(command.app.id, given.request),
            int(self._clock.now()) + IDEMPOTENCY_SECONDS,
        )

    def answer(self, app: AppId, idempotency: Idempotency) -> SendResult | None:
        """What the first request with this key was told; None if this is the first.

        Raises Refused: IDEMPOTENCY_MISMATCH, IDEMPOTENCY_IN_FLIGHT.
        """
        earlier = self._sends.earlier(app, idempotency)
        return None if earlier is None else self._repeated(app, earlier, idempotency)

    def _repeated(self, app: AppId, earlier: EarlierSend, idempotency: Idempotency) -> SendResult:
        if earlier.fingerprint != idempotency.fingerprint:
            raise Refused(Fault.IDEMPOTENCY_MISMATCH, "This Idempotency-Key was used for another request")
        send = self._sends.get(app, earlier.send)
        told = earlier.told
        if send is None or (told is None and send.state is SendState.SENDING and send.chunks == 1):
            raise Refused(
                Fault.IDEMPOTENCY_IN_FLIGHT,
                "The first request with this Idempotency-Key is still running",
                retry_after=2,
            )
        progress = self._settling.progress(send)
        if told is None:
            told = Told(self._credits.balance(app).available)
        queued = send.state is not SendState.SETTLED
        return SendResult(
            send.id,
            send.reserved,
            progress.counts,
            queued=queued,
            balance=told.balance,
            unreachable=told.unreachable,
            replayed=True,
            created_at=send.created_at,
            missing=None if send.variables is not None and queued else progress.report.missing,
        )
