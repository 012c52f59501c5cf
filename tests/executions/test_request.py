"""Every limit of a request, at its edge: the last that may be, the first that may not."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conselho import errors
from conselho.executions import request
from conselho.executions.request import Lane
from tests.executions.making import make_request

NINE = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
KIB = 1024


def nested(depth: int) -> dict[str, object]:
    found: dict[str, object] = {}
    for _ in range(depth - 1):
        found = {"a": found}
    return found


POSSIBLE: list[dict[str, object]] = [
    {},
    {"prompt": "x" * 512 * KIB},
    {"prompt": "é" * 256 * KIB},
    {"prompt": "x" * 512 * KIB, "provider": "gemini", "argv": None},
    {"model": "x" * 100},
    {"argv": ("cat", "{prompt}"), "prompt": "x" * 100 * KIB},
    {"argv": ("cat", "a{prompt}"), "prompt": "x" * 512 * KIB},
    {"argv": ("cat", "x" * (512 * KIB - 5))},
    {"argv": ("cat", "")},
    {"env": {"A": "x" * (128 * KIB - 1)}},
    {"title": "é" * 200},
    {"timeout_seconds": 1.0},
    {"timeout_seconds": 604_800.0},
    {"idle_timeout_seconds": 1},
    {"priority": 1000},
    {"priority": -1000},
    {"accepted_exit_codes": (0, 255)},
    {"accepted_exit_codes": tuple(range(256))},
    {"lanes": tuple(Lane(key=f"{n}", room=1) for n in range(10))},
    {"not_before": NINE, "start_before": NINE + timedelta(microseconds=1)},
    {"not_before": NINE.astimezone(timezone(timedelta(hours=-3)))},
    {"context": {"a": [1, None, {"b": "é"}]}},
    {"context": nested(100)},
]
IMPOSSIBLE: list[tuple[dict[str, object], str]] = [
    ({"prompt": "x" * (512 * KIB + 1)}, "prompt"),
    ({"prompt": "é" * (256 * KIB) + "x"}, "prompt"),
    ({"argv": ("cat", "{prompt}"), "prompt": "x" * (100 * KIB + 1)}, "100 KiB"),
    ({"argv": ("cat", "x" * (512 * KIB - 4))}, "argv"),
    ({"argv": ("cat", "é" * 256 * KIB)}, "argv"),
    ({"argv": ()}, "argv"),
    ({"argv": None}, "argv"),
    ({"argv": ("", "x")}, "argv"),
    ({"argv": ("a\0b",)}, "argv"),
    ({"argv": ("a", "\ud800")}, "argv"),
    ({"env": {"A": "x" * 128 * KIB}}, "128 KiB"),
    ({"env": {"A": "é" * 64 * KIB}}, "128 KiB"),
    ({"env": {"": "x"}}, "env"),
    ({"env": {"A=B": "x"}}, "env"),
    ({"env": {"A": "x\0"}}, "env"),
    ({"cwd": ""}, "cwd"),
    ({"cwd": "tmp"}, "cwd"),
    ({"cwd": "/\0"}, "cwd"),
    ({"title": "x" * 201}, "200 characters"),
    ({"title": "\ud83d"}, "title"),
    ({"prompt": "a\0"}, "prompt"),
    ({"model": "\0"}, "model"),
    ({"model": "x" * 101}, "100 characters"),
    ({"provider": "oracle"}, "known are claude"),
    ({"provider": "gemini"}, "argv"),
    ({"provider": "gemini", "argv": None}, "prompt"),
    ({"options": {"permission_mode": "full"}}, "a command has no options"),
    ({"options": {"turns": 3}}, "there is no 'turns'"),
    ({"instance_id": "\udfff"}, "instance_id"),
    ({"context": {"a": "\0"}}, "context"),
    ({"context": {"a": [{"\ud800": 1}]}}, "context"),
    ({"context": {"a": float("nan")}}, "context"),
    ({"context": nested(101)}, "100 deep"),
    ({"context": nested(100_000)}, "100 deep"),
    ({"timeout_seconds": 0.999}, "timeout_seconds"),
    ({"timeout_seconds": 604_800.001}, "timeout_seconds"),
    ({"timeout_seconds": float("nan")}, "timeout_seconds"),
    ({"timeout_seconds": float("inf")}, "timeout_seconds"),
    ({"idle_timeout_seconds": 0}, "idle_timeout_seconds"),
    ({"priority": 1001}, "priority"),
    ({"priority": -1001}, "priority"),
    ({"accepted_exit_codes": ()}, "accepted_exit_codes"),
    ({"accepted_exit_codes": (256,)}, "accepted_exit_codes"),
    ({"accepted_exit_codes": (-1,)}, "accepted_exit_codes"),
    ({"accepted_exit_codes": (0,) * 257}, "accepted_exit_codes"),
    ({"lanes": tuple(Lane(key=f"{n}", room=1) for n in range(11))}, "lanes"),
    ({"lanes": (Lane(key="a", room=0),)}, "lanes"),
    ({"lanes": (Lane(key="", room=1),)}, "lanes"),
    ({"not_before": NINE, "start_before": NINE}, "start_before"),
    ({"not_before": NINE.replace(tzinfo=None)}, "time zone"),
    ({"start_before": NINE.replace(tzinfo=None)}, "time zone"),
]


@pytest.mark.parametrize("changes", POSSIBLE, ids=lambda changes: "-".join(changes) or "plain")
def test_what_lies_at_a_limit_is_accepted(changes: dict[str, object]) -> None:
    wish = make_request(**changes)
    assert request.checked(wish) is wish


@pytest.mark.parametrize(
    ("changes", "named"), IMPOSSIBLE, ids=lambda value: "-".join(value) if isinstance(value, dict) else value
)
def test_what_lies_beyond_a_limit_is_refused_in_a_sentence_that_names_it(
    changes: dict[str, object], named: str
) -> None:
    with pytest.raises(errors.Invalid, match=named) as caught:
        request.checked(make_request(**changes))
    assert "\n" not in caught.value.sentence
    assert len(caught.value.sentence) < 200


@given(st.text(max_size=50))
def test_text_is_accepted_exactly_if_both_databases_can_hold_it(text: str) -> None:
    try:
        text.encode("utf-8")
        is_storable = "\0" not in text
    except UnicodeEncodeError:
        is_storable = False
    assert _is_accepted(title=text) is _is_accepted(prompt=text) is _is_accepted(argv=("x", text)) is is_storable


@given(st.floats(allow_nan=True, allow_infinity=True))
def test_a_timeout_lies_between_a_second_and_seven_days(seconds: float) -> None:
    assert _is_accepted(timeout_seconds=seconds) is (1 <= seconds <= 7 * 86400)


@given(st.text(alphabet="ab\0\ud800", max_size=3), st.text(alphabet="a=\0", max_size=2))
def test_a_digest_can_be_made_of_any_wish(prompt: str, name: str) -> None:
    wish = make_request(prompt=prompt, env={name: prompt})
    assert len(wish.digest()) == 64


def _is_accepted(**changes: object) -> bool:
    try:
        request.checked(make_request(**changes))
    except errors.Invalid:
        return False
    return True
