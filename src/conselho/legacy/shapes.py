"""What are older clients answered? Their shapes, as `/openapi.json` tells them."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, Field

from conselho.council.answers import ShownNotifications, ShownTask
from conselho.executions.severity import Severity

SLUG = Field(description="the agent's slug")
STATUS = Field(description="pending, processing, completed or error")


class OlderSchedule(BaseModel):
    """When a councilor fires."""

    type: str
    value: str
    enabled: Annotated[bool, Field(description="false: paused")]


class OlderCouncilor(BaseModel):
    """What a councilor is, and when it fires."""

    title: str
    schedule: OlderSchedule
    task: ShownTask
    notifications: ShownNotifications


class OlderCustomization(BaseModel):
    """How a councilor is recognised."""

    enabled: Annotated[bool, Field(description="any of the three is there")]
    display_name: str | None
    avatar_url: str | None
    color: str | None


class OlderStats(BaseModel):
    """What was counted."""

    total_executions: Annotated[int, Field(description="those that have ended")]
    last_execution: Annotated[datetime | None, Field(description="when the last one ended")]
    success_rate: Annotated[
        float, Field(description="0 to 100, of those that ran and were not cancelled; 0 while there are none")
    ]


class OlderAgent(BaseModel):
    """An agent, with the first of its councilors if it holds any."""

    agent_id: Annotated[str, SLUG]
    name: str
    is_councilor: bool
    councilor_config: OlderCouncilor | None
    customization: OlderCustomization | None
    stats: OlderStats


class OlderAgents(BaseModel):
    """Agents, in the order they were made."""

    agents: list[OlderAgent]
    count: Annotated[int, Field(description="how many there are; at most 1,000 of them are listed")]


class OlderDone(BaseModel):
    """What was done to an agent."""

    success: bool
    message: str
    agent: OlderAgent


class OlderScheduleDone(BaseModel):
    """How a councilor fires from now on."""

    success: bool
    message: str
    schedule: OlderSchedule


class OlderFired(BaseModel):
    """The run that was asked for."""

    success: bool
    message: str
    execution_id: str
    councilor_id: Annotated[str, SLUG]
    status: Annotated[str, STATUS]


class OlderExecution(BaseModel):
    """A run of a councilor."""

    id: Annotated[str, Field(alias="_id")]
    execution_id: str
    councilor_id: Annotated[str, SLUG]
    started_at: datetime | None
    completed_at: datetime | None
    status: Annotated[str, STATUS]
    severity: Severity | None
    output: str | None
    error: str | None
    duration_ms: int | None
    created_at: datetime


class OlderReport(BaseModel):
    """How a councilor is doing."""

    councilor_id: Annotated[str, SLUG]
    councilor_name: str
    recent_executions: Annotated[
        list[OlderExecution], Field(description="newest first, fewer than asked for where they would pass 4 MiB")
    ]
    total_executions: int
    success_rate: Annotated[float, Field(description="0 to 100")]
    next_execution: Annotated[datetime | None, Field(description="null: paused, or there is none any more")]


class OlderTaskConfig(BaseModel):
    """Which councilor's task a run was, as it was called then."""

    title: str | None
    task_name: str | None


class OlderTaskDocument(BaseModel):
    """A run, whoever asked for it."""

    id: Annotated[str, Field(alias="_id")]
    agent_id: Annotated[str | None, SLUG]
    provider: str
    prompt: str | None
    cwd: str
    timeout: Annotated[int | None, Field(description="in seconds")]
    status: Annotated[str, STATUS]
    instance_id: str | None
    context: dict[str, Any]
    created_at: datetime
    updated_at: Annotated[datetime, Field(description="when it last was accepted, started or ended")]
    started_at: datetime | None
    completed_at: datetime | None
    result: Annotated[str | None, Field(description="what it said, or else why it failed")]
    exit_code: int | None
    duration: Annotated[float | None, Field(description="in seconds")]
    is_councilor_execution: bool
    councilor_config: OlderTaskConfig | None
    severity: Severity | None


class OlderTasks(BaseModel):
    """Some runs, newest first."""

    success: bool
    count: Annotated[int, Field(description="how many stand here: fewer than `limit` where they would pass 4 MiB")]
    total: Annotated[
        int, Field(description="how many there are; of an agent that was removed 10,200 are counted at most")
    ]
    tasks: list[OlderTaskDocument]
