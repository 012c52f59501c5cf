"""What is known of a councilor's findings, and what did a run change in it?

`comparing.py` keeps them, at the end of the groups in which runs end. What people do to a finding is written there
too, after all that: a row that is locked earlier could belong to somebody who waits for whoever waits for it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Integer, bindparam, func, or_, select, update

from conselho import errors
from conselho.db.among import among
from conselho.db.session import Sink, Tx
from conselho.executions.comparing import Known, known_from
from conselho.executions.models import Finding
from conselho.executions.severity import Severity

LISTED_MAX = 200  # of each kind in `Changes`
BY_CHARACTERS_MAX = 200

__all__ = ["Changes", "Known", "Listed", "acknowledge", "changes", "page", "unresolved"]


@dataclass(frozen=True, slots=True)
class Listed:
    """The worst 200 of some findings, and how many there are."""

    items: tuple[Known, ...]
    total: int


@dataclass(frozen=True, slots=True)
class Changes:
    """What a run changed: named for the first time, or again after it was gone; still there; and gone."""

    new: Listed
    remaining: Listed
    gone: Listed


_TABLE = Finding.__table__
_C = _TABLE.c
_AFTER_ALL_IDS = "g"  # an id begins with a hexadecimal digit
_ONE = select(_TABLE).where(_C.councilor_id == bindparam("councilor"), _C.id == bindparam("finding"))
_ACKNOWLEDGE = (
    update(Finding)
    .where(_C.id == bindparam("finding"), or_(_C.state == "open", _C.state == "regressed"))
    .values(
        state="acknowledged",
        acknowledged_at=bindparam("at", type_=_C.acknowledged_at.type),
        acknowledged_by=bindparam("by"),
    )
)
_COUNT_UNRESOLVED = (
    select(_C.councilor_id, func.count())
    .where(among(_C.councilor_id, "councilors"), _C.state != "resolved")
    .group_by(_C.councilor_id)
)
_PAGE = (
    select(_TABLE)
    .where(_C.councilor_id == bindparam("councilor"), _C.id < bindparam("before"))
    .order_by(_C.id.desc())
    .limit(bindparam("most", type_=Integer))
)
_PAGE_OF_STATE = _PAGE.where(_C.state == bindparam("state"))
_run: Any = bindparam("run")
_CHANGED = select(_TABLE).where(
    _C.councilor_id == bindparam("councilor"), or_(_C.state != "resolved", _C.resolved_execution_id == _run)
)


def page(tx: Tx, councilor_id: str, state: str | None, limit: int, after: str | None = None) -> list[Known]:
    """At most `limit` findings of a councilor, last first seen first. `after`: the id of the last one had before."""
    wish = {"councilor": councilor_id, "before": after or _AFTER_ALL_IDS, "most": limit}
    rows = tx.execute(_PAGE, wish) if state is None else tx.execute(_PAGE_OF_STATE, {**wish, "state": state})
    return [known_from(row) for row in rows]


def unresolved(tx: Tx, councilor_ids: Sequence[str]) -> dict[str, int]:
    """How many findings of each councilor are not resolved, in one query; each of them is there."""
    found = dict.fromkeys(councilor_ids, 0)
    found.update({row[0]: row[1] for row in tx.execute(_COUNT_UNRESOLVED, {"councilors": list(found)})})
    return found


def acknowledge(tx: Tx, councilor_id: str, finding_id: str, by: str) -> Known:
    """Say that somebody knows of a finding; returns it. Once more is no error, and changes nothing.

    Raises: errors.NotFound; errors.Conflict for one that is resolved.
    """
    row = tx.execute(_ONE, {"councilor": councilor_id, "finding": finding_id}).one_or_none()
    if row is None:
        raise errors.NotFound(f"this councilor has no finding {finding_id[:50]}")
    known = known_from(row)
    if known.state == "resolved":
        raise errors.Conflict("this finding is resolved: there is nothing to acknowledge any more")
    if known.state == "acknowledged":
        return known
    known = replace(known, state="acknowledged", acknowledged_at=tx.now, acknowledged_by=by[:BY_CHARACTERS_MAX])
    tx.collect(_ACKNOWLEDGED, known)
    return known


def changes(tx: Tx, councilor_id: str, execution_id: str) -> Changes:
    """What that run changed in what is known of its councilor's findings, and what is known beside that.

    What is not resolved remains, whether or not that run names it: one that failed says nothing of the rest.
    """
    new: list[Known] = []
    remaining: list[Known] = []
    gone: list[Known] = []
    for row in tx.execute(_CHANGED, {"councilor": councilor_id, "run": execution_id}):
        known = known_from(row)
        if known.state == "resolved":
            gone.append(known)
        elif execution_id in {known.first_execution_id, known.regressed_execution_id}:
            new.append(known)
        else:
            remaining.append(known)
    return Changes(_listed(new), _listed(remaining), _listed(gone))


def _listed(several: list[Known]) -> Listed:
    worst_first = sorted(several, key=lambda known: (-Severity(known.severity).rank, known.id))
    return Listed(tuple(worst_first[:LISTED_MAX]), len(several))


def _acknowledge_all(tx: Tx, collected: list[Known]) -> None:
    for known in sorted(collected, key=lambda each: each.id):
        wish = {"finding": known.id, "at": known.acknowledged_at, "by": known.acknowledged_by}
        tx.execute(_ACKNOWLEDGE, wish)


_ACKNOWLEDGED: Sink[Known] = Sink(name="findings_acknowledged", rank=16, apply=_acknowledge_all)
