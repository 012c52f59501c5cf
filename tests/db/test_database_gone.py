"""What happens when the way to PostgreSQL breaks, before, after and at a COMMIT?"""

import threading
from collections.abc import Iterator
from contextlib import closing

import psycopg
import pytest
from sqlalchemy import text

from conselho.db import engine, migrate
from conselho.db.session import Database, Tx
from conselho.errors import DatabaseGone, OutcomeUnknown
from tests.db.conftest import METADATA, PATIENCE_SECONDS, add_note, found_notes, read_notes
from tests.db.proxy import Proxy


@pytest.fixture
def wire(postgres_database_url: str) -> Iterator[Proxy]:
    opened = engine.open_engine(postgres_database_url)
    METADATA.create_all(opened)
    opened.dispose()
    with Proxy(postgres_database_url) as proxy:
        yield proxy


@pytest.fixture
def notes(wire: Proxy) -> Iterator[Database]:
    database = Database(wire.url)
    yield database
    database.close()


@pytest.fixture
def direct(wire: Proxy, postgres_database_url: str) -> Iterator[Database]:
    """The same database, not through the wire."""
    database = Database(postgres_database_url)
    yield database
    database.close()


class Counted:
    """A unit that counts how often it ran, and may do something in the middle."""

    def __init__(self, meanwhile: object = None) -> None:
        self.runs = 0
        self._meanwhile = meanwhile

    def __call__(self, tx: Tx, note_id: str) -> str:
        self.runs += 1
        add_note(tx, note_id)
        if self.runs == 1 and callable(self._meanwhile):
            self._meanwhile()
            add_note(tx, f"{note_id} and more")
        return note_id


def test_a_connection_that_broke_between_groups_is_made_anew_unseen(notes: Database, wire: Proxy) -> None:
    notes.submit(add_note, "a").result(PATIENCE_SECONDS)
    found_notes(notes)

    wire.cut()

    assert notes.submit(add_note, "b").result(PATIENCE_SECONDS) == "b"
    assert found_notes(notes) == ["a", "b"]


def test_a_connection_that_broke_before_the_commit_costs_only_a_second_run(notes: Database, wire: Proxy) -> None:
    notes.submit(add_note, "a").result(PATIENCE_SECONDS)
    unit = Counted(wire.cut)

    assert notes.submit(unit, "b").result(PATIENCE_SECONDS) == "b"

    assert unit.runs == 2
    assert found_notes(notes) == ["a", "b"]


def test_a_session_that_the_server_ended_is_made_anew_unseen(notes: Database, direct: Database) -> None:
    pid = notes.submit(lambda tx: tx.execute(text("SELECT pg_backend_pid()")).scalar_one()).result(PATIENCE_SECONDS)

    ended = text("SELECT pg_terminate_backend(:pid, 5000)")
    assert direct.submit(lambda tx: tx.execute(ended, {"pid": pid}).scalar_one()).result(PATIENCE_SECONDS)

    assert notes.submit(add_note, "a").result(PATIENCE_SECONDS) == "a"


@pytest.mark.parametrize("delivered", [False, True], ids=["unheard", "heard"])
def test_a_commit_whose_answer_is_lost_is_never_run_again(
    notes: Database, direct: Database, wire: Proxy, delivered: bool
) -> None:
    unit = Counted()
    notes.submit(add_note, "a").result(PATIENCE_SECONDS)

    wire.cut_at(b"COMMIT", delivered=delivered)
    error = notes.submit(unit, "b").exception(PATIENCE_SECONDS)

    assert isinstance(error, OutcomeUnknown)
    assert unit.runs == 1
    assert found_notes(direct) == (["a", "b"] if delivered else ["a"])
    assert notes.submit(add_note, "c").result(PATIENCE_SECONDS) == "c"


def test_nothing_is_told_of_a_commit_whose_answer_is_lost(wire: Proxy) -> None:
    told: list[tuple[str, ...]] = []
    database = Database(wire.url, on_commit=told.append)
    database.submit(add_note, "a").result(PATIENCE_SECONDS)

    wire.cut_at(b"COMMIT", delivered=True)
    error = database.submit(lambda tx: tx.signal("maybe")).exception(PATIENCE_SECONDS)

    assert isinstance(error, OutcomeUnknown)
    assert told == []
    database.close()


def test_callers_of_a_database_that_is_gone_are_told_so_and_it_heals(notes: Database, wire: Proxy) -> None:
    notes.submit(add_note, "a").result(PATIENCE_SECONDS)

    wire.refuse()
    write_error = notes.submit(add_note, "b").exception(PATIENCE_SECONDS)
    read_error = notes.fetch(read_notes).exception(PATIENCE_SECONDS)
    wire.restore()

    assert isinstance(write_error, DatabaseGone)
    assert isinstance(read_error, DatabaseGone)
    assert notes.submit(add_note, "c").result(PATIENCE_SECONDS) == "c"
    assert found_notes(notes) == ["a", "c"]


def test_a_database_that_is_away_is_no_obstacle_to_a_start(wire: Proxy) -> None:
    wire.refuse()
    database = Database(wire.url)
    assert isinstance(database.submit(add_note, "a").exception(PATIENCE_SECONDS), DatabaseGone)

    wire.restore()
    assert database.submit(add_note, "a").result(PATIENCE_SECONDS) == "a"
    database.close()


def test_everyone_who_waited_while_connecting_failed_is_told_at_once(notes: Database, wire: Proxy) -> None:
    wire.stall()
    waiting = [notes.submit(add_note, "first")]
    assert wire.stalled.wait(PATIENCE_SECONDS)
    waiting += [notes.submit(add_note, f"{n:03}") for n in range(450)]
    wire.refuse()

    errors = [future.exception(PATIENCE_SECONDS) for future in waiting]
    assert {type(error) for error in errors} == {DatabaseGone}
    assert len({id(error) for error in errors}) == 451


def test_an_upgrade_of_a_database_that_is_gone_says_so(wire: Proxy) -> None:
    wire.refuse()

    with pytest.raises(DatabaseGone):
        migrate.check(wire.url)


def test_a_password_is_in_no_message_of_a_failed_connection(wire: Proxy, caplog: pytest.LogCaptureFixture) -> None:
    wire.refuse()
    with closing(Database(wire.url.replace("postgres@", "postgres:hunter2@"))) as database:
        error = database.submit(add_note, "a").exception(PATIENCE_SECONDS)

    assert isinstance(error, DatabaseGone)
    assert isinstance(error.__cause__, Exception)
    assert "hunter2" not in f"{error} {error.__cause__} {error.__cause__!r} {caplog.text}"


def test_a_unit_that_idles_in_its_transaction_is_cut_off_by_the_server(postgres_database_url: str) -> None:
    # The server's setting is 5 s; a session may shorten its own.
    gone = threading.Event()

    def idle(tx: Tx) -> int:
        if gone.is_set():
            return 2
        pid = tx.execute(text("SELECT pg_backend_pid()")).scalar_one()
        tx.execute(text("SET LOCAL idle_in_transaction_session_timeout = '1ms'"))
        with psycopg.connect(postgres_database_url, autocommit=True) as other:
            while other.execute("SELECT 1 FROM pg_stat_activity WHERE pid = %s", (pid,)).fetchone():
                pass
        gone.set()
        tx.execute(text("SELECT 1"))
        return 1

    with closing(Database(postgres_database_url)) as database:
        assert database.submit(idle).result(PATIENCE_SECONDS) == 2


def test_a_server_that_neither_answers_nor_goes_away_is_hung_up_on(wire: Proxy) -> None:
    frozen = threading.Event()

    def freeze(tx: Tx) -> None:
        wire.freeze()
        frozen.set()
        add_note(tx, "b")

    with closing(Database(wire.url, answer_seconds_max=0.1)) as database:
        database.submit(add_note, "a").result(PATIENCE_SECONDS)
        found_notes(database)

        writing = database.submit(freeze)
        assert frozen.wait(PATIENCE_SECONDS)
        reading = database.fetch(read_notes)
        errors = writing.exception(PATIENCE_SECONDS), reading.exception(PATIENCE_SECONDS)
        wire.restore()

        assert [type(error) for error in errors] == [DatabaseGone, DatabaseGone]
        assert database.submit(add_note, "c").result(PATIENCE_SECONDS) == "c"
        assert found_notes(database) == ["a", "c"]
