"""Runs of Claude Code for the tests: recorded ones, and such as a test makes up."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from conselho.providers.base import Conclusion, Output, Said
from conselho.providers.claude import Claude

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
STREAMS = Path(__file__).parent / "streams"

claude = Claude()


def replay(name: str, exit_code: int | None = 0) -> tuple[list[Said], Conclusion]:
    """What a recorded run says, its stderr first."""
    outputs = [Output("stdout", lines_of(f"claude-{name}.jsonl"), NOON)]
    if (STREAMS / f"claude-{name}.stderr.txt").exists():
        outputs.insert(0, Output("stderr", lines_of(f"claude-{name}.stderr.txt"), NOON))
    return run(*outputs, exit_code=exit_code)


def lines_of(name: str) -> list[str]:
    return (STREAMS / name).read_text().splitlines()


SESSION = str(json.loads(lines_of("claude-answer.jsonl")[0])["session_id"])


def run(*outputs: Output, exit_code: int | None = 0) -> tuple[list[Said], Conclusion]:
    state = claude.begin()
    told: list[Said] = []
    for output in outputs:
        said, state = claude.read(output, state)
        told += said
    return told, claude.conclude(state, exit_code)


def printed(*events: dict[str, Any] | str, at: datetime = NOON) -> Output:
    return Output("stdout", [each if isinstance(each, str) else json.dumps(each) for each in events], at)


def texts(said: Sequence[Said], kind: str) -> list[str]:
    return [line for each in said if each.kind == kind for line in each.lines]


def assistant(*blocks: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "assistant", "message": {"model": "claude-x", "content": list(blocks)}, **more}


def spoke(text: str) -> dict[str, Any]:
    return assistant({"type": "text", "text": text})


def called(name: str, given: Any, call: str = "t1") -> dict[str, Any]:
    return assistant({"type": "tool_use", "id": call, "name": name, "input": given})


def answered(content: Any, call: str = "t1", **more: Any) -> dict[str, Any]:
    block = {"type": "tool_result", "tool_use_id": call, "content": content, **more}
    return {"type": "user", "message": {"role": "user", "content": [block]}}


def ended(**more: Any) -> dict[str, Any]:
    """A result; what is said of it wins."""
    usual = {"type": "result", "subtype": "success", "is_error": False, "result": "Done", "num_turns": 1}
    return usual | more


def model_usage(fresh: int, cached: int, said: int, cost: float) -> dict[str, Any]:
    return {"inputTokens": fresh, "cacheReadInputTokens": cached, "outputTokens": said, "costUSD": cost}
