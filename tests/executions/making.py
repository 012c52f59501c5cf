"""Executions in any state, made by the same steps that the product takes, and those steps from a plain thread."""

from datetime import timedelta
from typing import Any

from sqlalchemy import Row

from conselho import ids
from conselho.db.session import Database
from conselho.events import log as events
from conselho.executions import endings, leases, logs, queries, queue
from conselho.executions.endings import Outcome
from conselho.executions.request import Request
from conselho.executions.states import Status
from tests.conftest import Clock

LEASE = timedelta(seconds=60)
PATIENCE = leases.Patience(lease=LEASE, outage=timedelta(seconds=15), lost_after=timedelta(minutes=10))
ANNA = queue.Holder("0190c1a2-0000-7000-8000-000000000001", "anna")
BRUNO = queue.Holder("0190c1a2-0000-7000-8000-000000000002", "bruno")


def make_request(**changes: object) -> Request:
    return Request(**{"provider": "command", "cwd": "/", "argv": ("true",), **changes})  # type: ignore[arg-type]


def make_queued(database: Database, key: str | None = None, **changes: object) -> str:
    return database.submit(queue.enqueue, make_request(**changes), ids.new(), key).result()


def make_claimed(database: Database, holder: queue.Holder = ANNA, **changes: Any) -> str:
    execution_id = make_queued(database, **changes)
    assert claim(database, holder) == [execution_id]
    return execution_id


def make_running(database: Database, holder: queue.Holder = ANNA, **changes: Any) -> str:
    execution_id = make_claimed(database, holder, **changes)
    assert start(database, execution_id)
    return execution_id


def make_ended(database: Database, outcome: Outcome | None = None, **changes: Any) -> str:
    execution_id = make_running(database, **changes)
    assert database.submit(endings.finish, execution_id, 1, outcome or make_outcome()).result()
    return execution_id


def make_outcome(**changes: object) -> Outcome:
    return Outcome(**{"status": Status.SUCCEEDED, "severity": "success", **changes})  # type: ignore[arg-type]


def make_lines(texts: list[str], clock: Clock) -> list[logs.Line]:
    return [logs.Line(clock(), "stdout", text) for text in texts]


def claim(database: Database, holder: queue.Holder = ANNA, seats: int = 1) -> list[str]:
    return [row.id for row in database.submit(queue.claim, holder, seats, LEASE).result()]


def start(database: Database, execution_id: str, fence: int = 1) -> bool:
    return database.submit(queue.start, execution_id, fence, LEASE).result()


def give_back(database: Database, execution_id: str, source: Status, fence: int = 1, **changes: Any) -> bool:
    return database.submit(queue.give_back, execution_id, fence, source=source, **changes).result()


def finish(
    database: Database, execution_id: str, fence: int = 1, source: Status = Status.RUNNING, **changes: object
) -> bool:
    return database.submit(endings.finish, execution_id, fence, make_outcome(**changes), source).result()


def cancel(database: Database, execution_id: str) -> Status:
    return database.submit(endings.request_cancel, execution_id).result()


def rescue(database: Database) -> bool:
    return database.submit(leases.rescue_next, PATIENCE).result()


def wait_while_served(database: Database, clock: Clock, seconds: int) -> None:
    """Let time pass with a rescue step every ten seconds, as a server does."""
    for _ in range(seconds // 10):
        clock.advance(seconds=10)
        rescue(database)


def one(database: Database, execution_id: str) -> Row[Any]:
    return database.fetch(queries.one, execution_id).result()


def status(database: Database, execution_id: str) -> str:
    return str(one(database, execution_id).status)


def told(database: Database) -> list[str]:
    """The kinds of all events, in order."""
    return [event.kind for event in database.fetch(events.read_after, 0).result()]
