"""How is a councilor doing? Its latest executions, what was counted, its trend, and what became of its findings."""

from datetime import date, datetime, timedelta
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Row

from conselho.council import answers, queries
from conselho.council.answers import ShownCouncilor, ShownDay, ShownStanding, ShownStats
from conselho.db.session import Tx
from conselho.events import log as events
from conselho.executions import answers as executions
from conselho.executions import counters, findings, shown, standings
from conselho.executions import queries as execution_queries
from conselho.executions.answers import ShownExecution
from conselho.executions.findings import Changes, Known, Listed
from conselho.executions.severity import Severity

LATEST_MAX = 100
DAYS = 30  # of its trend


class KnownFinding(BaseModel):
    """A finding, as it is known across the runs of its councilor."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    title: str
    severity: Severity
    file: str | None
    line: int | None
    key: Annotated[str | None, Field(description="what its runs call it")]
    state: Annotated[str, Field(description="open, acknowledged, resolved or regressed")]
    first_seen_at: datetime
    last_seen_at: datetime
    first_execution_id: str
    last_execution_id: str
    count: Annotated[int, Field(description="runs that named it")]
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    resolved_at: datetime | None


class FindingList(BaseModel):
    """The worst of some findings, 200 at most, and how many there are."""

    items: list[KnownFinding]
    total: int


class FindingChanges(BaseModel):
    """What the last run that has ended changed."""

    execution_id: str | None
    new: Annotated[FindingList, Field(description="named for the first time, or again after it was gone")]
    remaining: Annotated[FindingList, Field(description="the others that are not resolved")]
    gone: FindingList


class FindingPage(BaseModel):
    """Some findings of a councilor, last first seen first."""

    items: list[KnownFinding]
    next: Annotated[str | None, Field(description="`after` for the next page; null at the end")]
    as_of: str


class Report(BaseModel):
    """How a councilor is doing."""

    councilor: ShownCouncilor
    executions: Annotated[list[ShownExecution], Field(description="its latest, newest first")]
    total: Annotated[int, Field(description="executions that have ended")]
    success_rate: float | None
    next_at: datetime | None
    stats: ShownStats
    days: Annotated[list[ShownDay], Field(description="of the last 30, those on which anything ended")]
    findings: FindingChanges
    as_of: str


def report(tx: Tx, name: str, limit: int) -> bytes:
    """A councilor's report, encoded, with its `limit` latest executions. Raises: errors.NotFound."""
    row = queries.one(tx, name)
    as_of = events.cursor(tx)
    (councilor,) = told(tx, [row])
    which = execution_queries.Filter(councilor=row.id)
    page = execution_queries.page(tx, which, limit, None, shown.ROWS)
    waiting = execution_queries.waiting(tx, page.rows)
    days = counters.days(tx, f"councilor:{row.id}", since(tx.now))
    found = {
        "councilor": councilor.model_dump(mode="json"),
        "executions": [shown.execution(each, waiting) for each in page.rows],
        "total": councilor.stats.total,
        "success_rate": councilor.stats.success_rate,
        "next_at": councilor.model_dump(mode="json")["next_at"],
        "stats": councilor.stats.model_dump(mode="json"),
        "days": [ShownDay.model_validate(day).model_dump(mode="json") for day in days],
        "findings": _changes(tx, row.id, councilor.last).model_dump(mode="json"),
        "as_of": as_of,
    }
    return executions.encode(found)


def told(tx: Tx, rows: Any) -> list[ShownCouncilor]:
    """Councilors with what was counted, three queries for all of them."""
    scopes = [f"councilor:{row.id}" for row in rows]
    counted, standing = counters.read_many(tx, scopes), standings.read_many(tx, scopes)
    unresolved = findings.unresolved(tx, [row.id for row in rows])
    return [answers.councilor(row, counted, standing, unresolved[row.id]) for row in rows]


def page_of_findings(tx: Tx, name: str, state: str | None, limit: int, after: str | None) -> FindingPage:
    """A page of a councilor's findings. Raises: errors.NotFound."""
    row = queries.one(tx, name)
    as_of = events.cursor(tx)
    found = findings.page(tx, row.id, state, limit + 1, after)
    following = found[limit - 1].id if len(found) > limit else None
    return FindingPage(items=list(map(finding, found[:limit])), next=following, as_of=as_of)


def acknowledge(tx: Tx, row: Row[Any], finding_id: str, by: str) -> KnownFinding:
    """Somebody knows of a finding. Raises: errors.NotFound; errors.Conflict for one that is resolved."""
    known = findings.acknowledge(tx, row.id, finding_id, by)
    data = {"councilor_id": row.id, "councilor": row.slug, "fields": ["findings"], "finding_id": finding_id, "by": by}
    events.append(tx, "councilor.changed", data=data)
    return finding(known)


def finding(known: Known) -> KnownFinding:
    """As it is told."""
    return KnownFinding.model_validate(known)


def since(now: datetime) -> date:
    """The first day of a trend."""
    return (now - timedelta(days=DAYS - 1)).date()


def _changes(tx: Tx, councilor_id: str, last: ShownStanding | None) -> FindingChanges:
    execution_id = None if last is None else last.execution_id
    none = Listed((), 0)
    found = Changes(none, none, none) if execution_id is None else findings.changes(tx, councilor_id, execution_id)
    return FindingChanges(
        execution_id=execution_id, new=_listed(found.new), remaining=_listed(found.remaining), gone=_listed(found.gone)
    )


def _listed(several: Listed) -> FindingList:
    return FindingList(items=list(map(finding, several.items)), total=several.total)
