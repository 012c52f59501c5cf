"""How does a test wait for what nobody announces? It asks again and again, and gives up with a sentence."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

PATIENCE_SECONDS = 40.0  # for anything at all, on a machine where many tests run at once
LOOK_SECONDS = 0.02


def until(question: Callable[[], T], what: str, seconds: float = PATIENCE_SECONDS) -> T:
    """The first answer that is true. Raises: AssertionError when `seconds` have passed without one."""
    over = time.monotonic() + seconds
    while not (answer := question()):
        assert time.monotonic() < over, f"waited {seconds:g} s for {what}"
        time.sleep(LOOK_SECONDS)
    return answer
