"""What a run of Codex came to."""

import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from conselho.providers.base import Output
from conselho.providers.codex_end import lifts_at
from tests.providers.codex_runs import COMPLETED, NOON, STARTED, THREAD, failed, printed, replay, run, spoke

MORNING = datetime(2026, 11, 1, 9, 30, 20, tzinfo=UTC)


@pytest.fixture
def clock_of_brazil(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Three hours behind UTC all year."""
    before = os.environ.get("TZ")
    monkeypatch.setenv("TZ", "<-03>3")
    time.tzset()
    yield
    monkeypatch.undo()
    assert os.environ.get("TZ") == before
    time.tzset()


def test_an_answer_is_the_result() -> None:
    _, end = replay("answer", 0)
    assert (end.result, end.failure, end.reason, end.at_least_warning) == (
        "All is well.\nVERDICT: fine",
        None,
        None,
        None,
    )
    assert end.session is not None
    assert (end.input_tokens, end.cached_tokens, end.output_tokens) == (130, 30, 20)
    assert (end.cost_usd, end.turns, end.model) == (None, None, None), "it does not say"


def test_its_tokens_are_those_of_the_whole_thread() -> None:
    _, end = replay("resumed", 0)
    assert (end.counts_session, end.input_tokens) == (True, 260)


@pytest.mark.parametrize(
    ("name", "exit_code", "reason", "says"),
    [
        ("refused-key", 1, "auth_failed", "codex login"),
        ("no-key", 1, "auth_failed", "CODEX_API_KEY"),
        ("limit", 1, "rate_limited", "hit your usage limit"),
        ("429", 1, "rate_limited", "hit your usage limit"),
        ("rate-limit", 1, "rate_limited", "429"),
        ("no-quota", 1, "budget", "billing"),
        ("dropped", 1, "api_error", "stream disconnected"),
        ("failing", 1, "api_error", "high demand"),
        ("too-long", 1, "context_too_long", "begin a new session"),
        ("no-model", 1, "model_unknown", "choose another"),
        ("stopped", None, "no_result", "ended before its turn did"),
        ("stopped", 0, "no_result", "ended before its turn did"),
        ("unknown-session", 1, "session_unknown", "no rollout found"),
        ("broken-config", 1, "bad_input", "unclosed array"),
    ],
)
def test_a_failure_has_its_reason_and_its_sentence(name: str, exit_code: int | None, reason: str, says: str) -> None:
    _, end = replay(name, exit_code)
    assert end.reason == reason, end
    assert end.failure is not None
    assert says in end.failure
    assert "\n" not in end.failure


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("asked-again", "asked again once"),
        ("empty", "without an answer"),
        ("refusals", "refused"),
    ],
)
def test_a_success_that_is_none_of_the_plain_ones_says_why(name: str, says: str) -> None:
    _, end = replay(name, 0)
    assert end.failure is None
    assert end.at_least_warning is not None
    assert says in end.at_least_warning


@pytest.mark.parametrize("name", ["ok", "answer", "tools", "resumed"])
def test_the_others_say_nothing_of_it(name: str) -> None:
    _, end = replay(name, 0)
    assert (end.failure, end.reason, end.at_least_warning) == (None, None, None)
    assert end.result


def test_an_exit_without_a_turns_end_is_no_success() -> None:
    _, end = run(printed(STARTED, {"type": "turn.started"}, spoke("All is well.")))
    assert (end.reason, end.result, end.session) == ("no_result", "All is well.", THREAD)


def test_a_turn_that_begins_after_another_has_to_end_as_well() -> None:
    _, end = run(printed(STARTED, spoke("One"), COMPLETED, {"type": "turn.started"}))
    assert end.reason == "no_result"


def test_nothing_at_all_is_a_failure() -> None:
    assert run()[1].reason == "no_result"
    assert run(exit_code=None)[1].reason == "no_result"


def test_a_program_that_is_half_installed_says_so() -> None:
    line = "Error: Missing optional dependency @openai/codex-linux-x64. Reinstall Codex: npm install -g @openai/codex"
    _, end = run(Output("stderr", ["file:///codex.js:100", "    throw new Error(", line], NOON), exit_code=1)
    assert end.reason == "not_installed"
    assert end.failure is not None
    assert "npm install" in end.failure


def test_of_a_body_of_the_api_its_message_is_told() -> None:
    _, end = run(printed(STARTED, failed('{"error": {"message": "bad thing", "type": "invalid_request_error"}}')))
    assert (end.reason, end.failure) == ("api_error", "bad thing")


@pytest.mark.parametrize(
    ("message", "left"),
    [
        ("Please try again in 1.5s.", timedelta(seconds=1.5)),
        ("try again in 250ms", timedelta(milliseconds=250)),
        ("Try again in 3 days 2 hours 5 minutes.", timedelta(days=3, hours=2, minutes=5)),
        ("or try again in 6m0s.", timedelta(minutes=6)),
        ("try again later.", None),
        ("try again in a while", None),
        ("try again in 900000 days", None),
        ("try again in " + "9" * 400 + " days", None),
    ],
)
def test_a_limit_lifts_so_long_after_it_was_told(message: str, left: timedelta | None) -> None:
    assert lifts_at(message, MORNING) == (None if left is None else MORNING + left)


@pytest.mark.parametrize(
    ("message", "moment"),
    [
        ("or try again at Nov 3rd, 2026 2:13 AM.", datetime(2026, 11, 3, 5, 14, tzinfo=UTC)),
        ("Try again at 12:05 PM.", datetime(2026, 11, 1, 15, 6, tzinfo=UTC)),
        ("Try again at 6:30 AM.", datetime(2026, 11, 1, 9, 31, tzinfo=UTC)),
        ("Try again at 12:05 AM.", None),
        ("Try again at Feb 31st, 2027 1:00 AM.", None),
        ("Try again at Foo 3rd, 2026 1:00 AM.", None),
        ("Try again at Nov 3rd, 9999 1:00 AM.", None),
        ("Try again at Nov 3rd, 0000 1:00 AM.", None),
        ("Try again at Nov 3rd, 2026 99:99 AM.", None),
    ],
)
@pytest.mark.usefixtures("clock_of_brazil")
def test_a_limit_lifts_at_a_time_of_day_where_it_runs(message: str, moment: datetime | None) -> None:
    assert lifts_at(message, MORNING) == moment


def test_only_a_limit_lifts() -> None:
    message = "status 401 Unauthorized: try again in 5s"
    assert run(printed(STARTED, failed(message)))[1].lifts_at is None
    limited = run(printed(STARTED, failed("rate limit exceeded: Please try again in 5s")))[1]
    assert (limited.reason, limited.lifts_at) == ("rate_limited", NOON + timedelta(seconds=5))
