"""How does a command get a server when nobody serves? It starts one in the background.

The server is a process of its own, in its own session, so that neither the end of the command nor Ctrl-C touches
it. It says that it listens through an inherited pipe (`--ready-fd`): one line of JSON. Two commands may start one at
the same moment: the data directory's lock lets one through, and the other command then uses that one.
"""

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conselho import clock, errors

if TYPE_CHECKING:
    from conselho.server.holder import Holder
    from conselho.settings import Settings

LOG_NAME = "background.log"

COMEBACK_SECONDS = 5.0
"""A server that went away may be on its way back, as `serve` under a supervisor is: wait before starting another."""

FOREIGN_SECONDS = 20.0
"""The same where we may not start one: whoever may is given the time to."""

START_SECONDS = 30.0
"""For a server to listen, upgrading its database included."""

END_SECONDS = 15.0
"""For a server to end: it writes what it has."""

LOOK_SECONDS = 0.05
"""Between looks at the socket of a server that somebody else starts: nothing tells us."""

LOG_BYTES_MAX = 5_000_000
"""The log of background servers begins anew beyond this."""


@dataclass(frozen=True)
class _Answer:
    """What a started server said: `code` and `sentence` of an error, or neither."""

    code: str | None = None
    sentence: str = ""


def ensure(
    settings: "Settings", answers: Callable[[], bool], *, patience_seconds: float = 0.0, forbidden: str | None = None
) -> None:
    """Return once somebody serves; start a server when nobody does within `patience_seconds`.

    `forbidden` says why none may be started; then another's is waited for, if there is patience at all.

    Raises: errors.Unavailable, errors.DataDirectoryHeld and what the server's own start raised.
    """
    if answers():
        return
    from conselho.server import holder  # noqa: PLC0415

    forbidden = forbidden or _within_a_run(settings)
    began = clock.monotonic()
    while not answers():
        waited = clock.monotonic() - began
        held_by = holder.look(settings.data_dir)
        if forbidden is not None and held_by is None and (not patience_seconds or waited > FOREIGN_SECONDS):
            raise errors.Unavailable(forbidden)
        if waited > patience_seconds + START_SECONDS:
            raise errors.Unavailable(_stuck(settings, held_by))
        if held_by is None and waited >= patience_seconds and forbidden is None:
            answer = _start(settings)
            if answer.code is None:
                return
            if answer.code != errors.DataDirectoryHeld.code:
                raise _error(answer)
        time.sleep(LOOK_SECONDS)  # a socket that is not there yet cannot be waited for


def await_end(settings: "Settings") -> None:
    """Return once nobody holds the data directory, or after a while."""
    from conselho.server import holder  # noqa: PLC0415

    until = clock.monotonic() + END_SECONDS
    while holder.look(settings.data_dir) is not None and clock.monotonic() < until:
        time.sleep(LOOK_SECONDS)  # a flock has no waiting with a limit


def announce_ready(ready_fd: int | None, said: dict[str, Any]) -> None:
    """Tell whoever started this server how its start went, once."""
    if ready_fd is None:
        return
    try:
        os.write(ready_fd, json.dumps(said).encode() + b"\n")
        os.close(ready_fd)
    except OSError:
        # The command that started us is gone: the server serves whoever comes next.
        return


def _within_a_run(settings: "Settings") -> str | None:
    """Why a run starts no server; None outside of runs."""
    if "CONSELHO_EXECUTION" not in os.environ:
        return None
    return (
        f"nobody serves {settings.data_dir}, and a server that a run starts would end with it:"
        " start `conselho serve` outside of runs"
    )


def _start(settings: "Settings") -> _Answer:
    """Start a server and wait for its word."""
    from conselho.server import holder  # noqa: PLC0415

    log = settings.data_dir / LOG_NAME
    holder.prepare(settings.data_dir)
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as ready:
        try:
            process = _spawn(settings, log, writing)
        finally:
            os.close(writing)
        if not select.select([ready], [], [], START_SECONDS)[0]:
            process.terminate()
            raise errors.Unavailable(f"the server did not come up within {START_SECONDS:.0f} s{_last_word(log)}")
        line = ready.readline()
    if not line:
        code = process.wait()
        raise errors.Unavailable(f"the server ended while it started (exit {code}){_last_word(log)}")
    # It outlives us; nobody is to be told that we did not wait for it.
    process.returncode = 0
    said = json.loads(line)
    return _Answer(said.get("error"), said.get("sentence", ""))


def _spawn(settings: "Settings", log: Path, ready_fd: int) -> "subprocess.Popen[bytes]":
    mode = "wb" if log.exists() and log.stat().st_size > LOG_BYTES_MAX else "ab"
    argv = [sys.executable, "-P", "-m", "conselho", "serve", "--background", "--ready-fd", str(ready_fd)]
    with log.open(mode) as written:
        log.chmod(0o600)
        return subprocess.Popen(
            argv,
            cwd=settings.data_dir,  # so that no directory of the caller's is held
            env=_environment(settings),
            stdin=subprocess.DEVNULL,
            stdout=written,
            stderr=written,
            pass_fds=(ready_fd,),
            start_new_session=True,
        )


def _environment(settings: "Settings") -> dict[str, str]:
    """Ours, with the settings as they are in force here: files they came from may be named relative to here.

    They are no arguments: the address of a database holds a password, and anybody can read a command line.
    """
    from conselho import settings as known  # noqa: PLC0415

    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(known.PREFIX) or name.startswith(("CONSELHO_EXECUTION", "CONSELHO_TEST_"))
    }
    given = {name: getattr(settings, name) for name in settings.model_fields_set}
    return inherited | {known.PREFIX + name.upper(): str(value) for name, value in given.items() if value is not None}


def _last_word(log: Path) -> str:
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    except OSError:
        lines = []
    return f"; its last word: {lines[-1]} (all of it: {log})" if lines else f"; see {log}"


def _error(answer: _Answer) -> errors.ConselhoError:
    for kind in (errors.Invalid, errors.SchemaNewer, errors.SchemaOlder, errors.StorageFull, errors.DatabaseGone):
        if kind.code == answer.code:
            return kind(answer.sentence)
    return errors.Unavailable(answer.sentence)


def _stuck(settings: "Settings", held_by: "Holder | None") -> str:
    if held_by is None:
        return f"no server comes up for {settings.data_dir}: see {settings.data_dir / LOG_NAME}"
    return (
        f"{settings.data_dir} is held by {held_by.words}, which does not answer at "
        f"{settings.socket_path}: wait for it, or end it"
    )
