"""How is an agent CLI spoken to? The port that every provider fills, and the values that pass through it.

A provider is pure: it says what to start, turns lines of output into lines of the log, and says at the end what
it made of them. It opens nothing, starts nothing and reads no clock, so a log can be read again from its first
byte after a restart and yields the same lines.
"""

import posixpath
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from conselho.providers.options import Options

# The kinds of a log's lines: what the CLI spoke of, as far as its provider knows, else where it was written to.
KINDS = (
    "system", "command", "text", "thinking", "tool", "tool_result", "result", "info", "success", "warning", "error",
    "stdout", "stderr",
)  # fmt: skip


# A socket's path has at most 107 bytes, and Python's multiprocessing, say, adds 32 to that of TMPDIR.
TMPDIR_BYTES_MAX = 72


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What an execution asks a provider to do."""

    argv: tuple[str, ...] = ()
    prompt: str | None = None
    model: str | None = None
    options: Options = field(default_factory=Options)
    cwd: str = "/"
    session: str | None = None  # the CLI's own, which is to be continued
    new_session: str = ""  # a UUID for the session that is begun, where the CLI lets others choose it
    attachments: tuple[str, ...] = ()  # absolute paths of files that belong to it; their endings tell what they are
    folder: str = ""  # where `Invocation.files` will lie: an absolute path
    scratch: str = ""  # an empty directory, where the invocation `has_scratch`; gone at the end

    @property
    def tmpdir(self) -> dict[str, str]:
        """The scratch as TMPDIR, so that nothing is left of a run; none where tools could make no sockets in it."""
        is_short = len(self.scratch.encode("utf-8", "surrogateescape")) <= TMPDIR_BYTES_MAX
        return {"TMPDIR": self.scratch} if self.scratch and is_short else {}

    @property
    def attached_in(self) -> tuple[str, ...]:
        """The directories in which its attachments lie, and nothing else does."""
        return tuple(dict.fromkeys(posixpath.dirname(path) for path in self.attachments))


@dataclass(frozen=True, slots=True, kw_only=True)
class Trap:
    """Files by which a project would have the CLI run its code, whatever the mode: where one is, nothing is started."""

    pattern: str  # a glob, seen from the directory of the run and from each above it
    sentence: str  # with `{0}` for the file that was found
    words: re.Pattern[bytes] | None = None  # only a file that has them; None is one whatever it says


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """What to start. `stdin` None means nothing to read.

    `env` is added to what every run gets, unless its agent or its request says otherwise; `fixed` whatever they say.
    """

    argv: tuple[str, ...]
    env: dict[str, str] = field(default_factory=dict)
    fixed: dict[str, str] = field(default_factory=dict)  # variables that hold what it may do
    stdin: bytes | None = None
    files: Mapping[str, str] = field(default_factory=dict)  # small ones by their name in `Task.folder`; gone at the end
    has_scratch: bool = False  # `Task.scratch` is used
    notes: tuple[str, ...] = ()  # what the log says before all else: that permissions are not asked for, say
    needed: tuple[str, ...] = ()  # files that must be there: absolute paths
    traps: tuple[Trap, ...] = ()  # what must not


@dataclass(frozen=True, slots=True)
class Output:
    """Lines as the process wrote them, all at one moment: `stream` is stdout or stderr.

    `is_whole` False: it is one line, or the next piece of one, that was cut for its length.
    """

    stream: str
    lines: Sequence[str]
    at: datetime  # aware UTC, and the same whenever they are read again
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
    reason: str | None = None  # typed: one of REASONS
    lifts_at: datetime | None = None  # when a `rate_limited` one may be tried again, where the CLI says it
    at_least_warning: str | None = None  # why it is no plain success: a denial, say
    trouble: str | None = None  # what it was at a loss with when it ended, as a sentence: of a run that was ended, why
    session: str | None = None
    model: str | None = None
    turns: int | None = None
    input_tokens: int | None = None  # all that the model was sent, also what its cache had
    output_tokens: int | None = None
    cached_tokens: int | None = None  # of the input, read from the model's cache
    cost_usd: float | None = None
    counts_session: bool = False  # the tokens are those of the whole session, of runs before this one as well


# Why an agent CLI failed. `session_unknown`: nothing was done, and the run starts anew without its session.
REASONS = (
    "rate_limited", "auth_failed", "permission_needed", "max_turns", "budget", "context_too_long", "session_unknown",
    "not_installed", "bad_input", "model_unknown", "api_error", "no_result", "agent_error",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """The program behind a provider, for those who look whether it is there."""

    name: str  # as PATH has it
    install: str  # the sentence that says how to get it
    sign_in: str  # the sentence that says how to sign in
    keys: tuple[str, ...]  # variables, one of which signs it in
    credentials: tuple[str, ...]  # files, one of which signs it in: beginning with ~/ or a variable (`$CODEX_HOME/`)
    hints: tuple[str, ...] = ()  # files that may hold a key, among much else: alike

    @property
    def variables(self) -> tuple[str, ...]:
        """What its runs inherit where it is set: its keys, and where its files lie."""
        places = (name.partition("/")[0] for name in self.credentials)
        return (*self.keys, *(place[1:] for place in places if place.startswith("$")))


class Provider(Protocol):
    """One kind of agent CLI."""

    name: str
    line_bytes_max: int
    """A longer line reaches `read` in pieces of this size, all but the last with `is_whole` False."""
    program: Program | None
    """What must be installed, None where that is for the caller to know."""

    def invocation(self, task: Task) -> Invocation:
        """What to start for `task`. Raises: errors.Invalid for what this CLI cannot do."""

    def begin(self) -> Any:
        """The state before the first line."""

    def read(self, output: Output, state: Any) -> tuple[Sequence[Said], Any]:
        """Turn lines of output into lines of the log; returns them with the next state.

        How many lines come at once is chance, and must make no difference.
        """

    def conclude(self, state: Any, exit_code: int | None) -> Conclusion:
        """What the run came to, once all was read; `exit_code` None: it was ended by a signal, or never began."""
