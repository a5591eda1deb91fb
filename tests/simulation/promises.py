"""What charging promises, checked against what the push services really accepted."""

from collections import Counter

from tests.simulation.world import SMALL_WINDOW, Violation, World
from tocsin.domain.chunk import Chunk, Result
from tocsin.domain.ids import SubscriptionId
from tocsin.domain.quota import QuotaWindow
from tocsin.domain.send import Send, SendState, used_by
from tocsin.webpush.message import topic_of


def check_promises(world: World) -> None:
    """G1 to G5 of a history that came to rest. Raises Violation."""
    world.check_balances()
    known = set()
    for stored in world.storage.sends.values():
        known.add(topic_of(stored.send.id))
        _check_send(world, stored.send)
    for topic, _ in world.services.posts:
        if topic not in known:
            raise Violation("a POST of a send that was never stored")
    doubted = sum(len(chunk.doubted) for chunk in world.storage.chunks.values())
    if doubted > world.failed * SMALL_WINDOW + world.services.unanswered:
        raise Violation(f"G3: {doubted} doubted after {world.failed} failures, {world.services.unanswered} unanswered")
    for balance in world.storage.balances.values():
        if balance.reserved:
            raise Violation(f"G5: {balance.reserved} credits are still held")
    for app, meter in world.storage.meters.items():
        counted = [stored.send for (owner, _), stored in world.storage.sends.items() if owner == app]
        for window, start, used in (
            (QuotaWindow.HOUR, meter.hour, meter.hour_used),
            (QuotaWindow.DAY, meter.day, meter.day_used),
            (QuotaWindow.MONTH, meter.month, meter.month_used),
        ):
            tried = sum(used_by(send.counts) for send in counted if window.start(send.created_at) == start)
            if used != tried:
                raise Violation(f"G5: {used} of the {window} are used, {tried} were tried")


def _check_send(world: World, send: Send) -> None:
    if send.state is not SendState.SETTLED:
        raise Violation("G5: not settled")
    charged: Counter[SubscriptionId] = Counter()
    urls = {name: stored.endpoint for (_, name), stored in world.storage.subscriptions.items()}
    reached = set()
    for key, chunk in world.storage.chunks.items():
        if key[1] == send.id:
            for index, name in enumerate(world.storage.frozen[key].ids):
                accepted = world.services.accepted[topic_of(send.id), urls[name]]
                _check_recipient(chunk, index, accepted)
                charged[name] += chunk.results[index] is Result.ACCEPTED
                reached.add(urls[name])
    if any(times > 1 for times in charged.values()):
        raise Violation("G1: somebody was charged twice in one send")
    if send.counts.accepted != charged.total() or charged.total() > send.reserved:
        raise Violation(f"G1: {send.counts} and {charged.total()} charged of {send.reserved} reserved")
    for topic, url in world.services.posts:
        if topic == topic_of(send.id) and url not in reached:
            raise Violation("a POST to somebody who is in no chunk")


def _check_recipient(chunk: Chunk, index: int, accepted: int) -> None:
    if chunk.results[index] is Result.ACCEPTED and not accepted:
        raise Violation("G1: charged, but never accepted")
    if accepted and chunk.results[index] is not Result.ACCEPTED and index not in chunk.doubted:
        raise Violation("G3: accepted, not charged, and not in doubt")
    if accepted > 1 and index not in chunk.doubted:
        raise Violation(f"G4: accepted {accepted} times without doubt")
