"""Runs of Codex CLI for the tests: recorded ones, and such as a test makes up."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from conselho.providers.base import Conclusion, Output, Said
from conselho.providers.codex import Codex

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
STREAMS = Path(__file__).parent / "streams"
THREAD = "01a201ce-cac5-76d1-860a-ed0b1e59f168"

codex = Codex()


def replay(name: str, exit_code: int | None) -> tuple[list[Said], Conclusion]:
    """What a recorded run says, its stderr first."""
    printed = {"stderr": lines_of(f"codex-{name}.stderr.txt"), "stdout": lines_of(f"codex-{name}.jsonl")}
    assert any(printed.values()), f"{name} was not recorded"
    return run(*(Output(stream, lines, NOON) for stream, lines in printed.items()), exit_code=exit_code)


def lines_of(name: str) -> list[str]:
    """None where there is no such file: a stream on which nothing was printed is not kept."""
    file = STREAMS / name
    return file.read_text().split("\n")[:-1] if file.exists() else []


def run(*outputs: Output, exit_code: int | None = 0) -> tuple[list[Said], Conclusion]:
    state, told = codex.begin(), []
    for output in outputs:
        said, state = codex.read(output, state)
        told += said
    return told, codex.conclude(state, exit_code)


def printed(*events: dict[str, Any] | str) -> Output:
    return Output("stdout", [each if isinstance(each, str) else json.dumps(each) for each in events], NOON)


def texts(said: Sequence[Said], kind: str) -> list[str]:
    return [line for each in said if each.kind == kind for line in each.lines]


def began(kind: str, **fields: Any) -> dict[str, Any]:
    return {"type": "item.started", "item": {"id": "item_1", "type": kind, "status": "in_progress"} | fields}


def ended(kind: str, **fields: Any) -> dict[str, Any]:
    return {"type": "item.completed", "item": {"id": "item_1", "type": kind, "status": "completed"} | fields}


def spoke(text: str) -> dict[str, Any]:
    return {"type": "item.completed", "item": {"id": "item_9", "type": "agent_message", "text": text}}


def failed(message: Any) -> dict[str, Any]:
    return {"type": "turn.failed", "error": {"message": message}}


STARTED: dict[str, Any] = {"type": "thread.started", "thread_id": THREAD}
COMPLETED: dict[str, Any] = {
    "type": "turn.completed",
    "usage": {"input_tokens": 10, "cached_input_tokens": 4, "output_tokens": 2},
}
