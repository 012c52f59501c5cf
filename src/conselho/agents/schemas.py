"""How does an agent look over HTTP? What may be sent, and what comes back.

A field that is null is as it is by default. Limits are checked where a definition is, in sentences of their own.
"""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Row

from conselho.agents import definitions, limits
from conselho.agents.definitions import Definition


class GivenOptions(BaseModel):
    """How an agent CLI is to work. What is not said, or null, is as by default; what a CLI cannot do it refuses."""

    model_config = ConfigDict(extra="forbid", strict=True)

    permission_mode: Annotated[
        Literal["plan", "edit", "full"] | None,
        Field(
            description="plan (the default) only reads; edit changes files and runs the project's checks;"
            " full does anything, and is never asked"
        ),
    ] = None
    allowed_tools: Annotated[
        list[str] | None, Field(description="tools beside those of the mode, as the CLI calls them")
    ] = None
    denied_tools: Annotated[list[str] | None, Field(description="tools that it must not use, whatever allows them")] = (
        None
    )
    max_turns: Annotated[int | None, Field(description="of the model's, at most")] = None
    max_cost_usd: Annotated[float | None, Field(description="it ends where it would cost more")] = None
    extra_args: Annotated[
        list[str] | None, Field(description="more arguments, of those that its provider lets through")
    ] = None
    system_prompt: Annotated[str | None, Field(description="added to the CLI's own")] = None
    mcp_config: Annotated[str | None, Field(description="an absolute path: servers of tools, as the CLI has them")] = (
        None
    )


class AgentFields(BaseModel):
    """What an agent may be defined with."""

    model_config = ConfigDict(extra="forbid", strict=True)

    title: Annotated[str | None, Field(description="what people call it")] = None
    emoji: Annotated[str | None, Field(description="how it is recognised at a glance")] = None
    description: Annotated[str | None, Field(description="what it is for")] = None
    provider: Annotated[str | None, Field(description="how it is spoken to (command)")] = None
    argv: Annotated[list[str] | None, Field(description="the program and its arguments")] = None
    prompt: Annotated[str | None, Field(description="what it is told; {prompt} is where the caller's text goes")] = None
    model: Annotated[str | None, Field(description="which model its provider is to use")] = None
    options: Annotated[
        GivenOptions | None, Field(description="how an agent CLI is to work; a change goes field by field")
    ] = None
    cwd: Annotated[str | None, Field(description="where it runs, an absolute path")] = None
    env: Annotated[dict[str, str] | None, Field(description="variables with their values; no place for secrets")] = None
    env_allow: Annotated[
        list[str] | None, Field(description="names of variables that its runs inherit from the worker")
    ] = None
    timeout_seconds: Annotated[float | None, Field(description="a run is ended after so long")] = None
    idle_timeout_seconds: Annotated[float | None, Field(description="and when it was silent for so long")] = None
    accepted_exit_codes: Annotated[list[int] | None, Field(description="which exits are no failure (0)")] = None
    concurrency: Annotated[int | None, Field(description="runs at once; null: as many as there are seats")] = None
    exclusive: Annotated[bool | None, Field(description="its runs are alone in their directory (false)")] = None

    def given(self) -> dict[str, Any]:
        """The fields that were sent, null as the default it stands for."""
        return {
            name: _DEFAULTS[name] if value is None else value
            for name, value in self.model_dump(include=set(_DEFAULTS), exclude_unset=True).items()
        }


class NewAgent(AgentFields):
    """An agent to be made."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"slug": "tester", "argv": ["make", "test"], "cwd": "/", "concurrency": 1}]}
    )

    slug: Annotated[
        str,
        Field(
            description="its name in commands and addresses",
            json_schema_extra={"pattern": f"^{limits.SLUG}$", "maxLength": limits.SLUG_CHARACTERS_MAX},
        ),
    ]

    def definition(self) -> Definition:
        """What is asked for, whole."""
        return Definition(slug=self.slug, **self.given())


class AgentChange(AgentFields):
    """The fields to change. With `version`: only if that is the version in force."""

    version: Annotated[int | None, Field(ge=1)] = None


class ShownAgent(BaseModel):
    """An agent as people and programs get it."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    slug: str
    title: str | None
    emoji: str | None
    description: str | None
    provider: str
    argv: list[str] | None
    prompt: str | None
    model: str | None
    options: Annotated[dict[str, Any] | None, Field(description="those that are not as by default")]
    cwd: str | None
    env: dict[str, str]
    env_allow: list[str]
    timeout_seconds: float | None
    idle_timeout_seconds: float | None
    accepted_exit_codes: list[int]
    concurrency: int | None
    exclusive: bool
    councilors: Annotated[int, Field(description="what it does on schedules: /api/v1/councilors")] = 0
    version: int
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, row: Row[Any]) -> "ShownAgent":
        """From its row."""
        return cls.model_validate(row)


class AgentSnapshot(ShownAgent):
    """One agent, and the event up to which it is true."""

    as_of: str


class AgentPage(BaseModel):
    """Some agents, the oldest first."""

    items: list[ShownAgent]
    next: Annotated[str | None, Field(description="cursor of the next page")]
    as_of: str


_DEFAULTS: dict[str, Any] = {name: getattr(Definition(slug="x"), name) for name in definitions.FIELDS if name != "slug"}
