"""What runs of OpenCode come to: result, numbers, reasons and sentences."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from conselho.providers.base import REASONS
from tests.providers.opencode_runs import (
    NOON,
    SESSION,
    begun,
    complained,
    ended,
    failed,
    printed,
    replay,
    run,
    said,
    texts,
    used,
)


@pytest.mark.parametrize(
    ("name", "exit_code", "reason", "words"),
    [
        ("refused-key", 1, "auth_failed", "opencode auth login"),
        ("rate-limit", 1, "rate_limited", "2026-11-01 12:00:20 UTC"),
        ("too-long", 1, "context_too_long", "128000 tokens"),
        ("unknown-model", 1, "model_unknown", "scripted/large"),
        ("unknown-session", 1, "session_unknown", "begin a new one"),
        ("permission-asked", 0, "permission_needed", "allowed_tools"),
        ("loop", 1, "agent_error", "three times"),
        ("killed", None, "no_result", "in the middle"),
    ],
)
def test_a_recorded_failure_has_its_reason(name: str, exit_code: int | None, reason: str, words: str) -> None:
    _, conclusion = replay(name, exit_code)
    assert conclusion.reason == reason
    assert conclusion.failure is not None
    assert words in conclusion.failure
    assert reason in REASONS


def test_a_recorded_success_has_its_numbers() -> None:
    _, conclusion = replay("ok")
    assert (conclusion.failure, conclusion.reason, conclusion.at_least_warning) == (None, None, None)
    assert conclusion.result == "All done: OK"
    assert conclusion.session == "ses_e02247d2fffelokn81HBlkjWq6"
    assert (conclusion.turns, conclusion.input_tokens, conclusion.cached_tokens) == (2, 200, 20)
    assert (conclusion.output_tokens, conclusion.cost_usd) == (40, 0.00026)


def test_denials_are_at_least_a_warning() -> None:
    _, conclusion = replay("tools")
    assert conclusion.failure is None
    assert conclusion.at_least_warning == "it was denied what it wanted to do once (bash)"
    assert conclusion.result is not None
    assert conclusion.result.startswith("It is fine.\nVERDICT")


def test_a_clean_exit_without_an_answer_proves_little() -> None:
    _, conclusion = replay("empty")
    assert (conclusion.failure, conclusion.result) == (None, None)
    assert conclusion.at_least_warning == "it gave no answer"


def test_every_token_that_the_model_was_sent_is_counted() -> None:
    _, conclusion = run(printed(begun(), ended("tool-calls"), begun("msg_2"), said("Done", "msg_2"), ended()))
    assert (conclusion.input_tokens, conclusion.cached_tokens, conclusion.output_tokens) == (30, 8, 10)
    assert conclusion.cost_usd == 1.0


@pytest.mark.parametrize("cost", [0, 0.0, None, -1, "1", float("nan"), [1], True])
def test_an_unknown_cost_is_none(cost: Any) -> None:
    _, conclusion = run(printed(begun(), said("Done"), ended(cost=cost)))
    assert conclusion.cost_usd is None


def test_where_sub_agents_worked_the_numbers_are_unknown() -> None:
    _, conclusion = run(printed(begun(), used("task", {"prompt": "x"}), said("Done"), ended()))
    assert (conclusion.cost_usd, conclusion.input_tokens, conclusion.output_tokens) == (None, None, None)
    assert conclusion.turns == 1


def test_the_result_is_the_last_message_and_no_earlier() -> None:
    _, conclusion = run(
        printed(said("Looking."), ended("tool-calls"), said("One.", "msg_2"), said("Two.", "msg_2"), ended())
    )
    assert conclusion.result == "One.\nTwo."


@pytest.mark.parametrize(
    "events",
    [
        [],
        [begun()],
        [begun(), said("Half an ans")],
        [begun(), said("Done"), ended("tool-calls")],
        [begun(), said("Done"), ended(), begun("msg_2")],
        [begun(), said("Done"), ended("error")],
        [begun(), said("Done"), ended("")],
    ],
)
@pytest.mark.parametrize("exit_code", [0, None, 143])
def test_without_a_positive_end_it_is_a_failure(events: list[dict[str, Any]], exit_code: int | None) -> None:
    _, conclusion = run(printed(*events), exit_code=exit_code)
    assert conclusion.reason == "no_result"
    assert conclusion.failure is not None


def test_an_answer_that_was_cut_is_a_warning() -> None:
    _, conclusion = run(printed(begun(), said("Do"), ended("length")))
    assert (conclusion.failure, conclusion.at_least_warning) == (None, "the answer was cut at its longest")


def test_a_configuration_that_was_hidden_is_a_warning() -> None:
    _, conclusion = run(
        complained('\x1b[93m\x1b[1m! \x1b[0m agent "conselho" not found. Falling back to default agent'),
        printed(begun(), said("Done"), ended()),
    )
    assert conclusion.at_least_warning is not None
    assert "environment" in conclusion.at_least_warning


def test_an_mcp_server_that_did_not_start_is_a_warning() -> None:
    logged = 'timestamp=x level=WARN run=1 message="server unavailable" key=github type=local status=failed'
    told, conclusion = run(complained(logged), printed(begun(), said("Done"), ended()))
    assert texts(told, "warning") == ["the MCP server github is not available"]
    assert conclusion.at_least_warning == "MCP servers were not available (github)"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ({"statusCode": 401}, "auth_failed"),
        ({"statusCode": 403}, "auth_failed"),
        ({"statusCode": 402}, "budget"),
        ({"statusCode": 429, "responseBody": '{"error": {"type": "insufficient_quota"}}'}, "budget"),
        ({"statusCode": 429}, "rate_limited"),
        ({"statusCode": 413}, "context_too_long"),
        ({"statusCode": 400, "message": "prompt is too long: 9 tokens"}, "context_too_long"),
        ({"statusCode": 404, "message": "The model `x` does not exist"}, "model_unknown"),
        ({"statusCode": 500}, "api_error"),
        ({"statusCode": "x"}, "api_error"),
        ({"message": ["x"], "responseHeaders": 7}, "api_error"),
        ({}, "api_error"),
    ],
)
def test_an_error_of_the_api_has_its_reason(data: dict[str, Any], reason: str) -> None:
    _, conclusion = run(printed(failed("APIError", **data)))
    assert conclusion.reason == reason
    assert conclusion.session == SESSION


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        ({"name": "ProviderAuthError", "data": {"message": "x"}}, "auth_failed"),
        ({"name": "UnknownError", "data": {"message": "OpenAI API key is missing."}}, "auth_failed"),
        ({"name": "MessageAbortedError", "data": {"message": "Aborted"}}, "agent_error"),
        ({"name": "NewError", "data": "x"}, "agent_error"),
        ({"name": ["x"]}, "agent_error"),
        ("x", "agent_error"),
        (None, "agent_error"),
    ],
)
def test_other_errors_have_theirs(error: Any, reason: str) -> None:
    _, conclusion = run(printed({"type": "error", "sessionID": SESSION, "error": error}))
    assert conclusion.reason == reason


@pytest.mark.parametrize(
    ("headers", "message", "lifts_at"),
    [
        ({"retry-after": "3600"}, "Slow", NOON + timedelta(hours=1)),
        ({"Retry-After": "Sun, 01 Nov 2026 15:00:00 GMT"}, "Slow", datetime(2026, 11, 1, 15, tzinfo=UTC)),
        ({"retry-after-ms": "1500"}, "Slow", NOON + timedelta(seconds=1.5)),
        ({}, "Please try again in 3 days 2 hours.", NOON + timedelta(days=3, hours=2)),
        ({}, "Please try again in 1h2m3.5s", NOON + timedelta(hours=1, minutes=2, seconds=3.5)),
        ({}, "Please try again in 250ms", NOON + timedelta(seconds=0.25)),
        ({}, "It will reset in 1 day and 3 hours.", NOON + timedelta(days=1, hours=3)),
        ({"retry-after-ms": "10"}, "try again in 20s", NOON + timedelta(seconds=20)),
        ({"retry-after": "soon"}, "Slow", None),
        ({"retry-after": "1e300"}, "try again in 99999999999999999999 days", None),
        ({"retry-after": "nan"}, "try again in 5 apples", None),
        ({"retry-after": "Mon, 01 Jan 0001 00:00:00 +2359"}, "", None),
        ({"retry-after": ["1"]}, "", None),
    ],
)
def test_a_limit_lifts_when_it_is_said(headers: dict[str, Any], message: str, lifts_at: datetime | None) -> None:
    _, conclusion = run(printed(failed("APIError", message=message, statusCode=429, responseHeaders=headers)))
    assert (conclusion.reason, conclusion.lifts_at) == ("rate_limited", lifts_at)


def test_a_configuration_that_cannot_be_read_is_told() -> None:
    _, conclusion = run(
        complained("\x1b[91m\x1b[1mError: \x1b[0mConfiguration is invalid at /etc/x.json", "Expected number"),
        exit_code=1,
    )
    assert conclusion.reason == "bad_input"
    assert conclusion.failure is not None
    assert "Expected number" in conclusion.failure


def test_what_was_said_first_and_last_is_in_the_sentence() -> None:
    complaint = complained("Error: it crashed", "", *(f"at {number}" for number in range(1000)), "Segmentation fault")
    _, conclusion = run(complaint, exit_code=139)
    assert conclusion.failure == "OpenCode failed: Error: it crashed at 0 at 998 at 999 Segmentation fault"


def test_a_database_that_two_made_at_once_is_tried_again() -> None:
    _, conclusion = run(complained("Error: Unexpected error", "Failed query: CREATE TABLE `workspace` (", "params: "))
    assert conclusion.failure is not None
    assert "try again" in conclusion.failure


@pytest.mark.parametrize("session", ["\n", "--auto", 7, ["x"], "x" * 201])
def test_what_can_be_no_session_is_none(session: Any) -> None:
    _, conclusion = run(printed(begun() | {"sessionID": session}, said("Done"), ended()))
    assert conclusion.session == SESSION, "the first that is one"
