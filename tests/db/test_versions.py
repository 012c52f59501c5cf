"""Which database answers, and what is said of one that does not."""

import pytest

from conselho import errors
from conselho.db import versions
from conselho.db.session import Database


def test_a_server_says_its_version(postgres_database_url: str) -> None:
    found = versions.postgresql(postgres_database_url)
    assert found is not None
    assert found >= versions.POSTGRESQL_NEEDED


def test_a_file_is_no_server(sqlite_database_url: str) -> None:
    assert versions.postgresql(sqlite_database_url) is None


def test_a_server_that_is_away_is_told_without_its_password() -> None:
    with pytest.raises(errors.DatabaseGone) as told:
        versions.postgresql("postgresql://user:secret-word@127.0.0.1:1/none")
    assert "secret-word" not in told.value.sentence


def test_python_brings_a_sqlite_that_is_new_enough() -> None:
    assert versions.sqlite() >= versions.SQLITE_NEEDED


def test_a_database_says_what_kind_it_is(database: Database, database_url: str) -> None:
    assert database_url.startswith(database.kind)
