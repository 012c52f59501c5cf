"""What a run of Claude Code came to: results, reasons, and what was used."""

from datetime import UTC, datetime
from typing import Any

import pytest

from conselho.providers.base import Output
from tests.providers.claude_runs import NOON, SESSION, assistant, ended, model_usage, printed, replay, run, spoke


def test_an_answer_has_its_result_and_what_it_used() -> None:
    _, end = replay("answer")
    assert (end.result, end.failure, end.reason, end.at_least_warning) == (
        "All is well.\nVERDICT: fine",
        None,
        None,
        None,
    )
    assert (end.session, end.turns) == (SESSION, 1)
    assert (end.input_tokens, end.cached_tokens, end.output_tokens) == (130, 30, 20)
    assert end.cost_usd == pytest.approx(0.000806)
    assert not end.counts_session


def test_of_a_session_that_is_continued_only_what_is_new_counts() -> None:
    first, second = replay("answer")[1], replay("resumed")[1]
    assert second.session == first.session
    assert (second.input_tokens, second.output_tokens) == (first.input_tokens, first.output_tokens)
    assert second.cost_usd == pytest.approx(first.cost_usd)


def test_what_ended_later_is_added_and_said_last() -> None:
    _, end = replay("background")
    assert (end.result, end.turns, end.input_tokens) == ("It has ended.", 3, 390)


@pytest.mark.parametrize(
    ("name", "reason", "sentence"),
    [
        ("refused-key", "auth_failed", "sign in with /login"),
        ("no-key", "auth_failed", "sign in with /login"),
        ("limit", "rate_limited", "You've hit your 5-hour limit"),
        ("rate-limit", "rate_limited", "Slow down"),
        ("no-credit", "budget", "Credit balance is too low"),
        ("failing", "api_error", "500 oops"),
        ("too-long", "context_too_long", "ask for less at once"),
        ("no-model", "model_unknown", "issue with the selected model"),
        ("max-turns", "max_turns", "raise options.max_turns"),
        ("budget", "budget", "raise options.max_cost_usd"),
        ("interrupted", "agent_error", "it was interrupted"),
        ("unknown-session", "session_unknown", "No conversation found"),
        ("no-mcp-config", "no_result", "MCP config file not found"),
        ("killed", "no_result", "before it said what it came to"),
        ("given-429", "rate_limited", "mock limit"),
    ],
)
def test_a_failure_has_its_reason_and_says_what_to_do(name: str, reason: str, sentence: str) -> None:
    _, end = replay(name, exit_code=1)
    assert end.reason == reason
    assert sentence in (end.failure or "")
    assert end.at_least_warning is None
    assert (end.lifts_at is None) == (name != "limit")


def test_a_limit_tells_when_it_lifts() -> None:
    assert replay("limit", exit_code=1)[1].lifts_at == datetime(2030, 3, 17, 17, 46, 40, tzinfo=UTC)


def test_a_session_that_is_unknown_is_not_kept() -> None:
    assert replay("unknown-session", exit_code=1)[1].session is None


@pytest.mark.parametrize(
    ("name", "warning"),
    [
        ("denied", "it was not allowed to use Bash (2)"),
        ("edit", "it was not allowed to use Write"),
        ("given-permission-denied", "it was not allowed to use Bash"),
        ("asked-again", "the API had to be asked again once"),
        ("silent", "its answer is empty"),
        ("command", "its prompt was taken for a command of the CLI: /help isn't available in this environment."),
        ("tools", None),
        ("given-ok", None),
    ],
)
def test_what_is_no_plain_success_is_a_warning(name: str, warning: str | None) -> None:
    _, end = replay(name)
    assert (end.failure, end.at_least_warning) == (None, warning)


def test_a_stream_without_its_end_is_a_failure_with_what_was_said_last() -> None:
    _, end = run(printed(spoke("so far")), Output("stderr", ("oops", ""), NOON), exit_code=143)
    assert (end.reason, end.result) == ("no_result", "so far")
    assert end.failure == "it ended with exit code 143 before it said what it came to: oops"
    assert (end.turns, end.input_tokens, end.cost_usd) == (None, None, None)
    assert run(exit_code=None)[1].failure == "it was ended before it said what it came to"


def test_a_result_is_none_any_more_once_work_goes_on_after_it() -> None:
    begun = {"type": "system", "subtype": "init", "session_id": SESSION}
    _, end = run(printed(begun, ended(num_turns=2), begun, spoke("It has ended")))
    assert (end.reason, end.turns) == ("no_result", 2)
    assert run(printed(begun, ended(), begun, ended()))[1].reason is None


def test_an_event_that_was_cut_off_is_no_end() -> None:
    _, end = run(printed(spoke("so far"), '{"type":"result","subtype":"success","is_err'))
    assert end.reason == "no_result"


@pytest.mark.parametrize(
    ("more", "tokens", "cost"),
    [
        (
            {"model_usage_since_last_result": {"a": model_usage(1, 2, 3, 0.5), "b": model_usage(10, 0, 0, 0.25)}},
            13,
            0.75,
        ),
        ({"model_usage_since_last_result": {"a": {"inputTokens": 4}}, "total_cost_usd": 9}, 4, None),
        ({"model_usage_since_last_result": {}, "total_cost_usd": 9}, 0, 0.0),
        ({"usage": {"input_tokens": 5, "cache_read_input_tokens": 6}, "total_cost_usd": 0.125}, 11, 0.125),
        ({"usage": {"input_tokens": 5}, "modelUsage": {"a": model_usage(5, 0, 0, 1)}, "total_cost_usd": 1}, 5, 1.0),
        ({"usage": {"input_tokens": 5}, "modelUsage": {"a": model_usage(50, 0, 0, 1)}, "total_cost_usd": 1}, 5, None),
        ({"usage": 3, "modelUsage": [], "total_cost_usd": "a lot"}, 0, None),
    ],
)
def test_only_what_is_new_is_counted_and_what_is_unknown_stays_so(
    more: dict[str, Any], tokens: int, cost: float | None
) -> None:
    _, end = run(printed(ended(**more)))
    assert (end.input_tokens, end.cost_usd) == (tokens, cost)


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"is_error": True, "terminal_reason": "prompt_too_long"}, "context_too_long"),
        ({"is_error": True, "terminal_reason": "blocking_limit"}, "context_too_long"),
        ({"is_error": True, "terminal_reason": "api_error"}, "api_error"),
        ({"is_error": True, "terminal_reason": "something new"}, "agent_error"),
        ({"subtype": "error_max_turns"}, "max_turns"),
        ({"subtype": "error_max_budget_usd"}, "budget"),
        ({"subtype": None}, "agent_error"),
        ({"terminal_reason": "aborted_tools"}, "agent_error"),
        ({"is_error": True, "num_turns": 0, "errors": ["No conversation found with session ID: x"]}, "session_unknown"),
        ({"is_error": True, "num_turns": 2, "errors": ["No conversation found with session ID: x"]}, "agent_error"),
    ],
)
def test_only_a_positive_end_is_a_success(more: dict[str, Any], reason: str) -> None:
    _, end = run(printed(ended(**more)))
    assert end.reason == reason
    assert end.failure


@pytest.mark.parametrize("error", ["oauth_org_not_allowed", "cloud_credential_error", "authentication_failed"])
def test_every_way_not_to_be_signed_in_says_how_to(error: str) -> None:
    refused = assistant({"type": "text", "text": "No."}, error=error)
    _, end = run(printed(refused, ended(is_error=True, terminal_reason="api_error", result="No.")))
    assert end.reason == "auth_failed"
    assert end.failure is not None
    assert end.failure.startswith("No: run `claude`")
