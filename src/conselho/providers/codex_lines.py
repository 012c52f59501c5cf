"""How do Codex's events become lines of the log?

`turn.completed` and `turn.failed` are the ends of a turn, and nothing else is: `error` tells of each failed try as
well, and an item that is called an error is a warning. Interrupted, the stream just stops. A command that the sandbox
stopped leaves no event at all, and of a call that asked for more than it may have only stderr tells.
An event of a shape or a type that is not known is kept as it came.
"""

import re
import uuid
from datetime import datetime
from typing import Any

from conselho.providers import closing, codex_items
from conselho.providers.base import Output, Said
from conselho.providers.codex_state import Reading
from conselho.providers.speech import count_of, parsed, spoken, text_of

MESSAGE_CHARACTERS_MAX = 2_000  # kept of a failure
COMPLAINT_LINES_MAX = 3
_RETRY = "Reconnecting..."
_WHY_AGAIN = re.compile(r"Reconnecting\.\.\. \d+/\d+ \((.*?)\)?", re.DOTALL)  # its end may have been cut off
_COMPLAINT = re.compile(r"(?:\S*Error:|error:|Error |No prompt provided)")
_REFUSED_CALL = "codex_core::tools::router: error="


def read(output: Output, state: Reading) -> list[Said]:
    """The lines that output makes."""
    if not output.is_whole:
        return _begin_of_cut(output, state)
    lines = output.lines
    if output.stream in state.cut:
        state.cut.discard(output.stream)
        lines = lines[1:]  # the end of the line that was cut
    handle = _of_stdout if output.stream == "stdout" else _of_stderr
    return [said for line in lines for said in handle(line, output.at, state)]


def _begin_of_cut(output: Output, state: Reading) -> list[Said]:
    if output.stream in state.cut:
        return []
    state.cut.add(output.stream)
    state.is_unreadable = True
    return [Said("warning", ("[a line of more than 32 MB is left out here]",), speaks=False)]


def _of_stderr(line: str, at: datetime, state: Reading) -> list[Said]:
    del at
    _note_complaint(line[:MESSAGE_CHARACTERS_MAX], state)
    if _REFUSED_CALL in line and codex_items.REFUSED.search(line[:MESSAGE_CHARACTERS_MAX]):
        state.refused["shell"] += 1
        return [Said("warning", spoken(line), speaks=False)]
    return [Said("stderr", spoken(line) or ("",), speaks=False)]


def _note_complaint(line: str, state: Reading) -> None:
    """Remember the first thing it complains of, which ends at a blank line."""
    state.is_complaint_over = state.is_complaint_over or (bool(state.complaint) and not line.strip())
    is_part = bool(state.complaint) or _COMPLAINT.match(line) is not None
    if is_part and not state.is_complaint_over and len(state.complaint) < COMPLAINT_LINES_MAX:
        state.complaint.append(line)


def _of_stdout(line: str, at: datetime, state: Reading) -> list[Said]:
    event = parsed(line)
    if event is None:
        state.is_unreadable = state.is_unreadable or line.lstrip().startswith("{")
        return [Said("text", spoken(line) or ("",))]
    if event.get("type") in ("item.started", "item.completed", "turn.completed") and not _is_complaint(event):
        state.trouble.end()
    said = _of_event(event, at, state)
    return [Said("system", spoken(line), speaks=False)] if said is None else said


def _is_complaint(event: dict[str, Any]) -> bool:
    item = event.get("item")
    return isinstance(item, dict) and item.get("type") == "error"


def _of_event(event: dict[str, Any], at: datetime, state: Reading) -> list[Said] | None:
    """The lines of an event; None where it is of no known shape."""
    match event:
        case {"type": "thread.started", "thread_id": str(thread)}:
            state.session = _uuid(thread)
            return [Said("system", spoken(f"thread {thread[:200]}"), speaks=False)]
        case {"type": "turn.started"}:
            state.end = None
            return []
        case {"type": "item.started" | "item.updated", "item": {"type": "agent_message" | "reasoning"}}:
            return []  # a part of what comes whole at its end
        case {"type": "item.started", "item": dict(item)}:
            return codex_items.begun(item, at, state)
        case {"type": "item.updated", "item": dict(item)} if item.get("type") == "todo_list":
            return codex_items.begun(item, at, state)
        case {"type": "item.completed", "item": dict(item)}:
            return codex_items.ended(item, at, state)
        case {"type": "error"}:
            return [_failing(text_of(event.get("message")), at, state)]
        case {"type": "turn.failed"}:
            return [_failed(event.get("error"), at, state)]
        case {"type": "turn.completed"}:
            return [_completed(event.get("usage"), state)]
    return None


def _failing(message: str, at: datetime, state: Reading) -> Said:
    state.message, state.failed_at = message[:MESSAGE_CHARACTERS_MAX], at
    is_retry = message.startswith(_RETRY)
    state.retries += is_retry
    why = _WHY_AGAIN.fullmatch(state.message)
    state.trouble.add(why[1] if why else state.message)
    return Said("warning" if is_retry else "error", spoken(message) or ("(no message)",), speaks=False)


def _failed(error: Any, at: datetime, state: Reading) -> Said:
    message = text_of(error.get("message") if isinstance(error, dict) else error)
    state.end, state.failed_at = "failed", at
    state.message = message[:MESSAGE_CHARACTERS_MAX] or state.message
    return Said("error", spoken(f"the turn failed: {message or 'no reason given'}"), speaks=False)


def _completed(usage: Any, state: Reading) -> Said:
    state.end = "completed"
    state.usage = usage if isinstance(usage, dict) else {}
    told = closing.line(
        is_good=True,
        input_tokens=count_of(state.usage.get("input_tokens")),
        output_tokens=count_of(state.usage.get("output_tokens")),
        counts_session=True,
    )
    return Said("result", (told,), speaks=False)


def _uuid(thread: str) -> str | None:
    """The thread's name, None where it is one that could not be resumed."""
    try:
        return str(uuid.UUID(thread))
    except ValueError:
        return None
