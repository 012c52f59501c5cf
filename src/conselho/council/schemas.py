"""How does a councilor look over HTTP? What may be sent.

A field that is null is as it is by default. Limits are checked where a definition is, in sentences of their own.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from conselho import errors
from conselho.agents import limits as agent_limits
from conselho.council import templates
from conselho.council.councilors import Definition, Notifications
from conselho.council.triggers import Kind, Schedule

UTC = "UTC"  # the zone of who names none
_STRICT = ConfigDict(extra="forbid", strict=True)


class Timing(BaseModel):
    """When it fires, and what happens where it cannot."""

    model_config = _STRICT

    type: Annotated[Literal["interval", "cron", "once"] | None, Field(description="how `value` is meant")] = None
    value: Annotated[str | None, Field(description="`30m`, `0 9 * * 1`, or a moment for `once`")] = None
    timezone: Annotated[str | None, Field(description="an IANA name (UTC)")] = None
    overlap: Annotated[
        str | None, Field(description="what happens while its run before has not ended: skip, queue, cancel, allow")
    ] = None
    catch_up: Annotated[
        str | None, Field(description="of the moments at which nobody was there: none, last or all are fired later")
    ] = None
    catch_up_max: Annotated[int | None, Field(description="of `all` at most so many (10)")] = None
    start_window_seconds: Annotated[
        float | None,
        Field(description="so late a moment is still on time; null: a tenth of the time to the next, 1 to 60 s"),
    ] = None
    jitter_seconds: Annotated[float | None, Field(description="each moment is put off by up to so much (0)")] = None

    def said(self) -> dict[str, Any]:
        """What was sent of the schedule itself. Raises: errors.Invalid for a type or a value that is null."""
        said = self.model_dump(include={"type", "value", "timezone"}, exclude_unset=True)
        for name in ("type", "value"):
            if name in said and said[name] is None:
                raise errors.Invalid(f"schedule.{name} has no default: say which, or leave it out")
        if "type" in said:
            said["type"] = Kind(said["type"])
        return said | ({"timezone": UTC} if "timezone" in said and said["timezone"] is None else {})


class Task(BaseModel):
    """What it does."""

    model_config = _STRICT

    name: Annotated[str | None, Field(description="what people call the task")] = None
    prompt: Annotated[str | None, Field(description="what the agent is told, at most 10,000 characters")] = None
    context_files: Annotated[
        list[str] | None, Field(description="files that it is to read first, in the agent's directory")
    ] = None
    output_format: Annotated[str | None, Field(description="summary, detailed or checklist")] = None


class Told(BaseModel):
    """Who is told of which end."""

    model_config = _STRICT

    on_success: bool | None = None
    on_warning: bool | None = None
    on_error: bool | None = None
    channels: Annotated[list[str] | None, Field(description="panel, toast, email")] = None


class SeverityRule(BaseModel):
    """What a line of the log says about the severity, where the agent gave no verdict."""

    model_config = _STRICT

    pattern: Annotated[str, Field(description="a regular expression of RE2, looked for in each line")]
    severity: Annotated[str, Field(description="success, warning or error")]
    summary: Annotated[str | None, Field(description="what is said of the run; null: the line itself")] = None


class CouncilorFields(BaseModel):
    """What a councilor may be given."""

    model_config = _STRICT

    title: Annotated[str | None, Field(description="what it is to the council, as in Quality")] = None
    display_name: Annotated[str | None, Field(description="how it is called")] = None
    avatar_url: Annotated[str | None, Field(description="its picture")] = None
    color: Annotated[str | None, Field(description="#rrggbb, or a name as in CSS")] = None
    task: Task | None = None
    schedule: Timing | None = None
    notifications: Told | None = None
    severity_rules: Annotated[
        list[SeverityRule] | None, Field(description="the first that fits a line decides; before the words in the log")
    ] = None

    def given(self) -> dict[str, Any]:
        """The fields of a definition that were sent, null as the default it stands for."""
        found = {name: getattr(self, name) for name in _PLAIN if name in self.model_fields_set}
        task, timing = self.task or Task(), self.schedule or Timing()
        found |= {field: getattr(task, name) for name, field in _TASK.items() if name in task.model_fields_set}
        found |= {name: getattr(timing, name) for name in _TIMING if name in timing.model_fields_set}
        found = {name: _DEFAULTS.get(name) if value is None else value for name, value in found.items()}
        if "severity_rules" in self.model_fields_set:
            found["severity_rules"] = tuple(rule.model_dump(exclude_none=True) for rule in self.severity_rules or ())
        return found | self._parts()

    def _parts(self) -> dict[str, dict[str, Any]]:
        """Of the schedule and of the notifications what was sent."""
        parts: dict[str, dict[str, Any]] = {}
        if self.schedule is not None:
            parts["schedule"] = self.schedule.said()
        if self.notifications is not None:
            told = self.notifications.model_dump(exclude_unset=True)
            usual = Notifications()
            parts["notifications"] = {
                name: getattr(usual, name)
                if value is None
                else tuple(dict.fromkeys(value))
                if name == "channels"
                else value
                for name, value in told.items()
            }
        return {name: part for name, part in parts.items() if part}


class Promotion(CouncilorFields):
    """What an agent is promoted to do."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "title": "Quality",
                    "task": {"name": "Monolithic files", "prompt": "Which files have grown too large?"},
                    "schedule": {"type": "cron", "value": "0 9 * * 1", "timezone": "America/Sao_Paulo"},
                }
            ]
        }
    )

    slug: Annotated[
        str | None,
        Field(
            description="its name in commands and addresses; null: the agent's, and the task's where that is taken",
            json_schema_extra={"pattern": f"^{agent_limits.SLUG}$", "maxLength": agent_limits.SLUG_CHARACTERS_MAX},
        ),
    ] = None
    template: Annotated[str | None, Field(description="a task to begin with, from /api/v1/councilors/templates")] = None
    language: Annotated[str | None, Field(description="of the template: en or pt (en)")] = None

    def definition(self) -> Definition:
        """What is asked for, whole. Raises: errors.Invalid."""
        given = self.given()
        begun = None if self.template is None else templates.one(self.template, self.language or "en")
        if begun is None and self.language is not None:
            raise errors.Invalid("language: it is that of a template, and no template is named")
        usual = {} if begun is None else {"type": begun.schedule_type, "value": begun.schedule_value}
        schedule = usual | given.pop("schedule", {})
        if missing := [name for name in ("type", "value") if name not in schedule]:
            raise errors.Invalid(
                f'schedule.{missing[0]} is missing: say when, as in {{"type": "interval", "value": "30m"}}'
            )
        told = Notifications(**given.pop("notifications", {}))
        needed = {"title": "", "task_name": "", "prompt": ""}
        task = {} if begun is None else begun.fields()
        return Definition(**needed | task | given, schedule=Schedule(**schedule), notifications=told)


class CouncilorChange(CouncilorFields):
    """The fields to change. With `version`: only if that is the version in force."""

    version: Annotated[int | None, Field(ge=1)] = None


class FireByHand(BaseModel):
    """Who fires it."""

    model_config = _STRICT

    origin: Literal["api", "cli"] = "api"


class By(BaseModel):
    """Who does it."""

    model_config = _STRICT

    by: Annotated[str | None, Field(max_length=100, description="who wants it; null: the API")] = None


_PLAIN = ("title", "display_name", "avatar_url", "color")
_TASK = {
    "name": "task_name",
    "prompt": "prompt",
    "context_files": "context_files",
    "output_format": "output_format",
}
_TIMING = ("overlap", "catch_up", "catch_up_max", "start_window_seconds", "jitter_seconds")
_USUAL = Definition(title="", task_name="", prompt="", schedule=Schedule(Kind.INTERVAL, ""))
_DEFAULTS: dict[str, Any] = {name: getattr(_USUAL, name) for name in (*_PLAIN, *_TASK.values(), *_TIMING)}
