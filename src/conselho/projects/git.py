"""How is git called where the repository, and whoever works in it, may be hostile?

A repository's own configuration can name programs: hooks, file system monitors, filters, external diffs, text
conversions, signers, helpers. Nothing here starts one. What has a fixed name is overruled from outside, which outweighs
every file; filters and configured hooks, whose names anybody may choose, are looked up and then overruled, each time in
the very place where the command runs, since a configuration may include others by place and by branch. No filter runs
at all, not even the user's own: one that downloads has no business in a server, and what it needs is named in the same
files. Nothing is fetched.

`GIT_*` variables of the caller are dropped, and `GIT_DIR` and `GIT_WORK_TREE` are always set: neither a variable, nor
`core.worktree`, nor the `.git` file of a worktree, which an agent may rewrite, leads elsewhere. No optional lock is
taken, so to look at a repository changes nothing in it. The rest of the user's own configuration is left in force.
"""

import contextlib
import dataclasses
import os
import signal
import subprocess
import tempfile
import threading
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Self

from conselho import errors

SECONDS_MAX = 120.0  # for one command; a checkout of a million files takes half of it
OUTPUT_BYTES_MAX = 4 * 1024 * 1024  # of what is read into memory; what may be longer goes into a file
COMPLAINT_CHARACTERS_MAX = 500  # of its last line
NAMES_MAX = 1000  # of filters and hooks that a configuration may have
UNREAD = "could not open directory"  # what git says of files that it then passes over
AUTHOR = ("Conselho", "conselho@localhost")
CHUNK_BYTES = 1 << 16

_TAMED = (
    ("core.hooksPath", os.devnull),
    ("core.fsmonitor", "false"),
    ("core.editor", "true"),
    ("core.sshCommand", "false"),
    ("core.askPass", "true"),
    ("core.gitProxy", ""),
    ("core.alternateRefsCommand", "true"),
    ("core.bigFileThreshold", "16m"),  # larger ones are never whole in git's memory, nor compared line by line
    ("credential.helper", ""),
    ("commit.gpgSign", "false"),
    ("tag.gpgSign", "false"),
    ("log.showSignature", "false"),
    ("gpg.program", "false"),
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
    ("rerere.enabled", "false"),  # it may call a merge driver
    ("submodule.recurse", "false"),
    ("status.submoduleSummary", "false"),
    ("protocol.allow", "never"),
    ("protocol.file.allow", "never"),
    ("worktree.guessRemote", "false"),
    ("worktree.useRelativePaths", "false"),
    ("branch.autoSetupMerge", "false"),
    ("i18n.commitEncoding", "utf-8"),
)
_OF_A_FILTER = (("clean", ""), ("smudge", ""), ("process", ""), ("required", "false"))
_OF_A_HOOK = (("enabled", "false"), ("command", "true"))


@dataclass(frozen=True, slots=True)
class Git:
    """A repository as commands see it: its directory, and the tree of files beside it, None for a bare one.

    `tree` is the working directory of each command. `more` are further settings, `variables` those of the environment.
    """

    directory: Path
    tree: Path | None
    more: tuple[tuple[str, str], ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)

    def tamed(self) -> Self:
        """The same, with every filter and configured hook silenced: for commands that look at files or write them.

        Raises: errors.Conflict for a configuration that git cannot read, or that names more than a thousand.
        """
        listing = self.run("config", "--null", "--name-only", "--get-regexp", r"^(filter|hook)\.", codes=(0, 1))
        found: dict[tuple[str, str], None] = {}
        for name in listing.decode("utf-8", "surrogateescape").split("\0"):
            kind, _, rest = name.partition(".")
            called, dot, _ = rest.rpartition(".")
            if dot:
                found[kind, called] = None
        if len(found) > NAMES_MAX:
            raise errors.Conflict(f"the configuration of {self.directory} names more than {NAMES_MAX} filters or hooks")
        silenced = tuple(
            (f"{kind}.{called}.{key}", value)
            for kind, called in found
            for key, value in (_OF_A_FILTER if kind == "filter" else _OF_A_HOOK)
        )
        return dataclasses.replace(self, more=self.more + silenced)

    def seeing(self, **variables: str) -> Self:
        """The same, with these variables in the environment of its commands."""
        return dataclasses.replace(self, variables={**self.variables, **variables})

    def run(
        self,
        *arguments: str | bytes,
        codes: Collection[int] = (0,),
        stdin: IO[bytes] | None = None,
        stdout: IO[bytes] | None = None,
        seconds: float = SECONDS_MAX,
        grave: str | None = None,
    ) -> bytes:
        """Run one command to its end; what it printed, or nothing where that went into `stdout`.

        `grave`: a complaint that makes a failure of whatever it ended with.

        Raises: errors.Conflict with what git said, where it ended with none of `codes`; errors.Unavailable where git
        is missing or took too long.
        """
        code, printed, said = self._ended(arguments, stdin, stdout, seconds)
        if code not in codes or (grave is not None and grave in said):
            why = said.splitlines()[-1][:COMPLAINT_CHARACTERS_MAX] if said else "it gave no reason"
            raise errors.Conflict(f"git {_named(arguments)} failed in {self.tree or self.directory}: {why}")
        return printed

    def says(self, *arguments: str | bytes, seconds: float = SECONDS_MAX) -> bool:
        """Whether it ended with 0. Raises: errors.Unavailable where git is missing or took too long."""
        return self._ended(arguments, None, None, seconds)[0] == 0

    def line(self, *arguments: str | bytes) -> str | None:
        """The one line that it printed, None where it ended otherwise than with 0, or printed none."""
        code, printed, _ = self._ended(arguments, None, None, SECONDS_MAX)
        text = printed.decode("utf-8", "surrogateescape").removesuffix("\n")
        return text if code == 0 and text else None

    @contextlib.contextmanager
    def lines(self, *arguments: str | bytes, seconds: float = SECONDS_MAX) -> Iterator[IO[bytes]]:
        """What a command prints, as it prints it. Whoever has read enough just leaves: it is ended then.

        What is read ends early where it took too long. Raises: errors.Unavailable where git is missing.
        """
        process = self._started(arguments, None, subprocess.PIPE, subprocess.DEVNULL)
        deadline = threading.Timer(seconds, process.kill)
        deadline.daemon = True
        with process:
            deadline.start()
            try:
                assert process.stdout is not None  # noqa: S101 - asked for with PIPE above
                yield process.stdout
            finally:
                deadline.cancel()
                process.kill()

    def _ended(
        self, arguments: tuple[str | bytes, ...], stdin: IO[bytes] | None, stdout: IO[bytes] | None, seconds: float
    ) -> tuple[int, bytes, str]:
        with tempfile.TemporaryFile() as printed, tempfile.TemporaryFile() as complaints:
            with self._started(arguments, stdin, stdout or printed, complaints) as process:
                try:
                    code = process.wait(seconds)
                except subprocess.TimeoutExpired as late:
                    os.killpg(process.pid, signal.SIGKILL)
                    raise errors.Unavailable(
                        f"git {_named(arguments)} took longer than {seconds:.0f} seconds: try again later"
                    ) from late
            printed.seek(0)
            complaints.seek(0)
            said = complaints.read(OUTPUT_BYTES_MAX).decode(errors="backslashreplace").strip()
            return code, printed.read(OUTPUT_BYTES_MAX), said

    def _started(
        self,
        arguments: tuple[str | bytes, ...],
        stdin: IO[bytes] | None,
        stdout: IO[bytes] | int,
        stderr: IO[bytes] | int,
    ) -> "subprocess.Popen[bytes]":
        try:
            return subprocess.Popen(
                ["git", "--no-pager", *arguments],
                cwd=self.tree or self.directory,
                env=self._environment(),
                stdin=stdin or subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                start_new_session=True,  # its children can be ended with it
            )
        except FileNotFoundError as missing:
            raise errors.Unavailable(_why_not_started(self.tree or self.directory)) from missing

    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        name, address = AUTHOR
        own = {
            "GIT_DIR": str(self.directory),
            "GIT_OPTIONAL_LOCKS": "0",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_LITERAL_PATHSPECS": "1",
            "GIT_ALLOW_PROTOCOL": "none",
            "GIT_NO_LAZY_FETCH": "1",
            "GIT_NO_REPLACE_OBJECTS": "1",
            "GIT_AUTHOR_NAME": name,
            "GIT_AUTHOR_EMAIL": address,
            "GIT_COMMITTER_NAME": name,
            "GIT_COMMITTER_EMAIL": address,
            "LC_ALL": "C",
        }
        if self.tree is not None:
            own["GIT_WORK_TREE"] = str(self.tree)
        settings = [*_TAMED, ("safe.directory", str(self.tree or self.directory)), *self.more]
        own["GIT_CONFIG_COUNT"] = str(len(settings))
        for number, (key, value) in enumerate(settings):
            own[f"GIT_CONFIG_KEY_{number}"], own[f"GIT_CONFIG_VALUE_{number}"] = key, value
        return kept | own | dict(self.variables)


def fields(stream: IO[bytes]) -> Iterator[bytes]:
    """The NUL-ended fields of what a command wrote into a file, from its beginning, as they are needed."""
    stream.seek(0)
    rest = b""
    while chunk := stream.read(CHUNK_BYTES):
        *whole, rest = (rest + chunk).split(b"\0")
        yield from whole


def _why_not_started(directory: Path) -> str:
    if not directory.is_dir():
        return f"{directory} is not there (any more)"
    return "git is not installed, or not on PATH: install it (Debian: apt install git)"


def _named(arguments: tuple[str | bytes, ...]) -> str:
    return os.fsdecode(arguments[0])
