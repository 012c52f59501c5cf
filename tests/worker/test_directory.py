"""What a run's directory proves, and who may enter a working directory."""

import fcntl
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from conselho import ids
from conselho.worker import directory, shim
from conselho.worker.directory import DirectoryBusy, RunDirectory, working_directory
from tests.worker.shims import PYTHON, Shim

ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def made(runs: Path, execution_id: str = "0190c1a2-0000-7000-8000-00000000000a") -> Iterator[RunDirectory]:
    """A run's directory as a worker has it before the fork."""
    place = RunDirectory.of(runs, execution_id, 1)
    lock = place.make({"execution": execution_id}, b"hello")
    try:
        yield place
    finally:
        os.close(lock)


@contextmanager
def holder(path: Path, how: str) -> Iterator[str]:
    """What another process says that wants the working directory; it keeps it meanwhile."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.worker.holders", str(path), how],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.communicate(timeout=30)


def test_a_directory_that_was_just_made_is_the_workers_alone(tmp_path: Path) -> None:
    with made(tmp_path / "runs") as place:
        assert place.path.stat().st_mode & 0o777 == 0o700
        assert (place.path / "stdin").read_bytes() == b"hello"
        assert (place.path / "stdin").stat().st_mode & 0o777 == 0o600
        assert place.spec() == {"execution": place.execution_id}
        assert (place.spawned(), place.exit()) == (None, None)


def test_the_lock_is_held_from_the_making_to_the_last_copy(tmp_path: Path) -> None:
    with made(tmp_path) as place:
        assert place.is_shim_alive()
    assert not place.is_shim_alive()


def test_the_lock_is_held_by_whoever_inherited_it(tmp_path: Path) -> None:
    place = RunDirectory.of(tmp_path, ids.new(), 1)
    lock = place.make({}, None)
    process = subprocess.Popen(["cat"], pass_fds=(lock,), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    os.close(lock)
    assert place.is_shim_alive()
    process.communicate()
    assert not place.is_shim_alive()


def test_looking_at_the_lock_does_not_take_it(tmp_path: Path) -> None:
    with made(tmp_path) as place:
        pass
    descriptor = os.open(place.path / "lock", os.O_RDWR)
    assert not place.is_shim_alive()
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(descriptor)


def test_a_directory_that_is_gone_has_no_shim(tmp_path: Path) -> None:
    place = RunDirectory(tmp_path / "x.1")
    assert not place.is_shim_alive()
    assert (place.spec(), place.spawned(), place.exit()) == ({}, None, None)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b"null"])
def test_a_file_that_is_not_whole_says_nothing_but_that_it_is_there(tmp_path: Path, content: bytes) -> None:
    for name in ("spec.json", "spawned", "exit.json"):
        (tmp_path / name).write_bytes(content)
    place = RunDirectory(tmp_path)
    assert (place.spec(), place.spawned(), place.exit()) == ({}, {}, None)


@pytest.mark.parametrize("said", [b"", bytes(4096), b'{"ended": "ex', b'{"ended": "exit"}'])
def test_a_last_word_counts_before_it_has_its_name_if_it_is_whole(tmp_path: Path, said: bytes) -> None:
    place = RunDirectory(tmp_path)
    (tmp_path / "exit.json.reserved").write_bytes(said.ljust(4096))
    assert place.exit() == ({"ended": "exit"} if said.endswith(b"}") else None)
    (tmp_path / "exit.json").write_text('{"ended": "timeout"}')
    assert place.exit() == {"ended": "timeout"}


def test_asking_again_changes_neither_the_reason_nor_anything(tmp_path: Path) -> None:
    with made(tmp_path) as place:
        place.ask_to_end("cancelled")
        before = (place.path / "cancel").stat()
        place.ask_to_end("abandoned")
        assert (place.path / "cancel").read_text() == "cancelled"
        assert (place.path / "cancel").stat().st_mtime_ns == before.st_mtime_ns
        place.remove()
        place.ask_to_end("cancelled")
        place.move_deadline(1.0)
        assert not place.path.exists()


def test_the_word_that_ends_a_run_has_its_room_from_the_beginning(tmp_path: Path) -> None:
    with made(tmp_path) as place:
        reserved = (place.path / "cancel.new").stat()
        place.ask_to_end("cancelled")
        written = (place.path / "cancel").stat()
        assert (written.st_ino, reserved.st_size) == (reserved.st_ino, directory.WORD_BYTES_MAX)
        assert (place.path / "cancel").read_text() == "cancelled"


def test_every_asking_rings_whoever_listens(tmp_path: Path) -> None:
    with made(tmp_path) as place:
        control = os.open(place.path / "control", os.O_RDWR | os.O_NONBLOCK)
        for _ in range(2):
            place.ask_to_end("cancelled")
            assert os.read(control, 10) == b"c"
        os.close(control)


def test_a_bell_nobody_answers_for_long_holds_nobody_up(tmp_path: Path) -> None:
    with made(tmp_path) as place:
        control = os.open(place.path / "control", os.O_RDWR | os.O_NONBLOCK)
        with suppress(BlockingIOError):
            while True:
                os.write(control, b"x" * 65_536)
        place.ask_to_end("cancelled")
        os.close(control)
        assert (place.path / "cancel").exists()


def test_a_deadline_is_moved_as_a_whole(tmp_path: Path) -> None:
    with made(tmp_path) as place:
        for moment in (1234.5678, 2345.0):
            place.move_deadline(moment)
            assert float((place.path / "deadline").read_text()) == pytest.approx(moment, abs=0.001)
        assert {each.name for each in place.path.iterdir()} == {
            "lock", "stdin", "spec.json", "bell", "control", "cancel.new", "deadline",
        }  # fmt: skip


def test_a_directory_of_the_same_fence_that_never_came_to_a_commit_is_made_anew(tmp_path: Path) -> None:
    with made(tmp_path) as place:
        (place.path / "cancel").write_text("old")
    with made(tmp_path) as again:
        assert again.path == place.path
        assert not (again.path / "cancel").exists()


def test_the_newest_fence_is_found_and_strangers_are_not(tmp_path: Path) -> None:
    mine, other = ids.new(), ids.new()
    for name in (f"{mine}.2", f"{mine}.10", f"{other}.11", f"{mine}.new", "lost+found", f"{mine}.²"):
        (tmp_path / name).mkdir()
    found = RunDirectory.find(tmp_path, mine)
    assert found == RunDirectory(tmp_path / f"{mine}.10")
    assert RunDirectory.find(tmp_path, ids.new()) is None
    assert RunDirectory.find(tmp_path / "missing", mine) is None
    assert [each.execution_id for each in directory.all_in(tmp_path)] == [mine, mine, other]


def test_what_a_real_shim_leaves_is_read_as_its_last_word(tmp_path: Path, make_shim: Callable[..., Shim]) -> None:
    shim_of = make_shim(*PYTHON, "raise SystemExit(3)").start()
    shim_of.finish()
    place = RunDirectory(shim_of.path)
    last_word, spawned = place.exit(), place.spawned()
    assert last_word is not None
    assert spawned is not None
    assert (last_word["exit_code"], spawned["boot_id"], spawned["shim"]) == (3, shim.boot_id(), shim_of.pid)
    assert not place.is_shim_alive()


def test_those_who_share_a_directory_do_not_keep_each_other_out(tmp_path: Path) -> None:
    with working_directory(str(tmp_path), exclusive=False), holder(tmp_path, "shared") as said:
        assert said == "held"
        with pytest.raises(DirectoryBusy), working_directory(str(tmp_path), exclusive=True):
            pass


def test_who_is_alone_in_a_directory_keeps_other_processes_out_by_whatever_name(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with working_directory(str(tmp_path / "real"), exclusive=True):
        for name, how in (("link", "shared"), ("real", "exclusive")):
            with holder(tmp_path / name, how) as said:
                assert said == "busy"
    with holder(tmp_path / "link", "exclusive") as said:
        assert said == "held"
        with pytest.raises(DirectoryBusy), working_directory(str(tmp_path / "real"), exclusive=False):
            pass


def test_a_directory_is_held_until_the_last_process_of_the_run_is_gone(tmp_path: Path) -> None:
    with working_directory(str(tmp_path), exclusive=True) as place:
        agent = subprocess.Popen(["cat"], pass_fds=(place,), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    with pytest.raises(DirectoryBusy), working_directory(str(tmp_path), exclusive=True):
        pass
    agent.communicate()
    with working_directory(str(tmp_path), exclusive=True):
        pass


def test_a_directory_that_is_none_is_an_error_of_the_system(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for name in ("missing", "file"):
        with pytest.raises(OSError), working_directory(str(tmp_path / name), exclusive=False):  # noqa: PT011
            pass
