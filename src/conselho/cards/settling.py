"""What becomes of a run's work when it has ended? It is committed, compared, and kept with the card.

The unit that begins a run notes it on its card; until this step has taken that off again the card takes no other
command. So whatever becomes of this process, no run's work is mixed with the next one's, and none is forgotten. Only
what succeeded is committed; what another run left lies in the worktree, where the next one finds it.
"""

import asyncio
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Row, bindparam, select

from conselho import errors
from conselho.cards import board, limits, queries
from conselho.cards.columns import Command
from conselho.cards.models import Card, CardDiff
from conselho.cards.turns import turn
from conselho.db.session import Database, Tx
from conselho.db.upsert import insert_or_replace
from conselho.executions import logs, states, verdict_line
from conselho.executions.models import Execution
from conselho.executions.states import Status
from conselho.projects import diffs, turns, worktrees
from conselho.projects.diffs import Difference
from conselho.projects.models import Project

_log = logging.getLogger(__name__)

AT_ONCE = 4  # cards whose git runs side by side

_DUE = (
    select(
        Card.id, Card.number, Card.title, Card.branch, Card.worktree, Card.base, Project.path,
        Execution.id.label("run_id"), Execution.command, Execution.status, Execution.summary, Execution.result,
        Execution.agent,
    )
    .join(Execution, Execution.id == Card.unsettled_execution_id)
    .outerjoin(Project, Project.id == Card.project_id)
    .where(Card.unsettled_execution_id.is_not(None), Execution.status.in_(states.TERMINAL))
)  # fmt: skip
_NEXT = _DUE.order_by(Card.id).limit(AT_ONCE)
_OF_CARD = _DUE.where(Card.id == bindparam("of_card"))
_KEEP = insert_or_replace(CardDiff, ["card_id"], ["execution_id", "made_at", "data"])


@dataclass(frozen=True, slots=True)
class Came:
    """What a run came to in the files."""

    commit: str | None = None
    note: str | None = None
    difference: Difference | None = None


async def settle_next(database: Database) -> bool:
    """Settle some cards; True if there may be more."""
    rows = await database.read(_next)
    if rows:
        await asyncio.gather(*(settle(database, row.id) for row in rows))
    return len(rows) == AT_ONCE


async def settle(database: Database, card_id: str) -> None:
    """Settle the last run of a card, if that has ended and is not settled yet."""
    async with turn(card_id):
        row = await database.read(_of_card, card_id)
        if row is not None:
            came = await asyncio.to_thread(_work, row)
            await database.write(keep, row, came)


def keep(tx: Tx, row: Row[Any], came: Came) -> bool:
    """Write what a run came to on its card, which takes commands again; False where that was done before."""
    card = queries.locked(tx, row.id)
    if card.unsettled_execution_id != row.run_id:
        return False
    values: dict[str, Any] = {"unsettled_execution_id": None, "note": came.note}
    values["last_line"] = (line := logs.last_lines(tx, [row.run_id]).get(row.run_id)) and queries.written_line(line)
    if came.commit is not None:
        values["commit"] = came.commit
    if row.command == Command.PLAN and row.status == Status.SUCCEEDED and (plan := _plan(row.result or "")):
        values["plan"] = _shortened(plan, limits.PLAN_BYTES_MAX)
    found = came.difference
    if found is not None:
        values |= {
            "files_changed": found.files_total, "lines_added": found.lines_added, "lines_removed": found.lines_removed
        }  # fmt: skip
        data = {"card_id": row.id, "execution_id": row.run_id, "made_at": tx.now, "data": told(found)}
        tx.execute(_KEEP, data)
    board.write(tx, card, values)
    board.tell_changed(tx, card, (name for name, value in values.items() if value != getattr(card, name)), row.run_id)
    tx.signal(board.CHANGED)
    return True


def told(found: Difference) -> dict[str, Any]:
    """A difference as it is kept and sent."""
    return {
        "base": found.base,
        "files_total": found.files_total,
        "lines_added": found.lines_added,
        "lines_removed": found.lines_removed,
        "nested": list(found.nested),
        "files": [_file(each) for each in found.files],
    }


def _file(change: diffs.FileChange) -> dict[str, Any]:
    plain = ("status", "lines_added", "lines_removed", "is_binary", "is_large", "patch", "is_cut")
    names = {"path": change.path, "old_path": change.old_path, "kind": change.kind}
    return names | {name: getattr(change, name) for name in plain}


def _work(row: Row[Any]) -> Came:
    """With git, so in a thread. What cannot be done is noted: nothing of it is lost, it lies in the worktree."""
    if row.worktree is None or row.path is None:
        return Came()
    project, worktree = Path(row.path), Path(row.worktree)
    commit = note = difference = None
    try:
        with turns.taken(worktree):
            commit, note = _committed(project, worktree, row)
            difference = diffs.of_worktree(project, worktree, row.base)
    except errors.ConselhoError as error:
        note = note or error.sentence
    except OSError as error:
        note = note or f"{worktree} cannot be looked at: {error.strerror or error}"
    except Exception:  # noqa: BLE001 - else one worktree would keep its card, and a place here, for ever
        _log.exception("the work of card %s is not settled as it should be", row.number)
        note = note or f"{worktree} could not be settled: the server's log says why"
    if note is not None:
        _log.warning("the work of card %s is not settled as it should be: %s", row.number, note)
    return Came(commit, note, difference)


def _committed(project: Path, worktree: Path, row: Row[Any]) -> tuple[str | None, str | None]:
    """The last commit of a card's branch, if it has any of its own; and what is to be said of it.

    What cannot be committed - the agent has left the branch, say - is compared all the same.
    """
    if row.status != Status.SUCCEEDED:
        return None, None
    try:
        made = worktrees.commit_all(project, worktree, row.branch, _message(row))
    except errors.ConselhoError as error:
        return None, error.sentence
    return (made.head if made.head != row.base else None), _left(made)


def _message(row: Row[Any]) -> str:
    """As git has messages: a short first line, then what the run said of itself."""
    lines = [f"{row.command} {row.number}: {row.title}"]
    if row.summary:
        lines += ["", row.summary]
    lines += ["", f"Card: {row.id}", f"Execution: {row.run_id}"]
    if row.agent:
        lines.append(f"Agent: {row.agent}")
    return "\n".join(lines) + "\n"


def _left(made: worktrees.Committed) -> str | None:
    if not made.left:
        return None
    return f"not committed, as they are repositories of their own: {', '.join(made.left)}"


def _next(tx: Tx) -> list[Row[Any]]:
    return list(tx.execute(_NEXT).all())


def _of_card(tx: Tx, card_id: str) -> Row[Any] | None:
    return tx.execute(_OF_CARD, {"of_card": card_id}).one_or_none()


def _plan(result: str) -> str:
    """What it answered, without the verdict behind it, which is kept with the run."""
    lines = result.rstrip().split("\n")
    if verdict_line.read(lines[-1]) is not None:
        del lines[-1]
    return "\n".join(lines).rstrip()


def _shortened(text: str, bytes_max: int) -> str:
    return text.encode()[:bytes_max].decode("utf-8", "ignore")
