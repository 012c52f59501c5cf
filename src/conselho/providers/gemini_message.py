"""What did the assistant say so far, and which of it is a line already?

The same portions make the same lines, however many of them are read at once.
"""

from dataclasses import dataclass, field

from conselho.providers.speech import LINE_CHARACTERS_MAX, LINES_MAX, spoken

RESULT_CHARACTERS_MAX = 64 * 1024  # kept of the end of an answer


@dataclass(slots=True)
class Message:
    """The messages of a run, one after the other; `text` is the last one that said anything."""

    is_answered: bool = False  # something was said since the last call of a tool
    _said: list[str] = field(default_factory=list)
    _said_characters: int = 0
    _is_open: bool = False
    _line: list[str] = field(default_factory=list)  # the beginning of a line that is not complete
    _line_characters: int = 0
    _lines: int = 0  # of this message
    _left_out: int = 0  # characters behind the last line that is kept

    @property
    def text(self) -> str:
        """The last message, or the end of it."""
        return "".join(self._said)[-RESULT_CHARACTERS_MAX:].strip("\n")

    def add(self, portion: str) -> list[str]:
        """The lines that are complete with this portion."""
        if not portion:
            return []
        if not self._is_open:
            self._is_open, self._said, self._said_characters, self._lines, self._left_out = True, [], 0, 0, 0
        self._keep(portion)
        self.is_answered = self.is_answered or not portion.isspace()
        *complete, rest = portion.split("\n")
        lines = []
        for part in complete:
            lines += self._pieces(part, ends=True)
        lines += self._pieces(rest, ends=False)
        return lines

    def end(self) -> list[str]:
        """The message is complete, and with it its last line."""
        self._is_open = False
        lines = self._pieces("", ends=True) if self._line else []
        if self._left_out:
            lines.append(f"[{self._left_out:,} more characters are left out here]")
            self._left_out = 0
        return lines

    def _keep(self, portion: str) -> None:
        self._said.append(portion)
        self._said_characters += len(portion)
        if self._said_characters > 2 * RESULT_CHARACTERS_MAX:
            self._said = ["".join(self._said)[-RESULT_CHARACTERS_MAX:]]
            self._said_characters = RESULT_CHARACTERS_MAX

    def _pieces(self, part: str, *, ends: bool) -> list[str]:
        if part:
            self._line.append(part)
            self._line_characters += len(part)
        if not ends and self._line_characters <= LINE_CHARACTERS_MAX:
            return []
        whole = "".join(self._line)
        keep = 0 if ends else len(whole) % LINE_CHARACTERS_MAX or LINE_CHARACTERS_MAX
        done, rest = whole[: len(whole) - keep], whole[len(whole) - keep :]
        self._line, self._line_characters = [rest] if rest else [], len(rest)
        return self._limited(spoken(done) or ([""] if ends else []))

    def _limited(self, lines: list[str]) -> list[str]:
        room = max(0, LINES_MAX - self._lines)
        self._lines += len(lines)
        self._left_out += sum(len(line) + 1 for line in lines[room:])
        return lines[:room]
