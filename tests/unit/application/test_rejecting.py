"""Subscriptions that push services refuse for good (PU-17)."""

import pytest

from tests import builders
from tests.engine import MemoryEngine
from tests.memory.transport import Reply
from tocsin.domain.ids import SubscriptionId
from tocsin.domain.send import Chosen
from tocsin.domain.subscription import Subscription, SubscriptionState

ACTIVE, BOUNCED = SubscriptionState.ACTIVE, SubscriptionState.BOUNCED


class Scene:
    """An app whose first two browsers are reached; the third one's push service answers as a test says."""

    def __init__(self) -> None:
        self.engine = MemoryEngine()
        self.owner = builders.app(self.engine, credits_=1000)
        self.everybody = [builders.subscribe(self.engine, self.owner, number) for number in (1, 2, 3)]
        self.third = self.everybody[2]

    def answer(self, *statuses: int) -> None:
        """What the third one's push service answers to the next POSTs."""
        self.engine.transport.script(builders.endpoint(3), *map(Reply, statuses))

    def send(self, *to: Subscription) -> None:
        """Notify these, or everyone."""
        chosen = Chosen(subscriptions=tuple(SubscriptionId(one.id) for one in to)) if to else builders.EVERYONE
        self.engine.sending.send(builders.send_command(self.owner, chosen))

    def stored(self, number: int = 3) -> Subscription:
        """One of them, as it is now."""
        found = self.engine.subscriptions.get(self.owner.id, self.everybody[number - 1].id)
        assert found is not None
        return found


@pytest.fixture
def scene() -> Scene:
    return Scene()


@pytest.mark.parametrize("answers", [(400,), (403,), (401, 401)], ids=str)
def test_pu_17_who_is_refused_for_good_three_times_in_a_row_is_bounced(scene: Scene, answers: tuple[int, ...]) -> None:
    for refusals in (1, 2):
        scene.answer(*answers)
        scene.send()
        assert (scene.stored().state, scene.stored().rejections) == (ACTIVE, refusals)
    scene.answer(*answers)
    scene.send()
    assert scene.stored().state is BOUNCED
    assert [scene.stored(number).rejections for number in (1, 2)] == [0, 0]
    before = len(scene.engine.transport.requests)
    scene.send()
    assert len(scene.engine.transport.requests) == before + 2


@pytest.mark.parametrize("status", [404, 410, 413, 429, 503])
def test_other_refusals_are_not_counted(scene: Scene, status: int) -> None:
    scene.answer(*[status] * 12)
    scene.send()
    assert scene.stored().rejections == 0


def test_an_acceptance_in_between_begins_the_row_anew(scene: Scene) -> None:
    for statuses in ((400,), (400,), (201,), (400,), (400,)):
        scene.answer(*statuses)
        scene.send()
    assert (scene.stored().state, scene.stored().rejections) == (ACTIVE, 2)


def test_a_key_that_nobody_took_bounces_nobody(scene: Scene) -> None:
    for _ in range(4):
        scene.answer(403)
        scene.send(scene.third)
    assert (scene.stored().state, scene.stored().rejections) == (ACTIVE, 0)


def test_subscribing_anew_brings_a_bounced_one_back_with_a_clean_record(scene: Scene) -> None:
    for _ in range(3):
        scene.answer(400)
        scene.send()
    builders.subscribe(scene.engine, scene.owner, 3)
    assert (scene.stored().state, scene.stored().rejections) == (ACTIVE, 0)


def test_a_page_that_reports_again_forgets_no_refusal(scene: Scene) -> None:
    scene.answer(400)
    scene.send()
    builders.subscribe(scene.engine, scene.owner, 3)
    assert scene.stored().rejections == 1


def test_nothing_is_written_for_who_was_reached(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    def unexpected(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(type(scene.engine.subscriptions), "note_rejected", unexpected)
    scene.send()
