"""How does an execution look over HTTP? What may be sent, and what comes back."""

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache
from operator import itemgetter
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Row

from conselho.agents import limits, prompts
from conselho.executions import logs, request
from conselho.executions.logs import NumberedLine
from conselho.executions.moments import Moment
from conselho.executions.request import Request
from conselho.executions.states import Status

SHARED_ROOM = 1_000_000  # runs that share a directory: as many as like


class NewExecution(BaseModel):
    """What is asked for; limits are checked again where it is enqueued, with sentences of their own."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={"examples": [{"argv": ["make", "test"], "cwd": "/", "timeout_seconds": 600}]},
    )

    agent: Annotated[str | None, Field(max_length=100)] = None
    provider: Annotated[str | None, Field(max_length=50)] = None
    argv: list[str] | None = None
    prompt: str | None = None
    cwd: str | None = None
    env: dict[str, str] = Field(default_factory=dict)
    title: str | None = None
    context: dict[str, Any] | None = None
    instance_id: Annotated[str | None, Field(max_length=100)] = None
    timeout_seconds: float | None = None
    idle_timeout_seconds: float | None = None
    accepted_exit_codes: list[int] | None = None
    exclusive: bool | None = None
    retry_on_loss: bool = False
    priority: int = 0
    not_before: Moment | None = None
    start_before: Moment | None = None
    origin: Literal["api", "cli"] = "api"

    def digest(self) -> str:
        """A fingerprint of the body as it came, whatever its agent is by now. Raises: errors.Invalid."""
        request.check_context(self.context)
        text = json.dumps(self.model_dump(exclude_none=True), sort_keys=True, default=str)
        return hashlib.sha256(text.encode("ascii")).hexdigest()

    def as_request(self, agent: Row[Any] | None = None) -> Request:
        """The request that is enqueued: a copy of the agent's definition, where nothing else is asked for.

        Paths are made absolute, the lanes of the directory and of the agent added. Raises: errors.Invalid.
        """
        said = self.model_dump(include=set(_OF_THE_AGENT), exclude_none=True)
        stored = {} if agent is None else {name: getattr(agent, name) for name in _OF_THE_AGENT}
        meant: dict[str, Any] = {name: value for name, value in stored.items() if value is not None} | said
        argv, codes = meant.pop("argv", None), meant.pop("accepted_exit_codes", (0,))
        cwd, exclusive = _real(meant.pop("cwd", str(Path.home()))), meant.pop("exclusive", False)
        return Request(
            **{"provider": "command", **meant},
            argv=tuple(argv) if argv else None,
            prompt=self.prompt if agent is None else prompts.filled(agent.prompt, self.prompt),
            cwd=cwd,
            env=self.env if agent is None else agent.env | self.env,
            env_allow=() if agent is None else tuple(agent.env_allow),
            origin=self.origin,
            title=self.title or _title(agent, self.argv, self.prompt),
            context=self.context,
            instance_id=self.instance_id,
            accepted_exit_codes=tuple(codes),
            exclusive=exclusive,
            retry_on_loss=self.retry_on_loss,
            priority=self.priority,
            not_before=self.not_before,
            start_before=self.start_before,
            lanes=_lanes(cwd, agent, exclusive=exclusive),
            agent_id=None if agent is None else agent.id,
            agent=None if agent is None else agent.slug,
            model=None if agent is None else agent.model,
        )


# What a request may say otherwise than its agent.
_OF_THE_AGENT = (
    "provider", "argv", "cwd", "timeout_seconds", "idle_timeout_seconds", "accepted_exit_codes", "exclusive",
)  # fmt: skip


def _real(cwd: str) -> str:
    """The real path, so that two names of one directory share its lane. The lock itself is on the inode."""
    return os.path.realpath(cwd) if cwd.startswith("/") and limits.is_storable(cwd) else cwd


def _lanes(cwd: str, agent: Row[Any] | None, *, exclusive: bool) -> tuple[request.Lane, ...]:
    found = (request.Lane(key=f"directory {cwd}", room=1 if exclusive else SHARED_ROOM),)
    if agent is None:
        return found
    # Also without a limit: one that is set later then counts the runs there are.
    return (*found, request.Lane(key=f"agent {agent.slug}", room=agent.concurrency or SHARED_ROOM))


_PLAIN = (
    "id", "agent_id", "agent", "provider", "model", "argv", "origin", "councilor_id", "card_id", "command", "title",
    "prompt", "cwd", "context", "instance_id", "status", "severity", "summary", "findings", "evidence", "result",
    "error", "exit_code", "signal", "reason", "created_at", "started_at", "completed_at", "duration_seconds",
    "attempt", "retry_of", "worker", "input_tokens", "output_tokens", "cost_usd", "session", "timeout_seconds",
    "idle_timeout_seconds", "accepted_exit_codes", "exclusive", "env_allow", "not_before", "start_before",
    "cancel_requested_at", "note",
)  # fmt: skip


_MOMENTS = ("created_at", "started_at", "completed_at", "not_before", "start_before", "cancel_requested_at")


@cache
def _values_of(fields: tuple[str, ...]) -> Callable[[Row[Any]], tuple[Any, ...]]:
    """What takes the values of _PLAIN from a row with these fields: by place, since by name takes ten times as long."""
    return itemgetter(*(fields.index(name) for name in _PLAIN))


def as_json(row: Row[Any], waiting: Mapping[str, str]) -> dict[str, Any]:
    """An execution as people and programs get it. `waiting`: why queued ones wait, by id."""
    found = dict(zip(_PLAIN, _values_of(row._fields)(row), strict=True))
    for name in _MOMENTS:
        if found[name] is not None:
            found[name] = _plain(found[name])
    is_over = Status(row.status).is_terminal
    if row.duration_seconds is None and row.started_at is not None and row.completed_at is not None:
        # Nobody was there to measure it: the wall clock is the next best.
        found["duration_seconds"] = round((row.completed_at - row.started_at).total_seconds(), 3)
    return found | {
        "priority": -row.rank,
        "unreachable": row.unreachable_since is not None,
        "waiting_for": waiting.get(row.id),
        "log_lines": row.log_lines if is_over else row.live_lines or 0,
        "log_bytes": row.log_bytes if is_over else row.live_bytes or 0,
    }


def line_as_json(numbered: NumberedLine) -> dict[str, Any]:
    """A line of a log; what is no UTF-8 is replaced."""
    line = numbered.line
    found = {"seq": numbered.seq, "at": _plain(line.at), "kind": line.kind, "text": logs.shown(line.text)}
    return found if line.data is None else {**found, "data": line.data}


def _plain(value: Any) -> Any:
    return value.isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else value


def _title(agent: Row[Any] | None, argv: list[str] | None, prompt: str | None) -> str | None:
    said = " ".join((" ".join(argv) if argv else prompt or "").split())
    of = None if agent is None else agent.title or agent.slug
    line = ": ".join(part for part in (of, said) if part)
    if not line:
        return None
    most = limits.TITLE_CHARACTERS_MAX
    return line if len(line) <= most else line[: most - 1] + "…"
