"""Which cards are there, and what do they look like? One by its number or id, pages, and the rows of the board.

Whatever is shown of many cards is read in one statement a table: the cards, their projects, their latest runs, what all
their runs cost, the last lines of the runs that are active, and how many files they have.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, Row, bindparam, case, cast, func, select

from conselho import errors, ids
from conselho.cards import attachments, columns
from conselho.cards.columns import Column
from conselho.cards.models import Card
from conselho.db import pages
from conselho.db.among import among
from conselho.db.session import Tx
from conselho.executions import logs, states
from conselho.executions import queries as executions
from conselho.executions.models import Execution, LogHead
from conselho.executions.shown import moment
from conselho.projects.models import Project

NUMBER_MAX = 2**31 - 1  # what an integer column holds
LINE_CHARACTERS_MAX = 300  # of the last line of a log

CARDS = select(*Card.__table__.c)
# What the board shows of a card; its long texts are shown with the card alone.
BRIEF = select(
    *(column for column in Card.__table__.c if column.name not in {"description", "plan"}),
    case((func.coalesce(Card.description, "") != "", True), else_=False).label("has_description"),
    case((func.coalesce(Card.plan, "") != "", True), else_=False).label("has_plan"),
)
_ACTIVE = select(Execution.id, Execution.status).where(
    Execution.id == bindparam("run_id"), Execution.status.in_(states.OPEN)
)
_TOKENS = ("input_tokens", "output_tokens")
_RUN = (
    "id", "command", "agent", "provider", "status", "severity", "summary", "reason", "created_at", "started_at",
    "completed_at", "duration_seconds", "cost_usd", "input_tokens", "output_tokens", "log_lines", "waiting_for",
)  # fmt: skip
_RUNS = (
    select(*(Execution.__table__.c[name] for name in _RUN), Execution.card_id, Execution.not_before, *executions.BESIDE)
    .outerjoin(LogHead, LogHead.execution_id == Execution.id)
    .where(among(Execution.__table__.c.id, "run_ids"))
)
_COSTS = (
    select(
        func.count().label("runs"),
        func.sum(Execution.cost_usd).label("cost_usd"),
        *(cast(func.sum(Execution.__table__.c[name]), BigInteger).label(name) for name in _TOKENS),
        Execution.card_id,
    )
    .where(among(Execution.__table__.c.card_id, "card_ids"))
    .group_by(Execution.card_id)
)
_PROJECTS = select(Project.id, Project.slug).where(among(Project.__table__.c.id, "project_ids"))
_NOTHING = {"runs": 0, "cost_usd": None, "input_tokens": None, "output_tokens": None}  # in the order of _COSTS
_PLAIN = (
    "id", "number", "project_id", "title", "priority", "agent", "agents", "position", "version", "branch", "worktree",
    "base", "commit", "note",
)  # fmt: skip


class _Shown(NamedTuple):
    """The latest run of a card, if it has had one; and the last line of one that is active."""

    run: dict[str, Any] | None
    is_active: bool
    line: dict[str, Any] | None


_NO_RUN = _Shown(None, is_active=False, line=None)


def find(tx: Tx, name: str) -> Row[Any] | None:
    """The card of that number or id, None where there is none."""
    condition = _is_named(name)
    return None if condition is None else tx.execute(CARDS.where(condition)).one_or_none()


def one(tx: Tx, name: str) -> Row[Any]:
    """The card of that number or id. Raises: errors.NotFound."""
    row = find(tx, name)
    if row is None:
        raise _absent(name)
    return row


def locked(tx: Tx, name: str) -> Row[Any]:
    """`one`, for whoever changes it: others wait for the end of this unit."""
    condition = _is_named(name)
    row = None if condition is None else tx.execute(CARDS.where(condition).with_for_update()).one_or_none()
    if row is None:
        raise _absent(name)
    return row


def page(tx: Tx, limit: int, after: str | None = None, project: str | None = None) -> pages.Page:
    """A page of cards, in the order they were made. `project`: its id. Raises: errors.Invalid for a wrong cursor."""
    asked = BRIEF if project is None else BRIEF.where(Card.project_id == project)
    return pages.page(tx, asked, Card.id, limit, after)


def active(tx: Tx, row: Row[Any]) -> Row[Any] | None:
    """The run of a card that has not ended, as (id, status)."""
    if row.latest_execution_id is None:
        return None
    return tx.execute(_ACTIVE, {"run_id": row.latest_execution_id}).one_or_none()


def told(tx: Tx, row: Row[Any]) -> dict[str, Any]:
    """A card as people and programs get it, with its texts and files."""
    files = [attachments.told(each) for each in attachments.of_card(tx, row.id)]
    return told_all(tx, [row])[0] | {"description": row.description, "plan": row.plan, "attachments": files}


def told_all(tx: Tx, rows: Sequence[Row[Any]]) -> list[dict[str, Any]]:
    """Cards as the board shows them."""
    if not rows:
        return []
    projects = {row.project_id for row in rows} - {None}
    slugs = {row.id: row.slug for row in tx.execute(_PROJECTS, {"project_ids": sorted(projects)})} if projects else {}
    latest = [row.latest_execution_id for row in rows if row.latest_execution_id is not None]
    runs = {run.card_id: run for run in tx.execute(_RUNS, {"run_ids": latest}).all()} if latest else {}
    spent = {row.card_id: row for row in tx.execute(_COSTS, {"card_ids": list(runs)}).all()} if runs else {}
    speaking = [run.id for run in runs.values() if run.status in states.ACTIVE]
    lines = logs.last_lines(tx, speaking) if speaking else {}
    files = attachments.counts(tx, [row.id for row in rows])
    waiting = executions.waiting(tx, [*runs.values()])
    shown = {card_id: _run(run, waiting.get(run.id), lines.get(run.id)) for card_id, run in runs.items()}
    fields = rows[0]._fields  # one by one by their names takes five times as long
    return [
        _card(dict(zip(fields, row, strict=True)), slugs, shown.get(row.id, _NO_RUN), spent.get(row.id))
        | {"attachment_count": files.get(row.id, 0)}
        for row in rows
    ]


def _card(card: Mapping[str, Any], slugs: Mapping[str, str], shown: _Shown, spent: Row[Any] | None) -> dict[str, Any]:
    column = Column(card["column"])
    return {
        **{name: card[name] for name in _PLAIN},
        "project": slugs.get(card["project_id"]),
        "has_description": bool(card.get("has_description") or card.get("description")),
        "has_plan": bool(card.get("has_plan") or card.get("plan")),
        "column": column,
        "changes": _changes(card),
        "active_execution": shown.run if shown.is_active else None,
        "latest_execution": shown.run,
        "is_settled": card["unsettled_execution_id"] is None,
        "last_line": card["last_line"] if shown.line is None else shown.line,
        **(_NOTHING if spent is None else dict(zip(_NOTHING, spent, strict=False))),
        "allowed_moves": columns.allowed_moves(column, is_active=shown.is_active),
        "allowed_commands": columns.allowed_commands(column, is_active=shown.is_active),
        **{name: moment(card[name]) for name in ("moved_at", "created_at", "updated_at")},
    }


def written_line(line: logs.NumberedLine) -> dict[str, Any]:
    """A line of a log as a card shows it."""
    return {
        "seq": line.seq,
        "at": moment(line.at),
        "kind": line.kind,
        "text": logs.shown(line.text)[:LINE_CHARACTERS_MAX],
    }


def _run(run: Row[Any], waiting_for: str | None, line: logs.NumberedLine | None) -> _Shown:
    found: dict[str, Any] = dict(zip(_RUN, run, strict=False))  # which stand first
    found["waiting_for"] = waiting_for
    for name in ("created_at", "started_at", "completed_at"):
        found[name] = found[name] and moment(found[name])
    is_active = found["status"] in states.OPEN
    if is_active:
        found["log_lines"] = run.live_lines or 0
    return _Shown(found, is_active, None if line is None else written_line(line))


def _changes(card: Mapping[str, Any]) -> dict[str, int] | None:
    if card["files_changed"] is None:
        return None
    return {"files": card["files_changed"], **{name: card[name] for name in ("lines_added", "lines_removed")}}


def _is_named(name: str) -> Any:
    """The condition that a row has that number or id, None for what is neither."""
    if name.isascii() and name.isdecimal() and len(name) <= len(str(NUMBER_MAX)) and int(name) <= NUMBER_MAX:
        return Card.number == int(name)
    return Card.id == name if ids.is_id(name) else None


def _absent(name: str) -> errors.NotFound:
    return errors.NotFound(f"there is no card {name[:50]!r}: see those there are with `conselho cards list`")
