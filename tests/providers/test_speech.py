"""What CLIs say, as lines that can be kept: pieces, limits, and data of any shape."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conselho.providers import speech

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
HALF = json.loads('"\\ud800"')
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5),
    max_leaves=20,
)


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", []),
        ("\n", []),
        ("one", ["one"]),
        ("one\ntwo\n", ["one", "two"]),
        ("one\n\ntwo", ["one", "", "two"]),
        ("dos\r\nends\r\n", ["dos", "ends"]),
        ("10 %\r20 %", ["10 %\r20 %"]),
        (f"half {HALF}", ["half \ufffd"]),
        ("raw \udcff", ["raw \udcff"]),
    ],
)
def test_a_text_is_spoken_line_by_line(text: str, lines: list[str]) -> None:
    assert speech.spoken(text) == lines


def test_a_long_line_comes_in_pieces() -> None:
    text = "a" * speech.LINE_CHARACTERS_MAX + "b"
    assert speech.spoken(text) == ["a" * speech.LINE_CHARACTERS_MAX, "b"]


def test_of_too_many_lines_the_last_says_what_is_missing() -> None:
    assert len(speech.spoken("x\n" * speech.LINES_MAX)) == speech.LINES_MAX
    lines = speech.spoken("x\n" * (speech.LINES_MAX + 9))
    assert len(lines) == speech.LINES_MAX
    assert lines[-2:] == ["x", "[18 more characters are left out here]"]


@given(st.text(alphabet=st.characters() | st.sampled_from(["\n", HALF]), max_size=200))
def test_nothing_of_a_short_text_is_lost(text: str) -> None:
    assert "\n".join(speech.spoken(text)).replace("\r", "") == speech.storable(text).removesuffix("\n").replace(
        "\r", ""
    )


@pytest.mark.parametrize(
    "line",
    [
        "",
        "  ",
        "word",
        "[1]",
        "3",
        "{",
        '{"a":1',
        "null",
        '"{}"',
        "{} x",
        '{"a":' * 5000,
        '{"a":' + "[" * 200 + "]" * 200 + "}",
    ],
)
def test_a_line_that_is_no_object_is_none(line: str) -> None:
    assert speech.parsed(line) is None


def test_an_object_is_parsed_and_holds_only_numbers_of_json() -> None:
    assert speech.parsed(' {"a": [1, NaN, -Infinity], "b": {"c": null}}') == {"a": [1, None, None], "b": {"c": None}}
    assert speech.parsed('{"long": 1' + "0" * 5000 + "}") is None


def test_many_objects_side_by_side_are_not_deep() -> None:
    assert speech.parsed(json.dumps({"items": [[{}]] * 500})) == {"items": [[{}]] * 500}


@pytest.mark.parametrize(
    ("value", "text"), [(None, ""), ("a", "a"), (HALF, "\ufffd"), (7, "7"), (["é", {"b": True}], '["é",{"b":true}]')]
)
def test_any_value_has_words(value: Any, text: str) -> None:
    assert speech.text_of(value) == text


@pytest.mark.parametrize(
    ("value", "count"),
    [(0, 0), (12, 12), (-1, None), (True, None), (1.0, None), ("3", None), (2**60, None), (None, None)],
)
def test_only_whole_numbers_count(value: Any, count: int | None) -> None:
    assert speech.count_of(value) == count


@pytest.mark.parametrize(
    ("value", "amount"),
    [
        (0, 0.0),
        (0.25, 0.25),
        (-0.1, None),
        (float("nan"), None),
        (float("inf"), None),
        (True, None),
        ("1", None),
        (10**400, None),
    ],
)
def test_only_finite_numbers_are_amounts(value: Any, amount: float | None) -> None:
    assert speech.amount_of(value) == amount


def test_a_short_field_stays_beside_a_long_one() -> None:
    cut = speech.clipped({"path": "a.py", "content": "x" * 50_000}, 1000)
    assert cut["path"] == "a.py"
    assert cut["content"].startswith("xxx")
    assert cut["content"].endswith("x…")


def test_data_that_is_short_enough_is_kept_whole() -> None:
    value = {"a": [1, 2.5, None, True, "é"], "b": {"c": "d"}}
    assert speech.clipped(value) == value


@given(JSON, st.integers(min_value=20, max_value=300))
def test_clipped_data_is_short_and_plain_json(value: Any, characters: int) -> None:
    cut = speech.clipped(value, characters)
    text = json.dumps(cut, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    assert len(text) <= characters
    assert json.loads(text.encode("utf-8")) == cut


def test_calls_tell_how_long_they_took() -> None:
    calls = speech.Calls()
    calls.begin("a", NOON, "Bash")
    calls.begin("b", NOON, "Read")
    assert calls.open() == ["Bash", "Read"]
    assert calls.end("a", NOON + timedelta(seconds=1.5)) == (1.5, "Bash")
    assert calls.end("a", NOON) == (None, "")
    assert calls.end("b", NOON - timedelta(seconds=1)) == (0.0, "Read")
    assert calls.open() == []


def test_calls_that_never_end_are_forgotten_in_the_end() -> None:
    calls = speech.Calls()
    for number in range(speech.CALLS_MAX + 5):
        calls.begin(str(number), NOON, str(number))
    assert len(calls.open()) == speech.CALLS_MAX
    assert calls.end("4", NOON) == (None, "")
    assert calls.end("5", NOON) == (0.0, "5")
