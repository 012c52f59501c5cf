"""What is kept of a run of Codex while its stream is read?"""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from conselho.providers.speech import Calls
from conselho.providers.trouble import Trouble


@dataclass(slots=True)
class Reading:
    """What was read of a run so far."""

    session: str | None = None  # its thread
    end: str | None = None  # of its last turn: "completed" or "failed", None while it goes on
    usage: dict[str, Any] = field(default_factory=dict)  # of the whole thread, earlier runs of it as well
    message: str | None = None  # the last thing it said of a failure
    failed_at: datetime | None = None  # when it said so
    complaint: list[str] = field(default_factory=list)  # the lines of the first on stderr: why it did not begin
    is_complaint_over: bool = False
    answer: str | None = None
    is_answered: bool = False  # it spoke after its last call
    calls: Calls = field(default_factory=Calls)
    refused: Counter[str] = field(default_factory=Counter)  # calls, by their name
    retries: int = 0
    trouble: Trouble = field(default_factory=Trouble)
    is_sandbox_broken: bool = False
    is_unreadable: bool = False  # a line was too long, or JSON of no use
    cut: set[str] = field(default_factory=set)  # streams in the middle of a line that is too long
