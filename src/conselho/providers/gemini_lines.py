"""How do Gemini CLI's events become lines of the log?

What the assistant says comes in portions that know nothing of lines: a line is said once it is complete, at a newline
or when the message ends, and a message ends with the next event that is none of it. How the model thinks is not told.
An event of a shape or a type that is not known is kept as it came.
"""

import re
from collections import Counter, deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from conselho.providers import closing
from conselho.providers.base import Output, Said
from conselho.providers.gemini_message import Message
from conselho.providers.speech import Calls, clipped, count_of, parsed, spoken, storable, text_of
from conselho.providers.trouble import Trouble

CALL_CHARACTERS_MAX = 200  # of what a call is about, in its line
TROUBLE_CHARACTERS_MAX = 4_000  # kept of a try that failed
STDERR_LINES = 3  # kept from its beginning: why it did not start
REFUSALS = ("tool_not_registered", "policy_violation")
OUTSIDE = "Path not in workspace"  # said of a tool's file that lies outside: refused as well
# Asked for by the CLI's own words in plan mode, and never given: nothing that the run lacks.
UNMISSED = ("enter_plan_mode", "exit_plan_mode")
_SESSION = re.compile(r"[A-Za-z0-9_-]{1,200}")  # as the CLI takes them
_ABOUT = ("command", "file_path", "absolute_path", "dir_path", "path", "pattern", "query", "url", "prompt", "name")
_NOISE = ("Ripgrep is not available", "[STARTUP]", "Warning: ", "    at ", "(Use `node", "YOLO mode is enabled")
_RETRY = re.compile(r"Attempt \d+ failed")
_LIFTS = re.compile(r"(?:retry in|retry after|reset after) ((?:\d+(?:\.\d+)?(?:ms|[dhms]) ?)+)", re.IGNORECASE)
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|[dhms])")
_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
LIFTS_DAYS_MAX = 366


@dataclass(slots=True)
class Reading:
    """What was read of a run so far."""

    has_begun: bool = False
    session: str | None = None
    model: str | None = None
    turns: int = 0
    message: Message = field(default_factory=Message)
    calls: Calls = field(default_factory=Calls)
    refused: Counter[str] = field(default_factory=Counter)  # tools by name
    retries: int = 0
    trouble: Trouble = field(default_factory=Trouble)
    is_unreadable: bool = False  # a line was too long, or JSON of no use
    warning: str | None = None  # the CLI's own, the last one
    result: dict[str, Any] | None = None  # its last event
    lifts_at: datetime | None = None
    first_complaints: list[str] = field(default_factory=list)  # of stderr, before anything began
    complaints: deque[str] = field(default_factory=lambda: deque(maxlen=STDERR_LINES))
    is_answering: bool = False  # between what was asked and the next question to the model
    cut: set[str] = field(default_factory=set)  # streams in the middle of a line that is too long


def read(output: Output, state: Reading) -> list[Said]:
    """The lines that output makes."""
    if not output.is_whole:
        return _begin_of_cut(output, state)
    lines = output.lines
    if output.stream in state.cut:
        state.cut.discard(output.stream)
        lines = lines[1:]  # the end of the line that was cut
    handle = _of_stdout if output.stream == "stdout" else _of_stderr
    return [said for line in lines for said in handle(line, output.at, state) if said.lines]


def _begin_of_cut(output: Output, state: Reading) -> list[Said]:
    if output.stream in state.cut:
        return []
    state.cut.add(output.stream)
    state.is_unreadable = True
    return [Said("warning", ("[a line of more than 32 MB is left out here]",), speaks=False)]


def _of_stderr(line: str, at: datetime, state: Reading) -> list[Said]:
    _note_limit(line, at, state)
    if line.strip() and not line.startswith(_NOISE):
        if not state.has_begun and len(state.first_complaints) < STDERR_LINES:
            state.first_complaints.append(line.strip()[:500])
        state.complaints.append(line.strip()[:500])
    if _RETRY.match(line):
        state.retries += 1
        state.trouble.add(line[:TROUBLE_CHARACTERS_MAX])
        return [Said("warning", spoken(line), speaks=False)]
    return [Said("stderr", spoken(line) or ("",), speaks=False)]


def _of_stdout(line: str, at: datetime, state: Reading) -> list[Said]:
    event = parsed(line)
    if event is None:
        state.is_unreadable = state.is_unreadable or line.lstrip().startswith("{")
        return [Said("text", spoken(line) or ("",))]
    match event:
        case {"type": "message", "role": "assistant", "content": str(content)}:
            _begin_answer(state)
            return [Said("text", state.message.add(content))]
        case {"type": "message", "role": "user", "content": str(content)}:
            said = Said("system", (f"prompt of {len(content):,} characters",), speaks=False)
        case {"type": "init", "session_id": str(session)}:
            state.has_begun = True
            state.session = session if _SESSION.fullmatch(session) else None
            state.model = _named(event.get("model"))
            told = f"session {session[:200]}" + (f", model {state.model}" if state.model else "")
            said = Said("system", spoken(told)[:1], speaks=False)
        case {"type": "tool_use", "tool_name": str(name)}:
            said = _call(name, event, at, state)
        case {"type": "tool_result", "status": str(status)}:
            return _end_of_message(state) + _call_result(status, event, at, state)
        case {"type": "error", "message": str(message)}:
            said = _complaint(message, event, at, state)
        case {"type": "result", "status": str(status)}:
            state.result = event
            return _end_of_message(state) + _result(status, event, at, state)
        case _:
            return [Said("system", spoken(line), speaks=False)]
    return [*_end_of_message(state), said]


def _end_of_message(state: Reading) -> list[Said]:
    return [Said("text", state.message.end())]


def _begin_answer(state: Reading) -> None:
    state.trouble.end()
    state.turns += not state.is_answering
    state.is_answering = True


def _call(name: str, event: dict[str, Any], at: datetime, state: Reading) -> Said:
    _begin_answer(state)
    state.message.is_answered = False
    call = text_of(event.get("tool_id"))[:200]
    given = event.get("parameters")
    state.calls.begin(call, at, name[:200])
    told = spoken(f"{name[:200]}: {_about(given)}")[:1]
    return Said("tool", told, {"name": name[:200], "input": clipped(given), "id": call}, speaks=False)


def _about(given: Any) -> str:
    """What a call is about, in one line: the argument that says it, else all of them."""
    told = given
    if isinstance(given, dict):
        told = next((given[name] for name in _ABOUT if isinstance(given.get(name), str)), given or "")
    text = " ".join(text_of(told)[: CALL_CHARACTERS_MAX * 4].split())
    return text if len(text) <= CALL_CHARACTERS_MAX else text[:CALL_CHARACTERS_MAX] + "…"


def _call_result(status: str, event: dict[str, Any], at: datetime, state: Reading) -> list[Said]:
    state.is_answering = False
    call = text_of(event.get("tool_id"))[:200]
    seconds, name = state.calls.end(call, at)
    error = event.get("error")
    error = error if isinstance(error, dict) else {}
    message = text_of(error.get("message"))
    is_error = status != "success"
    data: dict[str, Any] = {"id": call, "is_error": is_error}
    if seconds is not None:
        data["duration_seconds"] = seconds
    told = spoken(text_of(event.get("output")) or message) or ["(nothing shown)"]
    said = [Said("tool_result", told, data, speaks=False)]
    if is_error and (error.get("type") in REFUSALS or message.startswith(OUTSIDE)) and name not in UNMISSED:
        state.refused[name or "a tool"] += 1
        said.append(Said("warning", spoken(f"{name or 'a tool'} was refused: {message[:500]}")[:1], speaks=False))
    return said


def _complaint(message: str, event: dict[str, Any], at: datetime, state: Reading) -> Said:
    _note_limit(message, at, state)
    state.warning = message[:500]
    kind = "error" if event.get("severity") == "error" else "warning"
    return Said(kind, spoken(message) or ("(no message)",), speaks=False)


def _result(status: str, event: dict[str, Any], at: datetime, state: Reading) -> list[Said]:
    said = []
    error = event.get("error")
    if status != "success":
        message = text_of(error.get("message") if isinstance(error, dict) else error)
        _note_limit(message, at, state)
        said.append(Said("error", spoken(message) or (f"it ended with {status[:100]}",), speaks=False))
    stats = event.get("stats")
    stats = stats if isinstance(stats, dict) else {}
    told = closing.line(
        is_good=status == "success",
        turns=state.turns or None,
        input_tokens=count_of(stats.get("input_tokens")) or None,  # 0 where nothing was counted
        output_tokens=count_of(stats.get("output_tokens")) or None,
    )
    return [*said, Said("result", (told,), speaks=False)]


def _named(model: Any) -> str | None:
    """A model's name; none where the CLI is still to choose."""
    return clean(model) if isinstance(model, str) and model not in {"", "auto"} else None


def clean(name: str) -> str:
    """A name as every database takes it."""
    return storable(name[:200]).replace("\0", "\ufffd")


def _note_limit(text: str, at: datetime, state: Reading) -> None:
    """Remember when a limit lifts, where the text says in what time; counted from when it was said."""
    found = _LIFTS.search(text)
    if found is None:
        return
    seconds = sum(float(number) * _SECONDS[unit.lower()] for number, unit in _PART.findall(found[1].lower()))
    if 0 < seconds <= LIFTS_DAYS_MAX * 86400:
        state.lifts_at = at + timedelta(seconds=seconds)
