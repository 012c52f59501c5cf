"""Judging files in child processes. A script does it: forking is for programs without threads, pytest has some."""

import ast
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

SCRIPT = """
    import os, sys, time
    from conselho.analyses import isolation

    def judge(path, data):
        if data == b"crash":
            os.abort()
        if data == b"hang":
            while True:
                time.sleep(0.01)
        if data == b"tell":
            print(os.getpid(), flush=True)
            time.sleep(60)
        return len(data)

    if __name__ == "__main__":
        files = [(name.encode(), name.split("-")[0].encode()) for name in sys.argv[1:]]
        print(list(isolation.judged(files, judge, seconds=0.5)), flush=True)
"""


def test_child_that_crashes_or_hangs_costs_its_own_file_alone(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, _script(tmp_path), "a", "crash-1", "bb", "hang-1", "crash-2", "ccc"],
        capture_output=True,
        check=True,
    )

    assert ast.literal_eval(done.stdout.decode()) == [
        (b"a", 1),
        (b"crash-1", None),
        (b"bb", 2),
        (b"hang-1", None),
        (b"crash-2", None),
        (b"ccc", 3),
    ]
    assert not list(tmp_path.glob("core*"))


def test_files_are_answered_in_order_over_many_batches(tmp_path: Path) -> None:
    names = [f"{'x' * (number % 7)}-{number}" for number in range(700)]

    done = subprocess.run([sys.executable, _script(tmp_path), *names], capture_output=True, check=True)

    assert ast.literal_eval(done.stdout.decode()) == [(name.encode(), name.index("-")) for name in names]


def test_child_ends_by_itself_when_its_parent_is_killed(tmp_path: Path) -> None:
    parent = subprocess.Popen([sys.executable, _script(tmp_path), "tell"], stdout=subprocess.PIPE)
    with parent:
        assert parent.stdout is not None
        parent.stdout.readline()
        parent.send_signal(signal.SIGKILL)
        # The children hold the writing end: the reading ends when the last of them is gone.
        assert parent.stdout.read() == b""


def _script(folder: Path) -> str:
    script = folder / "script.py"
    script.write_text(textwrap.dedent(SCRIPT))
    return str(script)
