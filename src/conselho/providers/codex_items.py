"""How do the items of Codex's events become lines of the log? An item is a call, a plan, or words.

A call begins and ends; of one whose beginning was not told, both lines are made at its end.
"""

import re
import shlex
from datetime import datetime
from typing import Any

from conselho.providers.base import Said
from conselho.providers.codex_state import Reading
from conselho.providers.speech import clipped, spoken, text_of

ABOUT_CHARACTERS_MAX = 200  # of what a call is about, in its line
QUOTED_CHARACTERS_MAX = 16 * 1024  # of a command that is freed of its quotes: of a longer one it costs too much
NAME_CHARACTERS_MAX = 200
# Said of calls that somebody would have had to allow, by itself or to the model.
REFUSED = re.compile(r"approval policy is never|rejected by user|requires approval", re.IGNORECASE)
_SANDBOX_BROKEN = re.compile(r"bwrap: |.*(?:landlock|seccomp).*(?:not supported|failed)", re.IGNORECASE)


def begun(item: dict[str, Any], at: datetime, state: Reading) -> list[Said] | None:
    """The lines of an item that begins; None where it is of no known type."""
    if item.get("type") == "todo_list":
        return _plan(item)
    call = _call(item)
    return None if call is None else [_tool(item, call, at, state)]


def ended(item: dict[str, Any], at: datetime, state: Reading) -> list[Said] | None:
    """The lines of an item that is complete; None where it is of no known type."""
    match item:
        case {"type": "agent_message" | "plan", "text": str(text)}:
            state.answer, state.is_answered = text, bool(text.strip())
            return [Said("text", spoken(text) or ("",))]
        case {"type": "reasoning", "text": str(text)}:
            return [Said("thinking", spoken(text) or ("",), speaks=False)]
        case {"type": "error"}:  # nothing that ends anything, see codex_lines.py for what does
            return [Said("warning", spoken(text_of(item.get("message"))) or ("(no message)",), speaks=False)]
        case {"type": "todo_list"}:
            return _plan(item)
    call = _call(item)
    if call is None:
        return None
    seconds, name = state.calls.end(_id(item), at)
    said = [] if name else [_tool(item, call, at, state)]
    if not name:
        state.calls.end(_id(item), at)
    return [*said, *_result(item, call[0], seconds, state)]


def _tool(item: dict[str, Any], call: tuple[str, Any, str], at: datetime, state: Reading) -> Said:
    name, given, about = call
    state.is_answered = False
    state.calls.begin(_id(item), at, name)
    short = " ".join(about[: ABOUT_CHARACTERS_MAX * 4].split())
    if len(short) > ABOUT_CHARACTERS_MAX:
        short = short[:ABOUT_CHARACTERS_MAX] + "…"
    data = {"name": name, "input": clipped(given), "id": _id(item)}
    return Said("tool", spoken(f"{name}: {short}")[:1], data, speaks=False)


def _result(item: dict[str, Any], name: str, seconds: float | None, state: Reading) -> list[Said]:
    status, text = item.get("status"), _outcome(item)
    is_error = status in ("failed", "declined")  # no set: it may be a list, which has no hash
    data: dict[str, Any] = {"id": _id(item), "is_error": is_error}
    if seconds is not None:
        data["duration_seconds"] = seconds
    code = item.get("exit_code")
    lines = spoken(text) or ["(nothing printed)"]
    if is_error and type(code) is int:
        lines.append(f"[exit code {str(code)[:20]}]")
    said = [Said("tool_result", lines, data, speaks=False)]
    if is_error and _SANDBOX_BROKEN.match(text[:500]):
        state.is_sandbox_broken = True
    if status == "declined" or (is_error and item.get("type") != "command_execution" and REFUSED.search(text[:2000])):
        state.refused[name] += 1
        said.append(Said("warning", (f"{name} was refused",), speaks=False))
    return said


def _call(item: dict[str, Any]) -> tuple[str, Any, str] | None:
    """A call's name, what it was given, and what it is about; None for what is no call."""
    match item.get("type"):
        case "command_execution":
            command = _script(text_of(item.get("command")))
            return "shell", {"command": command}, command
        case "file_change":
            changes = item.get("changes")
            return "apply_patch", {"changes": changes}, _changes(changes)
        case "mcp_tool_call":
            name, given = f"{text_of(item.get('server'))}.{text_of(item.get('tool'))}", item.get("arguments")
            return name[:NAME_CHARACTERS_MAX], given, text_of(given) if given else ""
        case "collab_tool_call":
            given = {name: item[name] for name in ("prompt", "receiver_thread_ids") if item.get(name)}
            return text_of(item.get("tool"))[:NAME_CHARACTERS_MAX] or "agent", given, text_of(item.get("prompt"))
        case "web_search":
            query = text_of(item.get("query"))
            return "web_search", {"query": query}, query
    return None


def _outcome(item: dict[str, Any]) -> str:
    """What came of a call, as text."""
    match item.get("type"):
        case "command_execution":
            return text_of(item.get("aggregated_output"))
        case "mcp_tool_call":
            error, result = item.get("error"), item.get("result")
            if error is not None:
                return text_of(error.get("message") if isinstance(error, dict) else error)
            return _content(result.get("content")) if isinstance(result, dict) else text_of(result)
        case "collab_tool_call":
            states = item.get("agents_states")
            return text_of(states) if states else text_of(item.get("status"))
        case "web_search":
            return text_of(item.get("action") or item.get("query"))
    return text_of(item.get("status"))


def _content(content: Any) -> str:
    """What a tool of an MCP server answered: texts as they are, and the rest as JSON."""
    if not isinstance(content, list):
        return text_of(content)
    return "\n".join(
        each["text"] if isinstance(each, dict) and isinstance(each.get("text"), str) else text_of(each)
        for each in content
    )


def _changes(changes: Any) -> str:
    found = [each for each in changes if isinstance(each, dict)] if isinstance(changes, list) else []
    told = (f"{text_of(each.get('kind'))[:20]} {text_of(each.get('path'))}" for each in found[:20])
    return ", ".join(told)


def _plan(item: dict[str, Any]) -> list[Said]:
    items = item.get("items")
    steps = [each for each in items if isinstance(each, dict)] if isinstance(items, list) else []
    lines = [f"[{'x' if each.get('completed') is True else ' '}] {text_of(each.get('text'))}" for each in steps]
    return [Said("info", spoken("\n".join(lines)) or ("(an empty plan)",), speaks=False)]


def _script(command: str) -> str:
    """What a shell was told, without the shell: `ls` for `/bin/bash -lc ls`."""
    if len(command) > QUOTED_CHARACTERS_MAX:
        return command
    try:
        words = shlex.split(command)
    except ValueError:
        return command
    return words[2] if len(words) == 3 and words[1] in {"-c", "-lc"} else command


def _id(item: dict[str, Any]) -> str:
    return text_of(item.get("id"))[:NAME_CHARACTERS_MAX]
