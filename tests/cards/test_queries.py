"""Many cards are read in one statement a table, by indexes, and look as they are said to look."""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict
from sqlalchemy import Connection, delete, event, update

from conselho import errors, ids
from conselho.cards import answers, queries, schemas, settling
from conselho.cards.columns import Column, Command
from conselho.cards.models import Card
from conselho.db import engine
from conselho.db.session import Database, Tx
from conselho.executions.models import Execution
from tests.agents.making import make_agent
from tests.cards.making import (
    NOWHERE,
    done,
    end,
    give,
    make_card,
    make_project,
    move,
    one,
    say,
    settle,
    shown,
    shown_board,
    start,
)
from tests.executions import making as executions

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
# A table that is all of a hundred rows would be read whole, rightly; so what a million rows forbid is forbidden.
PATIENCE = (
    "SET enable_seqscan = off; SET enable_sort = off; SET enable_incremental_sort = off; SET enable_bitmapscan = off"
)


@pytest.fixture
def connection(database_url: str) -> Iterator[Connection]:
    opened = engine.open_engine(database_url, read_only=True)
    with opened.connect() as connection:
        yield connection
    opened.dispose()


@contextmanager
def listened(connection: Connection) -> Iterator[list[tuple[str, Any]]]:
    """The statements that are executed meanwhile, with their parameters."""
    told: list[tuple[str, Any]] = []

    def record(_c: object, _cursor: object, statement: str, parameters: Any, _x: object, _many: object) -> None:
        told.append((statement, parameters))

    event.listen(connection, "before_cursor_execute", record)
    yield told
    event.remove(connection, "before_cursor_execute", record)


def plans(connection: Connection, told: list[tuple[str, Any]]) -> str:
    """What the database would do for them."""
    postgres = connection.dialect.name == "postgresql"
    explain = "EXPLAIN " if postgres else "EXPLAIN QUERY PLAN "
    if postgres:
        connection.exec_driver_sql(PATIENCE)
    return "\n".join(
        str(row[0] if postgres else row[-1])
        for sql, parameters in told
        for row in connection.exec_driver_sql(explain + sql, parameters)
    )


def make_many(database: Database, tmp_path: Path, count: int) -> list[str]:
    """Cards of three projects, some of which have had runs, or have one."""
    projects = []
    for name in ("a", "b", "c"):
        (tmp_path / name).mkdir(exist_ok=True)
        projects.append(make_project(database, tmp_path / name))
    make_agent(database)
    made = [make_card(database, project=projects[number % 3]) for number in range(count)]
    for number, card in enumerate(made):
        if number % 3 == 0:
            done(database, NOWHERE, card, Command.PLAN, cost_usd=0.5, input_tokens=10, result="a plan")
    for card in made[3::6]:
        give(database, NOWHERE, card, Command.IMPLEMENT)  # of which those of one directory wait for each other
    return made


def strict(model: type[BaseModel]) -> type[BaseModel]:
    """The same shape, which bears nothing beside it."""
    return type(model.__name__, (model,), {"model_config": ConfigDict(extra="forbid")})


def test_the_board_takes_as_many_statements_for_thirty_cards_as_for_seven(
    database: Database, connection: Connection, tmp_path: Path
) -> None:
    make_many(database, tmp_path, 7)
    running = give(database, NOWHERE, make_card(database, project="c"))
    start(database, running)
    say(database, running, "working")
    with listened(connection) as few:
        answers.board(Tx(connection, NOW), 50)
    connection.rollback()
    for number in range(23):
        done(database, NOWHERE, make_card(database, str(number), project="b"))
    with listened(connection) as many:
        answers.board(Tx(connection, NOW), 50)
    assert [sql.split()[0] for sql, _ in many] == [sql.split()[0] for sql, _ in few]
    assert len(many) <= 8
    for table in ("projects", "executions", "log_chunks", "card_attachments"):
        assert sum(f"FROM {table}" in sql for sql, _ in many) <= 2, table


def test_a_page_and_one_card_take_few_statements_too(
    database: Database, connection: Connection, tmp_path: Path
) -> None:
    cards = make_many(database, tmp_path, 10)
    with listened(connection) as of_page:
        answers.page(Tx(connection, NOW), 50)
    with listened(connection) as of_one:
        answers.one(Tx(connection, NOW), cards[3])
    assert (len(of_page) <= 7, len(of_one) <= 9) == (True, True)


@pytest.mark.parametrize("is_deep", [False, True], ids=["first", "deep"])
@pytest.mark.parametrize("in_project", [False, True], ids=["all", "project"])
@pytest.mark.parametrize("column", [None, Column.DONE], ids=["board", "column"])
def test_the_cards_of_a_column_are_read_in_the_order_of_an_index(
    connection: Connection, column: Column | None, *, in_project: bool, is_deep: bool
) -> None:
    shown_ones = tuple(Column) if column is None else (column,)
    wish = {"most": 51, "project": ids.new(), "after_position": 5, "after_id": ids.new()}
    with listened(connection) as told:
        connection.execute(answers._cards(shown_ones, in_project, is_deep), wish)
    plan = plans(connection, told)
    assert ("ix_cards_project_id_column_position_id" if in_project else "ix_cards_column_position_id") in plan
    assert "Seq Scan" not in plan
    assert plan.count("Sort  (") <= 1, "only what was found is put in order"


def test_what_belongs_to_the_cards_is_read_by_indexes(connection: Connection) -> None:
    some = [ids.new() for _ in range(50)]
    with listened(connection) as told:
        connection.execute(queries._RUNS, {"run_ids": some})
        connection.execute(queries._COSTS, {"card_ids": some})
        connection.execute(queries._PROJECTS, {"project_ids": some})
        connection.execute(queries.CARDS.where(queries._is_named("5")))
        connection.execute(settling._NEXT)
    plan = plans(connection, told)
    for line in plan.splitlines():
        assert "Seq Scan" not in line, plan
        assert not line.startswith(("SCAN executions", "SCAN projects")), plan
        assert not line.startswith("SCAN cards") or "ix_cards_unsettled" in line or "USING INDEX" in line, plan
    assert "ix_executions_card_id" in plan


def test_what_is_shown_has_the_shape_that_is_told(database: Database, tmp_path: Path) -> None:
    cards = make_many(database, tmp_path, 8)
    running = give(database, NOWHERE, cards[1])
    start(database, running)
    say(database, running, "working")
    strict(schemas.Board).model_validate(shown_board(database))
    for name in cards:
        strict(schemas.CardSnapshot).model_validate(shown(database, name))
    page = json.loads(database.fetch(answers.page, 50).result())
    strict(schemas.CardPage).model_validate(page)
    assert [each["id"] for each in page["items"]] == cards
    for part in shown_board(database)["columns"]:
        for card in part["cards"]:
            strict(schemas.ListedCard).model_validate(card)


def test_the_difference_has_the_shape_that_is_told(database: Database, data_dir: Path, shop: Path) -> None:
    make_project(database, shop)
    make_agent(database)
    card = make_card(database)
    assert database.fetch(answers.diff, one(database, card)).result() is None
    execution_id = give(database, data_dir, card)
    worktree = Path(one(database, card).worktree)
    (worktree / "new.txt").write_text("new\n")
    end(database, execution_id)
    settle(database, card)
    found = database.fetch(answers.diff, one(database, card)).result()
    strict(schemas.CardDifference).model_validate(found)


def test_an_active_run_and_the_latest_are_different_things(database: Database, tmp_path: Path) -> None:
    (card,) = make_many(database, tmp_path, 1)
    ended = shown(database, card)
    assert ended["active_execution"] is None
    assert (ended["latest_execution"]["status"], ended["latest_execution"]["command"]) == ("succeeded", "/plan")
    running = give(database, NOWHERE, card, Command.TEST)
    start(database, running)
    say(database, running, "one", "two")
    found = shown(database, card)
    assert found["active_execution"] == found["latest_execution"]
    assert (found["active_execution"]["id"], found["active_execution"]["log_lines"]) == (running, 2)
    assert (found["last_line"]["seq"], found["last_line"]["text"]) == (2, "two")
    assert (found["runs"], found["cost_usd"], found["input_tokens"], found["output_tokens"]) == (2, 0.5, 10, None)


def test_a_run_that_came_to_nothing_before_it_began_is_shown(database: Database, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    make_project(database, tmp_path / "a")
    make_agent(database)
    card = make_card(database)
    execution_id = give(database, NOWHERE, card)
    executions.cancel(database, execution_id)
    found = shown(database, card)
    assert (found["active_execution"], found["latest_execution"]["status"]) == (None, "cancelled")
    assert found["last_line"] is None


def test_a_card_whose_runs_were_removed_is_shown_without(database: Database, tmp_path: Path) -> None:
    (card,) = make_many(database, tmp_path, 1)

    def forget(tx: Tx) -> None:
        tx.execute(delete(Execution).where(Execution.card_id == card))

    database.submit(forget).result()
    found = shown(database, card)
    assert (found["latest_execution"], found["runs"], found["plan"]) == (None, 0, "a plan")


def test_the_board_shows_the_first_of_each_column_and_counts_all(database: Database, tmp_path: Path) -> None:
    make_many(database, tmp_path, 7)
    for column in (Column.DONE, Column.ARCHIVED, Column.CANCELLED):
        make_card(database, column=column, project="b")
    found = shown_board(database, limit=2)
    assert [each["name"] for each in found["columns"]] == [*Column]
    totals = {each["name"]: each["total"] for each in found["columns"] if each["total"]}
    assert totals == {"backlog": 4, "plan": 2, "implement": 1, "done": 1, "archived": 1, "cancelled": 1}
    assert {each["name"]: len(each["cards"]) for each in found["columns"] if each["cards"]} == {
        "backlog": 2, "plan": 2, "implement": 1, "done": 1, "cancelled": 1
    }  # fmt: skip
    assert found["moves"]["done"] == ["archived", "review", "cancelled"]
    of_b = shown_board(database, project="b")
    assert Counter(card["project"] for each in of_b["columns"] for card in each["cards"]) == {"b": 4}
    assert sum(each["total"] for each in of_b["columns"]) == 5


def test_a_column_is_read_on_from_its_cursor(database: Database) -> None:
    made = [make_card(database, str(number)) for number in range(7)]
    move(database, made[6], Column.BACKLOG, before=made[0])
    seen: list[str] = []
    after = ""
    while True:
        (part,) = shown_board(database, limit=3, column=Column.BACKLOG, after=after)["columns"]
        seen += [each["title"] for each in part["cards"]]
        if part["next"] is None:
            break
        assert part["total"] == 7
        after = part["next"]
    assert seen == ["6", "0", "1", "2", "3", "4", "5"]
    first = shown_board(database, limit=3)["columns"][0]
    assert first["next"] == shown_board(database, limit=3, column=Column.BACKLOG)["columns"][0]["next"]


def test_places_that_are_the_same_are_read_once_each(database: Database) -> None:
    made = [make_card(database, str(number)) for number in range(5)]

    def put_together(tx: Tx) -> None:
        tx.execute(update(Card).values(position=0))

    database.submit(put_together).result()
    seen: list[str] = []
    after: str | None = ""
    while after is not None:
        (part,) = shown_board(database, limit=2, column=Column.BACKLOG, after=after)["columns"]
        seen += [each["id"] for each in part["cards"]]
        after = part["next"]
    assert seen == made


@pytest.mark.parametrize(
    "cursor", ["x", "1", ".", "1.", ".x", "--1.x", "1e5.x", "²." + "x", "9" * 30 + ".x", "1.\0", "1.é", "-.x"]
)
def test_a_cursor_that_is_none_is_refused(database: Database, cursor: str) -> None:
    with pytest.raises(errors.Invalid, match="this cursor is none"):
        shown_board(database, column=Column.BACKLOG, after=cursor)


def test_a_project_there_is_not_has_no_board(database: Database) -> None:
    for ask in (answers.board, answers.page):
        with pytest.raises(errors.NotFound, match="no project 'nowhere'"):
            database.fetch(ask, 50, project="nowhere").result()


def test_the_board_is_made_into_json_by_the_quick_encoder(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes no keys but plain text; what it does not take goes the slow way, unseen."""
    make_card(database)
    monkeypatch.setattr("conselho.executions.answers._ENCODER", None)
    assert shown_board(database)["moves"]["archived"] == ["done"]


def test_an_empty_board_is_one(database: Database) -> None:
    found = shown_board(database)
    assert all((each["total"], each["cards"], each["next"]) == (0, [], None) for each in found["columns"])
