"""Whatever Gemini CLI prints: nothing raises, no line is lost, and portions make no difference."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from conselho.providers.base import KINDS, REASONS, Conclusion, Output, Said
from tests.providers.gemini_runs import NOON, STREAMS, gemini

RECORDED = [line for file in sorted(STREAMS.glob("gemini-*.jsonl")) for line in file.read_text().splitlines()]
NOISE = [line for file in sorted(STREAMS.glob("gemini-*.stderr.txt")) for line in file.read_text().splitlines()]

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.just("\ud800\x00")
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner))


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """A recorded line, of which something is another value, or gone."""
    event: dict[str, Any] = json.loads(draw(st.sampled_from(RECORDED)))
    for _ in range(draw(st.integers(0, 2))):
        holder = event
        if isinstance(inner := event.get(draw(st.sampled_from(["error", "stats", "parameters"]))), dict) and draw(
            st.booleans()
        ):
            holder = inner
        if holder:
            holder[draw(st.sampled_from(sorted(holder)))] = draw(values)
    return json.dumps(event)


@st.composite
def truncated(draw: st.DrawFn) -> str:
    line = draw(st.sampled_from(RECORDED))
    return line[draw(st.integers(0, 20)) : draw(st.integers(0, len(line)))]


words = st.text(st.characters(exclude_characters="\n"), max_size=40)
stdout_lines = st.one_of(st.sampled_from(RECORDED), mutated(), truncated(), words, values.map(json.dumps))
outputs = st.lists(
    st.tuples(st.just("stdout"), stdout_lines) | st.tuples(st.just("stderr"), st.sampled_from(NOISE) | words),
    max_size=25,
)


def read(printed: list[Output], exit_code: int | None) -> tuple[list[Said], Conclusion]:
    state, told = gemini.begin(), []
    for output in printed:
        said, state = gemini.read(output, state)
        told += said
    return told, gemini.conclude(state, exit_code)


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


def flat(told: list[Said]) -> list[tuple[str, str, Any, bool]]:
    return [(each.kind, line, repr(each.data), each.speaks) for each in told for line in each.lines]


def is_portion(stream: str, line: str) -> bool:
    """What the assistant says is joined first: such a line alone may make none."""
    try:
        event = json.loads(line)
    except ValueError:
        return False
    is_said = isinstance(event, dict) and (event.get("type"), event.get("role")) == ("message", "assistant")
    return stream == "stdout" and is_said and isinstance(event.get("content"), str)


@settings(deadline=None, max_examples=150)
@given(outputs, st.lists(st.integers(0, 4)), st.sampled_from([0, 1, 41, 42, 53, 130, 173, None]))
def test_portions_make_no_difference_and_everything_fits_the_log(
    lines: list[tuple[str, str]], sizes: list[int], exit_code: int | None
) -> None:
    alone, end = read(portions(lines, []), exit_code)
    together, same_end = read(portions(lines, sizes), exit_code)
    assert flat(alone) == flat(together)
    assert end == same_end
    assert end.reason is None or end.reason in REASONS
    assert (end.reason is None) == (end.failure is None)
    for said in alone:
        assert said.kind in KINDS
        assert all("\n" not in line for line in said.lines)
        json.dumps(said.data, allow_nan=False).encode()


@settings(deadline=None, max_examples=150)
@given(outputs)
def test_every_line_makes_a_line(lines: list[tuple[str, str]]) -> None:
    state = gemini.begin()
    for stream, line in lines:
        said, state = gemini.read(Output(stream, [line], NOON), state)
        assert is_portion(stream, line) or sum(len(each.lines) for each in said) >= 1, (stream, line)


@settings(deadline=None)
@given(st.lists(st.text("ab\n", max_size=6), max_size=30))
def test_nothing_that_the_assistant_says_is_lost(portions_said: list[str]) -> None:
    events = [{"type": "message", "role": "assistant", "content": each, "delta": True} for each in portions_said]
    lines = [json.dumps(each) for each in [*events, {"type": "result", "status": "success"}]]
    told, _ = read([Output("stdout", lines, NOON)], 0)
    said = [line for each in told if each.kind == "text" for line in each.lines]
    assert said == "".join(portions_said).removesuffix("\n").split("\n")[: len(said)]
    assert "\n".join(said) == "".join(portions_said).removesuffix("\n")
