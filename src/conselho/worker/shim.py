"""Who keeps one run's promises while everything else may be killed?

`python -I -S shim_main.py RUN_DIR LOCK_FD [KEEP_FD...]`, started by the worker once a run. It starts the agent, owns
its pipes, its clocks and the end of its process tree, and says in `exit.json` what happened. The worker talks to it by
files and two FIFOs in the run directory only, so either may die and the other goes on.

Order is everything here. Room for `exit.json` and the fact that there is an agent (`spawned`) are on the disk before
the agent may exec: the forked child waits at a gate until then. No `spawned` and a free lock is proof that nothing
ran. The agent is reaped only at the end: its zombie keeps the pid, and so the group, from being anybody else's.
`exit.json` is durable before the lock is let go.

Timers count on the boot clock, which goes on while the host sleeps. Standard library only, and little of it: json
and signal would double the time to start.
"""

# contextlib costs more to import than everything this file does.
# ruff: noqa: SIM105

from __future__ import annotations

import resource
import select
import time

from conselho.worker import launch, recorder, shim_files, tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Sequence
    from typing import Any
else:
    import posix as os  # the same without os.path and the classes of collections.abc

__all__ = ["boot_id", "main", "sweep"]

boot_id, sweep = tree.boot_id, tree.sweep

COMMAND_NOT_FOUND, COMMAND_NOT_EXECUTABLE = 127, 126  # as every shell says it
READ_BYTES = recorder.PAYLOAD_MAX
READS_A_TURN = 16
# A streak of small writes is read with a pause in between, or every write of one byte would be a frame.
SMALL_BYTES, STREAK_SECONDS, PAUSE_SECONDS = 4096, 0.005, 0.002
# poll() does not count the time the host slept: the longest wait before the clock and the files are looked at again.
WAKE_SECONDS, WAKE_STRICT_SECONDS = 5.0, 1.0
ENOENT, ENOSPC, EDQUOT = 2, 28, 122  # the errno module costs an import
FULL_DISK_RETRY_SECONDS = 1.0
FOREVER = float("inf")


def main(arguments: Sequence[str]) -> None:
    """Run the agent that the run directory describes, to its end."""
    held = [int(fd) for fd in arguments[1:]]
    launch.become_shim(arguments[0], held)
    run = Run(shim_files.read_json("spec.json"), held)
    if run.start():
        run.attend()
    run.end()


class Run:
    """One agent from the fork to `exit.json`."""

    def __init__(self, spec: dict[str, Any], held: list[int]) -> None:
        self.spec = spec
        self.held = held
        self.execution: str = spec["execution"]
        shim_files.reserve_exit()
        self.control = os.open("control", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        self.bell = os.open("bell", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        self.recorder = recorder.Recorder(spec["output_bytes_max"], spec["tail_bytes"])
        self.poll = select.poll()
        self.poll.register(self.control, select.POLLIN)
        self.streams: dict[int, int] = {}  # pipe: which stream of the agent
        self.widened: set[int] = set()
        self.pid = self.pidfd = self.told = -1
        self.cgroup: str | None = None
        self.enters: str | None = None  # where it goes by itself
        self.released = False
        self.ended: str | None = None  # why it did not end, or not start, by itself
        self.failure: dict[str, Any] | None = None
        self.status: os.waitid_result | None = None
        self.swept: tuple[list[Any], list[Any]] | None = None
        self.started_at = time.time()
        self.started = self.over = self.last_output = boot()
        self.look_at = 0.0
        self.deadline = self.kill_at = FOREVER

    # Starting.

    def start(self) -> bool:
        """Fork the agent and let it go once that is durable; False if it may not or cannot start."""
        start_by = self.spec["start_by_boot_seconds"]
        is_late = start_by is not None and boot() > start_by
        self.ended = "too_late" if is_late else self.asked_to_end(boot())
        if self.ended is not None:
            return False
        stage = "stdin"
        try:
            stdin = shim_files.open_stdin()
            stage = "fork"
            self.cgroup = None if self.spec["containment"] == "subreaper" else tree.make_cgroup(self.execution)
            tree.become_subreaper()
            gate = self.fork(stdin)
            self.save_spawned()
            self.check_cgroup()
        except OSError as error:
            self.failure = {"stage": stage, "errno": error.errno, "message": error.strerror}
            return False
        os.close(stdin)
        shim_files.drop_stdin()
        self.release(gate)
        return self.released

    def fork(self, stdin: int) -> int:
        """Fork a child that waits; return what to write to so that it goes on. Closed unwritten, it gives up."""
        gate, release = os.pipe()
        told, tell = os.pipe()
        out, agent_out = os.pipe()
        err, agent_err = os.pipe()
        self.pid = -1 if self.cgroup is None else tree.fork_into(self.cgroup)
        self.enters = self.cgroup if self.pid < 0 else None
        if self.pid < 0:
            self.pid = os.fork()
        if self.pid == 0:
            for fd in (release, *self.held):
                os.close(fd)
            launch.become_agent(self.spec, (stdin, agent_out, agent_err), gate, tell, self.enters)
        for fd in (gate, tell, agent_out, agent_err):
            os.close(fd)
        self.pidfd = os.pidfd_open(self.pid)
        self.told = told
        self.streams = {out: recorder.STDOUT, err: recorder.STDERR}
        for fd in (told, out, err):
            os.set_blocking(fd, False)
        for fd in (told, out, err, self.pidfd):
            self.poll.register(fd, select.POLLIN)
        return release

    def check_cgroup(self) -> None:
        """Wait until the child that was not born in its cgroup has entered it; if it may not, do without."""
        if self.enters is None:
            return
        os.set_blocking(self.told, True)
        word = os.read(self.told, 1)
        os.set_blocking(self.told, False)
        if word == launch.OUT:
            tree.remove_cgroup(self.enters)
            self.cgroup = None
            self.save_spawned()

    def save_spawned(self) -> None:
        """Make it durable that there is an agent; before that it may not exec."""
        facts = {
            "pid": self.pid,
            "shim": os.getpid(),
            "boot_id": boot_id(),
            "started_at": time.time(),
            "cgroup": self.cgroup,
            "containment": self.containment,
        }
        shim_files.write_fact("spawned", shim_files.encode(facts).encode())

    def release(self, gate: int) -> None:
        """Open the gate, unless somebody asked meanwhile that it stays shut."""
        self.look_at = 0.0
        self.started_at = time.time()
        self.started = self.over = self.last_output = boot()
        self.ended = self.asked_to_end(self.started)
        if self.ended is None:
            self.released = True
            try:
                os.write(gate, b"1")
            except OSError:
                pass  # the child was killed while it waited: its status says so
        os.close(gate)

    @property
    def containment(self) -> str:
        """What holds the tree together."""
        return "subreaper" if self.cgroup is None else "cgroup"

    # Attending.

    def attend(self) -> None:
        """Read, count and wait until the agent has ended, by itself or by us."""
        while True:
            self.turn(self.next_wake() - boot())
            if self.has_exited():
                return
            now = boot()
            if self.ended is not None:
                if now >= self.kill_at:
                    self.swept = [], self.sweep()[1]  # killed with the agent is not found after it
                    self.has_exited()
                    return
            elif (reason := self.asked_to_end(now)) is not None:
                if self.has_exited():
                    return  # it was faster: the end is its own
                self.ended = reason
                self.kill_at = now + self.spec["grace_seconds"]
                tree.terminate(self.pid, self.execution, self.cgroup, os.getpid())
            self.recorder.tick(now)
            self.reap_orphans()

    def turn(self, seconds: float) -> None:
        """Wait at most so long for something to happen, and read what there is."""
        size, grown = 0, False
        for fd, _ in self.poll.poll(max(0, int(seconds * 1000) + 1)):
            if fd in self.streams:
                more, wrote = self.drain(fd)
                size += more
                grown = grown or wrote
            elif fd == self.control:
                os.read(fd, READ_BYTES)
                self.look_at = 0.0
            elif fd == self.told:
                self.hear()
        if grown:
            self.ring()
        if size:
            now = boot()
            if size < SMALL_BYTES and now - self.last_output < STREAK_SECONDS:
                time.sleep(PAUSE_SECONDS)  # a stream of small writes is then read in fewer, larger pieces
            self.last_output = now

    def drain(self, fd: int) -> tuple[int, bool]:
        """Read a pipe of the agent; return how much it was and whether the spool has grown."""
        size, grown, now = 0, False, boot()
        for _ in range(READS_A_TURN):
            try:
                data = os.read(fd, READ_BYTES)
            except BlockingIOError:
                break
            if not data:
                self.poll.unregister(fd)
                os.close(fd)
                del self.streams[fd]
                break
            size += len(data)
            grown = self.recorder.take(self.streams[fd], data, now) or grown
            if len(data) < READ_BYTES:
                break
            if fd not in self.widened:
                self.widened.add(fd)
                recorder.widen(fd)
        return size, grown

    def hear(self) -> None:
        """Read what the child told about its exec: nothing at all is good news."""
        try:
            word, number, message = os.read(self.told, READ_BYTES).decode(errors="replace").split(" ", 2)
        except (BlockingIOError, ValueError):
            pass
        else:
            if word == "too_late":
                self.ended = self.ended or word
                self.released = False
            else:
                self.failure = {"stage": word, "errno": int(number), "message": message}
        self.poll.unregister(self.told)
        os.close(self.told)
        self.told = -1

    def has_exited(self) -> bool:
        """Whether the agent is dead; it stays a zombie, so that its pid and its group are nobody else's."""
        if self.status is None:
            self.status = os.waitid(os.P_PIDFD, self.pidfd, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            self.over = boot()
            if self.status is not None:
                self.poll.unregister(self.pidfd)
        return self.status is not None

    def asked_to_end(self, now: float) -> str | None:
        """Return why the agent must end now, or None."""
        if now >= self.look_at:
            strict = self.spec["deadline"]
            self.look_at = now + (WAKE_STRICT_SECONDS if strict else WAKE_SECONDS)
            if (cancelled := shim_files.read_cancel()) is not None:
                return cancelled
            self.deadline = shim_files.read_deadline() if strict else FOREVER
        if now >= self.deadline:
            self.deadline = shim_files.read_deadline()
        for at, reason in ((self.deadline, "deadline"), *self.timeouts()):
            if now >= at:
                return reason
        return None

    def timeouts(self) -> tuple[tuple[float, str], tuple[float, str]]:
        """When the agent has run, or has been silent, for too long."""
        whole, idle = self.spec["timeout_seconds"], self.spec["idle_timeout_seconds"]
        return (
            (FOREVER if whole is None else self.started + whole, "timeout"),
            (FOREVER if idle is None else self.last_output + idle, "idle_timeout"),
        )

    def next_wake(self) -> float:
        """When there is something to do even if nothing happens."""
        due = min(self.recorder.sync_at, self.recorder.settle_at)
        if self.ended is not None:
            return min(due, self.kill_at, boot() + WAKE_SECONDS)
        return min(due, self.look_at, self.deadline, *(at for at, _ in self.timeouts()))

    def reap_orphans(self) -> None:
        """Take the status of descendants that ended without their parent; never the agent's own."""
        flags = os.WEXITED | os.WNOHANG
        while (orphan := os.waitid(os.P_ALL, 0, flags | os.WNOWAIT)) and orphan.si_pid != self.pid:
            os.waitid(os.P_PID, orphan.si_pid, flags)

    # Ending.

    def end(self) -> None:
        """Kill what is left of the tree, save the rest of the output, and say durably how it ended.

        Nothing rings: whoever listens sees this process die, and then the lock is free.
        """
        killed, left = self.swept or self.sweep()
        self.empty_pipes()
        self.recorder.finish(boot())
        self.save_exit(killed if self.released else [], left)

    def sweep(self) -> tuple[list[Any], list[Any]]:
        """Kill every process of the run but this one."""
        return sweep(self.execution, self.cgroup, self.spec["kill_seconds"], (), os.getpid())

    def empty_pipes(self) -> None:
        """Read until the end of both pipes; a stranger that holds one open gets `pipe_seconds`."""
        over = boot() + self.spec["pipe_seconds"]
        if self.told >= 0:
            self.hear()
        while self.streams and (seconds := over - boot()) > 0:
            self.turn(seconds)

    def save_exit(self, killed: list[Any], left: list[Any]) -> None:
        """Write `exit.json` into its reserved room; a full disk is waited for."""
        text = shim_files.encode_exit(self.outcome(), killed, left)
        while True:
            try:
                return shim_files.write_exit(text)
            except OSError as error:
                if error.errno not in (ENOSPC, EDQUOT):
                    raise
                time.sleep(FULL_DISK_RETRY_SECONDS)  # nothing tells when there is room again

    def outcome(self) -> dict[str, Any]:
        """Everything that is known about the end but who else had to die."""
        tree.reap_all()
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        code, number = self.exit_code_and_signal()
        return {
            "exit_code": code,
            "signal": number,
            "ended": self.ended or ("not_started" if self.failure else "exit"),
            "failure": self.failure,
            "started_at": self.started_at,
            "ended_at": time.time() - (boot() - self.over),
            "duration_seconds": self.over - self.started,
            "user_seconds": usage.ru_utime,
            "system_seconds": usage.ru_stime,
            "max_rss_bytes": usage.ru_maxrss * 1024,
            "frames": self.recorder.spool.number,
            "output_bytes": self.recorder.output_bytes,
            "dropped_bytes": self.recorder.tail.dropped_bytes,
            "dropped_lines": self.recorder.tail.dropped_lines,
            "lost_bytes": self.recorder.lost_bytes,
            "containment": self.containment,
            "boot_id": boot_id(),
        }

    def exit_code_and_signal(self) -> tuple[int | None, int | None]:
        """Say how the agent ended, as a shell would; (None, None) if it never ran or would not die."""
        if self.failure is not None:
            missing = self.failure["errno"] == ENOENT
            code = COMMAND_NOT_FOUND if missing else COMMAND_NOT_EXECUTABLE
            return (code if self.failure["stage"] == "exec" else None), None
        if self.status is None or not self.released:
            return None, None
        if self.status.si_code == os.CLD_EXITED:
            return self.status.si_status, None
        return None, self.status.si_status

    def ring(self) -> None:
        """Wake the worker, if it listens."""
        try:
            os.write(self.bell, b"1")
        except OSError:
            pass  # it has not heard the last ones yet


def boot() -> float:
    """Return seconds since the machine started, those it slept included."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)
