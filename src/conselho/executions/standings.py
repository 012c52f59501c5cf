"""Which execution of an agent or a councilor came last, and how many in a row have ended like it?

In order of creation, among those that ended; a streak leaves out the cancelled ones, for they say nothing of what is
looked at. Executions end in another order than they begin. So a standing keeps two places of that order, its streak's
newest and the newest that broke it, and one that ends late is told by them: it makes the streak longer, is of no
interest, or, where it lies in the streak and differs, has it counted anew from the rows.

The rows are locked in order of their scopes, so that processes wait for each other and lose nothing.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, Integer, Row, Select, bindparam, select

from conselho.db.among import among
from conselho.db.many import ManyRows
from conselho.db.session import Sink, Tx
from conselho.db.types import moment_text
from conselho.db.upsert import or_leave, or_replace
from conselho.executions.ended import Ended
from conselho.executions.models import Execution
from conselho.executions.models import Standing as StandingRow
from conselho.executions.states import TERMINAL, Status

STREAK_MAX = 1000  # "the last thousand" says enough, and bounds what is counted anew

_TABLE = StandingRow.__table__
_COLUMNS = tuple(column.name for column in _TABLE.c if column.name != "scope")


_NEW = ManyRows(StandingRow, ("scope", "streak"), partial(or_leave, ["scope"]))
_REPLACE = ManyRows(StandingRow, ("scope", *_COLUMNS), partial(or_replace, ["scope"], _COLUMNS))
_FOUND = select(_TABLE).where(among(_TABLE.c.scope, "scopes")).order_by(_TABLE.c.scope)
_LOCKED = _FOUND.with_for_update()


def _newest(column: ColumnElement[Any], statuses: Iterable[Status]) -> Select[Any]:
    return (
        select(Execution.created_at, Execution.id, Execution.completed_at, Execution.severity)
        .where(column == bindparam("owner"), Execution.status.in_(tuple(statuses)))
        .order_by(Execution.created_at.desc(), Execution.id.desc())
        .limit(bindparam("most", type_=Integer))
    )


_OWNERS: dict[str, ColumnElement[Any]] = {
    "agent": Execution.__table__.c.agent_id,
    "councilor": Execution.__table__.c.councilor_id,
}
_ALL = {kind: _newest(column, TERMINAL) for kind, column in _OWNERS.items()}
_COUNTED = {
    kind: _newest(column, (status for status in TERMINAL if status is not Status.CANCELLED)).where(
        Execution.severity.is_not(None)
    )
    for kind, column in _OWNERS.items()
}


@dataclass(slots=True, kw_only=True)
class Standing:
    """The newest ended execution of a scope, and how many of the newest in a row have `streak_severity`.

    `streak` is at most 1,000; its severity is None where nothing ended but what was cancelled. `streak_newest` and
    `streak_after` are for this file alone.
    """

    last_execution_id: str | None = None
    last_created_at: datetime | None = None
    last_completed_at: datetime | None = None
    last_severity: str | None = None
    streak_severity: str | None = None
    streak: int = 0
    streak_newest: str | None = None
    streak_after: str | None = None


def note(tx: Tx, ended: Ended) -> None:
    """Let one ended execution stand in the standings of its agent and its councilor, if it has any."""
    if ended.own_scopes:
        tx.collect(_SINK, ended)


def read_many(tx: Tx, scopes: Sequence[str]) -> dict[str, Standing]:
    """The standings of some hundred scopes, in one query; each of them is there."""
    found = {scope: Standing() for scope in scopes}
    found.update({row.scope: _standing(row) for row in tx.execute(_FOUND, {"scopes": list(found)})})
    return found


def from_rows(tx: Tx, scope: str) -> Standing:
    """What the standing of a scope should be, from the executions themselves."""
    kind, _, owner = scope.partition(":")
    standing = Standing()
    for row in tx.execute(_ALL[kind], {"owner": owner, "most": 1}):
        _move_on(standing, row)
    _count_anew(tx, scope, standing)
    return standing


def renew(tx: Tx, scope: str) -> None:
    """Have the standing of a scope made anew from the executions, for `recount.py`."""
    tx.collect(_SINK, scope)


def _replace(tx: Tx, fresh: dict[str, Standing]) -> None:
    _REPLACE.insert(tx, [{"scope": scope, **asdict(fresh[scope])} for scope in sorted(fresh)])


def _locked(tx: Tx, scopes: Sequence[str]) -> dict[str, Standing]:
    """The standings of these scopes, kept from other processes until the transaction ends."""
    _NEW.insert(tx, [{"scope": scope, "streak": 0} for scope in sorted(scopes)])
    return {row.scope: _standing(row) for row in tx.execute(_LOCKED, {"scopes": sorted(scopes)})}


def _extend_all(tx: Tx, collected: list[Ended | str]) -> None:
    """`collected`: executions that ended, and scopes that are made anew."""
    several = [each for each in collected if isinstance(each, Ended)]
    anew = {each for each in collected if isinstance(each, str)}
    by_scope: dict[str, list[Ended]] = defaultdict(list)
    for ended in sorted(several, key=lambda each: _place(each.created_at, each.id)):
        for scope in ended.own_scopes:
            by_scope[scope].append(ended)
    standings = _locked(tx, list(by_scope.keys() | anew))
    for scope in standings:
        if scope in anew:
            standings[scope] = from_rows(tx, scope)
        else:
            _extend(tx, scope, standings[scope], by_scope[scope])
    _replace(tx, standings)


_SINK: Sink[Ended | str] = Sink(name="execution_standings", rank=12, apply=_extend_all)


def _extend(tx: Tx, scope: str, standing: Standing, several: Sequence[Ended]) -> None:
    """`several`: in order of creation."""
    is_known = True
    for ended in several:
        if standing.last_created_at is None or _place(ended.created_at, ended.id) > _place(
            standing.last_created_at, str(standing.last_execution_id)
        ):
            _move_on(standing, ended)
        if ended.status != Status.CANCELLED and ended.severity is not None:
            is_known = _lengthen(standing, ended.severity, _place(ended.created_at, ended.id)) and is_known
    if not is_known:
        _count_anew(tx, scope, standing)


def _move_on(standing: Standing, ended: Ended | Row[Any]) -> None:
    standing.last_execution_id = ended.id
    standing.last_created_at = ended.created_at
    standing.last_completed_at = ended.completed_at
    standing.last_severity = ended.severity


def _lengthen(standing: Standing, severity: str, place: str) -> bool:
    """Count one more; False where it lies in the streak and differs, so that nobody knows how long that is now."""
    if standing.streak_newest is None or place > standing.streak_newest:
        if severity != standing.streak_severity:
            standing.streak_after = standing.streak_newest
            standing.streak_severity, standing.streak = severity, 0
        standing.streak_newest = place
    elif standing.streak_after is not None and place < standing.streak_after:
        return True
    elif severity != standing.streak_severity:
        return False
    standing.streak = min(standing.streak + 1, STREAK_MAX)
    return True


def _count_anew(tx: Tx, scope: str, standing: Standing) -> None:
    kind, _, owner = scope.partition(":")
    standing.streak_severity = standing.streak_newest = standing.streak_after = None
    standing.streak = 0
    for row in tx.execute(_COUNTED[kind], {"owner": owner, "most": STREAK_MAX}):
        place = _place(row.created_at, row.id)
        if standing.streak_newest is None:
            standing.streak_newest, standing.streak_severity = place, row.severity
        if row.severity != standing.streak_severity:
            standing.streak_after = place
            return
        standing.streak += 1


def _place(created_at: datetime, execution_id: str) -> str:
    """Where an execution stands in the order of creation, as text that sorts like it."""
    return f"{moment_text(created_at)} {execution_id}"


def _standing(row: Row[Any]) -> Standing:
    return Standing(**{name: getattr(row, name) for name in _COLUMNS})
