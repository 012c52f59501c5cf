"""What is an agent CLI at a loss with right now? What it tries again and again, until it is ended or something helps.

A run that is ended meanwhile - its time was over, or somebody lost patience - says no more than that by itself, and
its CLI knew why it came to nothing.
"""

from dataclasses import dataclass


@dataclass(slots=True)
class Trouble:
    """Failed tries, and the words of the last of them; none since something came of one."""

    words: str = ""
    tries: int = 0

    def add(self, words: str) -> None:
        """A try failed."""
        self.words = words
        self.tries += 1

    def end(self) -> None:
        """Something came of the last one."""
        self.words, self.tries = "", 0

    def told(self, sentence: str) -> str | None:
        """`sentence`, made of its words, with how often was tried; None where nothing failed."""
        return f"tried {times(self.tries)}: {sentence}" if self.tries else None


def times(count: int) -> str:
    """`once`, or `3 times`."""
    return "once" if count == 1 else f"{count} times"
