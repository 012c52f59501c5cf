"""How do cards come to be, change, move and go, from a terminal?"""

import contextlib
import json
import os
from typing import TYPE_CHECKING, Any

import click

from conselho import errors
from conselho.cards.columns import Column
from conselho.cli import card_numbers, command_agents, named, options, terminal
from conselho.cli.named import Card
from conselho.cli.options import Number, Place, Text

if TYPE_CHECKING:
    from conselho.cli.client import Api

# As the server knows them, without its imports: a test compares.
TITLE_CHARACTERS_MAX = 255
DESCRIPTION_BYTES_MAX = 100 * 1024
PLAN_BYTES_MAX = 200 * 1024
PRIORITY_MAX = 1000

CLEARABLE = ("description", "plan", "project", "priority", *command_agents.CLEARABLE)

_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_TEXTS = {"description": DESCRIPTION_BYTES_MAX, "plan": PLAN_BYTES_MAX}
_OPTIONS = {name: f"--{name}" for name in ("title", "description", "plan", "project", "priority", "agent", "agents")}


def _fields(command: Any) -> Any:
    """Give a command an option for each field of a card but its title."""
    for option in reversed(
        (
            click.option(
                "--description", metavar="TEXT", help="All there is to say about it, at most 100 KiB; - is stdin."
            ),
            click.option("--plan", metavar="TEXT", help="How it is to be done, at most 200 KiB; - is stdin."),
            click.option("--project", metavar="P", type=Text(), help="Where it is worked on: a project's name or id."),
            click.option(
                "--priority", metavar="N", type=Number(-PRIORITY_MAX, PRIORITY_MAX),
                help="Runs of higher ones start first (0).",
            ),
            command_agents.fields,
        )
    ):  # fmt: skip
        command = option(command)
    return command


@click.command(
    "add",
    epilog=options.example(
        "conselho cards add 'Say what went wrong'",
        "conselho cards add 'Use the new client' --project shop --agent claude --description - < wish.md",
    ),
)
@click.argument("title", type=Text(TITLE_CHARACTERS_MAX))
@_fields
@_JSON
@options.place
def add(place: Place, title: str, *, as_json: bool, **asked: Any) -> None:
    """Make a card: TITLE says in a few words what is to be done.

    Without --project it belongs to that of the current directory, or to the only one there is.
    """
    agents = command_agents.taken(asked)
    body = {"title": title} | _given(asked) | ({"agents": agents} if agents else {})
    with writer(place) as api, options.by_their_names(_OPTIONS | {"title": "TITLE"}):
        if "project" not in body:
            body |= _project_here(api)
        card: Card = api.post("/cards", body)
    _say(f"added card {card['number']}", card, as_json=as_json)
    if card["project"] is None and not as_json:
        advice = f"`conselho projects add` in a repository, `conselho cards set {card['number']} --project NAME`"
        terminal.messages().say(f"it belongs to no project, so it takes no commands: {advice}")


@click.command(
    "set",
    epilog=options.example(
        "conselho cards set 12 --title 'Say what went wrong, and where' --priority 5",
        "conselho cards set 12 --plan - --review-agent claude --clear description < plan.md",
    ),
)
@card_numbers.argument
@click.option("--title", metavar="T", type=Text(TITLE_CHARACTERS_MAX), help="What is to be done, in a few words.")
@_fields
@click.option(
    "--clear", "cleared", metavar="FIELD", type=click.Choice(CLEARABLE), multiple=True,
    help=f"Back to the default: {', '.join(CLEARABLE)}; again for more.",
)  # fmt: skip
@_JSON
@options.place
def set_(place: Place, card: str, *, cleared: tuple[str, ...], as_json: bool, **asked: Any) -> None:
    """Change what is given, and nothing else. What a run that is active was told stays as it is."""
    agents = command_agents.taken(asked)
    body = _given(asked)
    for word in cleared:
        if body.get(word) is not None:
            raise errors.Invalid(f"--{word} and --clear {word} say different things: leave one of them out")
        if not word.endswith("-agent"):
            body[word] = None
    is_about_agents = command_agents.is_said(agents, cleared)
    if not body and not is_about_agents:
        raise errors.Invalid("say what to change: `conselho cards set --help` lists it")
    with writer(place) as api, options.by_their_names(_OPTIONS):
        if is_about_agents:
            body |= command_agents.merged(named.card(api, card), agents, cleared)
        changed: Card = api.patch(named.card_path(card), body)
    _say(f"changed card {changed['number']}", changed, as_json=as_json)


@click.command(
    "move", epilog=options.example("conselho cards move 12 done", "conselho cards move 12 backlog --before 7")
)
@card_numbers.argument
@click.argument("column", type=click.Choice([str(each) for each in Column]))
@click.option("--before", metavar="CARD", type=Text(), help="Above that card of the column, and not at its end.")
@_JSON
@options.place
def move(place: Place, card: str, column: str, *, before: str | None, as_json: bool) -> None:
    """Put a card into COLUMN, or to another place in its own. To cancel it ends its run."""
    moved = _moved(place, card, {"column": column, "before": before})
    _say(f"moved card {moved['number']} to {moved['column']}", moved, as_json=as_json)
    if column == Column.DONE and not as_json:
        say_merge(moved)


@click.command("cancel", epilog=options.example("conselho cards cancel 12"))
@card_numbers.argument
@_JSON
@options.place
def cancel(place: Place, card: str, *, as_json: bool) -> None:
    """Give a card up, and end its run. Its branch stays; `cards move CARD backlog` takes it up again."""
    cancelled = _moved(place, card, {"column": str(Column.CANCELLED)})
    run = cancelled["active_execution"]
    ending = "" if run is None else f", its run {run['id'][-terminal.SHORT_ID_LENGTH :]} is being ended"
    _say(f"cancelled card {cancelled['number']}{ending}", cancelled, as_json=as_json)


@click.command("archive", epilog=options.example("conselho cards archive 12"))
@card_numbers.argument
@_JSON
@options.place
def archive(place: Place, card: str, *, as_json: bool) -> None:
    """Take a card off the board, from whatever column. Its history and its branch stay."""
    with writer(place) as api:
        path = named.card_path(card)
        api.delete(path)
        archived: Card = api.get(path)
    _say(f"archived card {archived['number']}", archived, as_json=as_json)


def say_merge(card: Card) -> None:
    """Say how what it changed comes to where the user works."""
    if card["merge"] and card["changes"] and card["changes"]["files"]:
        messages = terminal.messages()
        messages.say(f"{messages.paint('to merge it:', 'dim')} {terminal.one_line(card['merge'])}")


def writer(place: Place) -> "Api":
    """A server to change something through, started where there is none."""
    from conselho.cli import client  # noqa: PLC0415 - httpx is slow to import, and help needs none

    return client.writer(place.settings())


def _moved(place: Place, card: str, body: dict[str, Any]) -> Card:
    with writer(place) as api, options.by_their_names({"before": "--before"}):
        moved: Card = api.post(named.card_path(card, "move"), body)
        return moved


def _given(asked: dict[str, Any]) -> dict[str, Any]:
    """The fields that were given. Raises: errors.Invalid."""
    from conselho.cli import run  # noqa: PLC0415 - brings what help does not need

    given = {name: value for name, value in asked.items() if value is not None}
    if [given.get(name) for name in _TEXTS].count("-") > 1:
        raise errors.Invalid("stdin holds one text: give only one of --description and --plan as -")
    for name, bytes_max in _TEXTS.items():
        if name in given:
            given[name] = run.read_prompt(given[name], f"--{name}", bytes_max)
    return given


def _project_here(api: "Api") -> dict[str, str]:
    """The project whose directory this is, or lies around it."""
    with contextlib.suppress(OSError):
        here = f"{os.path.realpath('.')}/"
        around = [each for each in api.get("/projects", limit=200)["items"] if here.startswith(f"{each['path']}/")]
        if around:
            return {"project": max(around, key=lambda each: len(each["path"]))["slug"]}
    return {}


def _say(said: str, card: Card, *, as_json: bool) -> None:
    print(json.dumps(card, ensure_ascii=False) if as_json else said)
