"""What will the scripted model say? A scenario: a list of turns, one for each request of the main conversation.

A turn is a part, or a list of parts that make one answer:

    {"think": TEXT}  {"say": TEXT}  {"call": {"name": TOOL, "input": {…}}}
    {"fail": {"status": 429, "message": TEXT, "kind": TEXT, "headers": {…}, "times": N or "always"}}
    {"stall": true}   what was said so far is sent by half, and then nothing for as long as the other side waits
    {"drop": true}    the same, but the connection is cut

Who asks more often than there are turns is told so: no test then waits for an answer that never comes.
"""

import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

OVER = "Nothing more is scripted."
INPUT_TOKENS, CACHED_TOKENS, OUTPUT_TOKENS = 100, 30, 20  # of each answer; the cached ones are not among the 100


@dataclass(frozen=True, slots=True)
class Think:
    """The model reasons."""

    text: str


@dataclass(frozen=True, slots=True)
class Say:
    """The model speaks."""

    text: str


@dataclass(frozen=True, slots=True)
class Call:
    """The model calls a tool; `id` is unique in its scenario."""

    id: str
    name: str
    input: dict[str, Any]


Part = Think | Say | Call


@dataclass(frozen=True, slots=True)
class Fail:
    """The request is refused, in the words of its dialect."""

    status: int
    message: str = "scripted failure"
    kind: str = ""  # as its dialect calls it; it knows one for each status
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Turn:
    """One answer. `break_off` is None, "stall" or "drop"."""

    parts: tuple[Part, ...] = ()
    fail: Fail | None = None
    break_off: str | None = None
    is_for_ever: bool = False


class Scenario:
    """Hands out its turns, each once; asked by several threads."""

    def __init__(self, turns: Sequence[Any]) -> None:
        ids = (f"call_{number}" for number in count(1))
        self._turns = [made for turn in turns for made in _turns(turn, ids)]
        self._taken = 0
        self._lock = threading.Lock()

    @classmethod
    def read(cls, path: Path) -> "Scenario":
        """The scenario in a JSON file. Raises: ValueError where it is none."""
        return cls(json.loads(path.read_text()))

    def take(self) -> tuple[int, Turn]:
        """The next turn, and how many were taken before it."""
        with self._lock:
            number = self._taken
            if number >= len(self._turns):
                return number, Turn((Say(OVER),))
            turn = self._turns[number]
            if not turn.is_for_ever:
                self._taken += 1
            return number, turn


def _turns(turn: Any, ids: Any) -> list[Turn]:
    parts: list[Part] = []
    break_off = None
    for part in turn if isinstance(turn, list) else [turn]:
        ((kind, value),) = part.items()
        match kind:
            case "think":
                parts.append(Think(value))
            case "say":
                parts.append(Say(value))
            case "call":
                parts.append(Call(next(ids), value["name"], value.get("input", {})))
            case "stall" | "drop":
                break_off = kind
            case "fail":
                given = dict(value)
                times = given.pop("times", 1)
                if times == "always":
                    return [Turn(fail=Fail(**given), is_for_ever=True)]
                return [Turn(fail=Fail(**given))] * int(times)
            case _:
                raise ValueError(f"a scenario knows no {kind!r}")
    return [Turn(tuple(parts), break_off=break_off)]
