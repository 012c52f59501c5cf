"""What does a line of Claude Code's stream say? Events, each of which becomes lines of the log.

Every event that is not pure bookkeeping (`_SILENT`) leaves at least one line, also one that nobody knows yet: it
becomes a `system` line. What is no JSON is text.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from conselho.providers import closing
from conselho.providers.base import Output, Said
from conselho.providers.claude_state import State
from conselho.providers.speech import clipped, count_of, parsed, spoken, storable, text_of

NAME_CHARACTERS_MAX = 200
WORDS_CHARACTERS_MAX = 300  # of a tool's input, or an event nobody knows
SESSION_CHARACTERS_MAX = 200
SYNTHETIC = "<synthetic>"  # the model of messages that the CLI writes itself

# They say nothing to a reader: counts while the model thinks, and parts of what comes whole later.
_SILENT = {"stream_event", "keep_alive", "control_response", "system/thinking_tokens"}
_SHOWN_FIRST = (
    "command", "file_path", "notebook_path", "path", "pattern", "query", "url", "description", "subject", "skill",
    "prompt",
)  # fmt: skip


def read(output: Output, state: State) -> list[Said]:
    """The log lines of some output; `state` goes on with it."""
    if output.stream != "stdout":
        state.complaint = next((line for line in reversed(output.lines) if line.strip()), state.complaint)[-2000:]
        told = [piece for line in output.lines for piece in spoken(line) or [""]]
        return [Said("stderr", told, None if output.is_whole else {"continues": True}, speaks=False)]
    lines = output.lines
    if not output.is_whole:
        return [] if state.is_cut else _cut_off(state)
    if state.is_cut:
        state.is_cut = False
        lines = lines[1:]
    return [said for line in lines for said in _line(line, output.at, state)]


def _cut_off(state: State) -> list[Said]:
    state.is_cut = True
    state.unread += 1
    return [Said("warning", ("[a line of more than 32 MiB is left out here]",), speaks=False)]


def _line(line: str, at: datetime, state: State) -> list[Said]:
    event = parsed(line)
    if event is None:
        state.unread += bool(line.strip())
        return [Said("text", spoken(line) or [""])]
    kind, subtype = text_of(event.get("type")), text_of(event.get("subtype"))
    if kind in _SILENT or f"{kind}/{subtype}" in _SILENT:
        return []
    reader = _READERS.get(kind)
    said = [] if reader is None else [each for each in reader(event, at, state) if each.lines]
    return said or [_unknown(event, kind, subtype)]


def _unknown(event: dict[str, Any], kind: str, subtype: str) -> Said:
    told = next((text for name in ("content", "message", "summary", "status") if (text := event.get(name))), None)
    told = {name: value for name, value in event.items() if name not in _ENVELOPE} if told is None else told
    words = f"{kind} {subtype}".strip() or "event"
    return Said("system", (f"{_short(words, NAME_CHARACTERS_MAX)}: {_short(text_of(told))}",), speaks=False)


def _system(event: dict[str, Any], at: datetime, state: State) -> Iterator[Said]:
    del at
    match event.get("subtype"):
        case "init":
            state.result = None  # what ran in the background has ended, and the model is told so
            yield _begun(event, state)
        case "api_retry":
            state.retries += 1
            status = event.get("error_status") or ""
            words = f"{text_of(status)} {text_of(event.get('error'))}".strip()
            state.trouble.add(_short(text_of(event.get("error"))))
            delay = (count_of(event.get("retry_delay_ms")) or 0) / 1000
            tries = f"{text_of(event.get('attempt'))} of {text_of(event.get('max_retries'))}"
            line = f"The API did not answer as it should ({_short(words)}): try {_short(tries)} in {delay:.1f} s"
            yield Said("warning", (line,), speaks=False)
        case "permission_denied":
            tool, call = (
                _short(text_of(event.get(name)), NAME_CHARACTERS_MAX) for name in ("tool_name", "tool_use_id")
            )
            yield from _denied(tool, call, state)
            yield Said("system", (_short(text_of(event.get("message") or event.get("subtype")), 1000),), speaks=False)


def _denied(tool: str, call: str, state: State) -> Iterator[Said]:
    """Said once, however often the CLI says it."""
    if state.deny(tool or "a tool", call):
        yield Said("warning", (f"{tool or 'A tool'} was not allowed: it was not done",), {"id": call}, speaks=False)


def _begun(event: dict[str, Any], state: State) -> Said:
    session, model = event.get("session_id"), event.get("model")
    if isinstance(session, str) and 0 < len(session) <= SESSION_CHARACTERS_MAX and session.isprintable():
        state.session = session
    if isinstance(model, str) and model:
        state.model = _short(model, NAME_CHARACTERS_MAX)
    version, mode = text_of(event.get("claude_code_version")), text_of(event.get("permissionMode"))
    line = f"Claude Code {version}, model {text_of(model)}, permissions {mode}, session {text_of(session)}"
    data = {name: clipped(event.get(name), 4096) for name in ("session_id", "model", "permissionMode", "tools")}
    return Said("system", (_short(line, 1000),), data, speaks=False)


def _assistant(event: dict[str, Any], at: datetime, state: State) -> Iterator[Said]:
    message = event.get("message")
    message = message if isinstance(message, dict) else {}
    error = event.get("error")
    if isinstance(error, str) and error:
        state.error = error
    else:
        state.trouble.end()
    outcome = event.get("local_command_outcome")
    is_own = message.get("model") == SYNTHETIC
    is_main = event.get("parent_tool_use_id") is None
    for block in _blocks(message.get("content")):
        text = _block_text(block)
        match block.get("type"):
            case "text":
                if is_own and isinstance(outcome, dict) and text_of(outcome.get("kind")) not in _DONE:
                    state.refused_command = _short(text)
                if is_main and not is_own and text.strip():
                    state.answer = text
                yield Said("error" if error else "text", spoken(text), speaks=is_main and not error)
            case "thinking":
                yield Said("thinking", spoken(text_of(block.get("thinking"))), speaks=False)
            case "tool_use" | "server_tool_use" | "mcp_tool_use":
                yield _call(block, at, state)
            case _:
                yield Said("system", (f"{_short(text_of(block.get('type')))}: {_short(text)}",), speaks=False)


def _call(block: dict[str, Any], at: datetime, state: State) -> Said:
    name, call = _short(text_of(block.get("name")), NAME_CHARACTERS_MAX), text_of(block.get("id"))[:NAME_CHARACTERS_MAX]
    state.calls.begin(call, at, name)
    given = block.get("input")
    data = {"name": name, "id": call, "input": clipped(given)}
    return Said("tool", (f"{name}: {_short(_shown(given))}".removesuffix(": "),), data, speaks=False)


def _shown(given: Any) -> str:
    """Of a tool's input what a person looks at first."""
    if not isinstance(given, dict):
        return text_of(given)
    if not given:
        return ""
    first = next((given[name] for name in _SHOWN_FIRST if isinstance(given.get(name), str)), None)
    return text_of(given) if first is None else text_of(first)


def _user(event: dict[str, Any], at: datetime, state: State) -> Iterator[Said]:
    message = event.get("message")
    content = message.get("content") if isinstance(message, dict) else None
    refused = _refused(event.get("tool_result_meta"))
    for block in _blocks(content):
        if block.get("type") != "tool_result":
            yield Said("system", spoken(f"to the model: {_block_text(block)}"), speaks=False)
            continue
        call = text_of(block.get("tool_use_id"))[:NAME_CHARACTERS_MAX]
        seconds, name = state.calls.end(call, at)
        data: dict[str, Any] = {"id": call} | ({} if seconds is None else {"duration_seconds": seconds})
        if block.get("is_error") is True:
            data["is_error"] = True
        text = "\n".join(_block_text(part) for part in _blocks(block.get("content")))
        yield Said("tool_result", spoken(text) or ["(nothing)"], data, speaks=False)
        if call in refused:
            yield from _denied(name, call, state)


def _refused(meta: Any) -> set[str]:
    """The calls that the CLI's permissions stopped."""
    found = set()
    for each in meta if isinstance(meta, list) else ():
        decision = each.get("permission_decision") if isinstance(each, dict) else None
        if isinstance(decision, dict) and decision.get("decision") == "reject":
            found.add(text_of(each.get("id"))[:NAME_CHARACTERS_MAX])
    return found


def _limited(event: dict[str, Any], at: datetime, state: State) -> Iterator[Said]:
    del at
    info = event.get("rate_limit_info")
    if not isinstance(info, dict):
        return
    status, lifts = text_of(info.get("status")), count_of(info.get("resetsAt"))
    lifts_at = None if lifts is None or lifts > _YEAR_9999 else datetime.fromtimestamp(lifts, UTC)
    if status == "rejected":
        state.lifts_at = lifts_at
    until = "" if lifts_at is None else f", until {lifts_at:%Y-%m-%d %H:%M} UTC"
    line = f"Limit {_short(text_of(info.get('rateLimitType')))}: {_short(status)}{until}"
    yield Said("system" if status == "allowed" else "warning", (line,), speaks=False)


def _result(event: dict[str, Any], at: datetime, state: State) -> Iterator[Said]:
    del at
    state.result = event
    state.usage.add(event)
    denials = event.get("permission_denials")
    for each in denials if isinstance(denials, list) else ():
        if isinstance(each, dict):
            tool, call = (_short(text_of(each.get(name)), NAME_CHARACTERS_MAX) for name in ("tool_name", "tool_use_id"))
            yield from _denied(tool, call, state)
    for each in _blocks(event.get("errors")):
        yield Said("error", spoken(_block_text(each)), speaks=False)
    usage = state.usage
    is_bad = event.get("is_error") is True or event.get("subtype") != "success"
    told = closing.line(
        is_good=not is_bad,
        turns=usage.turns,
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cost_usd=usage.cost_usd,
    )
    yield Said("result", (told,), speaks=False)


def _blocks(content: Any) -> list[dict[str, Any]]:
    """The parts of a message; what is none is made one."""
    if content is None:
        return []
    parts = content if isinstance(content, list) else [content]
    return [each if isinstance(each, dict) else {"type": "text", "text": each} for each in parts]


def _block_text(block: dict[str, Any]) -> str:
    match block.get("type"):
        case "text":
            return text_of(block.get("text"))
        case "image" | "document" as kind:
            return f"[{kind}]"  # its bytes are no words
        case _:
            return text_of(clipped(block, 4096))


def _short(text: str, characters: int = WORDS_CHARACTERS_MAX) -> str:
    """A text on one line, and not too much of it."""
    line = " ".join(storable(text[: 4 * characters]).split())
    return line if len(line) <= characters else line[: characters - 1] + "…"


_DONE = {"", "ran", "completed"}  # what may become of a prompt that is a command of the CLI; the rest are failures
_YEAR_9999 = 253_000_000_000  # in seconds: later ones no date holds
_ENVELOPE = {"type", "subtype", "uuid", "session_id", "parent_tool_use_id"}
_READERS: dict[str, Callable[[dict[str, Any], datetime, State], Iterator[Said]]] = {
    "system": _system,
    "assistant": _assistant,
    "user": _user,
    "rate_limit_event": _limited,
    "result": _result,
}
