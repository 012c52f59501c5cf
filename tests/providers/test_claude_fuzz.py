"""Whatever Claude Code prints: nothing raises, no line is lost, and portions make no difference."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from conselho.executions import logs
from conselho.providers.base import KINDS, REASONS, Output, Said
from tests.providers.claude_runs import NOON, STREAMS, claude, lines_of, run

PRINTED = [line for file in sorted(STREAMS.glob("claude-*.jsonl")) for line in lines_of(file.name)]
SILENT = ("stream_event", "keep_alive", "control_response")

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.just("\ud800\0"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@st.composite
def garbled(draw: st.DrawFn) -> str:
    """A recorded event in which one thing, however deep, is another or gone."""
    event: Any = json.loads(draw(st.sampled_from(PRINTED)))
    place, deeper = event, event
    while isinstance(deeper, dict | list) and deeper and (place is event or draw(st.booleans())):
        place = deeper
        name = draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
        deeper = place[name]
        if draw(st.booleans()):
            break
    if isinstance(place, dict | list) and place:
        name = draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
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
stderr = st.tuples(st.just("stderr"), noise)
streams = st.lists(stdout | stderr, max_size=20)
exit_codes = st.sampled_from([0, 1, 143, None])


def is_bookkeeping(stream: str, line: str) -> bool:
    """Counts while it thinks, and parts of what comes whole later, make no line."""
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        return False
    match event if stream == "stdout" else None:
        case {"type": str(kind)} if kind in SILENT:
            return True
        case {"type": "system", "subtype": "thinking_tokens"}:
            return True
    return False


def flat(told: list[Said]) -> list[tuple[str, str, str, bool]]:
    return [(each.kind, line, repr(each.data), each.speaks) for each in told for line in each.lines]


@settings(max_examples=200)
@given(streams, exit_codes)
def test_nothing_raises_no_line_is_lost_and_everything_fits_the_log(
    lines: list[tuple[str, str]], exit_code: int | None
) -> None:
    state = claude.begin()
    for stream, line in lines:
        told, state = claude.read(Output(stream, [line], NOON), state)
        assert flat(list(told)) or is_bookkeeping(stream, line), (stream, line)
        for said in told:
            assert said.kind in KINDS
            assert stream == "stderr" or all("\n" not in each and "\ud800" not in each for each in said.lines)
            json.dumps(said.data, allow_nan=False).encode()
            logs.pack("e", 1, 1, [(NOON, said.kind, each, said.data) for each in said.lines])
    end = claude.conclude(state, exit_code)
    assert (end.reason is None) == (end.failure is None)
    assert end.reason is None or end.reason in REASONS
    assert not (end.failure and end.at_least_warning)


@settings(max_examples=100)
@given(st.lists(stdout.map(lambda each: each[1]), max_size=20), st.integers(2, 7), exit_codes)
def test_it_makes_no_difference_in_what_portions_lines_come(lines: list[str], size: int, exit_code: int | None) -> None:
    alone, end = run(*(Output("stdout", [line], NOON) for line in lines), exit_code=exit_code)
    portions = [lines[first : first + size] for first in range(0, len(lines), size)]
    together, same = run(*(Output("stdout", each, NOON) for each in portions), exit_code=exit_code)
    assert flat(alone) == flat(together)
    assert end == same
