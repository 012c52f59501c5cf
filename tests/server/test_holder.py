"""At most one process writes in a data directory, and whoever comes second is told who does."""

import fcntl
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from conselho import errors
from conselho.server import holder
from tests.conftest import Clock

ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def keeper(data_dir: Path, kind: str = "serve") -> Iterator["subprocess.Popen[str]"]:
    """Another process that wants the data directory."""
    argv = [sys.executable, "-m", "tests.server.keepers", str(data_dir), kind]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        try:
            yield process
        finally:
            process.kill()


def said_by(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_who_holds_it_is_seen_while_it_is_held(tmp_path: Path, clock: Clock) -> None:
    assert holder.look(tmp_path) is None
    with holder.take(tmp_path, "serve", tmp_path / "x.sock"):
        found = holder.look(tmp_path)
        assert found == holder.Holder(os.getpid(), "serve", str(tmp_path / "x.sock"), "2026-03-02T09:00:00Z")
        assert found.words == f"`conselho serve` (pid {os.getpid()}, since 2026-03-02T09:00:00Z)"
    assert holder.look(tmp_path) is None


def test_the_second_is_told_who_was_first_and_the_first_goes_on(tmp_path: Path) -> None:
    with keeper(tmp_path, "background") as first:
        assert said_by(first) == "held"
        with pytest.raises(errors.DataDirectoryHeld) as told, holder.take(tmp_path, "serve", None):
            pass
        assert f"{tmp_path} is held by a background server (pid {first.pid}, since " in told.value.sentence
        assert "--data-dir" in told.value.sentence
        found = holder.look(tmp_path)
        assert found is not None
        assert (found.pid, found.kind) == (first.pid, "background")


def test_of_many_who_come_at_once_one_gets_it_and_all_others_learn_who(tmp_path: Path) -> None:
    wanting = [keeper(tmp_path) for _ in range(4)]
    with wanting[0] as a, wanting[1] as b, wanting[2] as c, wanting[3] as d:
        everybody = {process: said_by(process) for process in (a, b, c, d)}
        (winner,) = (process for process, said in everybody.items() if said == "held")
        others = [said for process, said in everybody.items() if process is not winner]
        assert [f"(pid {winner.pid}," in said for said in others] == [True] * 3, others


def test_what_a_killed_holder_left_is_nobody(tmp_path: Path) -> None:
    with keeper(tmp_path) as process:
        assert said_by(process) == "held"
        process.kill()
        process.wait()
    assert str(process.pid) in (tmp_path / "lock").read_text()
    assert holder.look(tmp_path) is None
    with holder.take(tmp_path, "db", None):
        found = holder.look(tmp_path)
        assert found is not None
        assert (found.pid, found.socket) == (os.getpid(), None)


def test_a_longer_note_of_an_earlier_holder_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text(json.dumps({"pid": 1, "kind": "x" * 3000, "socket": "y" * 900, "since": "z"}))
    with holder.take(tmp_path, "db", None):
        assert json.loads((tmp_path / "lock").read_text())["kind"] == "db"


@pytest.mark.parametrize("left", [b"", b"{", b"\xff\xfe", b"[]", b"{}", b'{"pid": "many", "kind": 1, "since": 2}'])
def test_a_note_that_cannot_be_read_still_means_that_somebody_holds_it(tmp_path: Path, left: bytes) -> None:
    with holder.take(tmp_path, "serve", None):
        (tmp_path / "lock").write_bytes(left)
        found = holder.look(tmp_path)
        assert found is not None
        assert (found.kind, found.socket) == ("another process", None)
        with (
            pytest.raises(errors.DataDirectoryHeld, match="is held by another process"),
            holder.take(tmp_path, "db", None),
        ):
            pass


@contextmanager
def looking(data_dir: Path) -> Iterator[int]:
    """What `look` does for a moment, held for longer."""
    descriptor = os.open(data_dir / "lock", os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def test_those_who_only_look_do_not_see_each_other(tmp_path: Path) -> None:
    with holder.take(tmp_path, "db", None):
        pass
    with looking(tmp_path):
        assert holder.look(tmp_path) is None


def test_whoever_only_looks_keeps_nobody_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with holder.take(tmp_path, "db", None):
        pass
    with looking(tmp_path) as descriptor:
        # The look ends when the taker has waited for longer than it would for another holder.
        waits = iter(range(2 * holder.HELD_LOOKS))

        def wait(_: float) -> None:
            if next(waits, None) is None:
                fcntl.flock(descriptor, fcntl.LOCK_UN)

        monkeypatch.setattr(time, "sleep", wait)
        with holder.take(tmp_path, "serve", None):
            assert holder.look(tmp_path) is not None


def test_looking_all_the_time_never_shows_a_lie(tmp_path: Path) -> None:
    """However taking and looking meet: there is nobody, or the one who holds it."""
    with ThreadPoolExecutor(4) as pool:
        for _ in range(20):
            seen = [pool.submit(holder.look, tmp_path) for _ in range(8)]
            with holder.take(tmp_path, "db", None):
                seen += [pool.submit(holder.look, tmp_path) for _ in range(8)]
                found = [each.result() for each in seen]
            assert {each.pid for each in found if each is not None} <= {os.getpid(), 0}
            # Those who looked once it was ours saw somebody.
            assert None not in found[8:]


def test_a_program_that_the_holder_starts_does_not_hold_it(tmp_path: Path) -> None:
    with holder.take(tmp_path, "serve", None):
        child = subprocess.Popen(["cat"], stdin=subprocess.PIPE, close_fds=False)
    try:
        assert holder.look(tmp_path) is None
    finally:
        child.communicate()


def test_it_is_let_go_when_the_body_fails(tmp_path: Path) -> None:
    with pytest.raises(errors.SchemaNewer), holder.take(tmp_path, "serve", None):
        raise errors.SchemaNewer
    assert holder.look(tmp_path) is None


def test_a_data_directory_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    place = tmp_path / "a" / "b"
    with holder.take(place, "db", None):
        assert place.stat().st_mode & 0o777 == 0o700
        assert (place / "lock").stat().st_mode & 0o777 == 0o600


def test_a_data_directory_that_cannot_be_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for place in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(errors.Invalid, match="cannot be made"):
            holder.prepare(place)
        assert holder.look(place) is None
