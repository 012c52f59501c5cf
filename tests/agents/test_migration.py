"""Executions that were there before agents were survive their coming, and their going."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from conselho.db import engine, migrate
from conselho.db.session import Database
from tests.executions.making import make_ended, make_queued, one


def test_executions_go_down_and_up_with_all_they_have(database_url: str) -> None:
    database = Database(database_url)
    ended, queued = make_ended(database, title="before"), make_queued(database, env={"CI": "1"})
    before = {each: one(database, each) for each in (ended, queued)}
    database.close()

    migrate.downgrade(database_url, "0001")
    migrate.upgrade(database_url)

    database = Database(database_url)
    assert {each: one(database, each) for each in (ended, queued)} == before
    database.close()


def test_the_checks_of_the_table_are_still_there_after_the_way_back(database_url: str) -> None:
    database = Database(database_url)
    make_queued(database)
    database.close()

    migrate.downgrade(database_url, "0001")

    opened = engine.open_engine(database_url)
    with pytest.raises(IntegrityError), opened.begin() as connection:
        connection.execute(text("UPDATE executions SET status = 'none'"))
    opened.dispose()
