"""What runs of Gemini CLI came to: recorded ones, and such as are made up."""

import json
from datetime import timedelta
from typing import Any

import pytest

from conselho.providers.base import REASONS, Conclusion
from tests.providers.gemini_runs import INIT, NOON, SUCCESS, delta, printed, refusal, replay, run, texts


def test_a_good_end_has_result_session_model_turns_and_tokens() -> None:
    told, end = replay("answer", 0)
    verdict = 'VERDICT: {"severity": "success", "summary": "fine", "findings": []}'
    assert texts(told, "text") == ["All is well.", "", verdict]
    assert end == Conclusion(
        result=f"All is well.\n\n{verdict}", session=end.session, model="gemini-2.5-flash", turns=1,
        input_tokens=130, output_tokens=25, cached_tokens=30,
    )  # fmt: skip
    assert end.session is not None
    assert len(end.session) == 36


def test_the_first_recordings_are_read_as_well() -> None:
    told, end = replay("ok", 0)
    assert texts(told, "text") == ["Running.", "All done: OK"]
    assert (end.result, end.turns, end.failure, end.at_least_warning) == ("All done: OK", 2, None, None)
    told, end = replay("tool-not-allowed", 0)
    assert end.failure is None
    assert end.at_least_warning is not None
    assert "run_shell_command (1)" in end.at_least_warning


def test_an_edit_tells_its_calls() -> None:
    told, end = replay("edit", 0)
    assert texts(told, "tool") == ["write_file: a.txt", "read_file: README.md", "run_shell_command: make check"]
    assert texts(told, "tool_result")[-1] == "it is checked"
    assert (end.result, end.turns, end.at_least_warning) == ("Done: é😀", 3, None)


def test_what_was_refused_is_a_warning_but_not_that_no_plan_was_approved() -> None:
    told, end = replay("refusals", 0)
    assert end.failure is None
    assert end.at_least_warning is not None
    assert "run_shell_command (1)" in end.at_least_warning
    assert "read_file (1)" in end.at_least_warning, "outside of the directory; a file that is not there is no refusal"
    assert "exit_plan_mode" not in end.at_least_warning
    assert len(texts(told, "warning")) == 2


@pytest.mark.parametrize(
    ("name", "exit_code", "reason", "words"),
    [
        ("refused-key", 144, "auth_failed", "API key not valid. Please pass a valid API key: run `gemini` once"),
        ("limit", 173, "rate_limited", "Gemini's limit was reached: You exceeded your current quota."),
        ("too-long", 144, "context_too_long", "exceeds the maximum number of tokens allowed"),
        ("no-model", 1, "model_unknown", "models/gemini-2.5-flash is not found"),
        ("no-key", 41, "auth_failed", "you must specify the GEMINI_API_KEY environment variable"),
        ("unknown-session", 42, "session_unknown", "No previous sessions found"),
        ("turns", 53, "max_turns", "Reached max session turns"),
        ("dropped", 1, "api_error", "terminated"),
        ("empty", 0, "agent_error", "empty response"),
        ("stopped", 0, "no_result", "ended without a result"),
        ("silent", None, "no_result", "ended without a result"),
    ],
)
def test_a_bad_end_has_its_reason_and_a_sentence(name: str, exit_code: int | None, reason: str, words: str) -> None:
    _, end = replay(name, exit_code)
    assert (end.reason, end.failure is not None and words in end.failure) == (reason, True), end
    assert end.reason in REASONS
    assert end.failure is not None
    assert "\n" not in end.failure


def test_what_was_not_said_to_its_end_is_the_result_all_the_same() -> None:
    assert replay("silent", None)[1].result == "One line\nand half of ano"


def test_a_limit_lifts_when_it_says() -> None:
    assert replay("limit", 173)[1].lifts_at == NOON + timedelta(seconds=7200.5)


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        ("Please retry in 9h12m3.5s.", 33_123.5),
        ("Your quota will reset after 3h20m5s.", 12_005),
        ("Suggested retry after 60s.", 60),
        ("Please retry in 250ms.", 0.25),
        ("Please retry in 3d 2h", 266_400),
        ("Please retry in 99999999999d", None),
        ("Please retry later", None),
    ],
)
def test_when_a_limit_lifts_is_counted_from_when_it_was_said(told: str, seconds: float | None) -> None:
    _, end = run(printed(INIT, refusal(f"[API Error: quota: {told}]")), exit_code=173)
    assert end.reason == "rate_limited"
    assert end.lifts_at == (None if seconds is None else NOON + timedelta(seconds=seconds))


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"code": 401, "message": "Request had invalid authentication credentials."}, "auth_failed"),
        ({"code": 403, "message": "Your API key was reported as leaked."}, "auth_failed"),
        ({"code": 429, "message": "no", "status": "RESOURCE_EXHAUSTED"}, "rate_limited"),
        ({"code": 404, "message": "no"}, "model_unknown"),
        ({"code": 500, "message": "Internal"}, "api_error"),
        ({"code": "x", "message": ["y"]}, "api_error"),
        ([], "api_error"),
    ],
)  # fmt: skip
def test_a_refusal_of_the_api_has_its_reason(body: Any, reason: str) -> None:
    _, end = run(printed(INIT, refusal(f"[API Error: {json.dumps({'error': body})}]")), exit_code=1)
    assert end.reason == reason


def test_a_question_that_was_asked_again_is_a_warning() -> None:
    told, end = replay("asked-again", 0)
    assert end.failure is None
    assert end.at_least_warning == "Gemini's API had to be asked again once"
    assert len(texts(told, "warning")) == 1


def test_an_end_without_an_answer_is_a_warning() -> None:
    tool = {"type": "tool_use", "tool_name": "glob", "tool_id": "t", "parameters": {}}
    done = {"type": "tool_result", "tool_id": "t", "status": "success", "output": "x"}
    _, end = run(printed(INIT, delta("I look."), tool, done, SUCCESS))
    assert (end.result, end.at_least_warning) == ("I look.", "it ended without an answer")


def test_what_it_warns_of_itself_is_a_warning() -> None:
    loop = {"type": "error", "severity": "warning", "message": "Loop detected, stopping execution"}
    told, end = run(printed(INIT, delta("Done"), loop, SUCCESS))
    assert texts(told, "warning") == ["Loop detected, stopping execution"]
    assert end.at_least_warning == "Loop detected, stopping execution"


def test_numbers_that_are_not_known_are_none() -> None:
    _, end = run(printed(INIT, refusal("no") | {"stats": {"input_tokens": 0, "output_tokens": "x", "models": [1]}}))
    assert (end.input_tokens, end.output_tokens, end.cached_tokens, end.cost_usd) == (None, None, None, None)


def test_names_are_such_as_every_database_takes() -> None:
    hostile = INIT | {"session_id": "a\ud800\0", "model": "m\ud800\0"}
    _, end = run(printed(hostile, delta("x"), SUCCESS))
    assert (end.session, end.model) == (None, "m\ufffd\ufffd")
