"""Whatever Codex CLI prints: nothing raises, no line is lost, and portions make no difference."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conselho.providers.base import KINDS, REASONS, Output, Said
from tests.providers.codex_runs import NOON, STREAMS, codex, lines_of, printed, run

PRINTED = [line for file in sorted(STREAMS.glob("codex-*.jsonl")) for line in lines_of(file.name)]
COMPLAINED = [line for file in sorted(STREAMS.glob("codex-*.stderr.txt")) for line in lines_of(file.name)]

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.just("\ud800\0"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@st.composite
def garbled(draw: st.DrawFn) -> str:
    """A recorded event, or its item, in which one thing is another or gone."""
    event: dict[str, Any] = json.loads(draw(st.sampled_from(PRINTED)))
    place = event.get("item", event) if draw(st.booleans()) else event
    name = draw(st.sampled_from(sorted(place)))
    if draw(st.booleans()):
        place[name] = draw(anything)
    else:
        del place[name]
    return json.dumps(event)


@st.composite
def cut(draw: st.DrawFn) -> str:
    """A part of a recorded line."""
    line = draw(st.sampled_from(PRINTED))
    return line[draw(st.integers(0, 9)) : draw(st.integers(0, len(line)))]


noise = st.text(st.characters(exclude_characters="\n"), max_size=30)
stdout = st.tuples(st.just("stdout"), st.sampled_from(PRINTED) | garbled() | cut() | noise | anything.map(json.dumps))
stderr = st.tuples(st.just("stderr"), st.sampled_from(COMPLAINED) | noise)
streams = st.lists(stdout | stderr, max_size=20)
exit_codes = st.sampled_from([0, 1, 2, 130, None])


def is_bookkeeping(stream: str, line: str) -> bool:
    """The beginning of a turn, and a part of what comes whole at its end, make no line."""
    try:
        event = json.loads(line)
    except ValueError:
        return False
    match event if stream == "stdout" else None:
        case {"type": "turn.started"}:
            return True
        case {"type": "item.started" | "item.updated", "item": {"type": "agent_message" | "reasoning"}}:
            return True
    return False


def flat(told: list[Said]) -> list[tuple[str, str, str, bool]]:
    return [(each.kind, line, repr(each.data), each.speaks) for each in told for line in each.lines]


@settings(deadline=None, max_examples=150)
@given(streams, exit_codes)
def test_nothing_raises_no_line_is_lost_and_everything_fits_the_log(
    lines: list[tuple[str, str]], exit_code: int | None
) -> None:
    state = codex.begin()
    for stream, line in lines:
        told, state = codex.read(Output(stream, [line], NOON), state)
        assert flat(told) or is_bookkeeping(stream, line), (stream, line)
        for said in told:
            assert said.kind in KINDS
            assert all("\n" not in each and "\ud800" not in each for each in said.lines)
            json.dumps(said.data, allow_nan=False).encode()
    end = codex.conclude(state, exit_code)
    assert (end.reason is None) == (end.failure is None)
    assert end.reason is None or end.reason in REASONS
    assert not (end.failure and end.at_least_warning)


@pytest.mark.parametrize("other", [None, 7, True, "x", ["x"], {"x": ["y"]}])
def test_each_field_of_each_event_may_be_anything(other: Any) -> None:
    for line in PRINTED:
        for path in [(), ("item",), ("usage",), ("error",)]:
            for name in json.loads(line).get(path[0], {}) if path else json.loads(line):
                event = json.loads(line)
                (event[path[0]] if path else event)[name] = other
                told, end = run(printed(event))
                assert flat(told) or is_bookkeeping("stdout", json.dumps(event))
                assert end.reason is None or end.reason in REASONS


@settings(deadline=None, max_examples=100)
@given(st.lists(stdout.map(lambda each: each[1]), max_size=20), st.integers(2, 7), exit_codes)
def test_it_makes_no_difference_in_what_portions_lines_come(lines: list[str], size: int, exit_code: int | None) -> None:
    alone, end = run(*(Output("stdout", [line], NOON) for line in lines), exit_code=exit_code)
    portions = [lines[first : first + size] for first in range(0, len(lines), size)]
    together, same = run(*(Output("stdout", each, NOON) for each in portions), exit_code=exit_code)
    assert flat(alone) == flat(together)
    assert end == same
