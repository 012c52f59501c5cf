"""Runs of OpenCode for the tests: recorded ones, and such as a test makes up."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from conselho.providers.base import Conclusion, Output, Said
from conselho.providers.opencode import OpenCode

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
STREAMS = Path(__file__).parent / "streams"
SESSION = "ses_1"

opencode = OpenCode()


def replay(name: str, exit_code: int | None = 0) -> tuple[list[Said], Conclusion]:
    """What a recorded run says, its stderr first."""
    names = {"stderr": f"opencode-{name}.stderr.txt", "stdout": f"opencode-{name}.jsonl"}
    there = {stream: STREAMS / file for stream, file in names.items() if (STREAMS / file).exists()}
    assert there, f"nothing was recorded as {name}"
    return run(*(Output(stream, lines_of(file), NOON) for stream, file in there.items()), exit_code=exit_code)


def lines_of(file: Path) -> list[str]:
    """As they would be cut from the stream: at newlines alone."""
    text = file.read_text()
    return text.removesuffix("\n").split("\n") if text else []


def run(*outputs: Output, exit_code: int | None = 0) -> tuple[list[Said], Conclusion]:
    state = opencode.begin()
    told: list[Said] = []
    for output in outputs:
        said, state = opencode.read(output, state)
        told += said
    return told, opencode.conclude(state, exit_code)


def printed(*events: dict[str, Any] | str) -> Output:
    return Output("stdout", [each if isinstance(each, str) else json.dumps(each) for each in events], NOON)


def complained(*lines: str) -> Output:
    return Output("stderr", lines, NOON)


def event(kind: str, message: str = "msg_1", **part: Any) -> dict[str, Any]:
    return {"type": kind, "timestamp": 1, "sessionID": SESSION, "part": {"messageID": message, **part}}


def said(text: str, message: str = "msg_1") -> dict[str, Any]:
    return event("text", message, type="text", text=text)


def begun(message: str = "msg_1") -> dict[str, Any]:
    return event("step_start", message, type="step-start")


def ended(reason: str = "stop", message: str = "msg_1", cost: Any = 0.5, **tokens: Any) -> dict[str, Any]:
    counted = {"input": 10, "output": 3, "reasoning": 2, "cache": {"read": 4, "write": 1}} | tokens
    return event("step_finish", message, reason=reason, cost=cost, tokens=counted)


def used(tool: str, given: Any = None, **state: Any) -> dict[str, Any]:
    told = {"status": "completed", "input": given, "output": "", "time": {"start": 1000, "end": 3500}} | state
    return event("tool_use", tool=tool, callID="call_1", state=told)


def failed(name: str, **data: Any) -> dict[str, Any]:
    return {"type": "error", "timestamp": 1, "sessionID": SESSION, "error": {"name": name, "data": data}}


def texts(told: Sequence[Said], kind: str) -> list[str]:
    return [line for each in told if each.kind == kind for line in each.lines]
