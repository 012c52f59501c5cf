"""How many executions ended, and how? Counted by the unit that ends one, so that no page adds up rows.

Units only collect; a group adds its sums in key order, because processes that update shared rows inside
their units deadlock and crawl (three of them: 72 a second against 3,981).

Surprising: average, percentiles and rate are not kept but follow from sums, so that nothing ever drifts; `recount.py`
adds up the executions themselves and compares.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial

from sqlalchemy import Date, bindparam, select

from conselho.db.among import among
from conselho.db.many import ManyRows
from conselho.db.session import Sink, Tx
from conselho.db.upsert import or_add
from conselho.executions import durations
from conselho.executions.ended import EVERYTHING, Ended
from conselho.executions.models import SEVERITIES, Counter, Day
from conselho.executions.states import TERMINAL

BUCKET = "duration:"  # and the number of a bucket of `durations.py`
DAY_COLUMNS = (
    "total", "success", "warning", "error", "rated", "rated_success", "duration_seconds", "timed", "cost_usd", "priced",
)  # fmt: skip
_FRACTIONS = {"duration_seconds", "cost_usd"}
_NAMES_OF_DAY = {severity: f"severity_{severity}" for severity in SEVERITIES}  # other columns are called as counters

Sums = dict[tuple[str, str], float]
DaySums = dict[tuple[str, date], dict[str, float]]

_COUNTERS = ManyRows(Counter, ("scope", "name", "value"), partial(or_add, ("scope", "name"), ("value",)))
_DAYS = ManyRows(Day, ("scope", "day", *DAY_COLUMNS), partial(or_add, ("scope", "day"), DAY_COLUMNS))
_COUNTED = select(Counter.scope, Counter.name, Counter.value).where(among(Counter.__table__.c.scope, "scopes"))
_DAYS_SINCE = (
    select(Day.__table__)
    .where(among(Day.__table__.c.scope, "scopes"), Day.day >= bindparam("since", type_=Date))
    .order_by(Day.scope, Day.day)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stats:
    """What became of all ended executions of a scope.

    `success_rate` (0..1) is of those that ran and were not cancelled: None while there is none. Percentiles are within
    5 %. `cost_usd` is None where no cost is known, and else the sum of those that are.
    """

    total: int = 0
    by_status: Mapping[str, int]
    success: int = 0
    warning: int = 0
    error: int = 0
    rated: int = 0
    success_rate: float | None = None
    average_seconds: float | None = None
    p50_seconds: float | None = None
    p95_seconds: float | None = None
    cost_usd: float | None = None
    input_tokens: int = 0
    output_tokens: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DayStats:
    """What ended on one day, as UTC has it; days without an end have none of these."""

    day: date
    total: int
    success: int
    warning: int
    error: int
    rated: int
    success_rate: float | None
    average_seconds: float | None
    cost_usd: float | None


def count(tx: Tx, ended: Ended) -> None:
    """Count one ended execution: overall, for its agent, for its councilor, and for the day."""
    tx.collect(_SINK, ended)


def adjust(tx: Tx, sums: Sums, by_day: DaySums) -> None:
    """Add to what is kept, with what has ended in the same group: for `recount.py`."""
    tx.collect(_SINK, _Adjustment(sums, by_day))


def read(tx: Tx, scope: str = EVERYTHING) -> Stats:
    """What became of the executions of that scope."""
    return read_many(tx, [scope])[scope]


def read_many(tx: Tx, scopes: Sequence[str]) -> dict[str, Stats]:
    """`read` for some hundred scopes, in one query; each of them is there."""
    found: dict[str, dict[str, float]] = {scope: {} for scope in scopes}
    for scope, name, value in tx.execute(_COUNTED, {"scopes": list(found)}):
        found[scope][name] = value
    return {scope: _stats(values) for scope, values in found.items()}


def counted(tx: Tx, scope: str = EVERYTHING) -> dict[str, float]:
    """The counters of that scope as they are kept, by name; absent ones count 0."""
    return {name: value for _, name, value in tx.execute(_COUNTED, {"scopes": [scope]})}


def days(tx: Tx, scope: str, since: date) -> list[DayStats]:
    """The days of that scope on which anything ended, from `since` on, the oldest first."""
    return days_of_many(tx, [scope], since)[scope]


def days_of_many(tx: Tx, scopes: Sequence[str], since: date) -> dict[str, list[DayStats]]:
    """`days` for some hundred scopes, in one query; each of them is there."""
    found: dict[str, list[DayStats]] = {scope: [] for scope in scopes}
    for row in tx.execute(_DAYS_SINCE, {"scopes": list(found), "since": since}):
        day = DayStats(
            day=row.day,
            total=row.total,
            success=row.success,
            warning=row.warning,
            error=row.error,
            rated=row.rated,
            success_rate=_ratio(row.rated_success, row.rated),
            average_seconds=_ratio(row.duration_seconds, row.timed),
            cost_usd=row.cost_usd if row.priced else None,
        )
        found[row.scope].append(day)
    return found


def add_up(several: Iterable[Ended], sums: Sums, by_day: DaySums) -> None:
    """Add what these executions count to `sums` and `by_day`."""
    kinds: dict[tuple[str | None, str | None, date], tuple[Ended, dict[str, float]]] = {}
    for ended in several:  # those of the same scopes and day together first: most of a group are
        kind = (ended.agent_id, ended.councilor_id, ended.day)
        if kind not in kinds:
            kinds[kind] = (ended, defaultdict(float))
        _count(kinds[kind][1], ended)
    for (_, _, day), (example, names) in kinds.items():
        of_day = {name: names.get(_NAMES_OF_DAY.get(name, name), 0.0) for name in DAY_COLUMNS}
        for scope in example.scopes:
            for name, value in names.items():
                sums[scope, name] += value
            total = by_day[scope, day]
            for name, value in of_day.items():
                total[name] += value


def no_sums() -> tuple[Sums, DaySums]:
    """Where `add_up` begins."""
    return defaultdict(float), defaultdict(lambda: dict.fromkeys(DAY_COLUMNS, 0.0))


def _count(names: dict[str, float], ended: Ended) -> None:
    names["total"] += 1.0
    names[ended.status] += 1.0
    if ended.severity is not None:
        names[f"severity_{ended.severity}"] += 1.0
    if ended.is_rated:
        names["rated"] += 1.0
        if ended.severity == "success":
            names["rated_success"] += 1.0
    if ended.duration_seconds is not None:
        names["duration_seconds"] += ended.duration_seconds
        names["timed"] += 1.0
        names[f"{BUCKET}{durations.bucket_of(ended.duration_seconds)}"] += 1.0
    if ended.cost_usd is not None:
        names["cost_usd"] += ended.cost_usd
        names["priced"] += 1.0
    if ended.input_tokens is not None:
        names["input_tokens"] += ended.input_tokens
    if ended.output_tokens is not None:
        names["output_tokens"] += ended.output_tokens


@dataclass(frozen=True, slots=True)
class _Adjustment:
    sums: Sums
    by_day: DaySums


def _add(tx: Tx, collected: list[Ended | _Adjustment]) -> None:
    sums, by_day = no_sums()
    add_up((each for each in collected if isinstance(each, Ended)), sums, by_day)
    for each in collected:
        if isinstance(each, _Adjustment):
            _add_adjustment(each, sums, by_day)
    if sums:
        counts = [{"scope": scope, "name": name, "value": sums[scope, name]} for scope, name in sorted(sums)]
        _COUNTERS.insert(tx, counts)
    if by_day:
        _DAYS.insert(tx, [{"scope": scope, "day": day, **_whole(by_day[scope, day])} for scope, day in sorted(by_day)])


def _whole(values: dict[str, float]) -> dict[str, float]:
    """A day's sums: those that count are whole numbers."""
    return {name: value if name in _FRACTIONS else int(value) for name, value in values.items()}


def _add_adjustment(adjustment: _Adjustment, sums: Sums, by_day: DaySums) -> None:
    for key, value in adjustment.sums.items():
        sums[key] += value
    for place, values in adjustment.by_day.items():
        for name, value in values.items():
            by_day[place][name] += value


_SINK: Sink[Ended | _Adjustment] = Sink(name="execution_counters", rank=10, apply=_add)


def _stats(values: Mapping[str, float]) -> Stats:
    buckets = {int(name.removeprefix(BUCKET)): value for name, value in values.items() if name.startswith(BUCKET)}
    whole = {name: round(value) for name, value in values.items()}
    return Stats(
        total=whole.get("total", 0),
        by_status={status.value: whole[status] for status in TERMINAL if whole.get(status)},
        success=whole.get("severity_success", 0),
        warning=whole.get("severity_warning", 0),
        error=whole.get("severity_error", 0),
        rated=whole.get("rated", 0),
        success_rate=_ratio(values.get("rated_success", 0.0), values.get("rated", 0.0)),
        average_seconds=_ratio(values.get("duration_seconds", 0.0), values.get("timed", 0.0)),
        p50_seconds=durations.percentile(buckets, 0.5),
        p95_seconds=durations.percentile(buckets, 0.95),
        cost_usd=values.get("cost_usd") if values.get("priced") else None,
        input_tokens=whole.get("input_tokens", 0),
        output_tokens=whole.get("output_tokens", 0),
    )


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None
