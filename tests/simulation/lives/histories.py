"""Many random lives, as Hypothesis draws them."""

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.simulation.lives.machine import Lives

STEPS = 60


def live_many(histories: int, *, explain: bool = True, again: bool = True) -> None:
    """Live through random histories; raises what the first bad one ends with.

    explain: look for the shortest history like it, which takes minutes. again: the same ones each time.
    """
    run_state_machine_as_test(
        Lives,
        settings=settings(
            max_examples=histories,
            stateful_step_count=STEPS,
            derandomize=again,
            database=None,
            deadline=None,
            report_multiple_bugs=False,
            phases=(Phase.generate, Phase.shrink) if explain else (Phase.generate,),
            suppress_health_check=tuple(HealthCheck),
        ),
    )
