"""Where are short reads done, and what becomes of one that was not short after all?"""

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import closing, contextmanager
from typing import Any

import pytest
from sqlalchemy import text

from conselho.db.session import READER_THREADS, Database, Tx, brief
from conselho.errors import Conflict
from tests.db.conftest import add_note, read_notes

PATIENCE_SECONDS = 60.0
SOME_TIME = text(
    "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 100000) SELECT max(x) FROM c"
)


@brief(lambda is_short: is_short)
def thread_of(tx: Tx, is_short: bool) -> str:
    assert read_notes(tx) == [] or is_short
    return threading.current_thread().name


@brief(lambda: True)
def names(tx: Tx) -> list[str]:
    return read_notes(tx)


@brief(lambda: True)
def refuse(tx: Tx) -> None:
    raise Conflict("not now")


@brief(lambda: True)
def count(tx: Tx) -> tuple[str, int]:
    return threading.current_thread().name, tx.execute(SOME_TIME).scalar_one()


@pytest.fixture(params=["plain thread", "event loop"])
def ask(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """Have a database read, from a thread as any other or from an event loop."""

    def from_loop(database: Database, *asked: Any, **more: Any) -> Any:
        async def main() -> Any:
            return await database.read(*asked, **more)

        return asyncio.run(main())

    def from_thread(database: Database, *asked: Any, **more: Any) -> Any:
        return database.fetch(*asked, **more).result(PATIENCE_SECONDS)

    return from_thread if request.param == "plain thread" else from_loop


@contextmanager
def opened(url: str, brief_seconds_max: float = PATIENCE_SECONDS) -> Iterator[Database]:
    """One that has connected, without which no read is short."""
    with closing(Database(url, brief_seconds_max=brief_seconds_max)) as database:
        database.fetch(read_notes).result(PATIENCE_SECONDS)
        yield database


def test_a_short_read_of_a_file_is_done_where_it_is_asked_for(notes_url: str, ask: Callable[..., Any]) -> None:
    here = threading.current_thread().name
    with opened(notes_url) as database:
        assert (ask(database, thread_of, is_short=True) == here) == (database.kind == "sqlite")
        assert ask(database, thread_of, is_short=False) != here


def test_one_that_was_not_short_is_begun_again_by_a_thread_and_so_are_the_next(
    notes_url: str, ask: Callable[..., Any]
) -> None:
    here = threading.current_thread().name
    with opened(notes_url, brief_seconds_max=0.0) as database:
        thread, found = ask(database, count)
        assert (thread != here, found) == (True, 100_000)
        assert ask(database, thread_of, is_short=True) != here


def test_what_it_raises_reaches_who_asked(notes_url: str, ask: Callable[..., Any]) -> None:
    with opened(notes_url) as database:
        with pytest.raises(Conflict):
            ask(database, refuse)
        assert ask(database, names) == []


def test_it_sees_what_was_written_before(notes_url: str, ask: Callable[..., Any]) -> None:
    with opened(notes_url) as database:
        database.submit(add_note, "a").result(PATIENCE_SECONDS)
        assert ask(database, names) == ["a"]


def test_no_thread_waits_for_the_connection_of_a_short_read(notes_url: str) -> None:
    """All that may read at once do, beside a short read that has the one connection there was."""
    with opened(notes_url) as database:
        beside = READER_THREADS if database.kind == "sqlite" else READER_THREADS - 1  # there it takes a thread
        all_read = threading.Barrier(1 + beside)

        def meet(_: Tx) -> None:
            all_read.wait(PATIENCE_SECONDS)

        @brief(lambda: True)
        def meet_others(tx: Tx) -> list[Future[None]]:
            others = [database.fetch(meet) for _ in range(beside)]
            meet(tx)
            return others

        for other in database.fetch(meet_others).result(PATIENCE_SECONDS):
            other.result(PATIENCE_SECONDS)


def test_who_reads_in_a_loop_leaves_the_others_their_turn(notes_url: str) -> None:
    async def main(database: Database) -> None:
        had_its_turn = asyncio.Event()
        asyncio.get_running_loop().call_soon(had_its_turn.set)
        while not had_its_turn.is_set():
            await database.read(names)

    with opened(notes_url) as database:
        asyncio.run(main(database))
