"""How does the older system speak of a run? Its words, and the two documents that it knows one by.

Its `tasks` held everything that was asked for, by whomever; a councilor's report shows the same runs as `executions`.
An agent, and the councilor that it was, went by a name: `agent_id` and `councilor_id` are its slug, as it was when it
ran. What nobody knows is null.
"""

import math
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Row, select

from conselho.executions import answers
from conselho.executions.models import Execution
from conselho.executions.states import TERMINAL, Status

PENDING, PROCESSING, COMPLETED, ERROR = WORDS = ("pending", "processing", "completed", "error")

_WORD = {
    Status.QUEUED: PENDING,
    Status.CLAIMED: PENDING,
    Status.RUNNING: PROCESSING,
    Status.SUCCEEDED: COMPLETED,
} | {status: ERROR for status in TERMINAL if status is not Status.SUCCEEDED}

_columns = Execution.__table__.c
_BOTH = (
    "id", "agent", "councilor_id", "status", "severity", "result", "error", "created_at", "started_at",
    "completed_at", "duration_seconds",
)  # fmt: skip
_OF_A_TASK = ("title", "provider", "prompt", "cwd", "timeout_seconds", "instance_id", "context", "exit_code")

EXECUTIONS = select(*(_columns[name] for name in _BOTH))
TASKS = select(*(_columns[name] for name in (*_BOTH, *_OF_A_TASK)))


def word(status: str) -> str:
    """The older word for a status."""
    return _WORD[Status(status)]


def statuses(word: str) -> tuple[Status, ...]:
    """What that word stands for."""
    return tuple(status for status in Status if _WORD[status] == word)


def councilor(row: Row[Any]) -> str | None:
    """Who the older clients take for its councilor; None where it is nobody's of the council."""
    return None if row.councilor_id is None else str(row.agent or row.councilor_id)


def task_name(row: Row[Any]) -> str | None:
    """What its task was called; `title` and `context` of the row say it."""
    said = _council(row).get("task_name")
    return said if isinstance(said, str) else row.title


def task(row: Row[Any]) -> dict[str, Any]:
    """A row of TASKS as a document of `tasks`.

    `updated_at` is its last step that is known. What a failed run would have said is in `error` here; there it was the
    `result`, so it stands there where there is none.
    """
    return {
        "_id": row.id,
        "agent_id": row.agent,
        "provider": row.provider,
        "prompt": row.prompt,
        "cwd": row.cwd,
        "timeout": None if row.timeout_seconds is None else math.ceil(row.timeout_seconds),
        "status": word(row.status),
        "instance_id": row.instance_id,
        "context": row.context or {},
        "created_at": row.created_at,
        "updated_at": row.completed_at or row.started_at or row.created_at,
        "started_at": row.started_at,
        "completed_at": row.completed_at,
        "result": row.error if row.result is None else row.result,
        "exit_code": row.exit_code,
        "duration": seconds_of(row),
        "is_councilor_execution": row.councilor_id is not None,
        "councilor_config": _config(row),
        "severity": row.severity,
    }


def execution(row: Row[Any], councilor_id: str) -> dict[str, Any]:
    """A row of EXECUTIONS as a report shows it. `councilor_id`: as the one who asks knows it."""
    seconds = seconds_of(row)
    return {
        "_id": row.id,
        "execution_id": row.id,
        "councilor_id": councilor_id,
        "started_at": row.started_at,
        "completed_at": row.completed_at,
        "status": word(row.status),
        "severity": row.severity,
        "output": row.result,
        "error": row.error,
        "duration_ms": None if seconds is None else round(seconds * 1000),
        "created_at": row.created_at,
    }


def encoded(documents: Iterable[dict[str, Any]]) -> list[bytes]:
    """As many as go into a page of executions, but always one."""
    return fitting(map(answers.encode, documents))


def fitting(documents: Iterable[bytes]) -> list[bytes]:
    """As many as go into a page of executions, but always one."""
    items: list[bytes] = []
    size = 0
    for item in documents:
        size += len(item) + 1
        if items and size > answers.PAGE_BYTES_MAX:
            break
        items.append(item)
    return items


def seconds_of(row: Row[Any]) -> float | None:
    """How long it took: as it was measured, or else by the wall clock."""
    began: datetime | None = row.started_at
    ended: datetime | None = row.completed_at
    if row.duration_seconds is None and began is not None and ended is not None:
        return round((ended - began).total_seconds(), 3)
    return None if row.duration_seconds is None else float(row.duration_seconds)


def _config(row: Row[Any]) -> dict[str, Any] | None:
    if row.councilor_id is None:
        return None
    title = _council(row).get("title")
    return {"title": title if isinstance(title, str) else None, "task_name": task_name(row)}


def _council(row: Row[Any]) -> dict[str, Any]:
    """What its councilor was when it fired; a context that somebody else has made says nothing of that."""
    said = (row.context or {}).get("council") if row.councilor_id is not None else None
    return said if isinstance(said, dict) else {}
