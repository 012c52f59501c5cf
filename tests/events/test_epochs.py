"""An epoch is bound to where its database lives: elsewhere another begins, once, whoever looks."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import select, update
from sqlalchemy.engine import make_url

from conselho import ids
from conselho.db import lineage
from conselho.db.session import Database, Tx
from conselho.events import epochs, log
from conselho.events.epochs import Keeper
from conselho.events.models import Epoch
from tests.looping import on_a_loop

ELSEWHERE = "7000000000000000000/00000001/16384"


def name(database: Database) -> str:
    return database.fetch(log.epoch).result()


def bound_to(database: Database) -> str | None:
    found: str | None = database.fetch(lambda tx: tx.execute(select(Epoch.bound_to)).scalar_one()).result()
    return found


def move(database: Database) -> None:
    """As it is where the database was copied to another server by that server's own means."""

    def write(tx: Tx) -> None:
        tx.execute(update(Epoch).values(bound_to=ELSEWHERE))

    database.submit(write).result()


@on_a_loop
async def test_who_looks_first_binds_the_epoch_and_it_goes_on(database: Database) -> None:
    before = name(database)
    assert bound_to(database) is None
    for _ in range(2):
        await Keeper(database).look()
        assert name(database) == before
    assert (bound_to(database) is None) == (database.kind == "sqlite")


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@on_a_loop
async def test_a_database_that_lives_elsewhere_begins_another_epoch_once(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    keeper = Keeper(database)
    await keeper.look()
    home, before = bound_to(database), name(database)
    move(database)
    await keeper.look()
    after = name(database)
    assert after != before
    assert bound_to(database) == home
    assert "conselho db restored" in caplog.text
    await keeper.look()
    assert name(database) == after


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_of_processes_that_look_at_once_one_begins_it(database: Database, database_url: str) -> None:
    others = [Database(database_url) for _ in range(4)]
    asyncio.run(Keeper(database).look())
    move(database)
    with ThreadPoolExecutor(len(others)) as pool:
        found = list(pool.map(lambda each: each.submit(epochs.keep).result(), others))
    for each in others:
        each.close()
    assert [each for each in found if each is not None] == [name(database)]


@on_a_loop
async def test_one_that_was_begun_by_hand_is_bound_by_who_looks_next(database: Database) -> None:
    await Keeper(database).look()
    home = bound_to(database)
    begun = await database.write(epochs.begin)
    assert (name(database), bound_to(database)) == (begun, None)
    await Keeper(database).look()
    assert (name(database), bound_to(database)) == (begun, home)


@pytest.fixture
def plain_role(postgres_database_url: str) -> Iterator[str]:
    """A role that may use the database, and nothing else."""
    role = f"conselho_plain_{ids.new().replace('-', '')}"
    quoted = sql.Identifier(role)
    with psycopg.connect(postgres_database_url, autocommit=True) as owner:
        owner.execute(sql.SQL("CREATE ROLE {}").format(quoted))
        for what in ("TABLES", "SEQUENCES"):
            owner.execute(sql.SQL(f"GRANT ALL ON ALL {what} IN SCHEMA public TO {{}}").format(quoted))
        yield role
        owner.execute(sql.SQL("DROP OWNED BY {}").format(quoted))
        owner.execute(sql.SQL("DROP ROLE {}").format(quoted))


@pytest.fixture
def plain(postgres_database_url: str, plain_role: str) -> Iterator[Database]:
    """The database as that role sees it."""
    url = make_url(postgres_database_url).update_query_dict({"options": f"-c role={plain_role}"})
    opened = Database(url.render_as_string(hide_password=False))
    yield opened
    opened.close()


@on_a_loop
async def test_a_role_without_any_privilege_may_look(plain: Database, plain_role: str) -> None:
    await Keeper(plain).look()
    number, timeline, oid = str(bound_to(plain)).split("/")
    assert (int(number) > 0, int(timeline, 16) > 0, int(oid) > 0) == (True, True, True)


@on_a_loop
async def test_a_server_that_does_not_tell_is_said_once_and_all_goes_on(
    plain: Database, postgres_database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    with psycopg.connect(postgres_database_url, autocommit=True) as owner:
        owner.execute("REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC")
    keeper, before = Keeper(plain), name(plain)
    for _ in range(3):
        await keeper.look()
    assert caplog.text.count("does not tell which one it is") == 1
    assert (name(plain), bound_to(plain)) == (before, None)
    await plain.write(epochs.begin)
    assert name(plain) != before


def test_a_copy_of_the_database_beside_it_is_another(postgres_database_url: str) -> None:
    address = make_url(postgres_database_url)
    copy = address.set(database=f"{address.database}_copy").render_as_string(hide_password=False)
    with psycopg.connect(postgres_database_url, autocommit=True, dbname="postgres") as owner:
        names = [sql.Identifier(str(make_url(url).database)) for url in (copy, postgres_database_url)]
        owner.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(*names))
        try:
            found = []
            for url in (postgres_database_url, copy):
                opened = Database(url)
                found.append(opened.fetch(lineage.of).result())
                opened.close()
        finally:
            owner.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(names[0]))
    assert found[0] != found[1]
