"""Logs of what ended long ago go, a little at a time; the execution and its result stay, and say so."""

import asyncio
import json
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from sqlalchemy import func, select

from conselho import errors
from conselho.db import engine
from conselho.db.session import Database
from conselho.events.signals import Signals
from conselho.executions import answers, endings, log_pages, log_stream, logs, retention
from conselho.executions.endings import LogEnd
from conselho.executions.log_pages import Wish
from conselho.executions.models import LogChunk, LogHead
from tests.conftest import Clock
from tests.executions.making import make_ended, make_lines, make_outcome, make_queued, make_running, one

KEPT = timedelta(days=30)


def make_logged(database: Database, clock: Clock, chunks: int, lines: int = 1) -> str:
    """A running execution with so many chunks of so many lines."""
    execution_id = make_running(database)
    for number in range(chunks):
        first = number * lines + 1
        chunk = logs.pack(execution_id, 1, first, make_lines([f"line {first + each}" for each in range(lines)], clock))
        assert database.submit(logs.append, chunk).result()
    return execution_id


def end(database: Database, execution_id: str) -> None:
    head = database.fetch(logs.head, execution_id).result()
    outcome = make_outcome(result="what came of it", log=LogEnd(head.last_seq, head.bytes))
    assert database.submit(endings.finish, execution_id, 1, outcome).result()


def purge(database: Database) -> bool:
    return database.submit(retention.purge_next, KEPT).result()


def purge_all(database: Database) -> int:
    """Returns the number of steps that found something."""
    steps = 0
    while purge(database):
        steps += 1
    return steps


def left(database: Database, execution_id: str) -> tuple[int, int]:
    """How many chunks, and how many heads."""
    chunks = select(func.count()).select_from(LogChunk).where(LogChunk.execution_id == execution_id)
    heads = select(func.count()).select_from(LogHead).where(LogHead.execution_id == execution_id)
    found = database.fetch(lambda tx: (tx.execute(chunks).scalar_one(), tx.execute(heads).scalar_one())).result()
    return int(found[0]), int(found[1])


def shown(database: Database, execution_id: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(database.fetch(answers.one, execution_id).result())
    return found


def page(database: Database, execution_id: str, **wish: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(database.fetch(log_pages.page, execution_id, Wish(**wish)).result())
    return found


def test_a_log_goes_when_it_is_old_and_the_result_stays(database: Database, clock: Clock) -> None:
    execution_id = make_logged(database, clock, 3, lines=2)
    end(database, execution_id)
    clock.advance(KEPT)
    assert purge_all(database) == 0
    before = shown(database, execution_id)
    assert (before["log_purged_at"], len(page(database, execution_id)["items"])) == (None, 6)

    clock.advance(seconds=1)
    assert purge_all(database) == 1

    assert left(database, execution_id) == (0, 0)
    after = shown(database, execution_id)
    assert after["log_purged_at"] == "2026-04-01T09:00:01Z"
    assert {name for name in after if after[name] != before[name]} == {"log_purged_at"}
    assert (after["result"], after["log_lines"]) == ("what came of it", 6)
    clock.advance(KEPT)
    assert purge_all(database) == 0


def test_a_page_of_a_log_that_is_gone_is_empty_and_says_so(database: Database, clock: Clock) -> None:
    execution_id = make_logged(database, clock, 2)
    assert page(database, execution_id)["log_purged_at"] is None
    end(database, execution_id)
    clock.advance(KEPT + timedelta(days=1))
    purge_all(database)

    gone: dict[str, object] = {"items": [], "next": None, "last_seq": 0, "total": 0}
    gone["log_purged_at"] = "2026-04-02T09:00:00Z"
    assert page(database, execution_id) == gone
    assert page(database, execution_id, after=1) == gone
    assert page(database, execution_id, q="line") == gone
    with pytest.raises(errors.NotFound):
        page(database, "0190c1a2-0000-7000-8000-000000000009")


def test_the_stream_of_a_log_that_is_gone_ends_at_once(database: Database, clock: Clock) -> None:
    execution_id = make_logged(database, clock, 2)
    end(database, execution_id)
    clock.advance(KEPT + timedelta(days=1))
    purge_all(database)

    async def heard() -> list[bytes]:
        return [each async for each in log_stream.follow(database, Signals(), execution_id, 0)]

    beginning, told = asyncio.run(heard())
    assert beginning.startswith(b"retry:")
    assert told.startswith(b"event: end\ndata: ")
    assert json.loads(told.partition(b"data: ")[2])["log_purged_at"] == "2026-04-02T09:00:00Z"


def test_what_has_not_ended_or_is_young_keeps_its_log(database: Database, clock: Clock) -> None:
    running, young = make_logged(database, clock, 2), make_logged(database, clock, 2)
    clock.advance(KEPT * 2)
    end(database, young)

    assert purge_all(database) == 0
    assert (left(database, running), left(database, young)) == ((2, 1), (2, 1))


def test_a_large_log_goes_step_by_step_and_never_has_a_hole(database: Database, clock: Clock) -> None:
    chunks = 2 * retention.CHUNKS_AT_ONCE + 5
    large, small = make_logged(database, clock, chunks), make_logged(database, clock, 1)
    end(database, large)
    end(database, small)
    clock.advance(KEPT * 2)

    rest = chunks
    for _ in range(2):
        assert purge(database)
        rest -= retention.CHUNKS_AT_ONCE
        assert left(database, large) == (rest, 1)
        assert [line.seq for line in database.fetch(logs.read_after, large, 0).result()] == list(range(1, rest + 1))
        assert page(database, large)["items"] == []
        assert left(database, small) == (1, 1)
    assert purge(database)
    assert (left(database, large), left(database, small)) == ((0, 0), (0, 0))
    assert not purge(database)


def test_what_never_logged_is_not_said_to_have_lost_its_log(database: Database, clock: Clock) -> None:
    execution_id, never_started = make_ended(database), make_queued(database)
    clock.advance(KEPT * 2)

    assert purge_all(database) == 1
    assert left(database, execution_id) == (0, 0)
    assert one(database, execution_id).log_purged_at is None
    assert one(database, never_started).log_purged_at is None


def test_what_began_long_ago_and_goes_on_holds_up_nobody(database: Database, clock: Clock) -> None:
    running = [make_running(database) for _ in range(3)]
    execution_id = make_logged(database, clock, 1)
    end(database, execution_id)
    clock.advance(KEPT * 2)

    assert purge_all(database) == 1
    assert left(database, execution_id) == (0, 0)
    assert [left(database, each) for each in running] == [(0, 1)] * 3


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_log_that_another_process_is_at_is_left_to_it(database: Database, database_url: str, clock: Clock) -> None:
    first, second = make_logged(database, clock, 1), make_logged(database, clock, 1)
    for each in (first, second):
        end(database, each)
    clock.advance(KEPT * 2)
    address = engine.database_address(database_url).set(drivername="postgresql")
    with psycopg.connect(address.render_as_string(hide_password=False)) as other:
        other.execute("SELECT fence FROM log_heads WHERE execution_id = %s FOR UPDATE", (first,))
        assert purge_all(database) == 1
        assert (left(database, first), left(database, second)) == ((1, 1), (0, 0))
        other.rollback()
    assert purge_all(database) == 1
    assert left(database, first) == (0, 0)
