"""How does a request become a row of executions, and such a row a request again?"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Row

from conselho.db.session import Tx
from conselho.executions.request import Lane, Request
from conselho.executions.states import Status

ASKED = (
    "provider", "cwd", "prompt", "origin", "title", "context", "instance_id", "timeout_seconds",
    "idle_timeout_seconds", "exclusive", "retry_on_loss", "not_before", "start_before", "agent_id", "agent",
    "model", "councilor_id", "card_id", "command", "retry_of", "attempt", "argv", "env", "env_allow",
    "accepted_exit_codes", "severity_rules", "lanes", "options", "continue_from", "resume",
    "attachments",
)  # fmt: skip
MADE = ("id", "status", "rank", "fence", "created_at", "log_lines", "log_bytes")
COLUMNS = (*ASKED, *MADE)


def as_row(tx: Tx, request: Request, execution_id: str) -> dict[str, Any]:
    """All columns of a new execution that are not empty by themselves."""
    row = stored_all({name: getattr(request, name) for name in ASKED})
    row |= {
        "id": execution_id,
        "status": Status.QUEUED,
        "rank": -request.priority,
        "fence": 0,
        "created_at": tx.now,
        "log_lines": 0,
        "log_bytes": 0,
    }
    return row


def stored_all(asked: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of a request as their columns have them."""
    return {**asked, **{name: _STORED[name](asked[name]) for name in asked.keys() & _STORED.keys()}}


def _list_or_none(values: Sequence[Any] | None) -> list[Any] | None:
    return list(values) if values else None


_STORED: Mapping[str, Callable[[Any], Any]] = {
    "accepted_exit_codes": list,
    "argv": _list_or_none,
    "attachments": _list_or_none,
    "env": lambda env: env or None,
    "env_allow": _list_or_none,
    "lanes": lambda lanes: [[lane.key, lane.room] for lane in lanes] or None,
    "severity_rules": _list_or_none,
}


def session_after(row: Row[Any]) -> str | None:
    """The session that goes on where that run ended, None where there is none to go on with."""
    if row.reason in _ENDS_A_SESSION:
        return None
    found: str | None = row.session or row.resume  # a run that did not get so far leaves the one it was to take up
    return found


_ENDS_A_SESSION = ("session_unknown", "context_too_long")


def with_session(lanes: Iterable[Lane], provider: str, session: str | None) -> tuple[Lane, ...]:
    """The lanes, with one for the session that is taken up, if any: two runs at once would write into it both."""
    others = tuple(lane for lane in lanes if not lane.key.startswith(_SESSION))
    return others if session is None else (*others, Lane(key=f"{_SESSION}{session} of {provider}", room=1))


_SESSION = "session "


def as_request(row: Row[Any]) -> Request:
    """What an execution was asked to do, as its retry asks it again: in its conversation, where it has one."""
    return Request(
        provider=row.provider,
        origin="retry",
        cwd=row.cwd,
        argv=tuple(row.argv) if row.argv else None,
        prompt=row.prompt,
        env=row.env or {},
        env_allow=tuple(row.env_allow or ()),
        title=row.title,
        context=row.context,
        instance_id=row.instance_id,
        timeout_seconds=row.timeout_seconds,
        idle_timeout_seconds=row.idle_timeout_seconds,
        accepted_exit_codes=tuple(row.accepted_exit_codes),
        exclusive=row.exclusive,
        retry_on_loss=row.retry_on_loss,
        priority=-row.rank,
        lanes=with_session(
            (Lane(key=key, room=room) for key, room in row.lanes or ()), row.provider, session_after(row)
        ),
        agent_id=row.agent_id,
        agent=row.agent,
        model=row.model,
        options=row.options,
        continue_from=row.id if row.session or row.resume else None,
        resume=session_after(row),
        councilor_id=row.councilor_id,
        card_id=row.card_id,
        command=row.command,
        attachments=tuple(row.attachments) if row.attachments else None,
        retry_of=row.id,
        attempt=row.attempt + 1,
        severity_rules=tuple(row.severity_rules) if row.severity_rules else None,
    )
