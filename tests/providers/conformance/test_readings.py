"""What every provider makes of output: nothing raises, nothing is lost, and portions make no difference."""

import copy
import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conselho.providers.base import KINDS, REASONS, Conclusion, Output, Provider, Said
from tests.providers.conformance.kinds import CLIS, NOON, PROVIDERS, printed, recorded
from tests.providers.conformance.test_invocations import of_each, of_each_cli

Line = tuple[str, str]  # of a stream, and its text

HOSTILE = [
    "{", "[]", "null", "7", '"text"', "{}", '{"type": null}', '{"type": ["x"]}', '{"type": {"type": 1}}', "\x00",
    "\udcff\udcfe", '{"type": "\\ud800"}', '{"type": 1e999}', "[" * 2000, '{"a":' * 2000,
    '{"type": "error", "message": [1]}',
    '{"type": "result", "result": 7, "usage": "many"}', '{"type": "message", "content": {"a": 1}, "role": []}',
    '{"type": "turn.failed", "error": null}', '{"type": "item.completed", "item": []}', '{"session_id": {"a": []}}',
]  # fmt: skip
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.just("\ud800\x00")
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner))
# Bytes that are no UTF-8 come as U+DC80 to U+DCFF, and no other half of a character does.
texts = st.text(st.characters(codec="utf-8", exclude_characters="\n") | st.just("\udcff"), max_size=40)
LINES = {each.name: recorded(each) or HOSTILE for each in PROVIDERS}


@st.composite
def garbled(draw: st.DrawFn, lines: Sequence[str]) -> str:
    """A recorded line, cut somewhere or with one of its values replaced."""
    line = draw(st.sampled_from(lines))
    if draw(st.booleans()):
        return line[draw(st.integers(0, 20)) : draw(st.integers(0, len(line)))]
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        return line
    if isinstance(event, dict) and event:
        event[draw(st.sampled_from(sorted(event)))] = draw(values)
    return json.dumps(event)


def outputs(provider: Provider) -> st.SearchStrategy[list[Line]]:
    lines = LINES[provider.name]
    stdout = st.one_of(st.sampled_from(lines), garbled(lines), st.sampled_from(HOSTILE), texts, values.map(json.dumps))
    return st.lists(st.tuples(st.just("stdout"), stdout) | st.tuples(st.just("stderr"), texts), max_size=20)


def read(provider: Provider, portions: Sequence[Output], exit_code: int | None) -> tuple[list[Any], Conclusion]:
    state = provider.begin()
    told: list[Said] = []
    for portion in portions:
        said, state = provider.read(portion, state)
        told += said
    return [(each.kind, line, repr(each.data), each.speaks) for each in told for line in each.lines], (
        provider.conclude(state, exit_code)
    )


def together(lines: Sequence[Line], sizes: Sequence[int]) -> list[Output]:
    """The lines, at most so many at once, those of a portion all of one stream."""
    found: list[Output] = []
    room, rest = 0, iter(sizes)
    for stream, line in lines:
        if room and found[-1].stream == stream:
            found[-1] = Output(stream, [*found[-1].lines, line], NOON)
            room -= 1
        else:
            found.append(Output(stream, [line], NOON))
            room = next(rest, 0)
    return found


@of_each
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_is_printed_it_is_read_and_portions_make_no_difference(
    provider: Provider, data: st.DataObject
) -> None:
    lines = data.draw(outputs(provider))
    exit_code = data.draw(st.sampled_from([0, 1, 143, None]))
    singly = read(provider, together(lines, ()), exit_code)
    assert read(provider, together(lines, data.draw(st.lists(st.integers(0, 5), max_size=20))), exit_code) == singly

    told, conclusion = singly
    for kind, line, _, _ in told:
        assert kind in KINDS
        assert "\n" not in line or provider.program is None
        line.encode("utf-8", "surrogateescape")
    assert conclusion.reason is None or conclusion.reason in REASONS
    for number in (conclusion.turns, conclusion.input_tokens, conclusion.output_tokens, conclusion.cached_tokens):
        assert number is None or number >= 0
    assert conclusion.lifts_at is None or conclusion.lifts_at.utcoffset() is not None


@of_each
def test_data_beside_a_line_is_plain_json(provider: Provider) -> None:
    state = provider.begin()
    for line in (*HOSTILE, *LINES[provider.name]):
        said, state = provider.read(printed(line), state)
        for each in said:
            json.dumps(each.data, allow_nan=False)


@of_each
@pytest.mark.parametrize("line", ["Warning: no color", "  indented", "{not json", "é 👩‍👧"])
@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_what_is_no_event_is_a_line_as_it_came(provider: Provider, line: str, stream: str) -> None:
    said, _ = provider.read(printed(line, stream=stream), provider.begin())
    assert [text for each in said for text in each.lines] == [line]


@of_each
def test_reading_keeps_nothing_but_in_the_state(provider: Provider) -> None:
    lines = LINES[provider.name][:200]
    before = [printed(line) for line in lines]
    alone = read(provider, before, 0)
    one, other = provider.begin(), provider.begin()
    for output in before:  # two runs at once, each in its own state
        _, one = provider.read(output, one)
        _, other = provider.read(output, other)
    assert provider.conclude(one, 0) == provider.conclude(other, 0) == alone[1]
    assert provider.conclude(copy.deepcopy(one), 0) == provider.conclude(one, 0)
    assert before == [printed(line) for line in lines]


@of_each_cli
@pytest.mark.parametrize("exit_code", [0, 1, 130, None])
def test_a_run_that_said_nothing_has_failed_and_says_why(provider: Provider, exit_code: int | None) -> None:
    conclusion = provider.conclude(provider.begin(), exit_code)
    assert conclusion.failure
    assert conclusion.reason in REASONS
    assert (conclusion.result, conclusion.cost_usd, conclusion.input_tokens) == (None, None, None)


@of_each_cli
def test_a_line_of_which_only_pieces_come_is_told_and_is_at_least_a_warning(provider: Provider) -> None:
    state = provider.begin()
    told: list[Said] = []
    portions = [printed('{"type": "' + "x" * 1000, is_whole=False), printed("x" * 1000, is_whole=False), printed('"}')]
    for portion in portions:
        said, state = provider.read(portion, state)
        told += said
    assert [each.kind for each in told].count("warning") == 1
    conclusion = provider.conclude(state, 0)
    assert conclusion.at_least_warning or conclusion.failure


@pytest.mark.parametrize("provider", CLIS, ids=lambda provider: provider.name)
def test_there_is_something_recorded_of_it(provider: Provider) -> None:
    assert recorded(provider)
