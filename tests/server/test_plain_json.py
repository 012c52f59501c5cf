import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conselho import errors
from conselho.server import plain_json


def nested(levels: int, bracket: str = "[]") -> bytes:
    """JSON of so many levels."""
    opening = '{"a":' if bracket == "{}" else "["
    return (opening * levels + "1" + bracket[1] * levels).encode()


@pytest.mark.parametrize("bracket", ["[]", "{}"])
def test_64_levels_are_let_in_and_65_are_not(bracket: str) -> None:
    plain_json.check(nested(64, bracket))
    for levels in (65, 66, 1_000, 100_000):
        with pytest.raises(errors.Invalid, match="more than 64 levels deep"):
            plain_json.check(nested(levels, bracket))


def test_brackets_beside_each_other_and_in_text_make_no_depth() -> None:
    plain_json.check(b"[" + b",".join([b"[]"] * 10_000) + b"]")
    plain_json.check(json.dumps(["[" * 1_000, "{" * 1_000]).encode())


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (rb'{"a": "x\u0000"}', "a holds a NUL"),
        (rb'{"a": {"b": [1, "\u0000"]}}', "a.b.1 holds a NUL"),
        (rb'{"a\u0000": 1}', "the body holds a NUL"),
        (rb'"\ud800"', "the body holds half a character"),
        (rb'{"a": "\udc00\ud800"}', "a holds half a character"),
        (b'"\xed\xa0\x80"', "the body is no UTF-8"),
        (b'"\xff"', "the body is no UTF-8"),
        ('{"a": 1}'.encode("utf-16"), "the body is no UTF-8"),
        (b'{"a": NaN}', "a is a number out of range"),
        (b"[1, -Infinity]", "1 is a number out of range"),
        (b'{"a": 1e999}', "a is a number out of range"),
        (b'{"a": 9223372036854775808}', "a is out of range: integers have at most 64 bits"),
        (b'{"a": -9223372036854775809}', "a is out of range"),
        (b'{"a": [' + b"9" * 100_000 + b"]}", "a.0 is a number out of range"),
        (b"", "the body is no JSON"),
        (b'{"a": 1', "the body is no JSON"),
        (b'{"a": "\x00"}', "the body is no JSON"),
        ('\ufeff{"a": 1}'.encode(), "the body is no JSON"),
    ],
)
def test_what_not_everybody_can_hold_is_refused_with_its_place(body: bytes, sentence: str) -> None:
    with pytest.raises(errors.Invalid) as refused:
        plain_json.check(body)
    assert refused.value.sentence.startswith(sentence)
    assert len(refused.value.sentence) < 300


@pytest.mark.parametrize(
    "body",
    [
        b"9223372036854775807",
        b"-9223372036854775808",
        rb'"\ud83d\ude00"',
        rb'"\\u0000"',
        b"1e308",
        b"[1.5, -0, 1e-999]",
    ],
)
def test_what_everybody_can_hold_is_let_in(body: bytes) -> None:
    plain_json.check(body)


_TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
_NUMBER = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
_PLAIN = st.recursive(
    st.none() | st.booleans() | _NUMBER | _TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(_TEXT, inner),
)  # fmt: skip


@given(_PLAIN, st.booleans())
def test_plain_json_is_let_in_however_it_is_written(value: Any, ascii_only: bool) -> None:
    plain_json.check(json.dumps(value, ensure_ascii=ascii_only).encode())


@given(_PLAIN, st.sampled_from(["\0", "\ud800", float("nan"), float("inf"), 2**63, -(2**63) - 1]))
def test_what_is_bad_is_found_wherever_it_is(value: Any, bad: Any) -> None:
    with pytest.raises(errors.Invalid):
        plain_json.check(json.dumps([value, {"x": [value, bad]}]).encode())
