"""What did a run come to? The shim's last word, what the provider read and the verdict, made into one outcome.

Pure: given the same facts it says the same, also after a restart.
"""

import re
import signal
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from conselho.executions import verdict
from conselho.executions.endings import LogEnd, Outcome
from conselho.executions.states import Status
from conselho.executions.verdict import Ending, Severity
from conselho.providers.base import Conclusion, Program, Said

NOT_FOUND, NOT_EXECUTABLE = 127, 126  # as every shell says it
TEXT_CHARACTERS_MAX = 16 * 1024  # kept of result and error
PROCESSES_NAMED = 5
TOKENS_MAX, TURNS_MAX = 2**53, 2**31 - 1  # what the columns hold
COST_USD_MAX = 1e9
SESSION_CHARACTERS_MAX, MODEL_CHARACTERS_MAX = 200, 100

_KINDS: dict[Status, verdict.EndingKind] = {
    Status.SUCCEEDED: "succeeded",
    Status.FAILED: "failed",
    Status.TIMED_OUT: "timed_out",
    Status.CANCELLED: "cancelled",
    Status.LOST: "lost",
}
_HALF_CHARACTER = re.compile("[\ud800-\udfff]")
_NAMES = {"timeout": "timed out", "idle_timeout": "printed nothing for too long"}


def remarks(last_word: dict[str, Any]) -> list[Said]:
    """What the log should say at its end about the processes a run left behind, if it did."""
    found: list[Said] = []
    if killed := last_word.get("killed"):
        found.append(Said("warning", (f"[left running and ended: {_named(killed)}]",), speaks=False))
    if left := last_word.get("left"):
        found.append(Said("error", (f"[could not be ended: {_named(left)}]",), speaks=False))
    return found


def judge(  # noqa: PLR0913 - each is a fact of its own
    last_word: dict[str, Any],
    spec: dict[str, Any],
    accepted: list[int],
    reader: verdict.Reader,
    conclusion: Conclusion,
    log: LogEnd,
    *,
    is_capped: bool,
    program: Program | None = None,
) -> Outcome:
    """The outcome of a run that ended under its shim's eyes. `program`: what its provider needs to be there."""
    status, reason, sentence = _how(last_word, spec, accepted, conclusion, program)
    floor = _floor(last_word, conclusion, is_capped=is_capped)
    ending = Ending(
        ok=status is Status.SUCCEEDED,
        kind=_KINDS[status],
        sentence=sentence,
        floor=Severity.WARNING if floor else None,
        floor_reason=floor or "",
    )
    said = reader.decide(ending)
    return Outcome(
        status=status,
        severity=said.severity.value,
        summary=storable(said.summary) or None,
        findings=[_storable_tree(asdict(finding)) for finding in said.findings],
        is_reported=said.names_all,
        evidence=_storable_tree(asdict(said.evidence)),
        result=storable(conclusion.result),
        error=None if status is Status.SUCCEEDED else storable(sentence),
        reason=reason,
        exit_code=NOT_EXECUTABLE if reason == "cwd_missing" else last_word.get("exit_code"),
        signal=last_word.get("signal"),
        duration_seconds=last_word.get("duration_seconds"),
        completed_at=datetime.fromtimestamp(last_word["ended_at"], UTC) if "ended_at" in last_word else None,
        log=log,
        **_counted(conclusion),
    )


def failed(reason: str, sentence: str, *, exit_code: int | None = None, log: LogEnd | None = None) -> Outcome:
    """The outcome of a run that could not be started, or whose shim died."""
    return Outcome(
        status=Status.FAILED,
        severity="error",
        summary=storable(sentence),
        error=storable(sentence),
        reason=reason,
        exit_code=exit_code,
        evidence={"source": "ending", "text": storable(sentence)},
        log=log or LogEnd(0, 0),
    )


def storable(text: str | None) -> str | None:
    """Text that both databases hold: no NUL, no half characters, and not too much of it."""
    if text is None:
        return None
    whole = text if text.isascii() else _HALF_CHARACTER.sub("\ufffd", text)
    return whole.replace("\0", "\ufffd")[:TEXT_CHARACTERS_MAX]


def _counted(conclusion: Conclusion) -> dict[str, Any]:
    """What a CLI told of its run, as far as both databases hold it: its numbers may be any, its names of any length."""
    session, model, cost = storable(conclusion.session), storable(conclusion.model), conclusion.cost_usd
    return {
        "input_tokens": _whole(conclusion.input_tokens, TOKENS_MAX),
        "output_tokens": _whole(conclusion.output_tokens, TOKENS_MAX),
        "cached_tokens": _whole(conclusion.cached_tokens, TOKENS_MAX),
        "cost_usd": cost if cost is not None and 0 <= cost <= COST_USD_MAX else None,
        "turns": _whole(conclusion.turns, TURNS_MAX),
        "lifts_at": conclusion.lifts_at,
        # Half of a session's name is the name of none.
        "session": session if session == conclusion.session and len(session or "") <= SESSION_CHARACTERS_MAX else None,
        "model": model[:MODEL_CHARACTERS_MAX] if model else None,
    }


def _whole(number: int | None, most: int) -> int | None:
    return number if number is not None and 0 <= number <= most else None


def _how(
    last_word: dict[str, Any],
    spec: dict[str, Any],
    accepted: list[int],
    conclusion: Conclusion,
    program: Program | None,
) -> tuple[Status, str | None, str]:
    ended = str(last_word.get("ended"))
    if last_word.get("left"):
        return Status.FAILED, "tree_left", f"processes could not be ended: {_named(last_word['left'])}"
    if failure := last_word.get("failure"):
        return Status.FAILED, *_not_started(failure, spec, last_word, program)
    match ended:
        case "timeout" | "idle_timeout":
            seconds = spec.get(f"{ended}_seconds") or 0.0
            return Status.TIMED_OUT, ended, _ended(f"{_NAMES[ended]} after {seconds:g} s", conclusion)
        case "exit":
            return _by_exit(last_word, accepted, conclusion)
        case "too_late" | "not_started":
            return Status.FAILED, ended, "it was not started: its lease had passed before it could be"
        case "deadline":
            return Status.LOST, "deadline", "its worker fell silent, so the run was ended in time for another"
        case "cancelled":
            return Status.CANCELLED, ended, _ended("cancelled", conclusion)
        case _:
            return Status.FAILED, ended, f"ended by Conselho: {ended}"


def _ended(how: str, conclusion: Conclusion) -> str:
    """With what its CLI was at a loss then: that, and no want of time, may be why it came to nothing."""
    return how if conclusion.trouble is None else f"{how}; {conclusion.trouble}"


def _by_exit(last_word: dict[str, Any], accepted: list[int], conclusion: Conclusion) -> tuple[Status, str | None, str]:
    number = last_word.get("signal")
    if number:
        return Status.FAILED, "signal", f"ended by signal {number} ({_signal_name(number)})"
    code = last_word.get("exit_code")
    if conclusion.failure is not None:
        return Status.FAILED, conclusion.reason or "agent_error", conclusion.failure
    if code not in accepted:
        return Status.FAILED, conclusion.reason or "exit_code", f"exit code {code}"
    return Status.SUCCEEDED, None, f"exit code {code}"


def _not_started(
    failure: dict[str, Any], spec: dict[str, Any], last_word: dict[str, Any], missing: Program | None
) -> tuple[str, str]:
    message = str(failure.get("message", "")).lower()
    if failure.get("stage") == "cwd":
        return "cwd_missing", f"{spec.get('cwd')} cannot be entered: {message}"
    program = (spec.get("argv") or ["?"])[0]
    if failure.get("stage") == "exec" and last_word.get("exit_code") == NOT_FOUND and missing is not None:
        return "not_installed", f"{missing.name} is not in the PATH of its worker: {missing.install}"
    if failure.get("stage") == "exec" and last_word.get("exit_code") == NOT_FOUND:
        return "not_found", f"{program}: command not found"
    if failure.get("stage") == "exec":
        return "not_executable", f"{program} cannot be executed: {message}"
    return "not_started", f"it could not be started ({failure.get('stage')}): {message}"


def _floor(last_word: dict[str, Any], conclusion: Conclusion, *, is_capped: bool) -> str | None:
    if conclusion.at_least_warning is not None:
        return conclusion.at_least_warning
    if is_capped:
        return "its output passed the limit and was cut"
    if last_word.get("lost_bytes"):
        return "part of its output could not be kept: the disk was full"
    if last_word.get("killed") and last_word.get("ended") == "exit":
        return f"it left processes running: {_named(last_word['killed'])}"
    return None


def _named(processes: list[dict[str, Any]]) -> str:
    names = [f"{each.get('command')} ({each.get('pid')})" for each in processes[:PROCESSES_NAMED]]
    more = len(processes) - PROCESSES_NAMED
    return ", ".join(names) + (f" and {more} more" if more > 0 else "")


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return "unknown"


def _storable_tree(value: Any) -> Any:
    match value:
        case str():
            return storable(value)
        case dict():
            return {key: _storable_tree(each) for key, each in value.items()}
        case list() | tuple():
            return [_storable_tree(each) for each in value]
        case _:
            return value
