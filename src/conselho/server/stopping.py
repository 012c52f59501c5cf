"""How is a server told to stop, and what does a second telling mean?

The first TERM or INT ends the server in good order and leaves the runs to the next one. A second one, while it is
still ending, ends the runs as well. Where runs are going on a server that ends waits a moment for that second word.
"""

import asyncio
import signal

from conselho import clock

SECOND_WORD_SECONDS = 2.0  # as long as a person needs to see that runs go on, and to want otherwise
ONE_KEY_SECONDS = 0.5  # a terminal and the program that watches over us may both pass on the same Ctrl-C
_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Stop:
    """What a server was told. `asked`: end. `insisted`: end the runs too."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.insisted = asyncio.Event()
        self._signalled_at: float | None = None

    @property
    def was_signalled(self) -> bool:
        """Whether it was a signal that asked: only then may a second one follow."""
        return self._signalled_at is not None

    def ask(self) -> None:
        """Let the server end; its runs go on."""
        self.asked.set()

    def heed_signals(self) -> None:
        """Listen to TERM and INT, until the event loop is closed."""
        loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            loop.add_signal_handler(number, self._on_signal, number)

    async def second_word(self) -> bool:
        """Wait until the runs are to be ended as well, but not for long."""
        try:
            await asyncio.wait_for(self.insisted.wait(), SECOND_WORD_SECONDS)
        except TimeoutError:
            return False
        return True

    def _on_signal(self, number: signal.Signals) -> None:
        now = clock.monotonic()
        if self._signalled_at is None:
            self._signalled_at = now
            self.ask()
        elif number != signal.SIGINT or now - self._signalled_at > ONE_KEY_SECONDS:
            self.insisted.set()
