"""How is a run's log printed for whoever asks for it later, and once more with `-f`?

Every line goes to stdout, whatever it was written to: what is asked for is the log.
"""

from collections.abc import Collection
from typing import TYPE_CHECKING

from conselho import errors
from conselho.cli import terminal
from conselho.cli.follow import Execution, Line, follow, stored
from conselho.cli.lines import Look

if TYPE_CHECKING:
    from conselho.cli.client import Api


def print_log(
    api: "Api", identity: str, *, is_followed: bool, as_json: bool, after: int = 0, kinds: Collection[str] = ()
) -> None:
    """Print the lines of a run behind a number, of some kinds or of all, and those that come if it is followed.

    Raises: errors.Unavailable where it is to be followed and nobody serves.
    """
    out = terminal.output()
    is_live = is_followed and api.is_served
    is_empty, look = True, Look()
    for line in follow(api, identity, after) if is_live else stored(api, identity, after):
        is_empty = is_empty and not isinstance(line, Line)
        if isinstance(line, Line) and (not kinds or line.kind in kinds):
            out.say(line.as_json() if as_json else _shown(line, look, out))
    execution = api.get(f"/executions/{identity}") if is_empty or (is_followed and not is_live) else None
    if execution and execution.get("log_purged_at"):
        messages = terminal.messages()
        messages.say(purged(execution, messages))
    if execution and is_followed and not is_live and execution["completed_at"] is None:
        raise errors.Unavailable("no server is running, so the log does not go on: start one with `conselho serve`")


def purged(execution: Execution, out: terminal.Screen) -> str:
    """That there was a log, and why there is none any more."""
    lines = f"{execution['log_lines']:,} line{'' if execution['log_lines'] == 1 else 's'}"
    return f"its log of {lines} was removed for its age ({terminal.moment(execution['log_purged_at'], out)})"


def _shown(line: Line, look: Look, out: terminal.Screen) -> str:
    if line.kind == "stderr":  # all of a log goes to one place here
        return out.paint(out.foreign(line.text), None if "\x1b" in line.text else "red")
    return look.of(line, out)
