"""Runs of Gemini CLI for the tests: recorded ones, and such as a test makes up."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from conselho.providers.base import Conclusion, Output, Said
from conselho.providers.gemini import Gemini

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
STREAMS = Path(__file__).parent / "streams"

gemini = Gemini()


def replay(name: str, exit_code: int | None) -> tuple[list[Said], Conclusion]:
    """What a recorded run says, its stdout first."""
    outputs = [Output("stdout", lines_of(f"gemini-{name}.jsonl"), NOON)]
    if (STREAMS / f"gemini-{name}.stderr.txt").exists():
        outputs.insert(0, Output("stderr", lines_of(f"gemini-{name}.stderr.txt"), NOON))
    return run(*outputs, exit_code=exit_code)


def lines_of(name: str) -> list[str]:
    return (STREAMS / name).read_text().splitlines()


def run(*outputs: Output, exit_code: int | None = 0) -> tuple[list[Said], Conclusion]:
    state, told = gemini.begin(), []
    for output in outputs:
        said, state = gemini.read(output, state)
        told += said
    return told, gemini.conclude(state, exit_code)


def printed(*events: dict[str, Any] | str) -> Output:
    return Output("stdout", [each if isinstance(each, str) else json.dumps(each) for each in events], NOON)


def texts(said: Sequence[Said], kind: str) -> list[str]:
    return [line for each in said if each.kind == kind for line in each.lines]


def delta(content: Any) -> dict[str, Any]:
    return {"type": "message", "role": "assistant", "content": content, "delta": True}


INIT = {"type": "init", "session_id": "s-1", "model": "gemini-2.5-flash"}
SUCCESS = {"type": "result", "status": "success", "stats": {"input_tokens": 10, "output_tokens": 2, "total_tokens": 15}}


def refusal(message: str, kind: str = "unknown") -> dict[str, Any]:
    return {"type": "result", "status": "error", "error": {"type": kind, "message": message}}
