"""A councilor of an agent CLI: its runs have the agent's model and options, and its own words."""

from typing import Any

import pytest

from conselho.db.session import Database
from tests.agents.making import change, make_agent
from tests.conftest import Clock
from tests.council.making import every, fire, fire_now, make_councilor, runs_of, slots_of
from tests.executions.making import one
from tests.providers import talker


@pytest.fixture(autouse=True)
def _known(monkeypatch: pytest.MonkeyPatch) -> None:
    talker.known(monkeypatch)


def make_cli_agent(database: Database, **changes: object) -> str:
    usual: dict[str, Any] = {"argv": None, "provider": "talker", "model": "large", "cwd": "/"}
    return make_agent(database, "talks", **usual | {"options": {"permission_mode": "edit"}} | changes)


def test_it_fires_with_the_agents_options_and_model_and_its_own_prompt(database: Database, clock: Clock) -> None:
    agent = make_cli_agent(database)
    councilor = make_councilor(database, agent, schedule=every("10m"))
    clock.advance(seconds=600)
    fire(database)
    (fired,) = runs_of(database, councilor)
    for run in (fired.id, fire_now(database, make_councilor(database, agent))):
        row = one(database, run)
        assert (row.provider, row.model, row.options) == ("talker", "large", {"permission_mode": "edit"})
        assert "Which files are too long?" in row.prompt
        assert (row.continue_from, row.argv) == (None, None)


def test_what_is_changed_of_the_agent_is_of_the_runs_that_come(database: Database, clock: Clock) -> None:
    councilor = make_councilor(database, make_cli_agent(database), schedule=every("10m"))
    change(database, "talks", options={"permission_mode": None, "max_turns": 3}, model="small")
    clock.advance(seconds=600)
    fire(database)
    (run,) = runs_of(database, councilor)
    row = one(database, run.id)
    assert (row.model, row.options) == ("small", {"max_turns": 3})


def test_an_agent_whose_provider_is_gone_fires_nothing_and_says_why(
    database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    councilor = make_councilor(database, make_cli_agent(database), schedule=every("10m"))
    monkeypatch.undo()
    clock.advance(seconds=600)
    fire(database)
    assert runs_of(database, councilor) == []
    (slot,) = slots_of(database, councilor)
    assert slot.state != "fired"
