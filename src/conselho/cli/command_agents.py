"""Which options say who is given the commands of cards? The same for a card and for its project.

There is one agent for all commands, and there may be others for some: those are one field of the API, of which only
what is said is changed.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import click

from conselho import errors
from conselho.cards.columns import Command
from conselho.cli.options import Text

Decorated = TypeVar("Decorated", bound=Callable[..., Any])

WORDS = tuple(each.word for each in Command)
CLEARABLE = ("agent", *(f"{word}-agent" for word in WORDS))


def fields(command: Decorated) -> Decorated:
    """Give a command an option for each of them."""
    for word in reversed(WORDS):
        about = f"Who is given /{word}, in place of that one."
        command = click.option(f"--{word}-agent", metavar="A", type=Text(), help=about)(command)
    return click.option("--agent", metavar="A", type=Text(), help="The agent that is given its commands.")(command)


def taken(asked: dict[str, Any]) -> dict[str, str]:
    """Take those for single commands out of what a command was given."""
    given = {word: asked.pop(f"{word}_agent") for word in WORDS}
    return {word: agent for word, agent in given.items() if agent is not None}


def is_said(given: Mapping[str, str], cleared: Sequence[str]) -> bool:
    """Whether anything is said of those for single commands. Raises: errors.Invalid where one is given and cleared."""
    gone = _words(cleared)
    for word in gone:
        if word in given:
            raise errors.Invalid(f"--{word}-agent and --clear {word}-agent say different things: leave one of them out")
    return bool(given or gone)


def merged(before: dict[str, Any], given: Mapping[str, str], cleared: Sequence[str]) -> dict[str, Any]:
    """All of them as they are to be, if nobody has changed them since `before` was read."""
    gone = _words(cleared)
    kept = {word: agent for word, agent in before["agents"].items() if word not in gone}
    return {"agents": kept | dict(given), "version": before["version"]}


def shown(agent: str | None, agents: Mapping[str, str]) -> str:
    """Who is given its commands, in words; empty where nobody was chosen."""
    some = ", ".join(f"/{word}: {agents[word]}" for word in WORDS if word in agents)
    return f"{agent or ''} ({some})".strip() if some else agent or ""


def _words(cleared: Sequence[str]) -> list[str]:
    return [word for word in WORDS if f"{word}-agent" in cleared]
