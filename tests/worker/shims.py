"""Real shims for tests: started as the worker starts them, watched without sleeping, ended with all they started."""

import fcntl
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from conselho import ids
from conselho.worker import run, shim
from conselho.worker.spool import Frame, SpoolReader, Stream

PYTHON = (os.path.realpath(sys.executable), "-I", "-S", "-c")
# Far more than a busy machine needs: only a test that has failed waits so long.
PATIENCE_SECONDS = 40.0

SPEC: dict[str, Any] = {
    "cwd": "/",
    "timeout_seconds": None,
    "idle_timeout_seconds": None,
    "grace_seconds": 10.0,
    "pipe_seconds": 5.0,
    "kill_seconds": 30.0,
    "output_bytes_max": 50_000_000,
    "tail_bytes": 1_000_000,
    "start_by_boot_seconds": None,
    "deadline": False,
    "containment": "auto",
}


class Shim:
    """A run directory, made as the worker makes it, and the shim in it."""

    def __init__(self, path: Path, argv: Sequence[str], **changes: Any) -> None:
        self.path = path
        self.execution = str(ids.new())
        path.mkdir(mode=0o700)
        for name in ("bell", "control", "words", "orders"):
            os.mkfifo(path / name, 0o600)
        # "words" and "orders" are how an agent and its test talk: they stand for no part of the protocol.
        self.words, self.orders, self.bell = (
            os.open(path / name, os.O_RDWR | os.O_NONBLOCK) for name in ("words", "orders", "bell")
        )
        self.env = {
            "PATH": os.environ["PATH"],
            "CONSELHO_EXECUTION": self.execution,
            "RUN": str(path),
            **changes.pop("env", {}),
        }
        if (stdin := changes.pop("stdin", None)) is not None:
            (path / "stdin").write_bytes(stdin)
        self.spec = {**SPEC, "execution": self.execution, "argv": list(argv), "env": self.env, **changes}
        (path / "spec.json").write_text(json.dumps(self.spec))
        self.process: subprocess.Popen[bytes] | None = None
        self.heard = b""

    def start(
        self, *, keep: Sequence[int] = (), leak: Sequence[int] = (), prepare: Callable[[], None] | None = None
    ) -> "Shim":
        """Take the lock and start the shim; `leak` are descriptors it inherits without being told."""
        lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
        self.process = subprocess.Popen(
            [sys.executable, *run.SHIM, str(self.path), str(lock), *map(str, keep)],
            pass_fds=(lock, *keep, *leak),
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            preexec_fn=prepare,  # noqa: PLW1509 - there is no other way to hand on ignored signals
        )
        os.close(lock)
        return self

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def spawned(self) -> dict[str, Any]:
        return self._json("spawned")

    def finish(self) -> dict[str, Any]:
        """Wait for the shim to end, and return what it said."""
        assert self.process is not None
        assert has_ended(self.process.pid, PATIENCE_SECONDS), "the shim is still there"
        self.process.wait()
        trouble = (self.path / "shim.log").read_text()
        assert trouble == ""
        return self._json("exit.json")

    def ask_to_end(self, reason: str = "cancelled") -> None:
        (self.path / "cancel.new").write_text(reason)
        (self.path / "cancel.new").rename(self.path / "cancel")
        self.ring()

    def answer_until(self, boot_seconds: float) -> None:
        (self.path / "deadline.new").write_text(str(boot_seconds))
        (self.path / "deadline.new").rename(self.path / "deadline")

    def ring(self) -> None:
        control = os.open(self.path / "control", os.O_RDWR | os.O_NONBLOCK)
        os.write(control, b"1")
        os.close(control)

    def kill(self) -> None:
        """What the OOM killer would do."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def hear(self) -> str:
        """Wait for the next line the agent writes to $RUN/words."""
        while b"\n" not in self.heard:
            assert is_ready(self.words, PATIENCE_SECONDS), "the agent says nothing"
            self.heard += os.read(self.words, 65536)
        line, self.heard = self.heard.split(b"\n", 1)
        return line.decode()

    def tell(self, line: str) -> None:
        """Write a line that the agent reads from $RUN/orders."""
        os.write(self.orders, line.encode() + b"\n")

    def hear_pidfd(self) -> int:
        """Wait for a process id that the agent says, and return a pidfd of it for the test to close."""
        return os.pidfd_open(int(self.hear()))

    def frames(self) -> list[Frame]:
        """Every frame that the spool has by now."""
        reader = SpoolReader(self.path / "spool")
        found: list[Frame] = []
        while more := reader.read():
            found += more
        return found

    def wait_for_output(self, size: int) -> list[Frame]:
        """Wait until so many bytes of output are in the spool, woken by the shim alone."""
        while sum(len(frame.data) for frame in self.frames()) < size:
            assert is_ready(self.bell, PATIENCE_SECONDS), "no bell"
            os.read(self.bell, 65536)
        return self.frames()

    def output(self, stream: Stream = Stream.STDOUT) -> bytes:
        return b"".join(frame.data for frame in self.frames() if frame.stream is stream)

    def is_lock_free(self) -> bool:
        with (self.path / "lock").open("r+b") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            return True

    def close(self) -> None:
        """Leave nothing behind, whatever the test did."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.kill()
        cgroup = self.spawned()["cgroup"] if (self.path / "spawned").exists() else None
        shim.sweep(self.execution, cgroup, 10.0, ())
        for fd in (self.words, self.orders, self.bell):
            os.close(fd)

    def _json(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.path / name).read_text())
        return found


def boot() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def is_ready(fd: int, seconds: float) -> bool:
    """Wait until a descriptor can be read."""
    watch = select.poll()
    watch.register(fd, select.POLLIN)
    return bool(watch.poll(int(seconds * 1000)))


def has_ended(pid: int, seconds: float = 0.0) -> bool:
    """Wait until a process is dead; a zombie is."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return is_ready(fd, seconds)
    finally:
        os.close(fd)
