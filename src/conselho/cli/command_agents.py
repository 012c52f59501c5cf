"""Which options say who is given the commands of cards? The same for a card and for its project.

There is one agent for all commands, and there may be others for some: those are one field of the API, of which only
what is said is changed.
"""

from collections.abc import Callable, Mapping
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


def changed(before: Mapping[str, str], given: Mapping[str, str], cleared: tuple[str, ...]) -> dict[str, str] | None:
    """All of them as they are to be, None where nothing is said of any.

    Raises: errors.Invalid where one is given and cleared.
    """
    gone = [word for word in WORDS if f"{word}-agent" in cleared]
    for word in gone:
        if word in given:
            raise errors.Invalid(f"--{word}-agent and --clear {word}-agent say different things: leave one of them out")
    if not (given or gone):
        return None
    return {word: agent for word, agent in before.items() if word not in gone} | dict(given)


def shown(agent: str | None, agents: Mapping[str, str]) -> str:
    """Who is given its commands, in words; empty where nobody was chosen."""
    some = ", ".join(f"/{word}: {agents[word]}" for word in WORDS if word in agents)
    return f"{agent or ''} ({some})".strip() if some else agent or ""
