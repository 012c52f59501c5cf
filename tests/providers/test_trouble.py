"""What a CLI tried in vain when its run was ended: of each that tells of its tries."""

import json

import pytest

from conselho.providers.base import Output
from conselho.providers.trouble import Trouble
from tests.providers import claude_runs, codex_runs, gemini_runs, opencode_runs


def claude_retry(attempt: int, error: str = "authentication_failed", status: int = 401) -> dict[str, object]:
    told = {"type": "system", "subtype": "api_retry", "attempt": attempt, "max_retries": 6, "retry_delay_ms": 500}
    return told | {"error_status": status, "error": error}


def codex_retry(attempt: int) -> dict[str, object]:
    words = "unexpected status 401 Unauthorized: bad key"
    return {"type": "error", "message": f"Reconnecting... {attempt}/5 ({words})"}


GEMINI_RETRY = "Attempt 1 failed with status 503. Retrying with backoff... _ApiError: " + json.dumps(
    {"error": {"code": 503, "message": "The model is overloaded."}}
)
OPENCODE_RETRY = 'timestamp=1 level=ERROR run=1 message="stream error" error.error="AI_APICallError: Incorrect API key"'


def test_nothing_that_failed_is_no_trouble() -> None:
    trouble = Trouble()
    trouble.add("x")
    trouble.end()
    assert trouble.told("it failed") is None


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        ("authentication_failed", "tried 3 times: the API refused its key (authentication_failed): run `claude`"),
        ("rate_limit", "tried 3 times: a limit of the API was reached (rate_limit)"),
        ("overloaded", "tried 3 times: the API did not answer as it should (overloaded)"),
        ("new_kind", "tried 3 times: the API did not answer as it should (new_kind)"),
    ],
)
def test_claude_says_what_its_api_did(error: str, sentence: str) -> None:
    retries = [claude_retry(attempt, error) for attempt in (1, 2, 3)]
    _, concluded = claude_runs.run(claude_runs.printed(*retries), exit_code=None)
    assert (concluded.trouble or "").startswith(sentence)


def test_claude_that_got_its_answer_has_no_trouble() -> None:
    _, concluded = claude_runs.run(claude_runs.printed(claude_retry(1), claude_runs.spoke("Well")), exit_code=None)
    assert concluded.trouble is None


def test_codex_says_that_its_key_was_refused() -> None:
    _, concluded = codex_runs.run(codex_runs.printed(codex_retry(1), codex_retry(2)), exit_code=None)
    assert concluded.trouble == (
        "tried 2 times: Codex was refused: unexpected status 401 Unauthorized: bad key: "
        "sign in: run `codex login`, or give the agent CODEX_API_KEY"
    )


def test_codex_that_goes_on_has_no_trouble() -> None:
    _, concluded = codex_runs.run(codex_runs.printed(codex_retry(1), codex_runs.spoke("Well")), exit_code=None)
    assert concluded.trouble is None


def test_gemini_says_what_its_api_did() -> None:
    _, concluded = gemini_runs.run(Output("stderr", [GEMINI_RETRY, "    at x"], gemini_runs.NOON), exit_code=None)
    assert concluded.trouble == "tried once: The model is overloaded"


def test_gemini_that_goes_on_has_no_trouble() -> None:
    failed = Output("stderr", [GEMINI_RETRY], gemini_runs.NOON)
    _, concluded = gemini_runs.run(failed, gemini_runs.printed(gemini_runs.INIT, gemini_runs.delta("Well")))
    assert concluded.trouble is None


def test_opencode_says_that_its_key_was_refused() -> None:
    told = opencode_runs.complained(OPENCODE_RETRY, OPENCODE_RETRY)
    _, concluded = opencode_runs.run(told, opencode_runs.printed(opencode_runs.begun()), exit_code=None)
    assert (concluded.trouble or "").startswith("tried 2 times: the model's API refused the key: AI_APICallError")


def test_opencode_says_what_else_its_api_did() -> None:
    told = opencode_runs.complained(OPENCODE_RETRY.replace("Incorrect API key", "Overloaded"))
    _, concluded = opencode_runs.run(told, exit_code=None)
    assert concluded.trouble == "tried once: the model's API failed: AI_APICallError: Overloaded"


def test_opencode_that_goes_on_has_no_trouble() -> None:
    told = opencode_runs.complained(OPENCODE_RETRY)
    _, concluded = opencode_runs.run(told, opencode_runs.printed(opencode_runs.said("Well")), exit_code=None)
    assert concluded.trouble is None
