"""How does a card look over HTTP? What may be sent, and what comes back."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from conselho.cards.columns import Column, Command

CommandName = Literal["/plan", "/implement", "/test", "/review", "plan", "implement", "test", "review"]
Agents = Annotated[
    dict[str, str], Field(description="who is given some commands: by `plan`, `implement`, `test`, `review`")
]


class NewCard(BaseModel):
    """A card to be made."""

    model_config = ConfigDict(
        extra="forbid", strict=True, json_schema_extra={"examples": [{"title": "Say what went wrong"}]}
    )

    title: Annotated[str, Field(description="what is to be done, in a few words")]
    description: Annotated[str | None, Field(description="all there is to say about it: Markdown")] = None
    plan: Annotated[str | None, Field(description="how it is to be done, where somebody knows already")] = None
    project: Annotated[str | None, Field(description="slug or id; null: the only one there is, if so")] = None
    priority: Annotated[int, Field(description="its runs come before those of less")] = 0
    agent: Annotated[str | None, Field(description="who is given its commands")] = None
    agents: Agents = {}


class CardChange(BaseModel):
    """The fields to change; null clears one. With `version`: only if that is the version in force."""

    model_config = ConfigDict(extra="forbid", strict=True)

    title: str | None = None
    description: str | None = None
    plan: str | None = None
    project: str | None = None
    priority: Annotated[int | None, Field(description="null: 0")] = None
    agent: str | None = None
    agents: Agents | None = None
    version: Annotated[int | None, Field(ge=1)] = None

    def given(self) -> dict[str, Any]:
        """The fields that were sent."""
        sent = self.model_dump(exclude={"version"}, exclude_unset=True)
        empty: dict[str, Any] = {"title": "", "priority": 0, "agents": {}}
        return {name: empty[name] if value is None and name in empty else value for name, value in sent.items()}


class Move(BaseModel):
    """Where a card is to go. With `version`: only if that is the version in force."""

    model_config = ConfigDict(extra="forbid")

    column: Column
    version: Annotated[int | None, Field(ge=1)] = None
    before: Annotated[
        str | None, Field(description="number or id of the card before which it is to stand; null: at the end")
    ] = None


class GivenCommand(BaseModel):
    """What a card's agent is to do."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"command": "/plan"}]})

    command: CommandName
    message: Annotated[str | None, Field(description="what is to be said with it: a follow-up goes on where the same"
                                                     " command ended")] = None  # fmt: skip
    agent: Annotated[str | None, Field(description="slug or id; null: as the card or its project says")] = None
    model: Annotated[str | None, Field(max_length=100)] = None
    timeout_seconds: float | None = None


class ShownRun(BaseModel):
    """An execution, as far as a card shows it."""

    id: str
    command: str | None
    agent: str | None
    provider: str
    status: str
    severity: str | None
    summary: str | None
    reason: str | None
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    duration_seconds: float | None
    cost_usd: float | None
    input_tokens: int | None
    output_tokens: int | None
    log_lines: int
    waiting_for: Annotated[str | None, Field(description="why a queued one is not started")]


class LastLine(BaseModel):
    """The last line of a log, cut to 300 characters."""

    seq: int
    at: datetime
    kind: str
    text: str


class ShownAttachment(BaseModel):
    """A file that belongs to a card."""

    id: str
    name: Annotated[str, Field(description="no two of a card alike: a second one gets a number")]
    media_type: Annotated[str, Field(description="found by its content: of an image, or `text/plain`")]
    size_bytes: int
    sha256: str
    created_at: datetime


class AttachmentList(BaseModel):
    """The files of a card, the oldest first."""

    items: list[ShownAttachment]


class Changes(BaseModel):
    """How much a card has changed since its branch began."""

    files: int
    lines_added: int
    lines_removed: int


class ListedCard(BaseModel):
    """A card as the board shows it."""

    id: str
    number: Annotated[int, Field(description="what people call it")]
    project_id: str | None
    project: Annotated[str | None, Field(description="slug")]
    title: str
    has_description: bool
    has_plan: bool
    priority: int
    agent: str | None
    agents: dict[str, str]
    column: Column
    position: Annotated[int, Field(description="in its column, from small to large")]
    version: Annotated[int, Field(description="rises with each change")]
    branch: str | None
    worktree: Annotated[str | None, Field(description="where its work lies; null: not made yet, or removed")]
    base: Annotated[str | None, Field(description="the commit at which its branch began")]
    commit: Annotated[str | None, Field(description="the last that was made of a run's work")]
    note: Annotated[str | None, Field(description="what somebody should know of its work")]
    changes: Changes | None
    active_execution: Annotated[ShownRun | None, Field(description="the one that has not ended")]
    latest_execution: Annotated[ShownRun | None, Field(description="the last that was asked for, ended or not")]
    is_settled: Annotated[bool, Field(description="whether the work of its last run is kept")]
    last_line: LastLine | None
    runs: int
    cost_usd: Annotated[float | None, Field(description="of all its runs; null: not known of any")]
    input_tokens: int | None
    output_tokens: int | None
    attachment_count: int
    allowed_moves: list[Column]
    allowed_commands: list[Command]
    moved_at: Annotated[datetime, Field(description="when it came into its column")]
    created_at: datetime
    updated_at: datetime


class ShownCard(ListedCard):
    """A card with its texts and files."""

    description: str | None
    plan: str | None
    attachments: list[ShownAttachment]


class CardSnapshot(ShownCard):
    """One card, and the event up to which this is true."""

    merge: Annotated[str | None, Field(description="the line for a shell that merges its branch")]
    as_of: str


class CardPage(BaseModel):
    """Some cards, the oldest first."""

    items: list[ListedCard]
    next: Annotated[str | None, Field(description="cursor of the next page")]
    as_of: str


class BoardColumn(BaseModel):
    """A column of the board and the first of its cards, from the top."""

    name: Column
    total: int
    cards: list[ListedCard]
    next: Annotated[str | None, Field(description="`after` for the next cards of this column; null at its end")]


class Board(BaseModel):
    """The board, from its first column to its last, and the event up to which this is true."""

    columns: list[BoardColumn]
    moves: Annotated[dict[Column, list[Column]], Field(description="where a card without a run may go from each")]
    as_of: str


class ChangedFile(BaseModel):
    """One file that a card has changed."""

    path: Annotated[str, Field(description="with `\\xff` for what is no UTF-8")]
    old_path: str | None
    kind: Literal["file", "link", "submodule"]
    status: Literal["added", "changed", "removed", "renamed", "retyped"]
    lines_added: Annotated[int | None, Field(description="null: not counted, as of binary and large files")]
    lines_removed: int | None
    is_binary: bool
    is_large: bool
    patch: str | None
    is_cut: Annotated[bool, Field(description="there is more of the patch than is kept")]


class CardDifference(BaseModel):
    """What a card has changed since its branch began: committed, staged, changed and new."""

    card_id: str
    execution_id: Annotated[str | None, Field(description="after whose end it was made; null: just now")]
    made_at: datetime
    base: str
    files_total: int
    lines_added: int
    lines_removed: int
    nested: Annotated[list[str], Field(description="repositories inside that are no submodules: not looked into")]
    files: list[ChangedFile]
