"""What is a councilor's run asked to do? A copy of its agent's definition, with its own task in it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from conselho.agents import limits, tasks
from conselho.agents import prompts as agent_prompts
from conselho.council import prompts
from conselho.executions.request import Lane, Request, checked
from conselho.executions.schemas import SHARED_ROOM, NewExecution


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment, how it came to be fired - `schedule`, `catch_up` or `manual` - and what was missed before it."""

    at: datetime
    how: str
    missed_since: datetime | None = None
    missed: int = 0


@dataclass(frozen=True, slots=True)
class Asked:
    """What all runs of an agent have in common."""

    agent: Row[Any]
    request: Request


def of_agent(agent: Row[Any]) -> Asked:
    """Raises: errors.Invalid where it cannot be run."""
    wish = NewExecution(title=agent.slug, prompt=tasks.TOLD_LATER)  # each of its councilors says what
    return Asked(agent, checked(wish.as_request(agent, links=False)))


def difference(asked: Asked, row: Row[Any], moment: Moment, origin: str) -> dict[str, Any]:
    """The fields in which a councilor's run for that moment differs from all runs of its agent.

    Raises: errors.Invalid where the prompt does not fit into the agent's.
    """
    said = prompts.composed(row.prompt, row.context_files, row.output_format, moment.missed_since, moment.missed)
    prompt = agent_prompts.filled(asked.agent.prompt, said)
    limits.check_prompt(prompt)
    if limits.PROMPT_ARGUMENT in (asked.request.argv or ()):
        limits.check_argv(asked.request.provider, asked.request.argv or (), prompt)
    council = {"title": row.title, "task_name": row.task_name, "moment": moment.at.isoformat(), "fired": moment.how}
    if moment.missed_since is not None:
        council |= {"missed": moment.missed, "missed_since": moment.missed_since.isoformat()}
    return {
        "prompt": prompt,
        "title": _title(row),
        "context": {"council": council},
        "origin": origin,
        "councilor_id": row.id,
        "severity_rules": row.severity_rules,
        "lanes": _lanes(asked.request.lanes, row),
    }


def _lanes(lanes: Sequence[Lane], row: Row[Any]) -> tuple[Lane, ...]:
    """Its agent's, and one of its own: one run at a time, unless overlap is allowed."""
    room = SHARED_ROOM if row.overlap == "allow" else 1
    return (*lanes, Lane(key=f"councilor {row.id}", room=room))


def _title(row: Row[Any]) -> str:
    title = row.title if row.title == row.task_name else f"{row.title}: {row.task_name}"
    return title if len(title) <= limits.TITLE_CHARACTERS_MAX else str(row.task_name)
