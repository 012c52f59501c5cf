"""How does the terminal stay with a run until it ends, and what is its exit code then?

A thread follows the run and hands over what it hears; the main thread prints, turns the spinner and answers
signals, so that no signal ever breaks a line or a request in two. The first Ctrl-C (or TERM) cancels the run and
waits for its end; the second leaves it to the server, and so does whoever stops reading our output.
"""

import contextlib
import json
import queue
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import FrameType
from typing import TYPE_CHECKING

from conselho import clock, errors
from conselho.cli import streams, terminal
from conselho.cli.follow import Execution, Line, follow
from conselho.cli.lines import Look
from conselho.cli.spinner import Spinner

if TYPE_CHECKING:
    from conselho.cli.client import Api

EXIT_FAILED = 1
EXIT_TIMED_OUT = 124
EXIT_LOST = 125
EXIT_NOT_EXECUTABLE = 126
EXIT_NOT_FOUND = 127
EXIT_SIGNAL = 128  # plus the signal's number
EXIT_CANCELLED = 130
EXIT_UNREAD = 141  # 128 + SIGPIPE, as of a command that this ends

STATE_SECONDS = 1.0
"""Between looks at what a run waits for, where a spinner shows it."""

WAITED_SECONDS = 5.0
"""A run that waits for so long is worth a line where nothing else moves."""

LINES_AHEAD_MAX = 1_000
"""Read ahead of a slow reader of ours; more stays with the server."""


@dataclass(frozen=True)
class _Signal:
    """Somebody wants this to end."""


_Heard = Line | Execution | _Signal | errors.ConselhoError


class Attendance:
    """One run attended to. Signals are held back from when this is entered until it is left."""

    def __init__(self, api: "Api", *, as_json: bool) -> None:
        self._api = api
        self._as_json = as_json
        self._heard: queue.SimpleQueue[_Heard] = queue.SimpleQueue()
        self._room = threading.Semaphore(LINES_AHEAD_MAX)
        self._output, self._messages = terminal.output(), terminal.messages()
        self._spinner = Spinner(self._messages)
        self._look_of_lines = Look()
        self._identity = ""
        self._signals = 0
        self._state = ("", "")
        self._is_under_way = self._was_told_to_wait = False
        self._next_look = 0.0

    def stay(self, start: Callable[[], Execution]) -> int:
        """Start a run and attend to it; returns the exit code for the shell."""
        with self._signals_held():
            execution = start()
            self._identity = execution["id"]
            self._greet(execution)
            threading.Thread(target=self._listen, daemon=True).start()
            try:
                return self._attend()
            except streams.Unwritable as error:
                return self._unwritable(error)

    def _attend(self) -> int:
        while True:
            heard = self._next()
            match heard:
                case None:
                    self._look()
                    self._spinner.turn()
                case Line():
                    self._print(heard)
                    self._room.release()
                case _Signal():
                    if self._signals > 1:
                        return self._leave()
                    self._cancel()
                case errors.ConselhoError():
                    self._spinner.wipe()
                    raise self._told_how_to_follow(heard)
                case _:
                    return self._close(heard)

    def _next(self) -> _Heard | None:
        """What was heard; None when it is time to look how the run is and to turn the spinner."""
        quiet = None if self._is_under_way else WAITED_SECONDS
        try:
            return self._heard.get(timeout=self._spinner.tick_seconds or quiet)
        except queue.Empty:
            return None

    def _listen(self) -> None:
        try:
            for heard in follow(self._api, self._identity):
                if isinstance(heard, Line):
                    self._room.acquire()
                self._heard.put(heard)
        except errors.ConselhoError as error:
            self._heard.put(error)

    @contextlib.contextmanager
    def _signals_held(self) -> Iterator[None]:
        before = {number: signal.signal(number, self._on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._signals += 1
        self._heard.put(_Signal())
        if not self._identity and self._signals > 1:
            # The server does not answer and the person does not want to wait: it may have taken the run.
            raise KeyboardInterrupt

    def _cancel(self) -> None:
        self._remark(f"cancelling {self._name()}: waiting for its end (again to leave it to the server)")

        def ask() -> None:
            try:
                self._api.post(f"/executions/{self._identity}/cancel")
            except errors.Conflict:
                return  # it ended by itself at the same moment: its end is on the way
            except errors.ConselhoError as error:
                self._heard.put(error)

        # In a thread of its own: a server that does not answer must not keep the second Ctrl-C from being heard.
        threading.Thread(target=ask, daemon=True).start()

    def _leave(self) -> int:
        self._remark(f"left to the server: follow it with `conselho executions log -f {self._name()}`")
        return EXIT_CANCELLED

    def _unwritable(self, error: streams.Unwritable) -> int:
        """Say what becomes of the run now that its output goes nowhere."""
        streams.give_up(self._output.stream)
        self._spinner.wipe()
        why = "nobody reads the output any more" if error.is_unread else error.sentence
        execution = self._api.glance(f"/executions/{self._identity}")
        if execution is not None and execution["completed_at"] is not None:
            state = f"the run has ended, {execution['status'].replace('_', ' ')}"
            advice = f"read it with `conselho executions log {self._name()}`"
        else:
            state = "the run goes on"
            follow, cancel = (f"`conselho executions {verb} {self._name()}`" for verb in ("log -f", "cancel"))
            advice = f"follow it with {follow}, end it with {cancel}"
        self._messages.say(f"conselho: {why}; {state}: {advice}")
        return EXIT_UNREAD if error.is_unread else EXIT_FAILED

    def _told_how_to_follow(self, error: errors.ConselhoError) -> errors.ConselhoError:
        sentence = error.sentence.rstrip(".")
        return type(error)(f"{sentence}; the run is {self._identity}: `conselho executions show {self._name()}`")

    def _greet(self, execution: Execution) -> None:
        self._spinner.words = execution["status"]
        if self._messages.is_terminal and not self._as_json:
            title = terminal.one_line(execution["title"])
            self._remark(f"run {self._name()} {title}".rstrip())

    def _look(self) -> None:
        """Ask what the run waits for, now and then."""
        if clock.monotonic() < self._next_look:
            return
        self._next_look = clock.monotonic() + STATE_SECONDS
        execution = self._api.glance(f"/executions/{self._identity}")
        if execution is not None:
            self._notice(execution)

    def _notice(self, execution: Execution) -> None:
        waiting_for = terminal.one_line(execution["waiting_for"])
        state = (execution["status"], waiting_for)
        self._is_under_way = execution["status"] not in {"queued", "claimed"}
        self._spinner.words = f"waiting for {waiting_for}" if waiting_for else execution["status"]
        if waiting_for and (state != self._state if self._messages.can_move else not self._was_told_to_wait):
            self._was_told_to_wait = True
            self._remark(self._spinner.words)
        self._state = state

    def _print(self, line: Line) -> None:
        self._is_under_way = True
        self._spinner.wipe()
        if self._as_json:
            self._output.say(line.as_json())
        else:
            show(line, self._look_of_lines, self._output, self._messages)

    def _remark(self, text: str) -> None:
        self._spinner.wipe()
        self._messages.say(self._messages.paint(text, "dim"))

    def _close(self, execution: Execution) -> int:
        self._spinner.wipe()
        if self._as_json:
            self._output.say(json.dumps(execution, ensure_ascii=False))
        elif self._messages.is_terminal:
            self._messages.say(terminal.closing(execution, self._messages))
        elif execution["error"] and execution["reason"] not in {"exit_code", "signal"}:
            self._messages.say(f"conselho: {terminal.one_line(execution['error'])}")
        return exit_code(execution)

    def _name(self) -> str:
        return self._identity[-terminal.SHORT_ID_LENGTH :]


def show(line: Line, look: Look, output: terminal.Screen, messages: terminal.Screen) -> None:
    """Print a line where its kind belongs."""
    screen = messages if line.kind in _REMARKS else output
    screen.say(look.of(line, screen))


_REMARKS = frozenset({"stderr", "system", "warning", "error"})


def exit_code(execution: Execution) -> int:
    """What a shell is told: the run's own code where it has one."""
    match execution["status"], execution["reason"]:
        case "succeeded", _:
            return int(execution["exit_code"] or 0)
        case "timed_out", _:
            return EXIT_TIMED_OUT
        case "cancelled", _:
            return EXIT_CANCELLED
        case "lost", _:
            return EXIT_LOST
        case "failed", "not_found" | "not_installed":
            return EXIT_NOT_FOUND
        case "failed", "not_executable":
            return EXIT_NOT_EXECUTABLE
        case _:
            if execution["signal"]:
                return EXIT_SIGNAL + int(execution["signal"])
            return int(execution["exit_code"] or EXIT_FAILED)
