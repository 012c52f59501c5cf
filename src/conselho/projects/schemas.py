"""How does a project look over HTTP? What may be sent, and what comes back."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Row

from conselho import names


class NewProject(BaseModel):
    """A project to be made."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={"examples": [{"path": "/tmp", "slug": "scratch"}]},  # noqa: S108
    )

    path: Annotated[
        str, Field(description="an absolute path where the server runs: a repository, or a plain directory")
    ]
    slug: Annotated[
        str | None,
        Field(
            description="its name in commands and addresses; null: as its directory is called",
            json_schema_extra={"pattern": f"^{names.SLUG}$", "maxLength": names.SLUG_CHARACTERS_MAX},
        ),
    ] = None
    title: Annotated[str | None, Field(description="what people call it")] = None
    default_branch: Annotated[str | None, Field(description="where branches of cards begin; null: found out")] = None
    may_use_own_commands: Annotated[
        bool | None,
        Field(
            description="its own files of commands win over those built in: who writes them instructs agents (false)"
        ),
    ] = None
    agent: Annotated[str | None, Field(description="slug of the agent that is given its cards' commands")] = None
    agents: Annotated[
        dict[str, str] | None, Field(description="who is given some of them: by `plan`, `implement`, `test`, `review`")
    ] = None
    check_argv: Annotated[
        list[str] | None, Field(description="the project's own check command: a program and its arguments")
    ] = None


class ProjectChange(BaseModel):
    """The fields to change. With `version`: only if that is the version in force."""

    model_config = ConfigDict(extra="forbid", strict=True)

    title: Annotated[str | None, Field(description="what people call it")] = None
    path: Annotated[str | None, Field(description="another directory; null or the same: it is looked at again")] = None
    default_branch: Annotated[str | None, Field(description="null: found out again")] = None
    may_use_own_commands: Annotated[bool | None, Field(description="null: false")] = None
    agent: Annotated[str | None, Field(description="slug of the agent that is given its cards' commands")] = None
    agents: Annotated[
        dict[str, str] | None, Field(description="who is given some of them: by `plan`, `implement`, `test`, `review`")
    ] = None
    check_argv: Annotated[
        list[str] | None, Field(description="the project's own check command: a program and its arguments")
    ] = None
    version: Annotated[int | None, Field(ge=1)] = None

    def given(self) -> dict[str, Any]:
        """The plain fields that were sent."""
        plain = {"title", "may_use_own_commands", "agent", "agents", "check_argv"}
        sent = self.model_dump(include=plain, exclude_unset=True)
        if "may_use_own_commands" in sent:
            sent["may_use_own_commands"] = bool(sent["may_use_own_commands"])
        if "agents" in sent:
            sent["agents"] = sent["agents"] or {}
        return sent

    def looks_again(self) -> bool:
        """Whether the directory must be looked at."""
        return bool({"path", "default_branch"} & self.model_fields_set)


class ShownProject(BaseModel):
    """A project as people and programs get it."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    slug: str
    title: str | None
    path: Annotated[str, Field(description="absolute and without links")]
    default_branch: Annotated[str | None, Field(description="where branches of cards begin; null: at HEAD")]
    is_repository: Annotated[bool, Field(description="false: runs work in the directory itself, one at a time")]
    may_use_own_commands: bool
    agent: Annotated[str | None, Field(description="who is given its cards' commands")]
    agents: Annotated[dict[str, str], Field(description="who is given some of them, by the command's name")]
    check_argv: list[str] | None
    version: int
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, row: Row[Any]) -> "ShownProject":
        """From its row."""
        return cls.model_validate(row)


class ProjectSnapshot(ShownProject):
    """One project, and the event up to which it is true."""

    as_of: str


class ProjectPage(BaseModel):
    """Some projects, the oldest first."""

    items: list[ShownProject]
    next: Annotated[str | None, Field(description="cursor of the next page")]
    as_of: str
