"""What is said of a database that cannot even be connected to?"""

from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from conselho.db import migrate
from conselho.errors import DatabaseGone, Unusable


def test_a_server_that_refuses_is_named_without_the_password() -> None:
    with pytest.raises(DatabaseGone) as told:
        migrate.upgrade("postgresql://ana:secret@127.0.0.1:1/council")
    assert told.value.sentence == "PostgreSQL at 127.0.0.1:1 cannot be reached: connection refused"


def test_a_database_that_is_not_there_is_named_with_what_makes_it(postgres_database_url: str) -> None:
    address = make_url(postgres_database_url)
    absent = address.set(database="council_of_nobody").render_as_string(hide_password=False)
    with pytest.raises(DatabaseGone, match=r"there is no database council_of_nobody at .*: make it with `createdb`"):
        migrate.upgrade(absent)


def test_a_user_that_is_unknown_is_told_in_the_servers_words(postgres_database_url: str) -> None:
    address = make_url(postgres_database_url).set(username="nobody_at_all", password="secret")
    with pytest.raises(DatabaseGone, match="cannot be reached: ") as told:
        migrate.upgrade(address.render_as_string(hide_password=False))
    assert "nobody_at_all" in told.value.sentence
    assert "secret" not in told.value.sentence


def test_a_file_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    with pytest.raises(Unusable, match=r"the database .*/absent/x\.db cannot be made: No such file or directory"):
        migrate.upgrade(f"sqlite:///{tmp_path}/absent/x.db")


def test_a_file_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.db").mkdir()
    with pytest.raises(DatabaseGone, match=r"the database .*/x\.db cannot be opened: "):
        migrate.revision(f"sqlite:///{tmp_path}/x.db")
