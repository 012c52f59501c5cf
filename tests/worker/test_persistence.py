"""While the database is away the worker waits; when it is back, what waited is written once."""

import asyncio
import logging
from collections.abc import Iterator

import pytest

from conselho import errors
from conselho.db.session import Database
from conselho.executions import endings
from conselho.worker import persistence
from tests.db.proxy import Proxy
from tests.executions.making import make_outcome, make_running, one, told
from tests.looping import on_a_loop


@pytest.fixture
def wire(postgres_database_url: str) -> Iterator[Proxy]:
    """The way to the database, which can be cut."""
    with Proxy(postgres_database_url) as proxy:
        yield proxy


@pytest.fixture
def distant(wire: Proxy, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """The database at the end of it; the worker tries again at once, so that nobody need sleep."""
    monkeypatch.setattr(persistence, "FIRST_WAIT_SECONDS", 0.01)
    database = Database(wire.url)
    yield database
    wire.restore()
    database.close()


@pytest.fixture
def failed() -> Iterator[asyncio.Event]:
    """Set once a try has failed: the worker says so in its log."""
    event = asyncio.Event()

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:  # noqa: ARG002 - that it speaks is enough
            event.set()

    listener, log = Listener(), logging.getLogger(persistence.__name__)
    log.addHandler(listener)
    yield event
    log.removeHandler(listener)


@on_a_loop
async def test_a_unit_is_written_once_the_database_is_back(
    wire: Proxy, distant: Database, failed: asyncio.Event
) -> None:
    execution_id = await asyncio.to_thread(make_running, distant)
    wire.refuse()
    writing = asyncio.ensure_future(persistence.insist(distant, endings.finish, execution_id, 1, make_outcome()))
    await failed.wait()
    wire.restore()
    assert await writing is True
    assert await asyncio.to_thread(told, distant) == [
        f"execution.{word}" for word in ("queued", "claimed", "started", "finished")
    ]


@on_a_loop
async def test_a_look_waits_for_the_database_too(wire: Proxy, distant: Database, failed: asyncio.Event) -> None:
    execution_id = await asyncio.to_thread(make_running, distant)
    wire.refuse()
    looking = asyncio.ensure_future(persistence.look(distant, endings.state, execution_id))
    await failed.wait()
    wire.restore()
    assert await looking == ("running", 1)


@on_a_loop
async def test_an_outcome_whose_answer_was_lost_is_written_once(wire: Proxy, distant: Database) -> None:
    """Asked again, the unit finds the row ended: it changes nothing and says so."""
    execution_id = await asyncio.to_thread(make_running, distant)
    wire.cut_at(b"COMMIT", delivered=True)
    assert await persistence.insist(distant, endings.finish, execution_id, 1, make_outcome()) is False
    row = await asyncio.to_thread(one, distant, execution_id)
    assert (row.status, row.note) == ("succeeded", None)
    assert (await asyncio.to_thread(told, distant)).count("execution.finished") == 1


@on_a_loop
async def test_a_refusal_is_not_insisted_on(distant: Database) -> None:
    with pytest.raises(errors.NotFound):
        await persistence.insist(distant, endings.request_cancel, "nobody")
