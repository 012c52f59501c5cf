"""How does a line of a log look? What an agent said as it is, what it did with a mark before it.

A mark says what kind a line is where there is no colour: `>` a tool it called, `|` what came back of it, `~` what it
thought, `=` what its run came to. Colour is only for terminals, and what a stranger wrote steers none of them.
"""

from conselho.cli import terminal
from conselho.cli.follow import Line

# Of each kind the mark, and the style of the whole line.
_LOOKS = {
    "tool": ("> ", "cyan"),
    "tool_result": ("  | ", "dim"),
    "thinking": ("~ ", "dim"),
    "result": ("= ", "bold"),
    "system": ("", "dim"),
    "info": ("", "dim"),
    "command": ("$ ", "bold"),
    "success": ("", "green"),
    "warning": ("", "yellow"),
    "error": ("", "red"),
}


class Look:
    """How the lines of one log look, one after the other."""

    def __init__(self) -> None:
        self._answered: object = None  # the call whose result was shown last

    def of(self, line: Line, screen: terminal.Screen) -> str:
        """The line as it is printed there."""
        mark, style = _LOOKS.get(line.kind, ("", None))
        if line.kind == "tool_result":
            mark, style = self._of_a_result(line, mark, style)
        text = mark + screen.foreign(line.text)
        # Our colour would end where the line's own does.
        return screen.paint(text, None if "\x1b" in line.text else style)

    def _of_a_result(self, line: Line, mark: str, style: str | None) -> tuple[str, str | None]:
        """The first line of a result says how long the call took."""
        data = line.data or {}
        call, seconds = data.get("id"), data.get("duration_seconds")
        if isinstance(seconds, (int, float)) and call != self._answered:
            mark += f"[{terminal.duration(seconds)}] "
        self._answered = call
        return mark, "red" if data.get("is_error") else style
