"""Which options of a command say how an agent CLI is to work? The same for an agent and for a run."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from conselho.agents import limits
from conselho.cli import options
from conselho.cli.options import Number, Text

Command = TypeVar("Command", bound=Callable[..., Any])

MODES = ("plan", "edit", "full")  # as the server knows them, without its imports: a test compares
TURNS_MAX = 10_000
COST_USD_MAX = 10_000.0

# Field of the options, and how it is called where something of it is refused.
NAMES = {
    "permission_mode": "--mode", "allowed_tools": "--allow-tool", "denied_tools": "--deny-tool",
    "max_turns": "--max-turns", "max_cost_usd": "--max-cost", "system_prompt": "--system-prompt",
    "mcp_config": "--mcp-config", "extra_args": "--extra-arg",
}  # fmt: skip
REFUSALS = {f"options.{field}": option for field, option in NAMES.items()}


class Cost(click.FloatRange):
    """US dollars."""

    def __init__(self) -> None:
        super().__init__(0.0, COST_USD_MAX, min_open=True)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number. Where it is none, or lies outside, one sentence says what is wanted."""
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter:
            self.fail(f"{value!r} is no number above 0 and up to {COST_USD_MAX:g}", param, ctx)

    def _describe_range(self) -> str:
        return f"up to {COST_USD_MAX:g}"


def fields(command: Command) -> Command:
    """Give a command an option for each of them."""
    for option in reversed(
        (
            click.option(
                "--model", metavar="M", type=Text(limits.MODEL_CHARACTERS_MAX),
                help="Which model an agent CLI is to use.",
            ),
            click.option(
                "--mode", "permission_mode", type=click.Choice(MODES),
                help="What an agent CLI may do unasked: only read (plan), change files and run checks, or anything.",
            ),
            click.option(
                "--allow-tool", "allowed_tools", metavar="TOOL", multiple=True, type=Text(),
                help="A tool beside those of the mode, as the CLI calls it; again for more.",
            ),
            click.option(
                "--deny-tool", "denied_tools", metavar="TOOL", multiple=True, type=Text(),
                help="A tool that it must not use, whatever allows it; again for more.",
            ),
            click.option(
                "--max-turns", metavar="N", type=Number(1, TURNS_MAX), help="So many turns of the model at most."
            ),
            click.option(
                "--max-cost", "max_cost_usd", metavar="USD", type=Cost(), help="End it where it would cost more."
            ),
            click.option("--system-prompt", metavar="TEXT", type=Text(), help="Added to that of the agent CLI."),
            click.option(
                "--mcp-config", metavar="FILE", callback=options.directory, type=Text(),
                help="Servers of tools, as the agent CLI has them.",
            ),
            click.option(
                "--extra-arg", "extra_args", metavar="ARG", multiple=True, type=Text(),
                help="An argument of the agent CLI's own, of those that are let through; again for more.",
            ),
        )
    ):  # fmt: skip
        command = option(command)
    return command


def taken(asked: dict[str, Any]) -> dict[str, Any] | None:
    """Take the options out of what a command was given; None where none was."""
    given = {field: asked.pop(field) for field in NAMES}
    said = {
        field: list(value) if isinstance(value, tuple) else value
        for field, value in given.items()
        if value not in (None, ())
    }
    return said or None


def shown(stored: dict[str, Any]) -> str:
    """Options on one line, each as it would be given."""
    import shlex  # noqa: PLC0415 - few runs have options to show

    words: list[str] = []
    for field, option in NAMES.items():
        value = stored.get(field)
        for each in value if isinstance(value, list) else [] if value is None else [value]:
            words += [option, shlex.quote(f"{each:g}" if isinstance(each, float) else str(each))]
    return " ".join(words)
