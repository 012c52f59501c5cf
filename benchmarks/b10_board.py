"""B10: what does the board's first page cost with 10,000 cards, each of which has had runs?

- JSON: what the HTTP door sends - 25 cards of each column with their projects, their active or latest runs, what all
  their runs cost, and the last lines of those that are active - as a caller in the process gets it.
- bare: the same statements with the same values, by the driver, on a connection that is open already, in this thread,
  the rows fetched and thrown away.
- over HTTP: asked of a server in a process of its own, by its Unix socket; against nothing.

A hundredth of the cards has a run that is active, with a log.
"""

import argparse
import gc
import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, event, insert, text

from benchmarks import measure, ours, seeded
from benchmarks.report import Report
from conselho import clock, ids
from conselho.cards import answers, board
from conselho.cards.columns import Column, Command
from conselho.cards.models import Card
from conselho.db import engine, migrate
from conselho.db.session import Database, Tx
from conselho.executions import logs
from conselho.executions.models import Execution, LogChunk, LogHead
from conselho.projects.models import Project
from conselho.settings import Settings

CARDS = 10_000
QUICK = 500
RUNS = 3  # of each card
PROJECTS = 5
ROUNDS = 500
SECONDS_MAX = 40.0  # of each database
LIMIT = 25  # cards of each column, as the door gives them where nothing else is asked for
AT_ONCE = 1_000
ACTIVE_EACH = 100  # one of so many cards has an active run
LINES = 100  # of its log
HELD_UNTIL = datetime(2100, 1, 1, tzinfo=UTC)  # nobody rescues what is to stay active
_SPREAD = (0.3, 0.05, 0.05, 0.05, 0.05, 0.2, 0.25, 0.05)  # over the columns: much has been done, and put away
_MISSED = (
    "Some 175 cards with all that belongs to them are some 1,500 objects, which Python makes one by one.",
    "Fewer cards of each column at first; JSON that the database writes.",
)


def main() -> None:
    """Measure, and keep the report."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    count = QUICK if quick else CARDS
    report = Report("b10", f"the board with {count:,} cards, {count * RUNS:,} runs", quick=quick)
    for kind in ("SQLite", "PostgreSQL"):
        with ExitStack() as stack:
            place = stack.enter_context(ours.directory())
            url = (
                engine.sqlite_url(place / "conselho.db")
                if kind == "SQLite"
                else stack.enter_context(ours.postgres_database())
            )
            migrate.upgrade(url)
            fill(url, count)
            stack.enter_context(seeded.served(url, place))
            tell(report, kind, measured(url, place, 20 if quick else ROUNDS))
    report.note(f"the first {LIMIT} cards of each of seven columns, and how many there are in all eight")
    report.versions["PostgreSQL"] = ours.postgres_version()
    report.save()


def measured(url: str, place: Path, rounds: int) -> dict[str, list[float]]:
    """Seconds of each contender."""
    with ExitStack() as stack:
        database = stack.enter_context(closing(Database(url)))
        http = stack.enter_context(closing(seeded.UnixConnection(Settings(data_dir=place).socket_path)))
        opened = engine.open_engine(url, read_only=True)
        stack.callback(opened.dispose)
        connection = stack.enter_context(opened.connect())
        statements = list(statements_of(connection))
        driver: Any = connection.connection.dbapi_connection

        def bare() -> None:
            for sql, values in statements:
                driver.execute(sql, values).fetchall()
            driver.rollback()

        def over_http() -> None:
            http.request("GET", "/api/v1/board")
            answer = http.getresponse()
            assert (answer.status, len(answer.read()) > 10_000) == (200, True)

        contenders: dict[str, Callable[[], object]] = {
            "JSON": lambda: database.fetch(answers.board, LIMIT).result(),
            "bare": bare,
            "HTTP": over_http,
        }
        timed = {name: _timed(ask) for name, ask in contenders.items()}
        for ask in timed.values():  # what is prepared once is not what a page costs
            for _ in range(5):
                ask()
        gc.collect()
        gc.freeze()  # as a server does when it listens
        return measure.interleaved(timed, rounds, seconds_max=SECONDS_MAX)


def statements_of(connection: Connection) -> Iterator[tuple[str, Any]]:
    """What is asked of the database for one page, with the values as the driver takes them."""
    found: list[tuple[str, Any]] = []

    def record(_c: object, _cursor: object, statement: str, values: Any, _x: object, _many: object) -> None:
        found.append((statement, values))

    event.listen(connection, "before_cursor_execute", record)
    answers.board(Tx(connection, clock.now()), LIMIT)
    event.remove(connection, "before_cursor_execute", record)
    connection.rollback()
    yield from found


def fill(url: str, count: int) -> None:
    """Have so many cards, spread over columns and projects, each with its runs."""
    draw = random.Random(measure.SEED)
    with closing(Database(url)) as database:
        projects = [_project(number) for number in range(PROJECTS)]
        database.submit(_insert, Project, projects).result()
        columns = draw.choices([*Column], _SPREAD, k=count)
        for begin in range(0, count, AT_ONCE):
            numbers = range(begin + 1, min(begin + AT_ONCE, count) + 1)
            cards = [_card(n, columns[n - 1], draw.choice(projects)["id"]) for n in numbers]
            runs = [run for card in cards for run in _runs(card, draw)]
            for model, rows in ((Card, cards), (Execution, runs)):
                database.submit(_insert, model, rows).result()
            for run in runs:
                if run["status"] == "running":
                    database.submit(_log, run["id"]).result()
        database.submit(lambda tx: tx.execute(text("ANALYZE"))).result()  # as PostgreSQL does by itself, in a minute


def _project(number: int) -> dict[str, Any]:
    now = clock.now()
    return {
        "id": ids.new(), "slug": f"project-{number}", "path": f"/srv/project-{number}", "is_repository": True,
        "may_use_own_commands": False, "agents": {}, "version": 1, "created_at": now, "updated_at": now,
    }  # fmt: skip


def _card(number: int, column: Column, project_id: str) -> dict[str, Any]:
    now = clock.now()
    return {
        "id": ids.new(), "number": number, "project_id": project_id, "title": f"Mend what is broken, number {number}",
        "description": "Say what is to be done. " * 20, "plan": "First this, then that. " * 50, "priority": 0,
        "agent": None, "agents": {}, "column": column, "position": number * board.STEP, "moved_at": now, "version": 3,
        "created_at": now, "updated_at": now, "branch": f"conselho/{number}-mend", "worktree": f"/srv/trees/{number}",
        "base": "0" * 40, "commit": "1" * 40, "files_changed": 3, "lines_added": 40, "lines_removed": 7,
        "last_line": {"seq": 9, "at": "2026-03-02T09:00:00Z", "kind": "stdout", "text": "It is done."},
        "latest_execution_id": ids.new(),
    }  # fmt: skip


def _runs(card: dict[str, Any], draw: random.Random) -> Iterator[dict[str, Any]]:
    """The last of them is the card's latest."""
    began = clock.now() - timedelta(days=1)
    for turn in range(RUNS):
        is_latest = turn == RUNS - 1
        is_active = is_latest and card["number"] % ACTIVE_EACH == 0
        yield {
            "id": card["latest_execution_id"] if is_latest else ids.new(),
            "status": "running" if is_active else "succeeded",
            "origin": "card", "title": card["title"], "agent": "ana", "provider": "claude", "prompt": "Do it. " * 100,
            "cwd": "/srv", "accepted_exit_codes": [0], "exclusive": True, "retry_on_loss": False,
            "card_id": card["id"], "command": [*Command][turn], "attempt": 1, "rank": 0, "fence": 1,
            "worker": "here", "worker_id": None, "lease_until": HELD_UNTIL if is_active else None,
            "created_at": began + timedelta(minutes=turn), "started_at": began + timedelta(minutes=turn),
            "completed_at": None if is_active else began + timedelta(minutes=turn, seconds=50),
            "duration_seconds": None if is_active else 50.0, "severity": None if is_active else "success",
            "summary": "It is done, and tested.", "result": "It is done. " * 50, "cost_usd": draw.random(),
            "input_tokens": draw.randrange(100_000), "output_tokens": draw.randrange(10_000), "log_lines": 9,
            "log_bytes": 900,
        }  # fmt: skip


def _insert(tx: Tx, model: Any, rows: Sequence[dict[str, Any]]) -> None:
    tx.execute(insert(model.__table__), rows)


def _log(tx: Tx, execution_id: str) -> None:
    lines = [logs.Line(tx.now, "stdout", f"line {number} of what it says") for number in range(LINES)]
    chunk = logs.pack(execution_id, 1, 1, lines)
    tx.execute(insert(LogHead), {"execution_id": execution_id, "fence": 1, "last_seq": LINES, "bytes": chunk.raw_bytes})
    tx.execute(insert(LogChunk), logs.as_row(chunk))


def _timed(ask: Callable[[], object]) -> Callable[[], float]:
    def seconds() -> float:
        began = time.perf_counter()
        ask()
        return time.perf_counter() - began

    return seconds


def tell(report: Report, kind: str, found: dict[str, list[float]]) -> None:
    """A row and the goals of one database."""
    p50, p99 = ({name: measure.percentile(times, part) for name, times in found.items()} for part in (50, 99))
    cells = {f"{name}_p50_p99_ms": f"{p50[name] * 1000:.3g} / {p99[name] * 1000:.3g}" for name in found}
    ratios = f"{p50['JSON'] / p50['bare']:.3g} / {p99['JSON'] / p99['bare']:.3g}"
    report.row(database=kind, **cells, JSON_of_bare=ratios, rounds=str(len(found["JSON"])))
    report.goal(f"{kind}: p99 over HTTP, ms", p99["HTTP"] * 1000, at_most=100, missed=_MISSED)
    report.goal(f"{kind}: p99 of JSON against bare", p99["JSON"] / p99["bare"], at_most=3, missed=_MISSED)


if __name__ == "__main__":
    main()
