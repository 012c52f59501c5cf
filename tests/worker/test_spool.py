"""A spool reads the same however it grew, and is never believed past the first doubt."""

import os
import struct
import tempfile
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conselho.worker import recorder, spool
from conselho.worker.spool import Frame, SpoolReader, Stream

MOMENT = 1_700_000_000_123_456  # microseconds

frame_lists = st.lists(
    st.tuples(st.sampled_from(list(Stream)), st.integers(0, 2**50), st.binary(max_size=300)), max_size=20
)


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def encode(number: int, data: bytes, stream: int = Stream.STDOUT) -> bytes:
    """A frame as the protocol describes it, in other words than either program."""
    head = struct.pack("<QB3xQI", number, stream, MOMENT, len(data))
    return head + struct.pack("<I", zlib.crc32(head + data)) + data


def write(path: Path, *frames: tuple[int, int, bytes]) -> bytes:
    """Let the shim's own hand write a spool; return all of it."""
    file = recorder.FrameFile(str(path))
    assert all(file.append(frame) for frame in frames)
    os.close(file.fd)
    return path.read_bytes()


def test_writer_and_reader_state_one_format() -> None:
    assert recorder.MAGIC == spool.MAGIC == b"CNSPOOL1"
    assert spool.HEADER.format == "<QBxxxQII"
    assert spool.HEADER.size == recorder.HEADER_BYTES
    assert recorder.PAYLOAD_MAX == spool.PAYLOAD_MAX
    ours = (recorder.STDOUT, recorder.STDERR, recorder.CAP, recorder.DROPPED, recorder.LOST)
    assert ours == tuple(Stream)


def test_the_bytes_on_disk_are_those_of_the_protocol(tmp_path: Path) -> None:
    written = write(tmp_path / "spool", (1, MOMENT, b"hello\n"), (3, MOMENT, b"{}"))
    assert written == b"CNSPOOL1" + encode(1, b"hello\n") + encode(2, b"{}", 3)
    at = datetime(2023, 11, 14, 22, 13, 20, 123_456, tzinfo=UTC)
    assert SpoolReader(tmp_path / "spool").read() == [
        Frame(1, Stream.STDOUT, at, b"hello\n"),
        Frame(2, Stream.CAP, at, b"{}"),
    ]


@given(frames=frame_lists, cuts=st.lists(st.integers(0, 8000), max_size=10))
def test_however_a_spool_grows_each_frame_is_read_once(
    folder: Path, frames: list[tuple[Stream, int, bytes]], cuts: list[int]
) -> None:
    whole = write(folder / "whole", *frames)
    growing = folder / "growing"
    growing.write_bytes(b"")
    reader = SpoolReader(growing)
    read: list[Frame] = []
    for cut in sorted(min(cut, len(whole)) for cut in [*cuts, len(whole)]):
        growing.write_bytes(whole[:cut])
        read += reader.read()
    assert [(frame.stream, frame.data) for frame in read] == [(stream, data) for stream, _, data in frames]
    assert [frame.number for frame in read] == list(range(1, len(frames) + 1))
    assert reader.read() == []


@given(frames=frame_lists.filter(bool), at=st.integers(8), bit=st.integers(0, 7))
def test_nothing_is_read_past_a_flipped_bit(
    folder: Path, frames: list[tuple[Stream, int, bytes]], at: int, bit: int
) -> None:
    whole = bytearray(write(folder / "sound", *frames))
    sound = SpoolReader(folder / "sound").read()
    at = 8 + at % (len(whole) - 8)
    whole[at] ^= 1 << bit
    (folder / "damaged").write_bytes(whole)
    read = SpoolReader(folder / "damaged").read()
    ends = [len(spool.MAGIC)]
    for frame in sound:
        ends.append(ends[-1] + spool.HEADER.size + len(frame.data))
    assert read == sound[: sum(end <= at for end in ends) - 1]


@given(junk=st.binary(max_size=400))
def test_junk_raises_nothing(folder: Path, junk: bytes) -> None:
    (folder / "junk").write_bytes(junk)
    assert SpoolReader(folder / "junk").read() == []
    (folder / "junk").write_bytes(spool.MAGIC + encode(1, b"sound") + junk)
    assert [frame.data for frame in SpoolReader(folder / "junk").read()] == [b"sound"]


def test_a_spool_that_is_not_there_yet_is_empty_and_read_when_it_comes(tmp_path: Path) -> None:
    reader = SpoolReader(tmp_path / "spool")
    assert reader.read() == []
    (tmp_path / "spool").write_bytes(spool.MAGIC + encode(1, b"late"))
    assert [frame.data for frame in reader.read()] == [b"late"]


@pytest.mark.parametrize("number", [1, 3])
def test_reading_stops_where_the_numbers_do_not_follow(tmp_path: Path, number: int) -> None:
    (tmp_path / "spool").write_bytes(spool.MAGIC + encode(1, b"a") + encode(number, b"b"))
    reader = SpoolReader(tmp_path / "spool")
    assert [frame.data for frame in reader.read()] == [b"a"]
    assert reader.read() == []


def test_a_torn_frame_that_was_cut_off_and_written_again_is_read(tmp_path: Path) -> None:
    path = tmp_path / "spool"
    start = spool.MAGIC + encode(1, b"a")
    path.write_bytes(start + encode(2, b"torn")[:-1])
    reader = SpoolReader(path)
    assert len(reader.read()) == 1
    path.write_bytes(start + encode(2, b'{"bytes": 4}', Stream.LOST) + encode(3, b"b"))
    assert [(frame.number, frame.stream) for frame in reader.read()] == [(2, Stream.LOST), (3, Stream.STDOUT)]


def test_an_unknown_stream_or_a_length_beyond_the_limit_is_not_believed(tmp_path: Path) -> None:
    for bad in (encode(1, b"?", 9), encode(1, b"?" * (spool.PAYLOAD_MAX + 1))):
        (tmp_path / "spool").write_bytes(spool.MAGIC + bad)
        assert SpoolReader(tmp_path / "spool").read() == []


def test_one_read_brings_a_bounded_part_and_at_least_a_frame(tmp_path: Path) -> None:
    data = bytes(spool.PAYLOAD_MAX)
    write(tmp_path / "spool", *[(1, MOMENT, data)] * 40)
    reader = SpoolReader(tmp_path / "spool")
    counts = []
    while frames := reader.read(300_000):
        counts.append(len(frames))
    assert max(counts) == 4
    assert sum(counts) == 40
    assert len(SpoolReader(tmp_path / "spool").read(1)) == 1
