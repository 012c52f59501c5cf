"""Commands that meet: under one key, at one moment, from two processes. Each card has one run, and no caller two."""

import asyncio
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from conselho import errors, ids
from conselho.cards import commands, giving
from conselho.cards.columns import Column, Command
from conselho.cards.commands import Order
from conselho.db.session import Database
from conselho.executions import queue
from conselho.projects import places, turns, worktrees
from tests.acceptance.waiting import PATIENCE_SECONDS, until
from tests.agents.making import make_agent
from tests.cards.making import (
    NOWHERE,
    change,
    end,
    give,
    make_card,
    make_project,
    move,
    one,
    open_runs,
    run,
    runs_of,
)


def test_a_key_makes_one_execution_whatever_becomes_of_the_card(database: Database, plain: Path) -> None:
    make_project(database, plain)
    make_agent(database)
    card, other = make_card(database), make_card(database)
    first = give(database, NOWHERE, card, key="k")
    assert give(database, NOWHERE, card, key="k") == first
    end(database, first)
    move_on = [Column.IMPLEMENT, Column.CANCELLED]
    for column in move_on:
        move(database, card, column)
    assert give(database, NOWHERE, card, key="k") == first
    for wish in (
        partial(give, database, NOWHERE, other, key="k"),
        partial(give, database, NOWHERE, card, Command.TEST, key="k"),
        partial(give, database, NOWHERE, card, message="x", key="k"),
    ):
        with pytest.raises(errors.Invalid, match="another request"):
            wish()
    assert [each.id for each in runs_of(database, card)] == [first]


def test_a_key_of_a_refused_command_may_be_used_again(database: Database, plain: Path) -> None:
    make_project(database, plain)
    make_agent(database)
    card = make_card(database, column=Column.DONE)
    with pytest.raises(errors.Conflict):
        give(database, NOWHERE, card, key="k")
    move(database, card, Column.REVIEW)
    assert give(database, NOWHERE, card, key="k")


def prepared(database: Database, card: str, order: Order) -> Callable[[], str]:
    """A command that was looked at and composed, and needs only to begin."""
    ready = database.fetch(commands.look, card, order).result()
    place = commands.make_place(ready, NOWHERE)
    request = commands.compose(ready, place, NOWHERE)
    return lambda: database.submit(commands.begin, ready, place, request, ids.new()).result()


def test_a_card_that_was_changed_meanwhile_is_not_begun(database: Database, plain: Path) -> None:
    make_project(database, plain)
    make_agent(database)
    card = make_card(database)
    begin = prepared(database, card, Order(command=Command.PLAN))
    change(database, card, title="Mend that")
    with pytest.raises(errors.Conflict, match="was changed meanwhile: give the command again") as refused:
        begin()
    assert refused.value.members["card"]["title"] == "Mend that"
    assert runs_of(database, card) == []


def test_a_card_that_was_changed_while_git_was_at_it_is_looked_at_again(
    database: Database, data_dir: Path, shop: Path
) -> None:
    project = make_project(database, shop)
    make_agent(database)
    card = make_card(database, title="Mend this")
    worktree = places.home(data_dir, project) / worktrees.name("1", "Mend this")
    with ThreadPoolExecutor(1) as other:
        with turns.taken(worktree):
            begun = other.submit(give, database, data_dir, card)
            until(lambda: is_waited_for(worktree.with_name(f"{worktree.name}.lock")), "git's turn to be waited for")
            change(database, card, priority=7)
        execution = begun.result(PATIENCE_SECONDS)
    assert (run(database, execution).rank, one(database, card).latest_execution_id) == (-7, execution)


def is_waited_for(lock: Path) -> bool:
    """Whether somebody waits for the lock on that file, as Linux tells."""
    mark = f":{lock.stat().st_ino} "
    return any("->" in line and mark in line for line in Path("/proc/locks").read_text().splitlines())


def test_of_two_processes_that_command_one_card_the_second_is_told_of_the_first(database_url: str, plain: Path) -> None:
    with closing(Database(database_url)) as here, closing(Database(database_url)) as there:
        make_project(here, plain)
        make_agent(here)
        card = make_card(here)
        second = here if here.kind == "sqlite" else there
        begins = [prepared(each, card, Order(command=Command.PLAN)) for each in (here, second)]
        first = begins[0]()
        with pytest.raises(errors.Conflict, match=f"has a run that is queued, {first}"):
            begins[1]()
        assert open_runs(here, card) == [first]


def test_nobody_else_makes_a_second_run_of_a_card_that_has_one(database: Database, plain: Path) -> None:
    make_project(database, plain)
    make_agent(database)
    card = make_card(database)
    first = give(database, NOWHERE, card)
    end(database, first)
    with pytest.raises(errors.Conflict, match="give the card its command /plan again"):
        database.submit(queue.retry, first, ids.new()).result()


def test_of_a_hundred_commands_at_once_one_is_heard(database: Database, data_dir: Path, shop: Path) -> None:
    make_project(database, shop)
    make_agent(database)
    card = make_card(database)
    order = Order(command=Command.PLAN)

    async def all_at_once() -> list[str | BaseException]:
        asked = [giving.give(database, data_dir, card, order) for _ in range(100)]
        return await asyncio.gather(*asked, return_exceptions=True)

    answers = asyncio.run(all_at_once())
    heard = [each for each in answers if isinstance(each, str)]
    refused = [each for each in answers if isinstance(each, errors.Conflict)]
    assert (len(heard), len(refused)) == (1, 99)
    assert {json.loads(json.dumps(each.members["card"]))["active_execution"]["id"] for each in refused} == {heard[0]}
    assert open_runs(database, card) == heard


def test_of_a_hundred_with_one_key_all_get_the_same(database: Database, plain: Path) -> None:
    make_project(database, plain)
    make_agent(database)
    card = make_card(database)
    order = Order(command=Command.PLAN)

    async def all_at_once() -> list[str]:
        return await asyncio.gather(*(giving.give(database, NOWHERE, card, order, "k") for _ in range(100)))

    assert asyncio.run(all_at_once()) == [runs_of(database, card)[0].id] * 100
    assert len(runs_of(database, card)) == 1
