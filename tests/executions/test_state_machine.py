"""Do all the ways through the life of executions keep the promises? Hypothesis walks them beside a model.

The same walks in every run, so that a failure is a change's. `CONSELHO_TEST_WALKS=500` makes so many, longer ones, and
tells of one that fails the shortest that does.
"""

import os

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from conselho import clock as real_clock
from conselho.db.session import Database
from tests.conftest import Clock
from tests.executions.state_machine import Executions

LARGE = int(os.environ.get("CONSELHO_TEST_WALKS", "0"))
WALKS = LARGE or 12
PROFILE = settings(
    max_examples=20 if LARGE else 3,  # each walk is taken with variations; the first of them is plain
    stateful_step_count=80 if LARGE else 40,
    phases=[Phase.generate, *([Phase.shrink] if LARGE else [])],  # to shrink may take minutes
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.timeout(0 if LARGE else 120)
@pytest.mark.parametrize("number", range(WALKS))
def test_whatever_is_done_in_whichever_order_the_promises_hold(number: int, database_url: str, clock: Clock) -> None:
    start = clock()

    class Walk(Executions):
        def __init__(self) -> None:
            clock.set(start)
            super().__init__(lambda: Database(database_url, now=real_clock.now), clock)

    run_state_machine_as_test(seed(number)(Walk), settings=PROFILE)
