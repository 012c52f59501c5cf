"""The table of states: what it allows, what it says it allows, and that nothing leaves an end."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conselho.executions import states
from conselho.executions.states import ARROWS, OPEN, TERMINAL, Arrow, Status

REFERENCE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "states.md"


@given(st.lists(st.sampled_from(ARROWS), max_size=30))
def test_every_walk_along_the_arrows_ends_at_the_first_terminal_state(arrows: list[Arrow]) -> None:
    status = Status.QUEUED
    for arrow in arrows:
        if arrow.source is status:
            assert not status.is_terminal
            status = arrow.target


@pytest.mark.parametrize("status", TERMINAL)
def test_nothing_leads_out_of_an_end(status: Status) -> None:
    assert not any(states.can_become(status, target) for target in Status)


@pytest.mark.parametrize("status", OPEN)
def test_every_open_state_can_be_left(status: Status) -> None:
    assert any(states.can_become(status, target) for target in TERMINAL)


def test_a_running_one_goes_back_only_with_proof_that_nothing_was_done() -> None:
    back = [arrow for arrow in ARROWS if (arrow.source, arrow.target) == (Status.RUNNING, Status.QUEUED)]
    assert [arrow.verb for arrow in back] == ["give_back", "begin_anew"]


def test_an_arrow_that_is_not_in_the_table_is_a_bug() -> None:
    with pytest.raises(KeyError):
        states.arrow(Status.SUCCEEDED, Status.QUEUED, "give_back")


def test_the_reference_is_what_the_table_says() -> None:
    assert states.as_table() in REFERENCE.read_text(encoding="utf-8")
