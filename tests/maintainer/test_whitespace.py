"""What mending white space changes, and what it never does."""

from hypothesis import given
from hypothesis import strategies as st

from conselho.maintainer.whitespace import CRLF, LF, OF_WHITE_SPACE, Kind, has_lone_return, mend

pieces = st.sampled_from((b"a", b"b = 1", b" ", b"\t", b"   ", b"\\", b"\n", b"\r\n", b"\n\n", b"#", "é".encode()))
texts = st.lists(pieces, max_size=30).map(b"".join)
kinds = st.sets(st.sampled_from(OF_WHITE_SPACE))
line_ends = st.sampled_from((None, LF, CRLF))


def words(data: bytes) -> list[bytes]:
    return data.split()


@given(data=texts, kinds=kinds, line_end=line_ends)
def test_mending_what_is_mended_changes_nothing(data: bytes, kinds: set[Kind], line_end: bytes | None) -> None:
    once = mend(data, kinds, line_end=line_end)
    again = mend(once.data, kinds, line_end=line_end)
    assert again.data == once.data
    assert again.lines == {}


@given(data=texts, kinds=kinds, line_end=line_ends)
def test_nothing_but_white_space_changes_and_only_where_it_is_told(
    data: bytes, kinds: set[Kind], line_end: bytes | None
) -> None:
    mended = mend(data, kinds, line_end=line_end)
    assert words(mended.data) == words(data)
    assert (mended.data != data) == bool(mended.lines)
    assert mended.lines.keys() <= kinds


@given(data=texts, line_end=line_ends)
def test_no_fault_is_left(data: bytes, line_end: bytes | None) -> None:
    mended = mend(data, line_end=line_end).data
    lines = mended.split(b"\n")
    if not mended.strip():
        assert mended == data
        return
    assert mended.endswith(b"\n")
    assert lines[-2].strip()
    assert len({line.endswith(b"\r") for line in lines[:-1]}) == 1
    bodies = [line.removesuffix(b"\r") for line in lines]
    assert all(body == body.rstrip(b" \t") or body.rstrip(b" \t").endswith(b"\\") for body in bodies)


@given(data=texts, line=st.integers(1, 10))
def test_a_line_that_is_not_to_be_touched_keeps_its_spaces(data: bytes, line: int) -> None:
    before = data.split(b"\n")
    if line < len(before):
        after = mend(data, [Kind.TRAILING_SPACE], untouched={line}).data.split(b"\n")
        assert after[line - 1] == before[line - 1]


def test_most_lines_decide_how_mixed_ones_end_unless_it_is_said() -> None:
    mixed = b"a\r\nb\r\nc\n"
    assert mend(mixed).data == b"a\r\nb\r\nc\r\n"
    assert mend(mixed, line_end=LF).data == b"a\nb\nc\n"
    assert mend(mixed).lines == {Kind.LINE_ENDS: (3,)}
    assert mend(b"a\r\nb").data == b"a\r\nb\r\n"
    assert mend(b"a\nb\n", line_end=CRLF).data == b"a\nb\n"


def test_the_lines_of_each_fault_are_told() -> None:
    mended = mend(b"a \nb\t\nc\n\n  \n")
    assert mended.data == b"a\nb\nc\n"
    assert mended.lines == {Kind.TRAILING_SPACE: (1, 2, 5), Kind.EMPTY_LINES: (4, 5)}
    assert mend(b"a").lines == {Kind.NO_NEW_LINE: (1,)}


def test_a_return_within_a_line_is_seen() -> None:
    assert has_lone_return(b"a\rb\n")
    assert has_lone_return(b"a\r\r\n")
    assert not has_lone_return(b"a\r\nb\n")
