"""`conselho cards`: write down what is to be done, have agents do it, and see how it stands.

Looking works whether or not a server runs.
"""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from conselho import errors
from conselho.cards.columns import Column, Command
from conselho.cli import (
    card_attachments,
    card_changes,
    card_diffs,
    card_numbers,
    card_orders,
    card_views,
    command_agents,
    logs,
    named,
    options,
    terminal,
)
from conselho.cli.groups import Group
from conselho.cli.options import Number, Place, Text

if TYPE_CHECKING:
    from conselho.cli.client import Api

PAGE = 200
RUNS_SHOWN = 50


@click.group(
    "cards",
    cls=Group,
    short_help="Put what is to be done on a board, and have agents do it.",
    epilog=options.example("conselho cards add 'Say what went wrong'", "conselho cards plan 1", "conselho cards board"),
)
def command() -> None:
    """Put what is to be done on a board, and have agents do it. A CARD is named by its number, or its id.

    A card goes from backlog to plan, implement, test, review and done: each command moves it to its column.
    """


_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_PROJECT = click.option("--project", metavar="P", type=Text(), help="Those of this project.")

for _each in (
    card_changes.add,
    card_changes.set_,
    card_changes.move,
    card_changes.cancel,
    card_changes.archive,
    *map(card_orders.order, Command),
    card_diffs.diff,
    card_attachments.attach,
    card_attachments.attachments,
    card_attachments.detach,
):
    command.add_command(_each)


@command.command("board", epilog=options.example("conselho cards board", "conselho cards board --project shop"))
@_PROJECT
@click.option("--limit", metavar="N", type=Number(1, PAGE), default=50, help="At most so many of each column (50).")
@_JSON
@options.place
def board(place: Place, *, project: str | None, limit: int, as_json: bool) -> None:
    """Show the board: its columns from left to right, each with its cards from the top."""
    found = _board(place, project, limit)
    if as_json:
        print(json.dumps(found, ensure_ascii=False))
        return
    _show_board(found["columns"], project)


@command.command(
    "list", epilog=options.example("conselho cards list", "conselho cards list --column archived --limit 20")
)
@_PROJECT
@click.option("--column", type=click.Choice([str(each) for each in Column]), help="Those of this column, from the top.")
@click.option("--limit", metavar="N", type=Number(1, PAGE), help=f"At most so many ({PAGE}).")
@click.option("--after", metavar="CURSOR", type=Text(), help="Go on where a list ended.")
@_JSON
@options.place
def list_(
    place: Place, *, project: str | None, column: str | None, limit: int | None, after: str | None, as_json: bool
) -> None:
    """Show the board; with --column, --limit or --after list cards, in the order they were made or stand there."""
    if not (column or limit or after or as_json):
        _show_board(_board(place, project, PAGE)["columns"], project)
        return
    page = _page(place, column, {"project": project, "limit": limit or PAGE, "after": after})
    if as_json:
        print(json.dumps(page, ensure_ascii=False))
        return
    messages = terminal.messages()
    if not page["items"]:
        messages.say("no card is like that")
        return
    card_views.listed(page["items"], terminal.output())
    if page["next"]:
        messages.say(messages.paint(f"more: add --after {page['next']}", "dim"))


@command.command("show", epilog=options.example("conselho cards show 12"))
@card_numbers.argument
@_JSON
@options.place
def show(place: Place, card: str, *, as_json: bool) -> None:
    """Show all there is to know of a card: its texts, its runs, where its work lies, and how to merge it."""
    with _reader(place) as api:
        found = named.card(api, card)
        runs = [] if as_json else api.get(named.card_path(card, "executions"), limit=RUNS_SHOWN)["items"]
    if as_json:
        print(json.dumps(found, ensure_ascii=False))
        return
    card_views.told(found, runs, terminal.output())


@command.command("log", epilog=options.example("conselho cards log -f 12", "conselho cards log 12 implement"))
@card_numbers.argument
@click.argument("command", metavar="[COMMAND]", required=False, type=click.Choice(command_agents.WORDS))
@click.option("-f", "--follow", "is_followed", is_flag=True, help="Go on until the run ends.")
@_JSON
@options.place
def log(place: Place, card: str, *, command: str | None, is_followed: bool, as_json: bool) -> None:
    """Print the log of a card's latest run, or of its latest with that COMMAND."""
    with _reader(place) as api:
        runs = api.get(named.card_path(card, "executions"), command=command, limit=1)["items"]
        if not runs:
            raise errors.NotFound(
                f"card {card} has had no {'run' if command is None else f'/{command}'} yet:"
                f" give it one with `conselho cards {command or 'plan'} {card}`"
            )
        logs.print_log(api, runs[0]["id"], is_followed=is_followed, as_json=as_json)


def _reader(place: Place) -> "Api":
    from conselho.cli import client  # noqa: PLC0415 - httpx is slow to import, and help needs none

    return client.reader(place.settings())


def _board(place: Place, project: str | None, limit: int) -> dict[str, Any]:
    try:
        reader = _reader(place)
    except errors.NotFound:  # no database yet: looking makes none
        empty = {"total": 0, "cards": [], "next": None}
        return {"columns": [{"name": str(each), **empty} for each in Column], "as_of": None}
    with reader as api, options.by_their_names():
        found: dict[str, Any] = api.get("/board", project=project, limit=limit)
        return found


def _page(place: Place, column: str | None, query: dict[str, Any]) -> dict[str, Any]:
    try:
        reader = _reader(place)
    except errors.NotFound:  # no database yet: looking makes none
        return {"items": [], "next": None}
    with reader as api, options.by_their_names({"after": "--after"}):
        if column is None:
            page: dict[str, Any] = api.get("/cards", **query)
            return page
        found = api.get("/board", column=column, **query)
        shown: dict[str, Any] = next(each for each in found["columns"] if each["name"] == column)
        return {"items": shown["cards"], "next": shown["next"], "as_of": found["as_of"]}


def _show_board(columns: Sequence[dict[str, Any]], project: str | None) -> None:
    messages = terminal.messages()
    if not any(each["total"] for each in columns):
        where = "" if project is None else f" --project {project}"
        messages.say(f"no cards yet: try `conselho cards add 'Say what went wrong'{where}`")
        return
    card_views.board(columns, terminal.output())
    for each in columns:
        left = each["total"] - len(each["cards"])
        if left > 0 and each["name"] != Column.ARCHIVED:
            more = f"{left:,} more in {each['name']}: `conselho cards list --column {each['name']}`"
            messages.say(messages.paint(more, "dim"))
