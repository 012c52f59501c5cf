"""Which agent CLIs are there, in which version, and do they look signed in?

Looked at where runs are started, with the same PATH and HOME. A CLI is asked for its version once for each file that
it is; whether it is signed in is a guess from what lies there: only a run knows.
"""

import os
import re
import select
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

from conselho import clock
from conselho.providers import registry
from conselho.providers.base import Program, Provider, Task
from conselho.worker import environment

VERSION_SECONDS = 10.0  # some are slow to start on a busy machine
VERSION_BYTES_MAX = 4096
SILENT_AGAIN_SECONDS = 60.0  # before one that told no version is asked again
_INHERITED = ("HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME")
_VERSION = re.compile(r"\d+(?:\.\d+)+[\w.+-]*")

SignedIn = Literal["yes", "no", "unknown"]


@dataclass(frozen=True, slots=True)
class Found:
    """One agent CLI as it was found. `seen_by`: the variable or the file; `advice`: what to do, None where nothing."""

    provider: str
    program: str
    path: str | None
    version: str | None
    signed_in: SignedIn
    seen_by: str | None
    advice: str | None


class Look:
    """Looks at agent CLIs, and remembers their versions."""

    def __init__(self) -> None:
        self._alone = threading.Lock()  # who asks at the same time is told the same, and no CLI is started twice
        self._versions: dict[tuple[str, int, int], tuple[str | None, float]] = {}

    def all_of(self, providers: Iterable[Provider]) -> list[Found]:
        """Those of them that need a program, in their order; at most VERSION_SECONDS and a little."""
        wanted = [(each, each.program) for each in providers if each.program is not None]
        with self._alone, ThreadPoolExecutor(max(1, len(wanted)), thread_name_prefix="version") as threads:
            return list(threads.map(self._one, *zip(*wanted, strict=True))) if wanted else []

    def _one(self, provider: Provider, program: Program) -> Found:
        path = shutil.which(program.name, path=os.environ.get("PATH", environment.DEFAULT_PATH))
        signed_in, seen_by = _signed_in(program)
        if path is None:
            return Found(provider.name, program.name, None, None, signed_in, seen_by, program.install)
        version = self._version(provider, path)
        advice = program.sign_in if signed_in == "no" else None
        if version is None:
            advice = f"it tells no version: look at what `{program.name} --version` says"
        return Found(provider.name, program.name, path, version, signed_in, seen_by, advice)

    def _version(self, provider: Provider, path: str) -> str | None:
        try:
            facts = os.stat(path)  # noqa: PTH116 - the same
        except OSError:
            return None
        key = (os.path.realpath(path), facts.st_mtime_ns, facts.st_size)
        known = self._versions.get(key)
        if known is None or (known[0] is None and clock.monotonic() - known[1] > SILENT_AGAIN_SECONDS):
            known = (_told_version(path, _quiet(provider)), clock.monotonic())
            self._versions[key] = known
        return known[0]


LOOK = Look()


def here() -> list[Found]:
    """All agent CLIs that there are providers for."""
    return LOOK.all_of(registry.find(name) for name in registry.names())


def _signed_in(program: Program) -> tuple[SignedIn, str | None]:
    for name in program.keys:
        if os.environ.get(name):
            return "yes", name
    if (seen := next(filter(_is_file, program.credentials), None)) is not None:
        return "yes", seen
    if (seen := next(filter(_is_file, program.hints), None)) is not None:
        return "unknown", seen
    # Elsewhere than on Linux credentials may lie in a chain of keys, which is not for us to open.
    return ("no", None) if sys.platform == "linux" else ("unknown", None)


def _is_file(name: str) -> bool:
    place = os.path.expanduser(os.path.expandvars(name))  # noqa: PTH111 - a variable comes first
    try:
        return place.startswith("/") and os.path.getsize(place) > 0  # noqa: PTH202 - the same
    except OSError:
        return False


def _quiet(provider: Provider) -> dict[str, str]:
    """The environment to ask in: nothing of ours but where it is at home, and what keeps it from calling others."""
    found = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    found["PATH"] = os.environ.get("PATH", environment.DEFAULT_PATH)
    quieting = provider.invocation(Task(prompt=".", new_session="0", folder="/nonexistent")).env
    return {"LANG": "C.UTF-8", **found, **quieting}


def _told_version(path: str, env: dict[str, str]) -> str | None:
    """What `--version` says, None where it says nothing in time or fails."""
    try:
        process = subprocess.Popen(
            [path, "--version"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=env,
            cwd="/",
            start_new_session=True,  # so that all it starts can be ended with it
        )
    except OSError:
        return None
    try:
        found = _VERSION.search(_read(process).decode("utf-8", "replace"))
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
    return None if found is None else found[0][:100]


def _read(process: "subprocess.Popen[bytes]") -> bytes:
    """What it prints until it ends, has printed enough, or the time is over."""
    if process.stdout is None:
        return b""
    until = clock.monotonic() + VERSION_SECONDS
    told = b""
    while len(told) < VERSION_BYTES_MAX and (left := until - clock.monotonic()) > 0:
        readable, _, _ = select.select([process.stdout], [], [], left)
        more = os.read(process.stdout.fileno(), VERSION_BYTES_MAX - len(told)) if readable else b""
        if not more:
            break
        told += more
    return told
