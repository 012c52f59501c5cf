"""What do older clients send of cards, and what are they answered? Their names: `columnId`, `specPath`, `startedAt`.

As with councilors, fields that nobody knows are passed over, and one that is not sent stays as it is.
"""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from conselho.cards.columns import Column
from conselho.cards.schemas import CardChange

_SENT = ConfigDict(extra="ignore", strict=True, alias_generator=to_camel)
_TOLD = ConfigDict(alias_generator=to_camel)

OlderColumn = Literal[
    "backlog", "plan", "implement", "test", "review", "done", "archived", "cancelled", "cancelado"
]  # fmt: skip
CardName = Annotated[str | int, Field(description="the card's id, or its number")]
SpecPath = Annotated[str | None, Field(description="a file of the project that holds the plan, or what the card's"
                                                   " `specPath` said")]  # fmt: skip
STATUS = Field(description="idle, running, success or error")


def column(word: OlderColumn) -> Column:
    """The column of that name."""
    return Column.CANCELLED if word == "cancelado" else Column(word)


class OlderNewCard(BaseModel):
    """A card to be made."""

    model_config = _SENT | ConfigDict(json_schema_extra={"examples": [{"title": "Persistir o estado dos cards"}]})

    title: str
    description: str | None = None
    project_id: Annotated[str | None, Field(description="slug or id; null: the only one there is, if so")] = None


class OlderCardChange(BaseModel):
    """The fields of a card to change; null clears one."""

    model_config = _SENT

    title: str | None = None
    description: str | None = None
    spec_path: SpecPath = None
    column_id: OlderColumn | None = None

    def given(self) -> dict[str, Any]:
        """Title and description, as far as they were sent."""
        sent = self.model_dump(exclude_unset=True, include={"title", "description"})
        return CardChange.model_validate(sent).given()


class OlderMove(BaseModel):
    """Where a card is to go."""

    model_config = _SENT

    column_id: OlderColumn


class OlderOrder(BaseModel):
    """A command for a card. What is sent of the card itself is written on it: from there its agent is told."""

    model_config = _SENT | ConfigDict(json_schema_extra={"examples": [{"cardId": "12", "model": "opus"}]})

    card_id: CardName
    title: Annotated[str | None, Field(description="empty or null: as it is")] = None
    description: Annotated[str | None, Field(description="empty or null: as it is")] = None
    spec_path: SpecPath = None
    model: Annotated[str | None, Field(max_length=100, description="null: as its agent says")] = None


class OlderActive(BaseModel):
    """The last run of a card, also when it has ended."""

    model_config = _TOLD

    id: str
    status: Annotated[str, STATUS]
    command: str | None
    started_at: Annotated[datetime | None, Field(description="null: it waits for its turn")]
    completed_at: datetime | None


class OlderCard(BaseModel):
    """A card."""

    model_config = _TOLD

    id: str
    number: Annotated[int, Field(description="what people call it; any path takes it for the id")]
    title: str
    description: str | None
    column_id: Column
    spec_path: Annotated[str | None, Field(description="a name for the plan that the card holds; null: it has none")]
    project_id: str | None
    branch_name: str | None
    worktree_path: str | None
    archived: bool
    created_at: datetime
    updated_at: datetime
    active_execution: OlderActive | None


class OlderRemoved(BaseModel):
    """What became of a card."""

    success: bool
    message: str


class OlderLine(BaseModel):
    """A line of a log."""

    timestamp: datetime
    type: Annotated[str, Field(description="info, error, warning, success, command, system, text or tool")]
    content: str


class OlderLog(BaseModel):
    """How the last run of a card went; of a card that never ran there are `status` and `logs` alone."""

    model_config = _TOLD

    card_id: str | None = None
    status: Annotated[str, STATUS]
    started_at: datetime | None = None
    completed_at: datetime | None = None
    duration: Annotated[float | None, Field(description="in seconds; null: it has not ended")] = None
    result: Annotated[str | None, Field(description="what it said, or else why it failed")] = None
    logs: Annotated[list[OlderLine], Field(description="the last of its lines: 1 MiB at most")]


class OlderRun(BaseModel):
    """One run of a card."""

    model_config = _TOLD

    execution_id: str
    command: str | None
    title: str | None
    status: Annotated[str, STATUS]
    started_at: datetime | None
    completed_at: datetime | None
    duration: float | None
    result: str | None
    logs: Annotated[list[OlderLine], Field(description="the last of its lines: 128 KiB at most")]


class OlderHistory(BaseModel):
    """The runs of a card."""

    model_config = _TOLD

    success: bool
    card_id: str
    history: Annotated[
        list[OlderRun], Field(description="newest first: 50 at most, and fewer where they would pass 4 MiB")
    ]


class OlderOutcome(BaseModel):
    """How a command went. With `Prefer: respond-async` it has just been accepted, and more is known to the log."""

    model_config = _TOLD

    success: Annotated[bool, Field(description="it ended well, whatever its agent thinks of the work; or was accepted")]
    card_id: str
    execution_id: str
    status: Annotated[str, STATUS]
    result: str | None
    error: str | None
    logs: Annotated[list[OlderLine], Field(description="the last of its lines: 1 MiB at most")]
    spec_path: str | None
