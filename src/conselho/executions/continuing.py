"""What does a run take over from the one whose conversation it takes up? All that it does not say itself.

An agent CLI keeps its conversations, under a name of its own: the session. Where there is none to go on with, the run
begins anew, and its log says so: see `worker/environment.py`.
"""

import dataclasses
from typing import Any

from sqlalchemy import Row, bindparam, select

from conselho import errors
from conselho.agents import tasks
from conselho.db.session import Tx, loose
from conselho.executions import rows
from conselho.executions.models import Execution
from conselho.executions.request import Lane, Request
from conselho.executions.schemas import NewExecution, directory_lane, real, title_of

_USAGE = select(Execution.session_usage).where(Execution.id == bindparam("run_id"))


@loose
def usage_before(tx: Tx, execution_id: str | None) -> dict[str, int] | None:
    """What the session of that execution had counted when it ended, None where nobody knows."""
    row = tx.execute(_USAGE, {"run_id": execution_id}).one_or_none()
    return None if row is None else row.session_usage


def request(body: NewExecution, earlier: Row[Any]) -> Request:
    """The request to go on where `earlier` ended, as `body` asks for it. Raises: errors.Invalid."""
    if body.agent is not None:
        raise errors.Invalid("continue_from takes the agent of that run: leave agent out, or begin a run of its own")
    asked = rows.as_request(earlier)
    provider = body.provider or asked.provider
    is_same = provider == asked.provider
    argv = tuple(body.argv) if body.argv else asked.argv if is_same else None
    cwd = real(body.cwd) if body.cwd is not None else asked.cwd
    said = body.model_dump(include=set(_AS_SAID), exclude_none=True)
    exclusive = said.get("exclusive", asked.exclusive)
    resume = rows.session_after(earlier) if is_same else None
    lanes = (directory_lane(cwd, exclusive=exclusive), *filter(_is_agents, asked.lanes))
    return dataclasses.replace(
        asked,
        **said,
        councilor_id=None,  # it is nobody's but the caller's
        card_id=None,
        command=None,
        retry_of=None,
        severity_rules=None,
        attempt=1,
        provider=provider,
        argv=argv,
        prompt=body.prompt,
        model=body.model or (asked.model if is_same else None),
        options=tasks.merged(asked.options if is_same else None, body.given_options()),
        cwd=cwd,
        env=(asked.env if is_same else {}) | body.env,  # it may hold keys, which are no other provider's business
        title=body.title or title_of(asked.agent, body.argv, body.prompt),
        context=body.context,
        instance_id=body.instance_id,
        accepted_exit_codes=tuple(body.accepted_exit_codes or asked.accepted_exit_codes),
        not_before=body.not_before,
        start_before=body.start_before,
        lanes=rows.with_session(lanes, provider, resume),
        continue_from=earlier.id,
        resume=resume,
    )


_AS_SAID = ("timeout_seconds", "idle_timeout_seconds", "exclusive", "retry_on_loss", "priority", "origin")


def _is_agents(lane: Lane) -> bool:
    return lane.key.startswith("agent ")
