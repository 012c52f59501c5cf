"""Lines come back from a chunk as they went in, whatever stands in them, and take little room there."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conselho.executions import packing
from conselho.executions.packing import Line

NINE = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)

texts = st.text() | st.binary(max_size=40).map(lambda data: data.decode("utf-8", "surrogateescape"))
details = st.none() | st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5), max_size=3)
lines = st.builds(
    Line,
    at=st.integers(-(10**7), 10**7).map(lambda micros: NINE + timedelta(microseconds=micros)),
    kind=st.sampled_from(["stdout", "stderr", "tool"]),
    text=texts,
    data=details,
)


@given(st.lists(lines, min_size=1, max_size=30))
def test_any_lines_come_back_as_they_went_in(kept: list[Line]) -> None:
    packed = packing.pack(kept)
    assert list(packing.lines_of(packing.unpack(packed.first_at, packed.data))) == kept
    assert (packed.first_at, packed.last_at) == (min(each.at for each in kept), max(each.at for each in kept))
    assert packed.characters == sum(len(each.text) + 1 for each in kept)


@pytest.mark.parametrize("text", ["", "\n", "\n\n", "a\nb", "a\n", "\r\n", "\ud800", "\0", "\u2028"])
def test_a_text_that_could_be_taken_for_another_is_not(text: str) -> None:
    kept = [Line(NINE, "stdout", "before"), Line(NINE, "stdout", text), Line(NINE, "stdout", "")]
    packed = packing.pack(kept)
    assert list(packing.lines_of(packing.unpack(packed.first_at, packed.data))) == kept


def test_lines_that_came_together_take_no_room_for_their_moments() -> None:
    texts = [f"test {number} passed" for number in range(100)]
    together = packing.pack([Line(NINE, "stdout", text) for text in texts])
    apart = packing.pack([Line(NINE + timedelta(seconds=n * n), "stdout", text) for n, text in enumerate(texts)])
    assert len(together.data) < len(apart.data) < sum(map(len, texts))
