"""Which options say what an agent is? Each is a field of its definition."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from conselho import errors
from conselho.agents import limits
from conselho.cli import agent_options, options
from conselho.cli.options import Duration, Number, Text

Command = TypeVar("Command", bound=Callable[..., Any])

# What `set --clear` can bring back to its default: the option's word, and the field it stands for.
CLEARABLE = {
    "title": "title", "emoji": "emoji", "description": "description", "prompt": "prompt", "model": "model",
    "cwd": "cwd", "env": "env", "allow-env": "env_allow", "timeout": "timeout_seconds",
    "idle-timeout": "idle_timeout_seconds", "accept-exit": "accepted_exit_codes", "concurrency": "concurrency",
} | {option.removeprefix("--"): f"options.{field}" for field, option in agent_options.NAMES.items()}  # fmt: skip


def fields(command: Command) -> Command:
    """Give a command an option for each field of a definition."""
    for option in reversed(
        (
            click.option(
                "--title", metavar="T", type=Text(limits.TITLE_CHARACTERS_MAX), help="What people call it."
            ),
            click.option(
                "--emoji", metavar="E", type=Text(limits.EMOJI_CHARACTERS_MAX),
                help="How it is recognised at a glance.",
            ),
            click.option(
                "--description", metavar="TEXT", type=Text(limits.DESCRIPTION_CHARACTERS_MAX), help="What it is for."
            ),
            click.option(
                "--provider", metavar="P", type=click.Choice(options.PROVIDERS), help="How it is spoken to (command)."
            ),
            click.option(
                "--prompt", metavar="TEXT",
                help="What it is told, at most 512 KiB, {prompt} the caller's text; - is stdin.",
            ),
            click.option(
                "--cwd", metavar="DIR", callback=options.directory, shell_complete=options.directories,
                help="Where it runs (where it is started from).",
            ),
            click.option(
                "--env", "variables", metavar="NAME=VALUE", multiple=True,
                help="Give its runs a variable, 128 KiB of them at most; again for more.",
            ),
            click.option(
                "--allow-env", "allowed", metavar="NAME", multiple=True,
                help="Let them inherit it from the worker, 100 such at most; again for more.",
            ),
            click.option(
                "--timeout", "timeout_seconds", type=Duration(), metavar="S",
                help="End a run after 90, 90s, 5m, 2h, 7d.",
            ),
            click.option(
                "--idle-timeout", "idle_timeout_seconds", type=Duration(), metavar="S",
                help="End one that is silent so long.",
            ),
            click.option(
                "--accept-exit", "accepted", metavar="CODE", type=Number(0, 255), multiple=True,
                help="An exit code that is good, beside 0; again for more.",
            ),
            click.option(
                "--concurrency", metavar="N", type=Number(1, limits.CONCURRENCY_MAX),
                help="Runs at once (as many as there are seats).",
            ),
            click.option(
                "--exclusive/--shared", default=None, help="Alone in its directory, or beside others (shared)."
            ),
            click.argument("argv", nargs=-1, type=click.UNPROCESSED),
        )
    ):  # fmt: skip
        command = option(command)
    return agent_options.fields(command)


def cleared(given: dict[str, Any], words: Sequence[str]) -> dict[str, Any]:
    """A change of what was given, and of what the words of `--clear` stand for. Raises: errors.Invalid for both.

    Another provider takes neither the arguments nor the options of the one before, and need not be told so.
    """
    change = {name: value for name, value in given.items() if name != "options"}
    said: dict[str, Any] = given.get("options") or {}
    emptied: dict[str, None] = {}
    for word in words:
        field = CLEARABLE[word]
        if field in given or field.removeprefix("options.") in said:
            raise errors.Invalid(f"--{word} and --clear {word} say different things: leave one of them out")
        if field.startswith("options."):
            emptied[field.removeprefix("options.")] = None
        else:
            change[field] = None
    if emptied or said:
        change["options"] = emptied | said
    if "provider" in given:
        of_another = "options" if given["provider"] == "command" else "argv"
        change.setdefault(of_another, None)
    return change
