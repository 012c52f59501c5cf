"""How is a card named on a command line? By its number or its id; a shell is offered the numbers of the board."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from conselho import errors
from conselho.cli import terminal

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

Command = TypeVar("Command", bound=Callable[..., Any])

OFFERED_MAX = 50  # of each column


def offered(context: click.Context, _parameter: click.Parameter, incomplete: str) -> "list[CompletionItem[str]]":
    """The numbers of cards, where a server is there to be asked: who presses TAB waits."""
    from click.shell_completion import CompletionItem  # noqa: PLC0415 - only at TAB

    from conselho.cli import client, listener  # noqa: PLC0415 - likewise
    from conselho.cli.options import Place  # noqa: PLC0415 - likewise

    try:
        place = Place(context.params.get("data_dir"), context.params.get("database_url"))
        settings = place.under(context.find_object(Place) or Place()).settings()
        if not listener.answers(settings):
            return []
        with client.reader(settings) as api:
            columns = api.get("/board", limit=OFFERED_MAX)["columns"]
    except errors.ConselhoError:
        return []
    cards = [card for column in columns for card in column["cards"]]
    return [
        CompletionItem(str(card["number"]), help=terminal.one_line(card["title"]))
        for card in cards
        if str(card["number"]).startswith(incomplete)
    ]


def argument(command: Command) -> Command:
    """Give a command its CARD."""
    return click.argument("card", metavar="CARD", shell_complete=offered)(command)
