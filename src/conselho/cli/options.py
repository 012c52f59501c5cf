"""Which options do many commands share, and how is a duration, a moment or a place read?"""

import contextlib
import functools
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import click

from conselho import clock, errors
from conselho.agents import limits

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from conselho.settings import Settings

Command = TypeVar("Command", bound=Callable[..., Any])

PROVIDERS = (
    "claude",
    "codex",
    "command",
    "gemini",
    "opencode",
)  # as the server knows them, without its imports: a test compares

TIMEOUT_MIN = timedelta(seconds=1)
TIMEOUT_MAX = timedelta(days=7)

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(s|m|h|d)?", re.ASCII)
_UNIT_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


# How a field of the API is called where it is an option.
_OPTIONS = {
    "slug": "SLUG", "argv": "ARGV", "timeout_seconds": "--timeout", "idle_timeout_seconds": "--idle-timeout",
    "accepted_exit_codes": "--accept-exit", "env_allow": "--allow-env", "q": "--query",
} | {
    name: f"--{name}"
    for name in (
        "title", "emoji", "description", "provider", "prompt", "model", "cwd", "env", "concurrency", "priority",
        "agent", "card", "councilor", "continue_from",
    )
}  # fmt: skip
_FIELD = re.compile(r"(?:the )?([a-z_]+(?:\.[a-z_]+)*)\b")


@dataclass(frozen=True)
class Place:
    """Where the data is, as far as flags say; None leaves it to the other sources of settings."""

    data_dir: str | None = None
    database_url: str | None = None

    def under(self, outer: "Place") -> "Place":
        """What a command was told wins over what stood before its name."""
        return Place(self.data_dir or outer.data_dir, self.database_url or outer.database_url)

    def settings(self, **flags: object) -> "Settings":
        """The settings in force. Raises: errors.Invalid."""
        from conselho import settings  # noqa: PLC0415 - pydantic takes longer than all of `--help`

        return settings.load({**self.overrides(), **flags})

    def overrides(self) -> dict[str, str | None]:
        """What flags say of settings."""
        return {"data_dir": self.data_dir, "database_url": self.database_url}

    def flags(self) -> list[str]:
        """What a command must be given to mean the same place, for commands we tell people to type."""
        return ["--data-dir", self.data_dir] if self.data_dir else []


def directory(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    """Make the name of a directory absolute."""
    # An empty one is nearly always an unset shell variable: the working directory would be a bad guess.
    if value == "":
        raise click.BadParameter("it is empty: name a directory")
    # Links are left alone, and so is the ~ of somebody who is not there, where Path would fail.
    return value and os.path.abspath(os.path.expanduser(value))  # noqa: PTH100, PTH111


def directories(
    _context: click.Context, _parameter: click.Parameter, incomplete: str
) -> "list[CompletionItem[str | None]]":
    """Let the shell complete the name of a directory."""
    from click.shell_completion import CompletionItem  # noqa: PLC0415 - only at TAB

    return [CompletionItem(incomplete, type="dir")]


_DATA_DIR = click.option(
    "--data-dir", metavar="DIR", callback=directory, shell_complete=directories,
    help="Where everything is kept ($CONSELHO_DATA_DIR).",
)  # fmt: skip
_DATABASE_URL = click.option(
    "--database-url", metavar="URL", help="PostgreSQL instead of SQLite ($CONSELHO_DATABASE_URL)."
)


def place(command: Command) -> Command:
    """Give a command `--data-dir` and `--database-url`; it receives them as `place`."""

    @functools.wraps(command)
    def placed(*args: Any, data_dir: str | None, database_url: str | None, **kwargs: Any) -> Any:
        context = click.get_current_context()
        outer = context.find_object(Place) or Place()
        return command(*args, place=Place(data_dir, database_url).under(outer), **kwargs)

    return _DATA_DIR(_DATABASE_URL(placed))  # type: ignore[return-value]


@contextlib.contextmanager
def by_their_names(more: Mapping[str, str] = {}) -> Iterator[None]:
    """Let a refusal that begins with a field of the API begin with its option. Raises: errors.Invalid.

    `more`: options of fields that only some commands know, before those that many do.
    """
    try:
        yield
    except errors.Invalid as error:
        raise errors.Invalid(_named(error.sentence, more)) from error


def _named(sentence: str, more: Mapping[str, str]) -> str:
    found = _FIELD.match(sentence)
    option = None if found is None else more.get(found[1], _OPTIONS.get(found[1]))
    sentence = sentence if found is None or option is None else option + sentence[found.end() :]
    return re.sub(r"options\.\w+", lambda field: more.get(field[0], field[0]), sentence)


def example(*lines: str) -> str:
    """The end of a command's help: commands to copy, each on its own line."""
    return "\b\nExample:\n" + "\n".join(f"  {line}" for line in lines)


class Text(click.ParamType[str]):
    """Text that JSON and the databases can hold, of at most so many characters."""

    name = "text"

    def __init__(self, characters_max: int | None = None) -> None:
        self.characters_max = characters_max

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The text itself."""
        text = str(value)
        if not limits.is_storable(text):
            self.fail(f"{text[:60]!r} is not UTF-8 text", param, ctx)
        if self.characters_max is not None and len(text) > self.characters_max:
            self.fail(f"it is longer than {self.characters_max} characters", param, ctx)
        return text


class Slug(click.ParamType[str]):
    """The name of an agent that is to be made."""

    name = "slug"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The name itself."""
        try:
            limits.check_slug(str(value))
        except errors.Invalid as error:
            self.fail(error.sentence.removeprefix("slug: "), param, ctx)
        return str(value)


class Number(click.IntRange):
    """A whole number within bounds."""

    def __init__(self, least: int, most: int) -> None:
        super().__init__(least, most)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The number. Where it is none, or lies outside, one sentence says what is wanted."""
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter:
            self.fail(f"{value!r} is no whole number from {self._describe_range()}", param, ctx)

    def _describe_range(self) -> str:
        return f"{self.min} to {self.max}"  # in `--help`, too, where click would write an inequality


class Duration(click.ParamType[float]):
    """`90`, `90s`, `5m`, `2h`, `7d`, as seconds."""

    name = "duration"

    def __init__(
        self, least: timedelta = TIMEOUT_MIN, most: timedelta = TIMEOUT_MAX, words: str = "1 second to 7 days"
    ) -> None:
        self.least, self.most, self.words = least, most, words

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Seconds within the bounds."""
        if isinstance(value, (int, float)):
            return float(value)
        seconds = seconds_of(str(value))
        if seconds is None:
            self.fail(f"{value!r} is no duration: write 90, 90s, 5m, 2h or 7d", param, ctx)
        if not self.least.total_seconds() <= seconds <= self.most.total_seconds():
            self.fail(f"{value} is outside {self.words}", param, ctx)
        return seconds


class Moment(click.ParamType[str]):
    """An RFC 3339 time, a date, or a duration back from now, as RFC 3339 in UTC."""

    name = "moment"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The moment; without a zone the machine's own is meant."""
        text = str(value)
        seconds = seconds_of(text) if text[-1:] in _UNIT_SECONDS else None
        try:
            found = clock.now() - timedelta(seconds=seconds) if seconds is not None else datetime.fromisoformat(text)
            return found.astimezone(UTC).isoformat().replace("+00:00", "Z")
        except (ValueError, OverflowError):
            self.fail(f"{text!r} is no moment: write 2h (two hours ago), 2026-11-21 or 2026-11-21T14:00", param, ctx)


def seconds_of(text: str) -> float | None:
    """The seconds a duration means; None when it is none."""
    found = _DURATION.fullmatch(text)
    return float(found[1]) * _UNIT_SECONDS[found[2] or "s"] if found else None
