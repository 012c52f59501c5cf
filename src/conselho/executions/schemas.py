"""How does an execution look over HTTP? What may be sent, and what comes back."""

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Row

from conselho.agents import limits, prompts, tasks
from conselho.agents.schemas import GivenOptions
from conselho.events.moments import Moment
from conselho.executions import request
from conselho.executions.request import Request

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
    model: str | None = None
    options: Annotated[
        GivenOptions | None, Field(description="how an agent CLI is to work; each wins over its agent's")
    ] = None
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
    continue_from: Annotated[
        str | None,
        Field(
            max_length=100,
            description="the id of an execution that has ended: its conversation goes on, in its directory and with its"
            " agent, model and options where nothing else is said",
        ),
    ] = None
    not_before: Moment | None = None
    start_before: Moment | None = None
    origin: Literal["api", "cli"] = "api"

    def digest(self) -> str:
        """A fingerprint of the body as it came, whatever its agent is by now. Raises: errors.Invalid."""
        request.check_context(self.context)
        text = json.dumps(self.model_dump(exclude_none=True), sort_keys=True, default=str)
        return hashlib.sha256(text.encode("ascii")).hexdigest()

    def as_request(self, agent: Row[Any] | None = None, *, links: bool = True) -> Request:
        """The request that is enqueued: a copy of the agent's definition, where nothing else is asked for.

        The lanes of the directory and of the agent are added; `links`: links in its path are followed, which looks at
        the disk. Raises: errors.Invalid.
        """
        said = self.model_dump(include=set(_OF_THE_AGENT), exclude_none=True)
        stored = {} if agent is None else {name: getattr(agent, name) for name in self._taken(agent)}
        meant: dict[str, Any] = {name: value for name, value in stored.items() if value is not None} | said
        options = tasks.merged(meant.pop("options", None), self.given_options())
        argv, codes = meant.pop("argv", None), meant.pop("accepted_exit_codes", (0,))
        cwd, exclusive = meant.pop("cwd", str(Path.home())), meant.pop("exclusive", False)
        cwd = real(cwd) if links else cwd
        return Request(
            **{"provider": "command", **meant},
            argv=tuple(argv) if argv else None,
            prompt=self.prompt if agent is None else prompts.filled(agent.prompt, self.prompt),
            cwd=cwd,
            env=self.env if agent is None else agent.env | self.env,
            env_allow=() if agent is None else tuple(agent.env_allow),
            origin=self.origin,
            title=self.title or title_of(None if agent is None else agent.title or agent.slug, self.argv, self.prompt),
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
            options=options,
        )

    def given_options(self) -> dict[str, Any] | None:
        """The options that were sent; None among them stands for the default."""
        return None if self.options is None else self.options.model_dump(exclude_unset=True)

    def _taken(self, agent: Row[Any]) -> Sequence[str]:
        """What its agent says where the request does not."""
        is_same = self.provider is None or self.provider == agent.provider
        return (
            (*_OF_THE_AGENT, "options") if is_same else [each for each in _OF_THE_AGENT if each not in _OF_A_PROVIDER]
        )


# What a request may say otherwise than its agent.
_OF_THE_AGENT = (
    "provider", "argv", "model", "cwd", "timeout_seconds", "idle_timeout_seconds", "accepted_exit_codes", "exclusive",
)  # fmt: skip
_OF_A_PROVIDER = ("argv", "model")  # and mean nothing, or something else, to another one


def real(cwd: str) -> str:
    """The real path, so that two names of one directory share its lane. The lock itself is on the inode."""
    return os.path.realpath(cwd) if cwd.startswith("/") and limits.is_storable(cwd) else cwd


def _lanes(cwd: str, agent: Row[Any] | None, *, exclusive: bool) -> tuple[request.Lane, ...]:
    found = (directory_lane(cwd, exclusive=exclusive),)
    if agent is None:
        return found
    # Also without a limit: one that is set later then counts the runs there are.
    return (*found, request.Lane(key=f"agent {agent.slug}", room=agent.concurrency or SHARED_ROOM))


def directory_lane(cwd: str, *, exclusive: bool) -> request.Lane:
    """The lane of a directory."""
    return request.Lane(key=f"directory {cwd}", room=1 if exclusive else SHARED_ROOM)


def title_of(agent: str | None, argv: list[str] | None, prompt: str | None) -> str | None:
    """What a run is called that was given no title; `agent`: what its agent is called."""
    said = " ".join((" ".join(argv) if argv else prompt or "").split())
    line = ": ".join(part for part in (agent, said) if part)
    if not line:
        return None
    most = limits.TITLE_CHARACTERS_MAX
    return line if len(line) <= most else line[: most - 1] + "…"
