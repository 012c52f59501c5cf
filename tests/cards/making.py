"""Cards in any column, made by the same steps that the product takes, and those steps from a plain thread."""

import asyncio
import json
from pathlib import Path
from typing import Any

from sqlalchemy import Row

from conselho import clock, ids
from conselho.cards import answers, board, giving, queries, settling
from conselho.cards.columns import Column, Command
from conselho.cards.commands import Order
from conselho.db.session import Database
from conselho.events import log as events
from conselho.executions import logs, states
from conselho.executions import queries as execution_queries
from conselho.projects import definitions, places
from tests.executions import making as executions

NOWHERE = Path("/nowhere/data")  # a data directory, where none is needed


def make_project(database: Database, path: Path, data_dir: Path = NOWHERE, **fields: Any) -> str:
    """The directory as a project, called as it is; returns its id."""
    wish = definitions.Wish(path=str(path), **fields)
    place = places.look(wish.path, wish.default_branch, data_dir)
    return database.submit(definitions.add, wish, place, ids.new()).result().id


def set_project(database: Database, name: str, **given: Any) -> None:
    database.submit(definitions.change, name, given, None).result()


def make_card(database: Database, title: str = "Mend it", column: Column = Column.BACKLOG, **wish: Any) -> str:
    """A card, walked to its column by moves that are allowed; returns its id."""
    card = database.submit(board.add, board.Wish(title=title, **wish), ids.new()).result()
    way = [*Column][: [*Column].index(Column.DONE) + 1]
    beyond = {Column.ARCHIVED: [*way, Column.ARCHIVED], Column.CANCELLED: [Column.BACKLOG, Column.CANCELLED]}
    for step in beyond.get(column, way[: way.index(column) + 1 if column in way else 0])[1:]:
        move(database, card, step)
    return card


def move(database: Database, name: str, column: Column, version: int | None = None, before: str | None = None) -> str:
    return database.submit(board.move, name, column, version, before).result()


def change(database: Database, name: str, version: int | None = None, **given: Any) -> str:
    return database.submit(board.change, name, given, version).result()


def archive(database: Database, name: str, version: int | None = None) -> str:
    return database.submit(board.archive, name, version).result()


def give(
    database: Database,
    data_dir: Path,
    card: str,
    command: Command = Command.PLAN,
    message: str | None = None,
    key: str | None = None,
    **order: Any,
) -> str:
    """Give a card a command, as the HTTP door does; returns the id of its execution."""
    wish = Order(command=command, message=message, **order)
    return asyncio.run(giving.give(database, data_dir, card, wish, key))


def start(database: Database, execution_id: str) -> None:
    """Let a worker begin it, and others that wait."""
    for each in executions.claim(database, seats=100):
        executions.start(database, each)
    assert executions.status(database, execution_id) == "running"


def say(database: Database, execution_id: str, *texts: str) -> None:
    """Have its run, the first of it, print its first lines."""
    chunk = logs.pack(execution_id, 1, 1, [logs.Line(clock.now(), "stdout", text) for text in texts])
    assert database.submit(logs.append, chunk).result()


def end(database: Database, execution_id: str, **outcome: Any) -> None:
    """Let its run end: well, where nothing else is said."""
    if executions.status(database, execution_id) == "queued":
        start(database, execution_id)
    assert executions.finish(database, execution_id, **outcome)


def settle(database: Database, card: str) -> None:
    asyncio.run(settling.settle(database, card))


def done(database: Database, data_dir: Path, card: str, command: Command = Command.PLAN, **outcome: Any) -> str:
    """Give a command, have it end, and keep what it came to; returns the id of its execution."""
    execution_id = give(database, data_dir, card, command)
    end(database, execution_id, **outcome)
    settle(database, card)
    return execution_id


def worktree_of(database: Database, card: str) -> Path:
    return Path(one(database, card).worktree)


def one(database: Database, name: str) -> Row[Any]:
    return database.fetch(queries.one, name).result()


def run(database: Database, execution_id: str) -> Row[Any]:
    return executions.one(database, execution_id)


def runs_of(database: Database, card: str) -> list[Row[Any]]:
    """Its executions, the newest first."""
    which = execution_queries.Filter(card=card)
    return list(database.fetch(execution_queries.page, which, execution_queries.PAGE_MAX).result().rows)


def open_runs(database: Database, card: str) -> list[str]:
    return [each.id for each in runs_of(database, card) if each.status in states.OPEN]


def shown(database: Database, name: str) -> dict[str, Any]:
    """The card as HTTP answers it."""
    found: dict[str, Any] = json.loads(database.fetch(answers.one, name).result())
    return found


def shown_board(database: Database, limit: int = 50, **which: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(database.fetch(answers.board, limit, **which).result())
    return found


def titles(database: Database, column: Column) -> list[str]:
    """What stands in a column, from the top."""
    (part,) = shown_board(database, limit=answers.COLUMN_CARDS_MAX, column=column)["columns"]
    return [each["title"] for each in part["cards"]]


def told(database: Database, kind: str = "card.") -> list[tuple[str, dict[str, Any]]]:
    """The cards' events so far, without what says which card."""
    found = database.fetch(events.read_after, 0).result()
    named = ("card_id", "card")
    return [
        (each.kind, {name: value for name, value in each.data.items() if name not in named})
        for each in found
        if each.kind.startswith(kind)
    ]
