"""What does a torture ask for, and what must come of each wish, whoever is killed meanwhile?"""

import random
from dataclasses import dataclass, field
from typing import Any

from tests.acceptance import agents

FOR_EVER = "sleep 600\n"


@dataclass
class Wish:
    """A short run, asked for under one key until it is accepted, and what it is bound to come to."""

    key: str
    script: str
    status: str
    lines: int  # it prints the numbers from 1 to this
    exit_code: int | None = 0
    is_cancelled: bool = False
    extra: dict[str, Any] = field(default_factory=dict)
    answers: set[str] = field(default_factory=set)  # the ids that were answered

    @property
    def printed(self) -> list[str]:
        """What it prints when it is left alone."""
        return [str(number) for number in range(1, self.lines + 1)]


def make(dice: random.Random, key: str, *, cancelled: bool = False) -> Wish:
    """A wish of any kind, or one that its client takes back."""
    if cancelled or dice.random() < 0.15:
        deafness = dice.choice(("", "trap '' TERM\n"))
        script = deafness + agents.count(3) + FOR_EVER
        return Wish(key, script, "cancelled", lines=3, exit_code=None, is_cancelled=True)
    return dice.choice((_printing, _printing, _slow, _slow, _failing, _leaving, _timed_out))(dice, key)


def _printing(dice: random.Random, key: str) -> Wish:
    lines = dice.randint(1, 400)
    return Wish(key, agents.count(lines), "succeeded", lines)


def _slow(dice: random.Random, key: str) -> Wish:
    lines = dice.randint(20, 60)
    return Wish(key, agents.count(lines, pause="sleep .02"), "succeeded", lines)


def _failing(dice: random.Random, key: str) -> Wish:
    lines, code = dice.randint(0, 50), dice.randint(1, 99)
    return Wish(key, agents.count(lines) + f"exit {code}", "failed", lines, code)


def _leaving(dice: random.Random, key: str) -> Wish:
    return Wish(key, "setsid sleep 600 &\n" + agents.count(10), "succeeded", 10)


def _timed_out(dice: random.Random, key: str) -> Wish:
    return Wish(key, agents.count(5) + FOR_EVER, "timed_out", 5, exit_code=None, extra={"timeout_seconds": 1})
