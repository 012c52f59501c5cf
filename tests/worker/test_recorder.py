"""Every byte that is taken is accounted for: kept, dropped or lost, and what is kept is a beginning and an end."""

import json
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conselho.worker.recorder import PAYLOAD_MAX, FrameFile, Recorder
from conselho.worker.spool import Frame, SpoolReader, Stream

SPOKEN = (Stream.STDOUT, Stream.STDERR)
chunks = st.lists(
    st.tuples(st.sampled_from([1, 2]), st.binary(min_size=1, max_size=50), st.integers(1, 60), st.booleans()),
    max_size=30,
)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    """A disk that is full for every file beyond a size: writes are cut short, then fail."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextmanager
def recording(output_bytes_max: int, tail_bytes: int) -> Iterator[Recorder]:
    made = Recorder(output_bytes_max, tail_bytes)
    try:
        yield made
    finally:
        close(made.spool, *made.tail.files)


def close(*files: FrameFile) -> None:
    for file in files:
        with open(file.fd, "rb"):  # noqa: PTH123 - a descriptor, to close it
            pass


def spoken(frames: list[Frame]) -> bytes:
    return b"".join(frame.data for frame in frames if frame.stream in SPOKEN)


@given(taken=chunks, live=st.integers(0, 3000), tail=st.integers(0, 2000))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_beginning_and_end_are_kept_and_the_rest_is_counted(
    here: Path, taken: list[tuple[int, bytes, int, bool]], live: int, tail: int
) -> None:
    everything = b""
    with recording(live + tail, tail) as made:
        for now, (stream, data, times, is_settled) in enumerate(taken):
            chunk = data * times
            everything += chunk
            made.take(stream, chunk, float(now))
            if is_settled:
                made.tick(1e9)
        made.finish(0.0)
        dropped, lines = made.tail.dropped_bytes, made.tail.dropped_lines
        assert (made.output_bytes, made.lost_bytes) == (len(everything), 0)
    frames = SpoolReader(here / "spool").read()
    kept = spoken(frames)
    first, end = kept[:live], kept[live:]
    assert everything.startswith(first)
    assert everything[len(first) :].endswith(end)
    assert len(kept) + dropped == len(everything)
    assert kept.count(b"\n") + lines == everything.count(b"\n")
    assert len(end) >= min(len(everything) - len(first), tail // 2)
    assert len(end) <= tail
    assert any(frame.stream is Stream.CAP for frame in frames) == (len(everything) > live)


def test_chunks_pushed_out_at_once_never_reach_a_file(here: Path) -> None:
    with recording(100_000, 100_000) as made:
        for _ in range(50):
            made.take(1, bytes(PAYLOAD_MAX), 0.0)
        assert [file.size for file in made.tail.files] == [0, 0]
        made.tick(1.0)
        assert sum(file.size for file in made.tail.files) > 90_000


def test_the_waiting_end_is_on_disk_after_a_second(here: Path) -> None:
    with recording(10, 10) as made:
        made.take(1, b"0123", 5.0)
        assert made.settle_at == 6.0
        made.tick(6.0)
        assert [frame.data for frame in SpoolReader(here / "tail.0").read()] == [b"0123"]


def test_a_frame_that_does_not_fit_leaves_no_trace(here: Path) -> None:
    file = FrameFile("spool")
    assert file.append((1, 0, b"fits"))
    size = file.size
    with file_size_limit(size + 40):
        assert not file.append((1, 0, bytes(100)))
        assert (here / "spool").stat().st_size == size
        assert not file.append((1, 0, b"a"), (1, 0, bytes(100)))
        assert file.append((1, 0, b"small"))
    assert file.append((1, 0, bytes(100)))
    close(file)
    assert [frame.number for frame in SpoolReader(here / "spool").read()] == [1, 2, 3]


def test_what_a_full_disk_took_is_told_before_the_next_frame(here: Path) -> None:
    with recording(1000, 0) as made:
        made.take(1, b"a" * 10, 0.0)
        with file_size_limit(made.spool.size + 5):
            assert not made.take(1, b"b" * 20, 0.0)
            assert not made.take(2, b"c" * 30, 0.0)
        assert made.take(1, b"d", 0.0)
        made.finish(0.0)
        assert made.lost_bytes == 50
    frames = SpoolReader(here / "spool").read()
    assert [frame.stream for frame in frames] == [Stream.STDOUT, Stream.LOST, Stream.STDOUT]
    assert json.loads(frames[1].data) == {"bytes": 50}


def test_a_tail_that_a_full_disk_took_is_lost_and_told(here: Path) -> None:
    with recording(100, 100) as made:
        with file_size_limit(20):
            made.take(1, b"a" * 40, 0.0)
            made.tick(10.0)
        made.take(1, b"b" * 40, 20.0)
        made.finish(30.0)
        assert made.lost_bytes == 40
    frames = SpoolReader(here / "spool").read()
    assert spoken(frames) == b"b" * 40
    assert [json.loads(frame.data) for frame in frames if frame.stream is Stream.LOST] == [{"bytes": 40}]
    assert sum(frame.stream is Stream.CAP for frame in frames) == 1
