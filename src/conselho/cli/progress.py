"""How far are several runs? Shown live until the last one has ended.

A terminal gets a table that moves; a pipe gets a line at each change of state. One thread follows each run, so that
its latest line is known; the main thread alone prints.
"""

import contextlib
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from conselho import clock, errors
from conselho.cli import spinner, terminal
from conselho.cli.follow import Execution, Line, follow
from conselho.cli.terminal import Screen

if TYPE_CHECKING:
    from rich.live import Live
    from rich.table import Table

    from conselho.cli.client import Api

STATE_SECONDS = 0.5
"""Between looks at the runs that have not ended: the log does not say when one was claimed."""

TICK_SECONDS = 0.1


@dataclass
class _Run:
    """One run as far as it is known."""

    execution: Execution
    line: str = ""
    began: float = field(default_factory=clock.monotonic)

    @property
    def is_over(self) -> bool:
        return self.execution["completed_at"] is not None


@contextlib.contextmanager
def cancelled_on_interrupt(api: "Api", started: Sequence[Execution]) -> Iterator[None]:
    """Ctrl-C ends what was started by then, before it goes on its way."""
    try:
        yield
    except KeyboardInterrupt:
        for execution in started:
            # What has ended meanwhile says so, and that is fine.
            with contextlib.suppress(errors.ConselhoError):
                api.post(f"/executions/{execution['id']}/cancel")
        terminal.messages().say("cancelled what was still running")
        raise


_Heard = tuple[str, Line | Execution | errors.ConselhoError]


class Progress:
    """Several runs on their way."""

    def __init__(self, api: "Api", executions: Sequence[Execution], screen: Screen | None) -> None:
        self._api = api
        self._runs = {execution["id"]: _Run(execution) for execution in executions}
        self._screen = screen
        self._heard: queue.SimpleQueue[_Heard] = queue.SimpleQueue()
        self._next_look = 0.0

    def watch(self) -> list[Execution]:
        """Show the runs until all have ended; returns them in their order.

        Raises: errors.Unavailable when nobody serves any more.
        """
        for run in self._runs.values():
            self._tell(run)
            threading.Thread(target=self._listen, args=[run.execution["id"]], daemon=True).start()
        with _Display.on(self._screen, self._table) as display:
            while self._open_ids():
                self._hear()
                self._look()
                display.refresh()
        return [run.execution for run in self._runs.values()]

    def _open_ids(self) -> list[str]:
        return [identity for identity, run in self._runs.items() if not run.is_over]

    def _listen(self, identity: str) -> None:
        try:
            for heard in follow(self._api, identity):
                self._heard.put((identity, heard))
        except errors.ConselhoError as error:
            self._heard.put((identity, error))

    def _hear(self) -> None:
        """Take in what was heard for a moment."""
        until = clock.monotonic() + TICK_SECONDS
        while (left := until - clock.monotonic()) > 0:
            try:
                identity, heard = self._heard.get(timeout=left)
            except queue.Empty:
                return
            match heard:
                case Line():
                    self._runs[identity].line = terminal.one_line(heard.text)
                case errors.ConselhoError():
                    raise heard
                case _:
                    self._change(identity, heard)

    def _look(self) -> None:
        if clock.monotonic() < self._next_look:
            return
        self._next_look = clock.monotonic() + STATE_SECONDS
        for identity in self._open_ids():
            execution = self._api.glance(f"/executions/{identity}")
            # An end comes through the stream, after the last line.
            if execution is not None and execution["completed_at"] is None:
                self._change(identity, execution)

    def _change(self, identity: str, execution: Execution) -> None:
        run = self._runs[identity]
        is_new = execution["status"] != run.execution["status"]
        run.execution = execution
        if is_new:
            self._tell(run)

    def _tell(self, run: _Run) -> None:
        if self._screen is None or self._screen.can_move:
            return
        title, execution = terminal.one_line(run.execution["title"]), run.execution
        took = terminal.duration(execution["duration_seconds"])
        self._screen.say(f"{title}: {execution['status']}" + (f" after {took}" if took else ""))

    def _table(self) -> "Table":
        from rich.table import Table  # noqa: PLC0415 - for a terminal only: see `terminal.console`
        from rich.text import Text  # noqa: PLC0415

        assert self._screen is not None  # noqa: S101 - for the type checker: no table without a screen
        # What a run says last may be long: it takes what the others leave, and never their room.
        table = Table.grid(padding=(0, 2, 0, 0), expand=True)
        for ratio in (None, None, None, 1):
            table.add_column(no_wrap=True, overflow="ellipsis", ratio=ratio)
        for run in self._runs.values():
            execution = run.execution
            if run.is_over:
                mark = Text.from_ansi(terminal.severity(execution["severity"], self._screen))
                took = terminal.duration(execution["duration_seconds"])
            else:
                mark, took = Text(spinner.frame()), terminal.duration(clock.monotonic() - run.began)
            said = terminal.one_line(execution["summary"]) if run.is_over else run.line
            words = said or execution["waiting_for"] or execution["status"]
            table.add_row(mark, Text(terminal.one_line(execution["title"])), Text(took), Text(words, style="dim"))
        return table


class _Display:
    """The moving table, or nothing."""

    def __init__(self, live: "Live | None", table: "Callable[[], Table]") -> None:
        self._live, self._table = live, table

    @classmethod
    def on(cls, screen: Screen | None, table: "Callable[[], Table]") -> Self:
        if screen is None or not screen.can_move:
            return cls(None, table)
        from rich.live import Live  # noqa: PLC0415

        return cls(Live(console=terminal.console(screen), transient=True, auto_refresh=False), table)

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()

    def refresh(self) -> None:
        if self._live is not None:
            self._live.update(self._table(), refresh=True)
