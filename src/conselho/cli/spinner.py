"""What moves on a terminal while nothing else is printed? One line, wiped away before the next one."""

import shutil

from conselho import clock
from conselho.cli.terminal import Screen

TICK_SECONDS = 0.1
QUIET_SECONDS = 0.4
"""Output that keeps coming is its own sign of life."""

_FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_WIPE = "\r\x1b[K"


def frame() -> str:
    """The turning sign as it stands at this moment."""
    return _FRAMES[int(clock.monotonic() / TICK_SECONDS) % len(_FRAMES)]


class Spinner:
    """A turning sign, the time since the start and a few words. Does nothing where no line can be wiped."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._began = self._last_wiped = clock.monotonic()
        self._is_shown = False
        self.words = ""

    @property
    def tick_seconds(self) -> float | None:
        """How often to call `turn`; None: never."""
        return TICK_SECONDS if self._screen.can_move else None

    def turn(self) -> None:
        """Show the next frame, unless something was printed just now."""
        now = clock.monotonic()
        if not self._screen.can_move or now - self._last_wiped < QUIET_SECONDS:
            return
        minutes, seconds = divmod(int(now - self._began), 60)
        text = f"{frame()} {minutes}:{seconds:02} {self.words}"[: shutil.get_terminal_size().columns - 1]
        self._screen.stream.write(_WIPE + self._screen.paint(text, "dim"))
        self._screen.stream.flush()
        self._is_shown = True

    def wipe(self) -> None:
        """Make room for a line."""
        self._last_wiped = clock.monotonic()
        if self._is_shown:
            self._screen.stream.write(_WIPE)
            self._screen.stream.flush()
            self._is_shown = False
