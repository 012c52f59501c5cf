"""What does this machine have, what does it lack, and what does that mean for runs?

Each check looks once, changes nothing that lasts, and answers `ok`, `warn` or `bad` with a sentence that says what
it means. `bad` is what keeps Conselho from keeping its promises.
"""

import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from conselho import errors, ids

if TYPE_CHECKING:
    from conselho.settings import Settings

DISK_BYTES_BAD = 100_000_000
DISK_BYTES_LOW = 2_000_000_000
"""Four seats with a full log each, and room to work."""

FILES_NEEDED = 1_024
"""A run takes about six, a connection one."""

LIVE_SECONDS = 2.0
"""For a server to say that it is alive."""

TOOL_SECONDS = 10.0

_NETWORK = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "lustre", "gfs2", "ocfs2", "fuse.sshfs",
     "fuse.glusterfs", "fuse.s3fs", "fuse.rclone"}
)  # fmt: skip
_WAITER = (sys.executable, "-I", "-S", "-c", "import sys; sys.stdin.read()")
"""A process that is there until its stdin ends."""

_PASSING = frozenset({"tmpfs", "ramfs"})


@dataclass(frozen=True)
class Answer:
    """One check's answer."""

    name: str
    word: str
    sentence: str

    def as_dict(self) -> dict[str, str]:
        """For JSON."""
        return asdict(self)


def _ok(name: str, sentence: str) -> Answer:
    return Answer(name, "ok", sentence)


def _warn(name: str, sentence: str) -> Answer:
    return Answer(name, "warn", sentence)


def _bad(name: str, sentence: str) -> Answer:
    return Answer(name, "bad", sentence)


def all_of(settings: "Settings") -> Iterator[Answer]:
    """Every check's answer, each as soon as it is known."""
    checks: tuple[Callable[[Settings], Answer], ...] = (
        _python, _sqlite, _directory, _file_system, _disk, _holder, _database, _cgroup, _pidfd, _git, _files,
    )  # fmt: skip
    for check in checks:
        yield check(settings)
    yield from _agent_clis()


def _python(_settings: "Settings") -> Answer:
    return _ok("python", f"{sys.version.split()[0]} at {sys.executable}")


def _sqlite(settings: "Settings") -> Answer:
    from conselho.db import versions  # noqa: PLC0415

    found = versions.sqlite()
    version = _dotted(found)
    if found < versions.SQLITE_NEEDED:
        sentence = f"{version} is too old ({_dotted(versions.SQLITE_NEEDED)} is needed): use a newer Python"
        return _warn("sqlite", sentence) if settings.database_url else _bad("sqlite", sentence)
    if found < versions.SQLITE_RESET_MENDED:
        return _ok(
            "sqlite",
            f"{version}; before {_dotted(versions.SQLITE_RESET_MENDED)} two writers could damage a database in WAL"
            " mode: do not write to it with other programs (Conselho itself writes on one connection, under a lock)",
        )
    return _ok("sqlite", version)


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


def _directory(settings: "Settings") -> Answer:
    place = settings.data_dir
    if not place.exists():
        above = _nearest(place)
        if os.access(above, os.W_OK | os.X_OK):
            return _ok("data directory", f"{place} will be made when it is needed")
        return _bad("data directory", f"{place} cannot be made in {above}: give another --data-dir")
    if not place.is_dir():
        return _bad("data directory", f"{place} is no directory: give another --data-dir")
    if not os.access(place, os.R_OK | os.W_OK | os.X_OK):
        return _bad("data directory", f"{place} cannot be written: give another --data-dir, or mend its permissions")
    facts = place.stat()
    if facts.st_mode & 0o077:
        return _warn("data directory", f"{place} is open to others, who can read prompts and logs: chmod 700 {place}")
    return _ok("data directory", str(place))


def _file_system(settings: "Settings") -> Answer:
    kind = file_system(settings.data_dir)
    if kind is None:
        return _warn("file system", "its kind cannot be found out: the data directory must be on a local disk")
    if kind in _NETWORK:
        return _bad("file system", f"{kind} is a network file system, where locks and WAL fail: use a local disk")
    if kind in _PASSING:
        return _warn("file system", f"{kind} lives in memory: everything is gone after a restart of the machine")
    if kind == "overlay":
        return _warn("file system", "overlay is a container's own layer and goes with it: mount a volume")
    return _ok("file system", f"{kind}, on this machine")


def file_system(path: Path) -> str | None:
    """The kind of file system a path is, or would be, on; None where the system does not say."""
    try:
        lines = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    real = _nearest(path).resolve()
    mounts = {}
    for line in lines:
        before, _, after = line.partition(" - ")
        # Spaces are written in octal; of two mounts in one place the later one is seen.
        mounts[Path(before.split()[4].replace("\\040", " "))] = after.split()[0]
    return next((mounts[place] for place in (real, *real.parents) if place in mounts), None)


def _disk(settings: "Settings") -> Answer:
    free = shutil.disk_usage(_nearest(settings.data_dir)).free
    shown = f"{free / 1e9:.1f} GB free"
    if free < DISK_BYTES_BAD:
        return _bad("disk", f"{shown}: nothing more can be accepted when it is full; free some")
    if free < DISK_BYTES_LOW:
        return _warn("disk", f"{shown}: a few long logs fill it; free some")
    return _ok("disk", shown)


def _holder(settings: "Settings") -> Answer:
    from conselho.cli import listener  # noqa: PLC0415 - httpx is slow to import
    from conselho.server import holder  # noqa: PLC0415

    try:
        held_by = holder.look(settings.data_dir)
    except OSError as error:
        return _warn("server", f"it cannot be seen whether one runs: {error.strerror}")
    if held_by is None:
        return _ok("server", "none is running: `conselho run` starts one for itself, `conselho serve` one that stays")
    if held_by.socket is not None and listener.is_silent(Path(held_by.socket), LIVE_SECONDS):
        return _warn("server", f"{held_by.words} does not answer: its runs go on, but nothing of them is seen; end it")
    return _ok("server", f"{held_by.words} writes in the data directory")


def _database(settings: "Settings") -> Answer:
    from conselho.db import migrate, versions  # noqa: PLC0415

    name = "database"
    try:
        found = migrate.revision(settings.url)
        if found is None:
            return _ok(name, "empty: it is made when a server starts")
        migrate.check(settings.url)
        server = versions.postgresql(settings.url)
    except errors.SchemaOlder as error:
        return _warn(name, error.sentence)
    except errors.ConselhoError as error:
        return _bad(name, error.sentence)
    if server is not None and server < versions.POSTGRESQL_NEEDED:
        return _bad(name, f"PostgreSQL {server} is too old: {versions.POSTGRESQL_NEEDED} is needed")
    return _ok(name, f"{'PostgreSQL' if server else 'SQLite'} at revision {found}, as this program needs")


def _cgroup(settings: "Settings") -> Answer:
    from conselho.worker import tree  # noqa: PLC0415

    name = "cgroup"
    without = "a process that wiped its environment may escape if its supervisor is killed; all others are found"
    if settings.containment == "subreaper":
        return _warn(name, f"not wanted (containment is subreaper): {without}")
    made = tree.make_cgroup(f"doctor-{ids.new()}")
    if made is None:
        return _warn(name, f"none can be made here: {without}; under systemd, Delegate=yes mends it")
    try:
        with subprocess.Popen(_WAITER, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as child:
            is_entered = tree.enter_cgroup(made, child.pid)
            if child.stdin is not None:
                child.stdin.close()
    finally:
        tree.remove_cgroup(made)
    if not is_entered:
        return _warn(name, f"one can be made, but no process moved into it: {without}")
    return _ok(name, "v2, one can be made for each run: nothing it starts escapes")


def _pidfd(_settings: "Settings") -> Answer:
    try:
        os.close(os.pidfd_open(os.getpid()))
    except (OSError, AttributeError):
        return _bad("pidfd", "missing: a process cannot be ended without risk to another; use Linux 5.3 or later")
    return _ok("pidfd", "a process is ended by a handle, never by a number that may mean another")


def _git(_settings: "Settings") -> Answer:
    try:
        answer = subprocess.run(["git", "--version"], capture_output=True, text=True, timeout=TOOL_SECONDS, check=True)
    except FileNotFoundError:
        return _warn("git", "not installed: `conselho demo` needs it")
    except (OSError, subprocess.SubprocessError) as error:
        return _warn("git", f"does not work ({error}): `conselho demo` needs it")
    return _ok("git", answer.stdout.strip().removeprefix("git version "))


def _files(_settings: "Settings") -> Answer:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < FILES_NEEDED:
        return _warn("open files", f"{soft} at most: many runs at once need {FILES_NEEDED}; raise it with `ulimit -n`")
    return _ok("open files", f"{soft} at most" + (f" (up to {hard} can be asked for)" if hard > soft else ""))


def _agent_clis() -> Iterator[Answer]:
    """Each of them; none is needed, so none is bad."""
    from conselho.worker import programs  # noqa: PLC0415

    for found in programs.here():
        if found.path is None:
            yield _warn(found.provider, f"not installed: {found.advice}")
        elif found.advice is not None:
            yield _warn(found.provider, f"{found.version or found.path}, does not look ready: {found.advice}")
        else:
            by = "signed in by" if found.signed_in == "yes" else "may be signed in by"
            seen = f"{by} {found.seen_by}" if found.seen_by else "whether it is signed in cannot be seen"
            yield _ok(found.provider, f"{found.version} at {found.path}, {seen}")


def _nearest(path: Path) -> Path:
    """The path, or what there is of the way to it."""
    while not path.exists() and path != path.parent:
        path = path.parent
    return path
