"""What each last word of a shim comes to: status, reason, severity and the sentence for a person."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conselho.executions import verdict
from conselho.executions.endings import LogEnd, Outcome
from conselho.executions.states import Status
from conselho.providers.base import Conclusion
from conselho.worker import outcome

SPEC: dict[str, Any] = {"argv": ["review", "x"], "cwd": "/srv/repo", "timeout_seconds": 60.0}
EXIT: dict[str, Any] = {"ended": "exit", "exit_code": 0, "signal": None, "duration_seconds": 1.5, "ended_at": 1e9}
AGENT = [{"pid": 7, "command": "node"}]


def judge(
    *lines: str,
    accepted: tuple[int, ...] = (0,),
    conclusion: Conclusion | None = None,
    is_capped: bool = False,
    **last_word: object,
) -> Outcome:
    reader = verdict.Reader()
    for number, line in enumerate(lines, start=1):
        reader.feed(number, line)
    spec = {**SPEC, **last_word.pop("spec", {})}  # type: ignore[dict-item]
    return outcome.judge(
        {**EXIT, **last_word}, spec, list(accepted), reader, conclusion or Conclusion(), LogEnd(3, 30),
        is_capped=is_capped,
    )  # fmt: skip


def failure(stage: str, message: str = "No such file or directory") -> dict[str, Any]:
    return {"stage": stage, "errno": 2, "message": message}


TABLE: list[tuple[dict[str, Any], tuple[str, str | None, str, str | None]]] = [
    ({}, ("succeeded", None, "success", None)),
    ({"exit_code": 1}, ("failed", "exit_code", "error", "exit code 1")),
    ({"exit_code": 255}, ("failed", "exit_code", "error", "exit code 255")),
    ({"exit_code": None, "signal": 9}, ("failed", "signal", "error", "ended by signal 9 (SIGKILL)")),
    ({"exit_code": None, "signal": 63}, ("failed", "signal", "error", "ended by signal 63 (unknown)")),
    ({"ended": "timeout", "signal": 15}, ("timed_out", "timeout", "error", "timed out after 60 s")),
    (
        {"ended": "idle_timeout", "spec": {"idle_timeout_seconds": 2.5}},
        ("timed_out", "idle_timeout", "error", "printed nothing for too long after 2.5 s"),
    ),
    ({"ended": "cancelled", "signal": 15}, ("cancelled", "cancelled", "warning", "cancelled")),
    (
        {"ended": "deadline", "signal": 15},
        ("lost", "deadline", "error", "its worker fell silent, so the run was ended in time for another"),
    ),
    (
        {"ended": "too_late", "exit_code": None},
        ("failed", "too_late", "error", "it was not started: its lease had passed before it could be"),
    ),
    ({"ended": "abandoned", "signal": 9}, ("failed", "abandoned", "error", "ended by Conselho: abandoned")),
    (
        {"failure": failure("exec"), "exit_code": 127},
        ("failed", "not_found", "error", "review: command not found"),
    ),
    (
        {"failure": failure("exec", "Permission denied"), "exit_code": 126},
        ("failed", "not_executable", "error", "review cannot be executed: permission denied"),
    ),
    (
        {"failure": failure("cwd"), "exit_code": 127},
        ("failed", "cwd_missing", "error", "/srv/repo cannot be entered: no such file or directory"),
    ),
    (
        {"failure": failure("fork", "Cannot allocate memory"), "ended": "not_started", "exit_code": None},
        ("failed", "not_started", "error", "it could not be started (fork): cannot allocate memory"),
    ),
    (
        {"left": AGENT, "ended": "cancelled"},
        ("failed", "tree_left", "error", "processes could not be ended: node (7)"),
    ),
    ({"left": AGENT}, ("failed", "tree_left", "error", "processes could not be ended: node (7)")),
]  # fmt: skip


@pytest.mark.parametrize(
    ("last_word", "expected"), TABLE, ids=lambda value: value[1] if isinstance(value, tuple) else ""
)
def test_every_last_word_has_one_outcome(
    last_word: dict[str, Any], expected: tuple[str, str | None, str, str | None]
) -> None:
    found = judge(**last_word)
    assert (found.status, found.reason, found.severity, found.error) == expected


def test_what_was_measured_is_kept() -> None:
    usage = Conclusion(result="done", session="s", input_tokens=3, output_tokens=4, cost_usd=0.5)
    found = judge(conclusion=usage)
    assert (found.exit_code, found.signal, found.duration_seconds) == (0, None, 1.5)
    assert found.completed_at == datetime.fromtimestamp(1e9, UTC)
    assert (found.result, found.session, found.input_tokens, found.output_tokens, found.cost_usd, found.log) == (
        "done", "s", 3, 4, 0.5, LogEnd(3, 30),
    )  # fmt: skip


def test_an_accepted_exit_code_is_a_success_and_zero_is_none_where_it_is_not_accepted() -> None:
    assert judge(accepted=(0, 3), exit_code=3).status is Status.SUCCEEDED
    assert judge(accepted=(3,), exit_code=0).status is Status.FAILED


def test_what_the_run_said_decides_how_good_a_success_is() -> None:
    assert judge("all done").severity == "success"
    found = judge('VERDICT: {"severity": "error", "summary": "two leaks"}')
    assert (found.status, found.severity, found.summary) == (Status.SUCCEEDED, "error", "two leaks")


def test_what_the_run_said_never_makes_a_failure_good() -> None:
    assert judge('VERDICT: {"severity": "success"}', exit_code=2).severity == "error"
    assert judge('VERDICT: {"severity": "success"}', ended="timeout").severity == "error"


@pytest.mark.parametrize(
    ("ended", "sentence"),
    [
        ("timeout", "timed out after 60 s; tried 3 times: its key was refused"),
        ("cancelled", "cancelled; tried 3 times: its key was refused"),
    ],
)
def test_a_run_that_was_ended_says_what_its_cli_was_at_a_loss_with(ended: str, sentence: str) -> None:
    found = judge(ended=ended, conclusion=Conclusion(trouble="tried 3 times: its key was refused"))
    assert (found.error, found.reason) == (sentence, ended)
    assert sentence in (found.summary or "")


def test_a_failure_that_the_cli_reported_is_believed_over_its_exit_code() -> None:
    found = judge(conclusion=Conclusion(failure="quota exceeded", reason="rate_limited"))
    assert (found.status, found.reason, found.error) == (Status.FAILED, "rate_limited", "quota exceeded")
    assert judge(conclusion=Conclusion(failure="oops")).reason == "agent_error"


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        ({"is_capped": True}, "its output passed the limit and was cut"),
        ({"lost_bytes": 7}, "part of its output could not be kept: the disk was full"),
        ({"killed": AGENT * 7}, f"it left processes running: {', '.join(['node (7)'] * 5)} and 2 more"),
        ({"conclusion": Conclusion(at_least_warning="a tool was denied")}, "a tool was denied"),
    ],
)  # fmt: skip
def test_some_successes_are_at_least_a_warning(facts: dict[str, Any], why: str) -> None:
    found = judge(**facts)
    assert (found.status, found.severity) == (Status.SUCCEEDED, "warning")
    assert why in str(found.evidence)
    assert judge('VERDICT: {"severity": "error"}', **facts).severity == "error"


def test_processes_killed_with_a_cancelled_run_are_no_fault_of_it() -> None:
    assert "left" not in str(judge(ended="cancelled", killed=AGENT).evidence)


def test_the_log_says_which_processes_were_left() -> None:
    said = outcome.remarks({"killed": AGENT, "left": [{"pid": 9, "command": "sh"}]})
    assert [(each.kind, *each.lines, each.speaks) for each in said] == [
        ("warning", "[left running and ended: node (7)]", False),
        ("error", "[could not be ended: sh (9)]", False),
    ]
    assert outcome.remarks({"killed": [], "left": []}) == []


def test_odd_bytes_from_the_run_become_text_that_can_be_stored() -> None:
    odd = "caf\udce9 \0"
    found = judge(
        'VERDICT: {"severity": "warning", "summary": "caf\udce9", "findings": [{"title": "\udcff"}]}',
        conclusion=Conclusion(result=odd, failure=odd),
        spec={"argv": [odd]},
    )
    for text in (str(found), str(found.findings), str(found.evidence)):
        text.encode("utf-8")
        assert "\0" not in text
    assert found.result == "caf\ufffd \ufffd"


@given(st.text(alphabet=st.characters(), max_size=100) | st.none())
def test_storable_text_is_storable_and_the_same_where_it_was(text: str | None) -> None:
    found = outcome.storable(text)
    if text is None:
        assert found is None
        return
    assert found is not None
    found.encode("utf-8")
    assert "\0" not in found
    assert len(found) == len(text)
    assert outcome.storable(found) == found


def test_only_so_much_of_a_text_is_kept() -> None:
    assert len(outcome.storable("x" * 10**6) or "") == outcome.TEXT_CHARACTERS_MAX


def test_a_run_that_could_not_be_started_is_an_error_with_its_sentence() -> None:
    found = outcome.failed("cwd_missing", "/x cannot be entered", exit_code=127)
    assert (found.status, found.severity, found.reason, found.error, found.exit_code) == (
        Status.FAILED, "error", "cwd_missing", "/x cannot be entered", 127,
    )  # fmt: skip
    assert replace(found, error=None).log == LogEnd(0, 0)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "ended": st.sampled_from(["exit", "timeout", "cancelled", "deadline", "too_late", "?", None]),
            "exit_code": st.none() | st.integers(0, 255),
            "signal": st.none() | st.integers(1, 64),
            "killed": st.just(AGENT) | st.just([]),
            "left": st.just(AGENT) | st.just([]),
            "failure": st.none() | st.just({}) | st.just({"stage": "exec", "message": "x"}),
            "lost_bytes": st.integers(0, 9),
        },
    )
)
def test_any_last_word_comes_to_an_end_that_the_table_of_states_allows(last_word: dict[str, Any]) -> None:
    spec: dict[str, Any] = {}
    found = outcome.judge(last_word, spec, [0], verdict.Reader(), Conclusion(), LogEnd(0, 0), is_capped=False)
    assert found.status in {Status.SUCCEEDED, Status.FAILED, Status.TIMED_OUT, Status.CANCELLED, Status.LOST}
    assert (found.error is None) is (found.status is Status.SUCCEEDED)
    assert found.severity in {"success", "warning", "error"}


def test_a_verdict_line_that_names_all_is_reported() -> None:
    line = 'VERDICT: {"severity": "warning", "findings": [{"title": "Leak", "severity": "error"}]}'
    assert judge(line).is_reported
    assert judge(line, is_capped=True).is_reported
    assert not judge("all well").is_reported
