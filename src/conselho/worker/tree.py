"""Which processes belong to a run, and how is every one of them ended?

Standard library only and light on imports: the shim loads this file on every start; the worker uses `sweep`
when a shim was killed.

A process belongs to a run if it sits in the run's cgroup, carries the run's marker in its environment, or
descends from a process that does (or from the shim: orphans come back to it, their subreaper). Nothing else is
ever signalled. A pid read from /proc may be another process by the time it is signalled, so each is opened as
a pidfd first and looked at a second time: the same pid with the same start time is the one that was proven.

`killpg` misses whoever called setsid; `cgroup.kill` misses nobody, but needs a cgroup v2 that we may write to.
"""
# pathlib and contextlib cost more to import than everything this file does.
# ruff: noqa: SIM105

from __future__ import annotations

import select
import sys
import time

MARKER = b"CONSELHO_EXECUTION="
CGROUP = "/conselho-"  # and the execution: the last part of a run's cgroup path

# Between two looks at processes that do not die (uninterruptible sleep); the others wake us by their pidfd.
RETRY_SECONDS = 0.1
COMMAND_CHARACTERS_MAX = 100

READ_BYTES = 16_384  # of a file of the kernel at once

PR_SET_CHILD_SUBREAPER = 36
SYS_CLONE3 = 435  # the same everywhere but on MIPS and Alpha, which say that they do not know it
CLONE_INTO_CGROUP = 0x200000000  # Linux 5.7
OF_THE_KERNEL = 0x200000  # PF_KTHREAD among the flags of /proc/<pid>/stat: it has no environment and no parent of ours

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    import signal
    from collections.abc import Collection, Iterable
    from typing import Any
else:
    import _signal as signal  # the same without enum, whose import would be a third of the shim's start
    import posix as os  # the same without os.path and the classes of collections.abc


class Process:
    """One living process as /proc showed it."""

    __slots__ = ("group", "parent", "pid", "started")

    def __init__(self, pid: int, parent: int, group: int, started: bytes) -> None:
        self.pid = pid
        self.parent = parent
        self.group = group
        self.started = started


def boot_id() -> str:
    """Name this boot of the machine: another id means that every process is gone."""
    return _read("/proc/sys/kernel/random/boot_id").decode().strip()


def sweep(
    execution: str, cgroup: str | None, kill_seconds: float, spare: Collection[int], root: int | None = None
) -> tuple[list[dict[str, int | str]], list[dict[str, int | str]]]:
    """Kill all that belongs to the run until nothing is left or `kill_seconds` passed; remove its cgroup.

    `spare`: pids never to touch, the caller's own always among them. `root`: its descendants belong too.
    Returns (killed, left), each a list of {"pid", "command"}; `left` were alive at the end.
    """
    over = _boot() + kill_seconds
    if cgroup is not None and not cgroup.endswith(CGROUP + execution):
        cgroup = None  # a path read from a damaged file: `cgroup.kill` in a wrong place would end strangers
    seen: dict[int, dict[str, int | str]] = {}
    while found := members(execution, cgroup, root, spare):
        for process in found:
            if process.pid not in seen:
                seen[process.pid] = {"pid": process.pid, "command": _command(process.pid)}
        if cgroup is not None:
            _write(cgroup + "/cgroup.kill", b"1")  # absent before Linux 5.14: then one by one, below
        remaining = over - _boot()
        _kill_and_wait(found, max(0.0, min(RETRY_SECONDS, remaining)))
        if remaining <= 0:
            break
    left = {process.pid for process in found and members(execution, cgroup, root, spare)}
    if cgroup is not None and not left:
        remove_cgroup(cgroup)
    killed = [told for pid, told in seen.items() if pid not in left]
    return killed, [seen.get(pid) or {"pid": pid, "command": _command(pid)} for pid in sorted(left)]


def terminate(main: int, execution: str, cgroup: str | None, root: int) -> None:
    """Ask the run to end: SIGTERM to the group of `main`, not yet reaped, and to each member outside of it.

    Once each: many programs take a second SIGTERM as "at once". SIGCONT follows, or a stopped one would not hear.
    """
    outside = [process for process in members(execution, cgroup, root, ()) if process.group != main]
    for number in (signal.SIGTERM, signal.SIGCONT):
        try:
            os.killpg(main, number)
        except OSError:
            pass  # ended, or not yet leader of its group: then it is one of those outside
        for process in outside:
            _signal(process, number)


def members(execution: str, cgroup: str | None, root: int | None, spare: Collection[int]) -> list[Process]:
    """Look once for every living process of the run; the caller itself is never one."""
    spared = {os.getpid(), *spare}
    marker = MARKER + execution.encode() + b"\0"
    ours = _cgroup_pids(cgroup) if cgroup is not None else set()
    pids = _pids()
    if not ours and root is not None and _is_childless(root) and not any(_carries(pid, marker) for pid in pids):
        return []  # as nearly always: it costs a third of looking at everybody's parent
    alive = {process.pid: process for process in map(_look, pids) if process is not None}
    ours.update(pid for pid in alive if pid not in ours and pid not in spared and _carries(pid, marker))
    children: dict[int, list[int]] = {}
    for process in alive.values():
        children.setdefault(process.parent, []).append(process.pid)
    ours -= spared
    ahead = [*ours] if root is None else [*ours, root]
    while ahead:
        for pid in children.get(ahead.pop(), ()):
            if pid not in ours and pid not in spared:
                ours.add(pid)
                ahead.append(pid)
    return [alive[pid] for pid in sorted(ours) if pid in alive]


def become_subreaper() -> None:
    """Let orphaned descendants become children of this process, so that a double fork does not hide them."""
    _call("prctl", PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def fork_into(cgroup: str) -> int:
    """Fork a child that begins its life in the cgroup: 0 in it, its pid in ours, -1 where the kernel would not.

    Moving a living process instead takes 5 to 30 ms, in which nobody on the machine can fork. Only for a process of one
    thread, as the shim is: Python is not told of this fork, and has nothing to set right after it.
    """
    try:
        fd = os.open(cgroup, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return -1
    # flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size, cgroup
    wish = CLONE_INTO_CGROUP, 0, 0, 0, signal.SIGCHLD, 0, 0, 0, 0, 0, fd
    packed = b"".join(value.to_bytes(8, sys.byteorder) for value in wish)
    pid = _call("syscall", SYS_CLONE3, packed, len(packed))
    os.close(fd)
    return pid


def reap_all() -> None:
    """Take the status of every child that has ended."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass  # that was the last


def make_cgroup(execution: str) -> str | None:
    """Make an empty cgroup v2 below our own and return its path, or None where we cannot."""
    home = _own_cgroup()
    if home is None:
        return None
    path = home + CGROUP + execution
    for _ in range(2):
        try:
            os.mkdir(path, 0o755)
            return path
        except FileExistsError:
            remove_cgroup(path)  # left by a shim that was killed; if somebody is still in it, it stays
        except OSError:
            break
    return None


def enter_cgroup(path: str, pid: int = 0) -> bool:
    """Move `pid` into the cgroup, the caller if it is 0; False if the kernel refuses. It may take some milliseconds."""
    return _write(path + "/cgroup.procs", b"%d" % pid)


def remove_cgroup(path: str) -> None:
    """Remove a cgroup and what the run made below it; one with living processes stays."""
    for folder in reversed(_folders(path)):
        try:
            os.rmdir(folder)
        except OSError:
            return


def _own_cgroup() -> str | None:
    """Where our own cgroup v2 lies in the file system: the mount may be a hybrid one, and show only a part."""
    own = next((line[3:] for line in _read("/proc/self/cgroup").split(b"\n") if line[:3] == b"0::"), None)
    if own is None:
        return None
    for line in _read("/proc/self/mountinfo").split(b"\n"):
        before, _, after = line.partition(b" - ")
        if after[:8] == b"cgroup2 ":
            shown, mount = before.split(b" ")[3:5]  # the part of the hierarchy that is mounted, and where
            inside = own if shown == b"/" else own.removeprefix(shown)
            if inside == own and shown != b"/":
                continue
            return (mount.replace(b"\\040", b" ") + inside).decode("utf-8", "surrogateescape").rstrip("/")
    return None


def _cgroup_pids(cgroup: str) -> set[int]:
    """Read who is in a cgroup or in one below it (an agent running as root may have made some)."""
    lists = (_read(folder + "/cgroup.procs") for folder in _folders(cgroup))
    return {int(pid) for pids in lists for pid in pids.split()}


def _call(name: str, *arguments: int | bytes) -> int:
    """Call a function of the C library."""
    import _ctypes  # noqa: PLC0415 - the worker needs none; ctypes itself makes dozens of classes, in 5 ms

    loaded_already: Any = None
    function = _ctypes.dlsym(_ctypes.dlopen(loaded_already, 0), name)
    said: int = _ctypes.call_function(function, arguments)
    return said


def _folders(path: str) -> list[str]:
    """A cgroup and all below it, each before those that it contains; one that is gone may still be named."""
    found = [path]
    for folder in found:  # it grows meanwhile
        try:
            with os.scandir(folder) as entries:
                found += [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]
        except OSError:
            pass
    return found


def _kill_and_wait(found: Iterable[Process], seconds: float) -> None:
    """SIGKILL each and wait until all have ended, at most so long."""
    over = _boot() + seconds
    watch = select.poll()
    waiting = {fd for fd in (_signal(process, signal.SIGKILL, keep=True) for process in found) if fd is not None}
    for fd in waiting:
        watch.register(fd, select.POLLIN)
    while waiting:
        for fd, _ in watch.poll(max(0, int((over - _boot()) * 1000))):
            watch.unregister(fd)
            os.close(fd)
            waiting.discard(fd)
        if _boot() >= over:
            break
    for fd in waiting:
        os.close(fd)


def _signal(process: Process, number: int, *, keep: bool = False) -> int | None:
    """Signal through a pidfd, if a second look shows the process that was proven to belong.

    With `keep` return the pidfd of a process that was signalled, for the caller to close.
    """
    try:
        fd = os.pidfd_open(process.pid)
    except OSError:
        return None
    signalled = False
    try:
        again = _look(process.pid)
        if again is not None and again.started == process.started:
            signal.pidfd_send_signal(fd, number)
            signalled = True
    except OSError:
        pass  # ended in between, or it runs as another user: then it is told as left
    if keep and signalled:
        return fd
    os.close(fd)
    return None


def _is_childless(pid: int) -> bool:
    """Whether it is known that a subreaper of one thread, our own, has no living child, and so no living descendant.

    The kernel says that this list may miss some while others go; from ours nobody goes unless we reap it.
    """
    children = _read(f"/proc/{pid}/task/{pid}/children").split()  # not every kernel has it
    return bool(children) and all(_look(int(child)) is None for child in children)


def _pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def _look(pid: int) -> Process | None:
    """Read /proc/<pid>/stat; None for what is gone or a zombie.

    A zombie with threads is alive: its first thread has ended, the others have not.
    """
    text = _read(f"/proc/{pid}/stat", whole=False)
    if not text:
        return None
    field = text[text.rindex(b")") + 2 :].split(None, 20)  # the name before it may hold blanks and brackets
    if field[0] in b"ZXx" and int(field[17]) <= 1:
        return None
    if int(field[6]) & OF_THE_KERNEL:
        return None
    return Process(pid, int(field[1]), int(field[2]), field[19])


def _carries(pid: int, marker: bytes) -> bool:
    environment = _read(f"/proc/{pid}/environ", whole=False)
    return environment.startswith(marker) or b"\0" + marker in environment


def _command(pid: int) -> str:
    """Name a process for people: the first two words only, because what follows may be a secret."""
    words = _read(f"/proc/{pid}/cmdline").split(b"\0")[:2]
    text = b" ".join(words).strip() or _read(f"/proc/{pid}/comm").strip()
    return text.decode(errors="replace")[:COMMAND_CHARACTERS_MAX]


def _boot() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def _read(path: str, *, whole: bool = True) -> bytes:
    """Read a small file of the kernel; empty if it is gone or not ours to see.

    Not `whole`: a file of which the kernel gives all there is at once, so that less than was asked for is its end.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        text = piece = os.read(fd, READ_BYTES)
        while len(piece) == READ_BYTES or (whole and piece):
            piece = os.read(fd, READ_BYTES)
            text += piece
        return text
    except OSError:
        return b""
    finally:
        os.close(fd)


def _write(path: str, data: bytes) -> bool:
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return os.write(fd, data) == len(data)
    except OSError:
        return False
    finally:
        os.close(fd)
