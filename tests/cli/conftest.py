"""A house: a data directory of its own, and whatever server commands start for it, ended with the test."""

import os
import select
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from conselho.server import holder
from tests.cli.programs import PROGRAM, conselho, environment

END_SECONDS = 30.0


class House:
    """A data directory, and commands upon it."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir

    def call(self, *arguments: str, **more: str) -> "subprocess.CompletedProcess[str]":
        """Run a command to its end."""
        return conselho(*arguments, variables={"CONSELHO_DATA_DIR": str(self.data_dir), **more})

    def run(self, *argv: str) -> "subprocess.CompletedProcess[str]":
        """`conselho run -- ARGV`."""
        return self.call("run", "--", *argv)

    @contextmanager
    def start(self, *arguments: str, **more: str) -> Iterator["subprocess.Popen[str]"]:
        """A command that goes on; it is ended with the `with`."""
        with subprocess.Popen(
            [*PROGRAM, *arguments],
            env=environment(CONSELHO_DATA_DIR=str(self.data_dir), **more),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                yield process
            finally:
                if process.poll() is None:
                    process.kill()

    @contextmanager
    def serve(self, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
        """`conselho serve`, listening; told to end with the `with`."""
        with self.start("serve", *arguments) as process:
            assert process.stderr is not None
            assert "conselho serves" in process.stderr.readline()
            yield process
            process.terminate()
            process.communicate(timeout=END_SECONDS)

    def newest(self) -> str:
        """The id of the newest run."""
        return self.call("executions", "list", "--limit", "1").stdout.splitlines()[1].split()[0]

    def server_pid(self) -> int:
        """The process that serves."""
        held_by = holder.look(self.data_dir)
        assert held_by is not None
        return held_by.pid

    def close(self) -> None:
        """End whatever serves."""
        held_by = holder.look(self.data_dir)
        if held_by is not None and held_by.pid:
            end(held_by.pid, signal.SIGTERM)


def remaining(process: "subprocess.Popen[str]") -> tuple[str, str]:
    """All it prints until its end, after what was read of it already (`communicate` would skip what is buffered)."""
    assert process.stdout is not None
    assert process.stderr is not None
    rest = process.stdout.read(), process.stderr.read()
    process.wait(END_SECONDS)
    return rest


def end(pid: int, number: signal.Signals) -> None:
    """Signal a process and wait until it has ended; it need not be a child of ours."""
    with suppress(ProcessLookupError):
        handle = os.pidfd_open(pid)
        try:
            signal.pidfd_send_signal(handle, number)
            if not select.select([handle], [], [], END_SECONDS)[0]:
                signal.pidfd_send_signal(handle, signal.SIGKILL)
        finally:
            os.close(handle)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """A house nobody serves yet."""
    made = House(tmp_path / "house")
    yield made
    made.close()


@pytest.fixture(scope="module")
def shared_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A house with a background server, for all tests of a file that only add runs."""
    made = House(tmp_path_factory.mktemp("shared") / "house")
    assert made.run("true").returncode == 0
    yield made
    made.close()
