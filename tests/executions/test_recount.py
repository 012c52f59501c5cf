"""What is kept about ended executions is what they say, also when hundreds end at once, and can be set right."""

import asyncio
import random
from collections.abc import Iterator
from datetime import date
from itertools import cycle
from typing import Any

import pytest
from sqlalchemy import delete, update

from conselho.db.base import Base
from conselho.db.session import Database, Tx
from conselho.executions import counters, endings, findings, queue, recount, standings
from conselho.executions.endings import Outcome
from conselho.executions.models import Counter, Day, Standing
from conselho.executions.recount import Difference
from conselho.executions.states import Status
from tests.conftest import Clock
from tests.executions.making import (
    ANNA,
    LEASE,
    cancel,
    claim,
    make_ended,
    make_outcome,
    make_queued,
    make_request,
    make_running,
)
from tests.looping import on_a_loop

SCOPE = "councilor:c1"
WAYS = (
    make_outcome(duration_seconds=0.25, cost_usd=0.125, input_tokens=10, output_tokens=3),
    make_outcome(severity="warning", duration_seconds=2.0),
    make_outcome(status=Status.FAILED, severity="error", duration_seconds=4.0),
    make_outcome(status=Status.CANCELLED, severity="warning"),
)


@pytest.fixture
def rival(database: Database, database_url: str, clock: Clock) -> Iterator[Database]:
    """Another process's database, where there can be one."""
    if not database_url.startswith("postgresql"):
        yield database
        return
    other = Database(database_url, now=clock)
    yield other
    other.close()


def wipe(tx: Tx, *tables: type[Base]) -> None:
    for table in tables:
        tx.execute(delete(table))


def difference(database: Database) -> list[Difference]:
    return database.fetch(recount.difference).result()


async def make_many_running(database: Database, count: int, **changes: Any) -> list[str]:
    made = await asyncio.gather(
        *(database.write(queue.enqueue, make_request(**changes), f"{number:036d}") for number in range(count))
    )
    while await database.write(queue.claim, ANNA, 100, LEASE):
        pass
    assert all(await asyncio.gather(*(database.write(queue.start, each, 1, LEASE) for each in made)))
    return list(made)


@on_a_loop
async def test_five_hundred_that_end_at_once_are_all_kept(database: Database, rival: Database, clock: Clock) -> None:
    made = await make_many_running(database, 500, councilor_id="c1", agent_id="a1")
    clock.advance(seconds=9)
    random.Random(1).shuffle(made)
    outcomes = [random.Random(number).choice(WAYS) for number in range(500)]
    ends = [
        which.write(endings.finish, execution_id, 1, outcome)
        for execution_id, outcome, which in zip(made, outcomes, cycle((database, rival)), strict=False)
    ]
    assert all(await asyncio.gather(*ends))
    assert await database.read(recount.difference) == []
    stats = await database.read(counters.read, SCOPE)
    rated = [outcome for outcome in outcomes if outcome.status != Status.CANCELLED]
    assert (stats.total, stats.rated, stats.success) == (500, len(rated), outcomes.count(WAYS[0]))
    assert stats.cost_usd == stats.success * 0.125
    by_id: dict[str, Outcome] = dict(zip(made, outcomes, strict=True))
    severities = [by_id[each].severity for each in sorted(made, reverse=True) if by_id[each] is not WAYS[3]]
    standing = (await database.read(standings.read_many, [SCOPE]))[SCOPE]
    length = next(place for place, severity in enumerate(severities) if severity != severities[0])
    assert (standing.streak_severity, standing.streak) == (severities[0], length)
    assert standing.last_execution_id == max(made)


@on_a_loop
async def test_findings_of_runs_that_end_at_once_are_each_known_once(
    database: Database, rival: Database, clock: Clock
) -> None:
    made = await make_many_running(database, 60, councilor_id="c1")
    clock.advance(seconds=9)
    found = [{"title": each, "severity": "error"} for each in "abc"]
    ends = [
        which.write(endings.finish, each, 1, make_outcome(findings=[found[number % 3]], is_reported=True))
        for number, (each, which) in enumerate(zip(made, cycle((database, rival)), strict=False))
    ]
    assert all(await asyncio.gather(*ends))
    known = await database.read(findings.page, "c1", None, 100)
    assert sorted((each.title, each.state, each.count) for each in known) == [
        ("a", "open", 20), ("b", "open", 20), ("c", "open", 20),
    ]  # fmt: skip


def make_some(database: Database) -> None:
    for number, outcome in enumerate(WAYS):
        make_ended(database, outcome, agent_id=f"a{number % 2}", councilor_id="c1")
    cancel(database, make_queued(database))
    make_running(database, agent_id="a0")


def test_of_what_was_kept_right_nothing_differs(database: Database, clock: Clock) -> None:
    assert difference(database) == []
    make_some(database)
    assert difference(database) == []


def test_what_differs_is_told(database: Database, clock: Clock) -> None:
    make_some(database)

    def spoil(tx: Tx) -> None:
        tx.execute(update(Counter).where(Counter.scope == SCOPE, Counter.name == "total").values(value=9.0))
        tx.execute(delete(Counter).where(Counter.scope == "all", Counter.name == "cost_usd"))
        tx.execute(update(Day).where(Day.scope == "agent:a0").values(warning=5))
        tx.execute(update(Standing).where(Standing.scope == "agent:a1").values(streak=7))

    database.submit(spoil).result()
    assert difference(database) == [
        Difference("agent:a0", "warning", 5.0, 0.0, date(2026, 3, 2)),
        Difference("agent:a1", "streak", 7, 1),
        Difference("all", "cost_usd", 0.0, 0.125),
        Difference(SCOPE, "total", 9.0, 4.0),
    ]


@on_a_loop
async def test_what_differs_is_set_right_while_others_end(
    database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recount, "AT_ONCE", 7)
    monkeypatch.setattr(recount, "PAGE_ROWS", 2)
    await asyncio.to_thread(make_some, database)

    await database.write(wipe, Counter, Day, Standing)
    found = await database.read(recount.difference)
    await asyncio.to_thread(make_ended, database, WAYS[0], agent_id="a0", councilor_id="c1")
    await recount.put_right(database, found)
    assert await database.read(recount.difference) == []
    assert (await database.read(counters.read, SCOPE)).total == 5


def test_a_look_from_outside_finds_the_same(database: Database, database_url: str, clock: Clock) -> None:
    make_some(database)
    assert recount.look(database_url) == []
    database.submit(wipe, Standing).result()
    assert recount.look(database_url) == difference(database) != []


def test_kept_for_nobody_differs_too(database: Database, clock: Clock) -> None:
    make_ended(database, agent_id="a0")
    database.submit(counters.adjust, {("agent:gone", "total"): 1.0}, {}).result()
    assert difference(database) == [Difference("agent:gone", "total", 1.0, 0.0)]
    assert claim(database) == []
