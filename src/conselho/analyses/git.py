"""How is git asked something about a repository that may be hostile?

A repository's own configuration can name programs: hooks, file system monitors, external diffs, text
conversions, signature checkers, filters. Nothing here runs one of them: options given on the command line
outweigh the repository's, and no command is used that would apply a filter (so files are read from the
disk, never through git, and blame looks at HEAD). `GIT_ALLOW_PROTOCOL` keeps a partial clone from fetching.

The variables of the caller's environment that begin with `GIT_` are dropped: inside a hook they would point
at another repository. `GIT_DIR` and `GIT_WORK_TREE` are set, so that `core.worktree` cannot lead elsewhere.
The user's own configuration is left in force: it is trusted, and may say which directories are safe.
"""

import os
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO

SECONDS_MAX = 120.0
"""For one command. Listing a million files takes two seconds; longer means a dead network disk."""

CHUNK_BYTES = 1 << 16

_TAMED = (
    ("core.hooksPath", os.devnull),
    ("core.fsmonitor", "false"),
    ("log.showSignature", "false"),
    ("submodule.recurse", "false"),
)


class GitMissingError(Exception):
    """git is not installed, or not on PATH: install it (Debian: apt install git)."""


class GitFailedError(Exception):
    """git could not answer; the message is what it said."""


class TimeUpError(Exception):
    """The time for a stream is over; what came before is good."""


def run(root: Path, *arguments: str | bytes, seconds: float = SECONDS_MAX) -> subprocess.CompletedProcess[bytes]:
    """Run one git command to its end, whatever its exit code.

    Raises: GitMissingError; GitFailedError when the time is over.
    """
    try:
        return subprocess.run(
            _argv(root, arguments),
            cwd=root,
            env=_environment(root),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=seconds,
            check=False,
        )
    except FileNotFoundError as missing:
        raise GitMissingError(GitMissingError.__doc__) from missing
    except subprocess.TimeoutExpired as late:
        raise GitFailedError(f"git {_named(arguments)} took longer than {seconds:.0f} seconds") from late


def output(root: Path, *arguments: str | bytes, seconds: float = SECONDS_MAX) -> bytes:
    """What one git command prints. Raises: as `run`, and GitFailedError when git says no."""
    done = run(root, *arguments, seconds=seconds)
    if done.returncode != 0:
        raise GitFailedError(_complaint(arguments, done.stderr))
    return done.stdout


def fields(root: Path, *arguments: str | bytes, seconds: float = SECONDS_MAX) -> Iterator[bytes]:
    """The NUL-ended fields a git command prints, as they come, so that a long history needs no memory.

    Raises: TimeUpError at the deadline, after the last whole field; otherwise as `output`.
    """
    with tempfile.TemporaryFile() as complaints:
        try:
            process = subprocess.Popen(
                _argv(root, arguments),
                cwd=root,
                env=_environment(root),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=complaints,
            )
        except FileNotFoundError as missing:
            raise GitMissingError(GitMissingError.__doc__) from missing
        late = threading.Event()

        def stop() -> None:
            late.set()
            process.kill()

        deadline = threading.Timer(seconds, stop)
        deadline.daemon = True
        with process:
            deadline.start()
            try:
                assert process.stdout is not None  # noqa: S101 - asked for with PIPE above
                yield from _split(process.stdout)
            finally:
                deadline.cancel()
                process.kill()
        if late.is_set():
            raise TimeUpError
        if process.returncode > 0:
            complaints.seek(0)
            raise GitFailedError(_complaint(arguments, complaints.read()))


def _split(stream: IO[bytes]) -> Iterator[bytes]:
    rest = b""
    while chunk := os.read(stream.fileno(), CHUNK_BYTES):
        *whole, rest = (rest + chunk).split(b"\0")
        yield from whole


def _argv(root: Path, arguments: tuple[str | bytes, ...]) -> list[str | bytes]:
    argv: list[str | bytes] = ["git", "--no-pager", "-c", f"safe.directory={root}"]
    for key, value in _TAMED:
        argv += ["-c", f"{key}={value}"]
    return [*argv, *arguments]


def _environment(root: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return kept | {
        "GIT_DIR": str(root / ".git"),
        "GIT_WORK_TREE": str(root),
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_LITERAL_PATHSPECS": "1",
        "GIT_ALLOW_PROTOCOL": "none",
        "GIT_NO_LAZY_FETCH": "1",
        "LC_ALL": "C",
    }


def _named(arguments: tuple[str | bytes, ...]) -> str:
    return os.fsdecode(arguments[0])


def _complaint(arguments: tuple[str | bytes, ...], stderr: bytes) -> str:
    lines = stderr.decode(errors="backslashreplace").strip().splitlines()
    return f"git {_named(arguments)} failed: {lines[-1] if lines else 'it gave no reason'}"
