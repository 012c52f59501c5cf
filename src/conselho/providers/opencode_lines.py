"""What do the lines of OpenCode say? Events of a session on stdout, one JSON object each; what went wrong on stderr.

There is no last event: a step that ends for another reason than to use tools is the end, unless another begins.
A tool is told once it has ended, so its call and its result come together.

Bookkeeping that says nothing to a reader yields no line: a step that begins, and one that ends to use tools.
Everything else yields at least one. Source: `packages/opencode/src/cli/cmd/run.ts` of OpenCode, and its output.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from conselho.providers import closing, opencode_faults, speech
from conselho.providers.base import Output, Said
from conselho.providers.opencode_faults import Fault
from conselho.providers.trouble import Trouble

ANSWER_CHARACTERS_MAX = 64 * 1024  # what people read of it
BRIEF_CHARACTERS = 200  # of what a tool was given, in the line that tells of its call
# Of stderr, for the sentence of a failure that is told nowhere else: so many of the first and the last lines.
FIRST_WORDS, LAST_WORDS, WORDS_CHARACTERS = 2, 3, 500
WORD_CHARACTERS_MAX = 200  # of a name
NAMES_MAX = 20  # of refused tools
MATCHED_CHARACTERS = 16 * 1024  # of a line of stderr: nothing that is looked for comes later

SESSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,199}")  # how OpenCode names one: what else comes is none

_PROGRESS = ("step_finish", "text", "reasoning", "tool_use")  # a step also begins with a question that is refused
_SAYING = ("command", "filePath", "path", "pattern", "url", "query", "description", "prompt", "name")
_COLOR = re.compile(r"\x1b\[[0-9;]*m")
_LOGGED = re.compile(r'level=(?P<level>ERROR|WARN) .*?message=(?:"(?P<quoted>[^"]*)"|(?P<bare>\S*))')
_SERVER = re.compile(r"\bkey=(?P<name>\S{1,200})")
_SAID_ERROR = re.compile(r'\berror(?:\.error)?=(?P<text>"(?:[^"\\]|\\.)*"|\S+)')
_REFUSED = re.compile(r"! +permission requested: (?P<name>[^ ]+) .*auto-rejecting")
_DENIALS = ("The user has specified a rule which prevents", "The user rejected permission", "unavailable tool")


@dataclass(slots=True)
class State:
    """What was read so far."""

    session: str | None = None
    turns: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    cost_usd: float = 0.0
    has_agents: bool = False  # sub-agents worked, of which nothing is counted
    open_steps: set[str] = field(default_factory=set)
    last_reason: str | None = None  # of the step that ended last
    answer: str = ""  # the texts of the message that spoke last
    answering: str | None = None  # that message's id
    fault: Fault | None = None
    denied: list[str] = field(default_factory=list)  # tools, in the order they were denied
    denials: int = 0
    is_refused: bool = False  # a permission was asked for, which ends the run
    is_astray: bool = False  # our agent was not found, so that OpenCode's own did the work
    missing: list[str] = field(default_factory=list)  # MCP servers
    retries: int = 0
    trouble: Trouble = field(default_factory=Trouble)
    unreadable: int = 0
    words: list[str] = field(default_factory=list)
    cut: set[str] = field(default_factory=set)  # streams in the middle of a line that is too long
    cuts: int = 0


def read(output: Output, state: State) -> list[Said]:
    """The lines of the log; `state` is changed."""
    lines: Sequence[str] = output.lines
    if output.stream in state.cut:  # the rest of a line whose beginning was too long
        if not output.is_whole or not lines:
            return []
        state.cut.discard(output.stream)
        lines = lines[1:]
    elif not output.is_whole:
        state.cut.add(output.stream)
        state.cuts += 1
        return [Said("warning", ("[a line of more than 32 MB was left out]",), speaks=False)]
    if output.stream == "stdout":
        return [said for line in lines for said in _event(line, output.at, state)]
    return [said for line in lines for said in _error_line(line, state)]


def _event(line: str, at: datetime, state: State) -> Iterator[Said]:
    event = speech.parsed(line)
    if event is None:
        state.unreadable += line.lstrip()[:1] == "{"
        yield Said("text", speech.spoken(line) or ("",))
        return
    session = event.get("sessionID")
    if state.session is None and isinstance(session, str) and SESSION.fullmatch(session):
        state.session = session
        yield Said("system", (f"session {session}",), speaks=False)
    part = _object(event.get("part"))
    if event.get("type") in _PROGRESS:
        state.trouble.end()
    match event.get("type"):
        case "step_start" if part:
            state.open_steps.add(_id(part))
        case "step_finish" if part:
            yield from _step_finish(part, state)
        case "text" if isinstance(part.get("text"), str):
            yield _text(part, state)
        case "reasoning" if isinstance(part.get("text"), str):
            yield Said("thinking", speech.spoken(part["text"]) or ("",), speaks=False)
        case "tool_use" if part:
            yield from _tool(part, state)
        case "error":
            fault = opencode_faults.of(event.get("error"), at)
            state.fault = state.fault or fault
            yield Said("error", speech.spoken(fault.sentence), {"reason": fault.reason}, speaks=False)
        case _:
            yield Said("system", speech.spoken(line), speaks=False)


def _step_finish(part: dict[str, Any], state: State) -> Iterator[Said]:
    tokens = _object(part.get("tokens"))
    cache = _object(tokens.get("cache"))
    cached = speech.count_of(cache.get("read")) or 0
    state.turns += 1
    state.cached_tokens += cached
    state.input_tokens += cached + sum(speech.count_of(each) or 0 for each in (tokens.get("input"), cache.get("write")))
    state.output_tokens += sum(speech.count_of(tokens.get(name)) or 0 for name in ("output", "reasoning"))
    state.cost_usd += speech.amount_of(part.get("cost")) or 0.0
    state.open_steps.discard(_id(part))
    state.last_reason = _word(part.get("reason")) or None
    if state.last_reason != "tool-calls":
        told = closing.line(
            is_good=state.last_reason not in {None, "error"},
            turns=state.turns,
            input_tokens=state.input_tokens or None,
            output_tokens=state.output_tokens or None,
            cost_usd=state.cost_usd or None,
        )
        why = "" if state.last_reason == "stop" else f" ({state.last_reason or 'it does not say why'})"
        yield Said("result", (told + why,), speaks=False)


def _text(part: dict[str, Any], state: State) -> Said:
    message = _id(part)
    if message != state.answering:
        state.answering, state.answer = message, ""
    state.answer = f"{state.answer}\n{part['text'][:ANSWER_CHARACTERS_MAX]}".strip()[:ANSWER_CHARACTERS_MAX]
    return Said("text", speech.spoken(part["text"]) or ("",))


def _tool(part: dict[str, Any], state: State) -> Iterator[Said]:
    inner = _object(part.get("state"))
    name, call = _word(part.get("tool")) or "tool", _word(part.get("callID"))
    given = inner.get("input")
    state.has_agents = state.has_agents or name == "task"
    data = {"name": name, "input": speech.clipped(given), "id": call}
    yield Said("tool", (f"{name}: {_brief(given)}".rstrip(": "),), data, speaks=False)
    failed = inner.get("status") == "error"
    told: dict[str, Any] = {"id": call}
    if (seconds := _seconds(_object(inner.get("time")))) is not None:
        told["duration_seconds"] = seconds
    if failed:
        told["is_error"] = True
    result = speech.text_of(inner.get("error") if failed else inner.get("output"))
    yield Said("tool_result", speech.spoken(result) or ("",), told, speaks=False)
    if failed and any(denial in result[:MATCHED_CHARACTERS] for denial in _DENIALS):
        state.denials += 1
        if name not in state.denied and len(state.denied) < NAMES_MAX:
            state.denied.append(name)
        yield Said("warning", (f"denied: {name}: {_brief(given)}".rstrip(": "),), speaks=False)


def _error_line(line: str, state: State) -> Iterator[Said]:
    plain = _COLOR.sub("", line[:MATCHED_CHARACTERS])
    if match := _REFUSED.match(plain):
        state.is_refused = True  # its tool says so as well, which is counted
        if match["name"] not in state.denied and len(state.denied) < NAMES_MAX:
            state.denied.append(match["name"][:100])
        yield Said("warning", speech.spoken(plain), speaks=False)
        return
    logged = _LOGGED.search(plain)
    if logged is not None and logged["quoted"] == "stream error":
        # Asked again some seconds later, up to five times; the last of them is told as an event, too.
        small = " (beside the conversation)" if "small=true" in plain else ""
        state.retries += not small
        if not small:
            state.trouble.add(_said_error(plain)[:WORDS_CHARACTERS])
        yield Said("warning", speech.spoken(f"the model's API failed{small}: {_said_error(plain)}"), speaks=False)
        return
    if logged is not None and logged["quoted"] == "server unavailable":
        name = match["name"] if (match := _SERVER.search(plain)) else "one"
        state.missing = [*state.missing, name][:NAMES_MAX]
        yield Said("warning", speech.spoken(f"the MCP server {name} is not available"), speaks=False)
        return
    is_telling = logged is None or logged["level"] == "ERROR"
    if is_telling and (word := (_said_error(plain) if logged else plain).strip()):
        state.words.append(word[:WORDS_CHARACTERS])
        del state.words[FIRST_WORDS:-LAST_WORDS]
    if plain.startswith("! "):
        state.is_astray = state.is_astray or "Falling back to default agent" in plain
        yield Said("warning", speech.spoken(plain), speaks=False)
        return
    yield Said("stderr", speech.spoken(line) or ("",), speaks=False)


def _said_error(logged: str) -> str:
    match = _SAID_ERROR.search(logged)
    if match is None:
        return logged
    try:
        return speech.text_of(json.loads(match["text"]))
    except ValueError:
        return match["text"]


def _brief(given: Any) -> str:
    """What a tool was given, in a few words: the field that tells most, else all of it."""
    fields = _object(given)
    told = next((fields[name] for name in _SAYING if isinstance(fields.get(name), str) and fields[name].strip()), given)
    text = " ".join(speech.text_of(told)[: BRIEF_CHARACTERS * 4].split())
    return text if len(text) <= BRIEF_CHARACTERS else text[: BRIEF_CHARACTERS - 1] + "…"


def _seconds(time: dict[str, Any]) -> float | None:
    """How long a tool took by OpenCode's clock, which counts milliseconds."""
    start, end = speech.count_of(time.get("start")), speech.count_of(time.get("end"))
    return None if start is None or end is None or end < start else (end - start) / 1000


def _word(value: Any) -> str:
    """A name that can stand in a line."""
    return " ".join(speech.text_of(value)[:WORD_CHARACTERS_MAX].split())


def _id(part: dict[str, Any]) -> str:
    return speech.text_of(part.get("messageID"))[:200]


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
