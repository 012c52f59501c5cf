"""How is an agent CLI spoken to? The port that every provider fills, and the values that pass through it.

A provider is pure: it says what to start, turns lines of output into lines of the log, and says at the end what
it made of them. It opens nothing, starts nothing and reads no clock, so a log can be read again from its first
byte after a restart and yields the same lines.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

# The kinds of a log's lines: what the CLI spoke of, as far as its provider knows, else where it was written to.
KINDS = (
    "system", "command", "text", "thinking", "tool", "tool_result", "result", "info", "success", "warning", "error",
    "stdout", "stderr",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What an execution asks a provider to do."""

    argv: tuple[str, ...] = ()
    prompt: str | None = None
    model: str | None = None
    session: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """What to start. `stdin` None means nothing to read; `env` is added to what every run gets."""

    argv: tuple[str, ...]
    env: dict[str, str] = field(default_factory=dict)
    stdin: bytes | None = None


@dataclass(frozen=True, slots=True)
class Output:
    """Lines as the process wrote them, all at one moment: `stream` is stdout or stderr.

    `is_whole` False: it is one line, or the next piece of one, that was cut for its length.
    """

    stream: str
    lines: Sequence[str]
    is_whole: bool = True


@dataclass(frozen=True, slots=True)
class Said:
    """Lines for the log. `speaks` says whether they are the run's own word, which the verdict listens to."""

    kind: str
    lines: Sequence[str]
    data: dict[str, Any] | None = None  # what each of them has to tell beside its text
    speaks: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Conclusion:
    """What a provider makes of a whole run, beside its exit code. Unknown numbers are None, never 0."""

    result: str | None = None
    failure: str | None = None  # the sentence, where the CLI reported that it failed
    reason: str | None = None  # typed: rate_limited, auth_failed, …
    at_least_warning: str | None = None  # why it is no plain success: a denial, say
    session: str | None = None
    model: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost_usd: float | None = None


class Provider(Protocol):
    """One kind of agent CLI."""

    name: str
    line_bytes_max: int
    """A longer line reaches `read` in pieces of this size, all but the last with `is_whole` False."""

    def invocation(self, task: Task) -> Invocation:
        """What to start for `task`. Raises: errors.Invalid for what this CLI cannot do."""

    def begin(self) -> Any:
        """The state before the first line."""

    def read(self, output: Output, state: Any) -> tuple[Sequence[Said], Any]:
        """Turn lines of output into lines of the log; returns them with the next state.

        How many lines come at once is chance, and must make no difference.
        """

    def conclude(self, state: Any) -> Conclusion:
        """What the run came to, once all was read."""
