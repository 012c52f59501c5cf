"""The same bytes make the same lines, however they came."""

import itertools
import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from conselho.providers.base import Output
from conselho.worker.assembler import Assembler, Piece
from conselho.worker.spool import Frame, Stream

NINE = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
LIMIT = 8  # bytes of a line, so that small examples reach it


def make_frames(parts: Iterable[tuple[Stream, bytes]]) -> list[Frame]:
    return [
        Frame(number, stream, NINE + timedelta(seconds=number), data)
        for number, (stream, data) in enumerate(parts, start=1)
    ]


def assemble(parts: Iterable[tuple[Stream, bytes]], limit: int = LIMIT) -> list[Piece]:
    assembler = Assembler(limit)
    found = [piece for frame in make_frames(parts) for piece in assembler.feed(frame)]
    return found + list(assembler.flush(NINE))


def outputs(pieces: Iterable[Piece]) -> list[tuple[str, str, bool]]:
    found = [each.output for each in pieces if each.output is not None]
    return [(output.stream, text, output.is_whole) for output in found for text in output.lines]


def said(pieces: Iterable[Piece]) -> list[str]:
    found = [piece.said or piece.output for piece in pieces]
    return [text for each in found if each is not None for text in each.lines]


def cut(data: bytes, at: Iterable[int]) -> list[bytes]:
    places = [0, *sorted(place for place in at if place <= len(data)), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(places)]


lines_and_ends = st.lists(st.sampled_from([b"\n", b"\r", b"a", b"bc", b"12345678", b"\xff", b"\xc3\xa9", b"\0"])).map(
    b"".join
)


@given(data=lines_and_ends, places=st.lists(st.integers(0, 80), max_size=12))
def test_any_split_into_frames_makes_the_same_lines(data: bytes, places: list[int]) -> None:
    whole = outputs(assemble([(Stream.STDOUT, data)]))
    split = outputs(assemble((Stream.STDOUT, part) for part in cut(data, places)))
    assert split == whole


@given(data=lines_and_ends)
def test_nothing_is_lost_and_no_piece_is_too_long(data: bytes) -> None:
    again = b""
    for _, text, is_whole in outputs(assemble([(Stream.STDOUT, data)])):
        piece = text.encode("utf-8", "surrogateescape")
        assert len(piece) <= LIMIT
        again += piece + (b"\n" if is_whole else b"")
    assert again == data + (b"" if data.endswith(b"\n") or not data else b"\n")


@given(
    out=lines_and_ends,
    err=lines_and_ends,
    places=st.lists(st.integers(0, 80), max_size=6),
    turns=st.lists(st.booleans(), max_size=20),
)
def test_two_streams_never_mix_within_a_line(out: bytes, err: bytes, places: list[int], turns: list[bool]) -> None:
    left, right = cut(out, places), cut(err, places)
    mixed: list[tuple[Stream, bytes]] = []
    for turn in turns:
        if turn and left:
            mixed.append((Stream.STDOUT, left.pop(0)))
        elif right:
            mixed.append((Stream.STDERR, right.pop(0)))
    mixed += [(Stream.STDOUT, part) for part in left] + [(Stream.STDERR, part) for part in right]
    found = outputs(assemble(mixed))
    for name, data in (("stdout", out), ("stderr", err)):
        alone = outputs(assemble([(Stream.STDOUT, data)]))
        assert [each[1:] for each in found if each[0] == name] == [each[1:] for each in alone]


def test_a_line_of_ten_megabytes_comes_in_pieces_of_one_size() -> None:
    line = bytes(range(97, 123)) * 400_000
    parts = [(Stream.STDOUT, part) for part in cut(line + b"\nnext", range(0, len(line), 65_536))]
    found = assemble(parts, limit=65_536)
    pieces, last = found[:-1], found[-1]
    assert [len(text) for _, text, _ in outputs(pieces)] == [65_536] * (len(line) // 65_536) + [len(line) % 65_536]
    assert [is_whole for _, _, is_whole in outputs(pieces)] == [False] * (len(pieces) - 1) + [True]
    assert "".join(text for _, text, _ in outputs(pieces)).encode() == line
    assert outputs([last]) == [("stdout", "next", True)]


def test_a_line_of_just_the_limit_is_whole() -> None:
    assert outputs(assemble([(Stream.STDOUT, b"12345678\n12345678")])) == [
        ("stdout", "12345678", True),
        ("stdout", "12345678", True),
    ]
    assert outputs(assemble([(Stream.STDOUT, b"123456789\n")])) == [
        ("stdout", "12345678", False),
        ("stdout", "9", True),
    ]


def test_carriage_returns_colours_and_nuls_are_kept() -> None:
    odd = b"a\r\nb\rc\n\x1b[1m\0\n"
    assert [text for _, text, _ in outputs(assemble([(Stream.STDOUT, odd)], 100))] == ["a\r", "b\rc", "\x1b[1m\0"]


def test_bytes_that_are_no_text_can_be_had_back() -> None:
    ((_, text, _),) = outputs(assemble([(Stream.STDERR, b"\xff\xc3")]))
    assert text.encode("utf-8", "surrogateescape") == b"\xff\xc3"


def test_empty_lines_are_lines() -> None:
    assert outputs(assemble([(Stream.STDOUT, b"\n\na\n")])) == [
        ("stdout", "", True), ("stdout", "", True), ("stdout", "a", True),
    ]  # fmt: skip


def test_a_line_has_the_moment_at_which_it_ended() -> None:
    first, last = assemble([(Stream.STDOUT, b"a"), (Stream.STDOUT, b"b\nc")])
    its_end = NINE + timedelta(seconds=2)
    assert (first.at, first.output) == (its_end, Output("stdout", ("ab",), its_end))
    assert last.at == NINE


def test_what_is_missing_is_said_where_it_is_missing_and_ends_the_line_before_it() -> None:
    def fact(**facts: int) -> bytes:
        return json.dumps(facts).encode()

    found = assemble(
        [
            (Stream.STDOUT, b"one\ntw"),
            (Stream.STDERR, b"er"),
            (Stream.CAP, fact(bytes=49_000_000)),
            (Stream.DROPPED, fact(bytes=1_000, lines=12)),
            (Stream.STDOUT, b"o\n"),
            (Stream.LOST, fact(bytes=7)),
            (Stream.LOST, b""),
        ]
    )
    assert said(found) == [
        "one",
        "tw",
        "er",
        "[output passed 49,000,000 bytes: from here on only its end is kept, and shown once the run has ended]",
        "[1,000 bytes with 12 line ends were dropped here]",
        "o",
        "[7 bytes could not be kept here: the disk was full]",
        "[0 bytes could not be kept here: the disk was full]",
    ]
    assert all(piece.said.kind == "warning" and not piece.said.speaks for piece in found if piece.said)


@given(st.text(st.sampled_from("aé☃🎉\n")))
def test_no_character_is_parted(text: str) -> None:
    pieces = assemble([(Stream.STDOUT, text.encode())])
    told = [line for piece in pieces if piece.output is not None for line in piece.output.lines]
    assert "".join(told) == text.replace("\n", "")
    assert all(len(line.encode()) <= LIMIT for line in told)
