"""How do things look on a terminal, and how in a pipe?

A terminal gets colour (unless NO_COLOR is set), symbols, short ids and local times; a pipe gets plain words in
columns held apart by spaces, whole ids and RFC 3339 times. What agents print is hostile: it could move the cursor,
rename the window or answer questions the terminal asks, so on a terminal only tabs and colours are left of it.
A pipe gets it as it came.
"""

import os
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, TextIO

from conselho import clock
from conselho.cli import streams

if TYPE_CHECKING:
    from rich.console import Console

SHORT_ID_LENGTH = 8
"""Of the end: the beginning of an id is a time, the same for all of an hour."""

_STYLES = {
    "bold": "1",
    "dim": "2",
    "red": "31",
    "green": "32",
    "yellow": "33",
    "cyan": "36",
}
_SYMBOLS = {"success": ("✓", "green"), "warning": ("▲", "yellow"), "error": ("✗", "red")}
_STATUS_STYLES = {
    "queued": "cyan",
    "claimed": "cyan",
    "running": "cyan",
    "succeeded": "green",
    "cancelled": "yellow",
    "expired": "yellow",
}

# Sequences first, so that their printable parts go with them; then what controls without a sequence: C0 but the
# tab, DEL, C1, and the letters that turn the direction of writing (they can make a line read as another).
_SEQUENCE = re.compile(
    r"(?P<sgr>\x1b\[[0-9;:]*m)"
    r"|\x1b\[[0-?]*[ -/]*[@-~]"  # any other CSI
    r"|\x9b[0-?]*[ -/]*[@-~]"
    r"|(?:\x1b[P\]X^_]|[\x90\x9d\x98\x9e\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c|$)"  # strings: title, clipboard
    r"|\x1b[ -/]*[0-~]?"
    r"|[\x00-\x08\x0a-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)
_RESET = "\x1b[0m"
_PROSE = frozenset(
    {"title", "summary", "schedule", "why", "what it does", "what to do"}
)  # columns that may go on in a next line


@dataclass(frozen=True)
class Screen:
    """What an output can show: asked once, passed along. `can_move`: a line can be wiped and written anew."""

    stream: TextIO
    is_terminal: bool
    has_colour: bool
    can_move: bool

    def paint(self, text: str, style: str | None) -> str:
        """`text` in a style of ours, or plain where there is no colour."""
        if style is None or not self.has_colour:
            return text
        return f"\x1b[{_STYLES[style]}m{text}{_RESET}"

    def foreign(self, text: str) -> str:
        """A stranger's text, harmless where a terminal reads it."""
        return harmless(text, colours=self.has_colour) if self.is_terminal else text

    def say(self, text: str = "") -> None:
        """Print one line now, in UTF-8 in a pipe whatever the locale: what agents print is not limited to it.

        Raises: streams.Unwritable where results go, never where remarks go: no run is left for want of those.
        """
        try:
            self._write(text)
        except streams.Unwritable as error:
            if error.called != streams.MESSAGES:
                raise
            streams.give_up(self.stream)

    def _write(self, text: str) -> None:
        if self.is_terminal:
            print(text, file=self.stream, flush=True)
            return
        self.stream.flush()
        buffer = self.stream.buffer
        buffer.write(text.encode("utf-8", "replace") + b"\n")
        buffer.flush()


def screen(stream: TextIO) -> Screen:
    """Ask what `stream` can show."""
    is_terminal = stream.isatty()
    can_move = is_terminal and os.environ.get("TERM", "dumb") != "dumb"
    return Screen(stream, is_terminal, can_move and not os.environ.get("NO_COLOR"), can_move)


def output() -> Screen:
    """Where results go."""
    return screen(sys.stdout)


def messages() -> Screen:
    """Where remarks, progress and errors go."""
    return screen(sys.stderr)


def console(of: Screen) -> "Console":
    """rich on a screen; imported here because it takes as long as a whole short command."""
    from rich.console import Console  # noqa: PLC0415

    return Console(file=of.stream, no_color=not of.has_colour, highlight=False, markup=False, emoji=False)


def harmless(text: str, *, colours: bool = True) -> str:
    """`text` without what steers a terminal; colours stay if wanted, and end with the text."""
    left_on = False

    def keep(found: re.Match[str]) -> str:
        nonlocal left_on
        if found["sgr"] is None or not colours:
            return ""
        left_on = True
        return found[0]

    cleaned = _SEQUENCE.sub(keep, text)
    return cleaned + _RESET if left_on else cleaned


def one_line(text: str | None) -> str:
    """A stranger's text as one plain line, for a table or a sentence."""
    return " ".join(harmless(re.sub(r"[\t\r\n]+", " ", text or ""), colours=False).split())


def duration(seconds: float | None) -> str:
    """`0.4 s`, `12 s`, `1 min 3 s`, `2 h 5 min`, `3 d 4 h`; empty for None."""
    if seconds is None:
        return ""
    if seconds < 9.95:  # tenths mean something below ten seconds
        return f"{max(seconds, 0.0):.1f} s"
    whole = round(seconds)
    for big, small, unit, smaller in ((86_400, 3_600, "d", "h"), (3_600, 60, "h", "min"), (60, 1, "min", "s")):
        if whole >= big:
            rest = whole % big // small
            return f"{whole // big} {unit}" + (f" {rest} {smaller}" if rest else "")
    return f"{whole} s"


def moment(text: str | None, of: Screen) -> str:
    """An RFC 3339 time: local and short on a terminal, as it is in a pipe."""
    if text is None or not of.is_terminal:
        return text or ""
    local = datetime.fromisoformat(text).astimezone()
    is_today = local.date() == clock.now().astimezone(local.tzinfo).date()
    return local.strftime("%H:%M:%S" if is_today else "%b %d %H:%M")


def short_id(identity: str, of: Screen) -> str:
    """The end of an id on a terminal, the whole of it in a pipe."""
    return identity[-SHORT_ID_LENGTH:] if of.is_terminal else identity


def severity(word: str | None, of: Screen) -> str:
    """A severity's word, with symbol and colour on a terminal."""
    if word is None or not of.is_terminal:
        return word or ""
    symbol, style = _SYMBOLS.get(word, ("·", "dim"))
    return of.paint(f"{symbol} {word}", style)


def status(word: str, of: Screen) -> str:
    """A status's word in its colour."""
    return of.paint(word, _STATUS_STYLES.get(word, "red"))


def finding(told: dict[str, Any], of: Screen) -> str:
    """One finding of a verdict: severity, title, place."""
    place = one_line(told.get("file"))
    if place and told.get("line"):
        place += f":{told['line']}"
    words = (severity(told.get("severity"), of), place, one_line(told.get("title")))
    return "  ".join(word for word in words if word)


def closing(execution: dict[str, Any], of: Screen) -> str:
    """One line that says how a run ended."""
    symbol, style = _SYMBOLS.get(execution["severity"] or "", ("·", "cyan"))
    took = duration(execution["duration_seconds"])
    words = execution["status"].replace("_", " ") + (f" after {took}" if took else "")
    why = one_line(execution["error"] or execution["summary"])
    if why.startswith(execution["status"].replace("_", " ")):
        why = why.partition("; ")[2]  # "timed out after 2 s" the server's sentence says as well
    return of.paint(f"{symbol} {words}", style) + (f": {why}" if why else "")


def table(headers: Sequence[str], rows: Sequence[Sequence[str]], of: Screen) -> None:
    """Print rows under headers. Cells are plain lines; ours may be painted already."""
    if of.is_terminal:
        _ruled(headers, rows, of)
        return
    cells = [[cell or "-" for cell in row] for row in (headers, *rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(headers))]
    for row in cells:
        of.say("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _ruled(headers: Sequence[str], rows: Sequence[Sequence[str]], of: Screen) -> None:
    from rich.table import Table  # noqa: PLC0415 - see `console`
    from rich.text import Text  # noqa: PLC0415

    ruled = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for header in headers:
        ruled.add_column(header, overflow="ellipsis", no_wrap=header not in _PROSE)
    for row in rows:
        ruled.add_row(*(Text.from_ansi(cell) for cell in row))
    console(of).print(ruled)
