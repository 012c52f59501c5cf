"""An agent CLI as a shell script: for what providers have in common, on whatever machine."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from conselho import errors
from conselho.providers import registry
from conselho.providers.base import Conclusion, Invocation, Output, Program, Said, Task

PROGRAM = Program(
    name="talker",
    install="install it with `npm install -g talker`",
    sign_in="run `talker login`, or set TALKER_KEY",
    keys=("TALKER_KEY",),
    credentials=("~/.talker/key",),
    hints=("~/.talker/config",),
)


class Talker:
    """Runs `script`, which has the session to take up as its first argument and prints JSON to conclude from.

    A line that is a JSON object says fields of the conclusion; every other is text.
    """

    name = "talker"
    line_bytes_max = 64 * 1024
    program: Program | None = PROGRAM

    def __init__(self, script: str, program: str = "/bin/sh") -> None:
        self._script, self._program = script, program

    def invocation(self, task: Task) -> Invocation:
        if task.argv:
            raise errors.Invalid("talker takes no argv: say it in the prompt")
        if not task.prompt:
            raise errors.Invalid("talker needs a prompt")
        if task.options.max_cost_usd is not None:
            raise errors.Invalid("talker knows no limit of costs: leave max_cost_usd out")
        full = ("runs with all permissions: nothing is asked (full)",) if task.options.permission_mode == "full" else ()
        words = (task.session or "", task.model or "", task.options.permission_mode)
        return Invocation(
            argv=(self._program, "-c", self._script, "talker", *words), stdin=task.prompt.encode(), notes=full
        )

    def begin(self) -> dict[str, Any]:
        return {}

    def read(self, output: Output, state: dict[str, Any]) -> tuple[Sequence[Said], dict[str, Any]]:
        for line in output.lines:
            if line.startswith("{"):
                state = state | json.loads(line)
        return (Said("text", output.lines),), state

    def conclude(self, state: dict[str, Any], exit_code: int | None) -> Conclusion:
        del exit_code
        return Conclusion(**state)


def known(monkeypatch: pytest.MonkeyPatch, script: str = "cat", program: str = "/bin/sh") -> Talker:
    """Have it among the providers."""
    talker = Talker(script, program)
    monkeypatch.setitem(registry._PROVIDERS, talker.name, talker)
    return talker
