"""Is a database opened with the settings that the promises rest on?"""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from conselho.db import engine
from conselho.db.session import Database, Tx
from conselho.errors import Invalid, Unusable


def pragma(tx: Tx, name: str) -> Any:
    return tx.execute(text(f"PRAGMA {name}")).scalar_one()


def setting(tx: Tx, name: str) -> str:
    return str(tx.execute(text(f"SHOW {name}")).scalar_one())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("journal_mode", "wal"),
        ("synchronous", 2),  # FULL
        ("foreign_keys", 1),
        ("busy_timeout", 5_000),
        ("auto_vacuum", 2),  # INCREMENTAL
        ("wal_autocheckpoint", 1_000),
        ("journal_size_limit", 64 * 1024 * 1024),
        ("query_only", 0),
    ],
)
def test_sqlite_writes_with(sqlite_database_url: str, name: str, value: object) -> None:
    database = Database(sqlite_database_url)
    assert database.submit(pragma, name).result(10) == value
    database.close()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("synchronous_commit", "on"),
        ("idle_in_transaction_session_timeout", "5s"),
        ("lock_timeout", "5s"),
        ("statement_timeout", "30s"),
        ("timezone", "UTC"),
        ("transaction_isolation", "read committed"),
    ],
)
def test_postgres_writes_with(postgres_database_url: str, name: str, value: str) -> None:
    database = Database(postgres_database_url)
    assert database.submit(setting, name).result(10).lower() == value.lower()
    database.close()


def test_a_reader_connects_while_the_writer_is_in_its_transaction(sqlite_database_url: str) -> None:
    database = Database(sqlite_database_url)

    def read_meanwhile(tx: Tx) -> int:
        tx.execute(text("CREATE TABLE unseen (id INTEGER)"))
        return database.fetch(pragma, "query_only").result(2)  # type: ignore[no-any-return]

    assert database.submit(read_meanwhile).result(10) == 1
    database.close()


def test_postgres_notices_an_unplugged_server(postgres_database_url: str) -> None:
    opened = engine.open_engine(postgres_database_url)
    with opened.connect() as connection:
        driver: Any = connection.connection.dbapi_connection
        parameters = driver.info.get_parameters()
    opened.dispose()
    assert {name: parameters[name] for name in ("tcp_user_timeout", "keepalives_idle", "connect_timeout")} == {
        "tcp_user_timeout": "10000",
        "keepalives_idle": "5",
        "connect_timeout": "5",
    }


def test_a_read_cannot_write(database: Database) -> None:
    reading = database.fetch(lambda tx: tx.execute(text("CREATE TABLE sneaked (id INTEGER)")))

    with pytest.raises(DBAPIError, match=r"read-only|readonly"):
        reading.result(10)


def test_a_page_and_the_cursor_beside_it_come_from_one_moment(database: Database) -> None:
    database.submit(lambda tx: tx.execute(text("CREATE TABLE seen (id INTEGER)")).close()).result(10)
    count = text("SELECT count(*) FROM seen")

    def look_twice(tx: Tx) -> tuple[int, int]:
        before = tx.execute(count).scalar_one()
        database.submit(lambda tx: tx.execute(text("INSERT INTO seen VALUES (1)")).close()).result(10)
        return before, tx.execute(count).scalar_one()

    assert database.fetch(look_twice).result(10) == (0, 0)
    assert database.fetch(lambda tx: tx.execute(count).scalar_one()).result(10) == 1


def test_a_password_is_in_no_message(postgres_database_url: str) -> None:
    with pytest.raises(Invalid) as unreadable:
        engine.open_engine("postgresql//joe:hunter2@host/db")
    with pytest.raises(Invalid) as unknown:
        engine.open_engine("mysql://joe:hunter2@host/db")
    opened = engine.open_engine(postgres_database_url.replace("postgres@", "postgres:hunter2@"))

    assert "hunter2" not in f"{unreadable.value} {unknown.value} {opened!r} {opened.url}"
    assert unreadable.value.__cause__ is None


def test_an_error_shows_no_parameters(database: Database) -> None:
    failing = database.submit(lambda tx: tx.execute(text("SELECT * FROM nowhere WHERE id = :id"), {"id": "hunter2"}))

    assert "hunter2" not in str(failing.exception(10))


def test_a_database_in_memory_is_refused() -> None:
    for url in ("sqlite://", "sqlite:///:memory:"):
        with pytest.raises(Invalid, match="memory"):
            engine.open_engine(url)


def test_a_path_that_means_another_file_elsewhere_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Invalid, match=f"with its whole path: sqlite:///{tmp_path}/x.db"):
        engine.open_engine("sqlite:///x.db")


def test_addresses_of_one_database_have_one_fingerprint(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    same = [
        (f"sqlite:///{tmp_path}/x.db", f"sqlite+pysqlite:///{tmp_path}/link/x.db"),
        ("postgresql://ana:one@Host/x", "postgresql+psycopg://ana:two@host:5432/x"),
        ("postgresql://ana@host/x?password=one&sslmode=require", "postgresql://ana@host/x?sslmode=require"),
    ]
    for one, other in same:
        assert engine.fingerprint(one) == engine.fingerprint(other)


def test_addresses_of_different_databases_have_different_fingerprints(tmp_path: Path) -> None:
    urls = [
        f"sqlite:///{tmp_path}/x.db", f"sqlite:///{tmp_path}/y.db", "postgresql://ana@host/x",
        "postgresql://ana@host/y", "postgresql://ana@other/x", "postgresql://ana@host:5433/x", "postgresql:///x",
        "postgresql:///x?host=/run/one", "postgresql:///x?host=/run/two",
    ]  # fmt: skip
    assert len({engine.fingerprint(url) for url in urls}) == len(urls)


def test_a_fingerprint_tells_no_password() -> None:
    """Not even whether a guess at it is right."""
    assert engine.fingerprint("postgresql://ana:hunter2@host/x") == engine.fingerprint("postgresql://ana:x@host/x")


def test_a_path_becomes_a_url_that_opens_it(tmp_path: Path) -> None:
    path = tmp_path / "odd name %41#é.db"
    opened = engine.open_engine(engine.sqlite_url(path))
    with opened.connect() as connection:
        connection.execute(text("SELECT 1"))
    opened.dispose()

    assert path.exists()
    with pytest.raises(Unusable, match="question mark"):
        engine.sqlite_url(tmp_path / "what?.db")
