"""How does a benchmark get at our side? A fresh migrated database of either kind, opened as a server opens it."""

import asyncio
import contextlib
import shutil
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from tests import databases

from benchmarks import measure
from conselho import ids, runtime
from conselho.db import migrate
from conselho.executions import endings, queries, queue
from conselho.executions.request import Request
from conselho.runtime import Runtime
from conselho.settings import Settings

POSTGRES_URL = databases.USUAL_URL


@contextmanager
def directory() -> Iterator[Path]:
    """An empty directory on a real disk, gone afterwards."""
    place = Path(tempfile.mkdtemp(dir=measure.work_directory()))
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


@contextmanager
def postgres_database() -> Iterator[str]:
    """The URL of an empty database on the durable PostgreSQL of this machine, gone afterwards.

    Raises: psycopg.OperationalError where there is none.
    """
    name = f"conselho_bench_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(POSTGRES_URL, autocommit=True, connect_timeout=5) as administrator:
        durable = {key: _setting(administrator, key) for key in ("fsync", "synchronous_commit")}
        assert durable == {"fsync": "on", "synchronous_commit": "on"}, f"this PostgreSQL keeps nothing: {durable}"
        administrator.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            yield POSTGRES_URL.rpartition("/")[0] + "/" + name
        finally:
            administrator.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def postgres_version() -> str:
    """The version of the PostgreSQL in use."""
    with psycopg.connect(POSTGRES_URL, connect_timeout=5) as connection:
        return _setting(connection, "server_version").partition(" ")[0]


@asynccontextmanager
async def opened(place: Path, url: str | None = None, **settings: Any) -> AsyncIterator[Runtime]:
    """All that a server holds open, on a migrated database: SQLite in `place`, or that of `url`."""
    chosen = Settings(data_dir=place, database_url=url, **settings)
    await asyncio.to_thread(migrate.upgrade, chosen.url)
    async with runtime.opened(chosen) as held:
        yield held


async def enqueue(held: Runtime, *argv: str) -> str:
    """Accept a command; returns the execution's id."""
    request = Request(provider="command", cwd=str(held.settings.data_dir), argv=argv)
    return await held.database.write(queue.enqueue, request, ids.new())


async def ended(held: Runtime, execution_id: str) -> Any:
    """Wait for its end; returns its row."""
    with held.signals.watch(endings.ENDED) as watch:
        while True:
            row = await held.database.read(queries.one, execution_id)
            if row.completed_at is not None:
                return row
            await watch.wait(1.0)


def _setting(connection: psycopg.Connection[Any], name: str) -> str:
    with contextlib.closing(connection.execute("SELECT current_setting(%s)", (name,))) as cursor:
        row = cursor.fetchone()
    assert row is not None
    return str(row[0])
