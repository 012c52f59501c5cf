"""What must be true of a process before it is the shim, and before it becomes an agent?

A child inherits more than it should: ignored signals, a blocked mask, open files, a session. Whoever started the
worker decided those, and an agent must not feel it. Standard library only and light on imports: the shim loads
this file on every start.
"""

# contextlib costs more to import than everything this file does.
# ruff: noqa: SIM105

from __future__ import annotations

import resource
import time

from conselho.worker import tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    import signal
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any, NoReturn
else:
    import _signal as signal  # the same without enum, whose import would be a third of the shim's start
    import posix as os  # the same without os.path and the classes of collections.abc

EINVAL = 22  # the errno module costs an import
IN, OUT = b"+", b"-"  # what a forked child tells of the cgroup
DEFAULT_PATH = b"/bin:/usr/bin"  # where execvp looks if there is no PATH
# A stray TERM or a closed terminal must not lose a run. Without the last, a file size limit would kill, not fail.
DEAF_TO = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGPIPE, signal.SIGXFSZ)


def become_shim(run_directory: str, held: Sequence[int]) -> None:
    """Go to the run directory and let go of all that came from the parent but the `held` descriptors."""
    os.chdir(run_directory)
    for fd in held:
        os.set_inheritable(fd, False)  # noqa: FBT003 - the agent must not keep a lock that says "the shim lives"
    null = os.open("/dev/null", os.O_RDWR)
    log = os.open("shim.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for fd, target in ((null, 0), (null, 1), (log, 2)):
        os.dup2(fd, target, inheritable=False)
    for fd in [int(name) for name in os.listdir("/proc/self/fd")]:
        if fd > 2 and fd not in held:
            try:
                os.close(fd)
            except OSError:
                pass  # the one that listed the directory
    reset_signals()
    for number in DEAF_TO:
        signal.signal(number, signal.SIG_IGN)
    try:
        os.setsid()
    except OSError:
        pass  # the worker made it the leader of a session already


def become_agent(
    spec: Mapping[str, Any], standard: tuple[int, int, int], gate: int, tell: int, cgroup: str | None = None
) -> NoReturn:
    """Enter the cgroup, wait at the gate, then exec: all of the forked child's life as Python.

    `cgroup` is the one to enter, unless it was born there. Whether it got in goes to `tell` as one byte, `IN` or `OUT`:
    the kernel makes it wait, and the shim has better things to do meanwhile. Then what went wrong goes there as "stage
    errno message"; an exec closes it without a word.
    """
    stage = "fork"
    try:
        os.setsid()
        for target, fd in enumerate(standard):
            os.dup2(fd, target)
        for ignored in DEAF_TO:
            signal.signal(ignored, signal.SIG_DFL)
        if cgroup is not None:
            os.write(tell, IN if tree.enter_cgroup(cgroup) else OUT)
        if not os.read(gate, 1):
            os._exit(0)  # closed: the shim died, or was told not to begin
        start_by = spec["start_by_boot_seconds"]
        if start_by is not None and time.clock_gettime(time.CLOCK_BOOTTIME) > start_by:
            os.write(tell, b"too_late 0 ")
            os._exit(0)
        allow_files(spec.get("open_files"))
        stage = "cwd"
        os.chdir(raw(spec["cwd"]))
        stage = "exec"
        execute([raw(word) for word in spec["argv"]], {raw(k): raw(v) for k, v in spec["env"].items()})
    except (OSError, ValueError) as error:
        number = getattr(error, "errno", 0) or EINVAL  # a NUL in a word is a ValueError
        os.write(tell, f"{stage} {number} {os.strerror(number)}".encode())
    finally:
        os._exit(127)


def execute(argv: list[bytes], env: Mapping[bytes, bytes]) -> None:
    """Replace this process, looking for the program in the PATH of `env`.

    Raises: OSError - what a shell would report: a program that may not be executed before one that is not there.
    """
    refused: OSError | None = None
    missing = FileNotFoundError(2, os.strerror(2))
    for path in _candidates(argv[0], env):
        try:
            os.execve(path, argv, env)
        except (FileNotFoundError, NotADirectoryError) as error:
            missing = missing if isinstance(error, NotADirectoryError) else error
        except OSError as error:
            if b"/" in argv[0] or os.access(path, os.F_OK):  # not: a folder in PATH that is closed to us
                refused = refused or error
    raise refused or missing


def allow_files(soft: int | None) -> None:
    """Allow so many open files, as the worker was; None: as many as this process may have."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft is not None and (hard == resource.RLIM_INFINITY or 0 <= soft <= hard):
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def reset_signals() -> None:
    """Give every signal its default disposition and unblock all."""
    for number in signal.valid_signals():
        try:
            signal.signal(number, signal.SIG_DFL)
        except OSError:
            pass  # SIGKILL, SIGSTOP
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def raw(text: str) -> bytes:
    """Return the bytes that the worker decoded, whatever the locale of this process."""
    return text.encode("utf-8", "surrogateescape")


def _candidates(program: bytes, env: Mapping[bytes, bytes]) -> Iterator[bytes]:
    if b"/" in program:
        yield program
        return
    for folder in env.get(b"PATH", DEFAULT_PATH).split(b":"):
        yield (folder or b".") + b"/" + program
