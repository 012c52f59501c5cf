"""Whatever OpenCode prints: nothing raises, no line is lost, and portions make no difference."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from conselho.providers.base import KINDS, REASONS, Conclusion, Output, Said
from tests.providers.opencode_runs import NOON, STREAMS, lines_of, opencode

RECORDED = [line for file in sorted(STREAMS.glob("opencode-*.jsonl")) for line in lines_of(file)]
NOISE = [line for file in sorted(STREAMS.glob("opencode-*.stderr.txt")) for line in lines_of(file)]

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.just("\ud800\x00")
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner))


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """A recorded line, of which something at any depth is another value, or gone."""
    event: dict[str, Any] = json.loads(draw(st.sampled_from(RECORDED)))
    for _ in range(draw(st.integers(1, 3))):
        holder = event
        while holder:
            name = draw(st.sampled_from(sorted(holder)))
            inner = holder[name]
            if isinstance(inner, dict) and inner and draw(st.integers(0, 3)):
                holder = inner
            elif draw(st.booleans()):
                holder[name] = draw(values)
                break
            else:
                del holder[name]
                break
    return json.dumps(event)


@st.composite
def truncated(draw: st.DrawFn) -> str:
    line = draw(st.sampled_from(RECORDED + NOISE))
    return line[draw(st.integers(0, 20)) : draw(st.integers(0, len(line)))]


words = st.text(st.characters(exclude_characters="\n"), max_size=40)
stdout_lines = st.one_of(st.sampled_from(RECORDED), mutated(), truncated(), words, values.map(json.dumps))
stderr_lines = st.one_of(st.sampled_from(NOISE), truncated(), words)
outputs = st.lists(st.tuples(st.just("stdout"), stdout_lines) | st.tuples(st.just("stderr"), stderr_lines), max_size=25)


def read(printed: list[Output], exit_code: int | None) -> tuple[list[Said], Conclusion]:
    state = opencode.begin()
    told: list[Said] = []
    for output in printed:
        said, state = opencode.read(output, state)
        told += said
    return told, opencode.conclude(state, exit_code)


def portions(lines: list[tuple[str, str]], sizes: list[int]) -> list[Output]:
    """The lines as outputs of at most so many lines each, of one stream each."""
    found: list[Output] = []
    left, rest = 0, iter(sizes)
    for stream, line in lines:
        if left and found[-1].stream == stream:
            found[-1] = Output(stream, [*found[-1].lines, line], NOON)
            left -= 1
        else:
            found.append(Output(stream, [line], NOON))
            left = next(rest, 0)
    return found


def flat(told: list[Said]) -> list[tuple[str, str, str, bool]]:
    return [(each.kind, line, repr(each.data), each.speaks) for each in told for line in each.lines]


def is_bookkeeping(stream: str, line: str) -> bool:
    """Steps that begin, and such as end to use tools: that they are read without a line is no loss."""
    try:
        event = json.loads(line) if stream == "stdout" else None
    except ValueError:
        return False
    return isinstance(event, dict) and event.get("type") in ("step_start", "step_finish")


@settings(deadline=None)
@given(outputs, st.sampled_from([0, 1, 143, None]))
def test_nothing_raises_and_no_line_is_lost(lines: list[tuple[str, str]], exit_code: int | None) -> None:
    state = opencode.begin()
    for stream, line in lines:
        told, state = opencode.read(Output(stream, [line], NOON), state)
        assert any(each.lines for each in told) or is_bookkeeping(stream, line), line
        for each in told:
            assert each.kind in KINDS
            assert not any("\n" in text for text in each.lines)
            json.dumps(each.data, allow_nan=False).encode()
    conclusion = opencode.conclude(state, exit_code)
    assert (conclusion.failure is None) == (conclusion.reason is None)
    assert conclusion.reason is None or conclusion.reason in REASONS
    assert conclusion.failure or conclusion.result or conclusion.at_least_warning


@settings(deadline=None)
@given(outputs, st.lists(st.integers(0, 5)))
def test_it_makes_no_difference_in_what_portions_lines_come(lines: list[tuple[str, str]], sizes: list[int]) -> None:
    told, conclusion = read([Output(stream, [line], NOON) for stream, line in lines], 0)
    again, concluded = read(portions(lines, sizes), 0)
    assert flat(again) == flat(told)
    assert concluded == conclusion


@settings(deadline=None)
@given(st.integers(0, len("".join(RECORDED))))
def test_a_stream_that_was_cut_anywhere_is_no_success_before_its_end(end: int) -> None:
    whole = "\n".join(lines_of(STREAMS / "opencode-ok.jsonl"))
    cut = whole[: end % len(whole)]
    _, conclusion = read([Output("stdout", cut.split("\n"), NOON)], None)
    assert conclusion.reason == "no_result"
