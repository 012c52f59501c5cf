"""The line that closes the log of a run."""

from typing import Any

import pytest

from conselho.providers import closing


@pytest.mark.parametrize(
    ("known", "line"),
    [
        ({}, "Done"),
        ({"is_good": False}, "Failed"),
        ({"turns": 1}, "Done after 1 turn"),
        ({"input_tokens": 10, "output_tokens": 0}, "Done: 10 tokens in, 0 out"),
        ({"output_tokens": 3, "counts_session": True}, "Done: 3 tokens out, in this session so far"),
        (
            {"turns": 2, "input_tokens": 5210, "output_tokens": 88, "cost_usd": 0.0193},
            "Done after 2 turns: 5,210 tokens in, 88 out, $0.0193",
        ),
        ({"is_good": False, "turns": 3, "cost_usd": 0.5}, "Failed after 3 turns: $0.5000"),
        ({"counts_session": True}, "Done"),
    ],
)
def test_what_is_not_known_is_not_said(known: dict[str, Any], line: str) -> None:
    assert closing.line(**{"is_good": True} | known) == line
