"""Do the counters, days and standings say what the executions themselves say, and if not, how are they set right?

All executions are read once, page by page, at one moment, and what should be kept is added up from them in the same
way. To set it right adds what was missing then: executions that ended meanwhile have been counted on both sides, so
nothing waits, and nothing is lost. That is also why no difference may be added twice.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import islice

from sqlalchemy import Integer, bindparam, select

from conselho.db.session import Database, Tx
from conselho.executions import counters, standings
from conselho.executions.counters import DAY_COLUMNS, DaySums, Sums
from conselho.executions.ended import EVERYTHING, Ended
from conselho.executions.models import Counter, Day, Execution, Standing
from conselho.executions.states import TERMINAL

PAGE_ROWS = 5_000
READ_SECONDS_MAX = 3600.0  # a million executions take a minute or two; SQLite's log grows meanwhile
AT_ONCE = 500  # differences set right in one transaction: some 20 ms
PRECISION = 1e-9  # sums of seconds and dollars depend on their order that much

_SHOWN = ("last_execution_id", "last_severity", "streak_severity", "streak")
_FIELDS = (
    "id", "agent_id", "councilor_id", "created_at", "started_at", "completed_at", "status", "severity",
    "duration_seconds", "cost_usd", "input_tokens", "output_tokens",
)  # fmt: skip
_ROWS = (
    select(*(Execution.__table__.c[name] for name in _FIELDS))
    .where(Execution.id > bindparam("after"))
    .order_by(Execution.id)
    .limit(bindparam("most", type_=Integer))
)
_STANDINGS = select(Standing.scope)


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that is kept otherwise than it should be. `day`: of which day, None for what is kept of all of them."""

    scope: str
    name: str
    kept: float | str | None
    counted: float | str | None
    day: date | None = None


def difference(tx: Tx) -> list[Difference]:
    """All that is kept otherwise than the executions say. Reads every execution: see `look`."""
    sums, by_day = counters.no_sums()
    counters.add_up(_ended(tx), sums, by_day)
    found = [*_of_counters(tx, sums), *_of_days(tx, by_day), *_of_standings(tx, sums)]
    return sorted(found, key=lambda each: (each.scope, each.day or date.min, each.name))


def look(url: str) -> list[Difference]:
    """`difference`, with the time that it takes; blocks meanwhile, and nobody who writes.

    Raises: errors.Unavailable and its kinds.
    """
    database = Database(url, read_seconds_max=READ_SECONDS_MAX, answer_seconds_max=READ_SECONDS_MAX)
    try:
        return database.fetch(difference).result()
    finally:
        database.close()


def repair(tx: Tx, differences: Sequence[Difference]) -> None:
    """Set right what `difference` found, each at most once. Adds to what is kept now."""
    sums, by_day = counters.no_sums()
    for each in differences:
        if each.name in _SHOWN:
            standings.renew(tx, each.scope)
        elif each.day is not None:
            by_day[each.scope, each.day][each.name] += _number(each.counted) - _number(each.kept)
        else:
            sums[each.scope, each.name] += _number(each.counted) - _number(each.kept)
    counters.adjust(tx, sums, by_day)


async def put_right(database: Database, differences: Iterable[Difference]) -> None:
    """`repair` in short transactions.

    Raises: errors.OutcomeUnknown: look again before anything is set right, some of it may be.
    """
    left = iter(differences)
    while some := list(islice(left, AT_ONCE)):
        await database.write(repair, some)


def _ended(tx: Tx) -> Iterator[Ended]:
    after = ""
    while True:
        rows = tx.execute(_ROWS, {"after": after, "most": PAGE_ROWS}).all()
        for row in rows:
            if row.status in TERMINAL:
                yield Ended(**dict(zip(_FIELDS, row, strict=True)))
        if len(rows) < PAGE_ROWS:
            return
        after = rows[-1].id


def _of_counters(tx: Tx, counted: Sums) -> Iterator[Difference]:
    kept = {(row[0], row[1]): row[2] for row in tx.execute(select(Counter.scope, Counter.name, Counter.value))}
    for scope, name in kept.keys() | counted.keys():
        values = kept.get((scope, name), 0.0), counted.get((scope, name), 0.0)
        if not _is_same(*values):
            yield Difference(scope, name, *values)


def _of_days(tx: Tx, counted: DaySums) -> Iterator[Difference]:
    kept = {(row.scope, row.day): row for row in tx.execute(select(Day.__table__))}
    for scope, day in kept.keys() | counted.keys():
        row, sums = kept.get((scope, day)), counted.get((scope, day), {})
        for name in DAY_COLUMNS:
            values = float(getattr(row, name, 0.0)), sums.get(name, 0.0)
            if not _is_same(*values):
                yield Difference(scope, name, *values, day)


def _of_standings(tx: Tx, counted: Sums) -> Iterator[Difference]:
    scopes = {scope for scope, _ in counted if scope != EVERYTHING} | {row[0] for row in tx.execute(_STANDINGS)}
    left = iter(sorted(scopes))
    while some := list(islice(left, AT_ONCE)):
        for scope, kept in standings.read_many(tx, some).items():
            true = standings.from_rows(tx, scope)
            for name in _SHOWN:
                if getattr(kept, name) != getattr(true, name):
                    yield Difference(scope, name, getattr(kept, name), getattr(true, name))


def _is_same(kept: float, counted: float) -> bool:
    return math.isclose(kept, counted, rel_tol=PRECISION, abs_tol=PRECISION)


def _number(value: float | str | None) -> float:
    return value if isinstance(value, int | float) else 0.0
