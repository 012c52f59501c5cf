"""`conselho projects worktrees`: see where cards are worked on, and remove what nobody needs any more."""

import json
from typing import Any
from urllib.parse import quote

import click

from conselho import errors, names
from conselho.cli import named, options, terminal
from conselho.cli.groups import Group
from conselho.cli.options import Number, Place, Text

PAGE = 200
_HEADS = ("name", "card", "column", "branch", "standing")


@click.group(
    "worktrees",
    cls=Group,
    short_help="See where cards are worked on, and remove what nobody needs.",
    epilog=options.example("conselho projects worktrees list shop", "conselho projects worktrees remove shop 12-typo"),
)
def command() -> None:
    """See where the cards of a project are worked on, and remove what nobody needs.

    Those of archived and merged cards go by themselves.
    """


_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_PROJECT = click.argument("project", metavar="PROJECT")


@command.command("list", epilog=options.example("conselho projects worktrees list shop"))
@_PROJECT
@click.option("--limit", metavar="N", type=Number(1, PAGE), default=PAGE, help=f"At most so many ({PAGE}).")
@click.option("--after", metavar="NAME", type=Text(), help="Go on where a list ended.")
@_JSON
@options.place
def list_(place: Place, project: str, *, limit: int, after: str | None, as_json: bool) -> None:
    """List the worktrees of a project with their cards. An orphan is missing, unregistered, or belongs to no card."""
    from conselho.cli import client  # noqa: PLC0415 - httpx is slow to import, and help needs none

    with client.reader(place.settings()) as api:
        asked = {"limit": limit} | ({} if after is None else {"after": after})
        page = api.get(named.project_path(project, "worktrees"), **asked)
    if as_json:
        print(json.dumps(page, ensure_ascii=False))
        return
    messages = terminal.messages()
    if not page["items"]:
        messages.say("no worktrees: a card gets one with its first command")
        return
    terminal.table(_HEADS, [_row(each) for each in page["items"]], terminal.output())
    if page["next"]:
        messages.say(messages.paint(f"more: add --after {terminal.one_line(page['next'])}", "dim"))


@command.command("remove", epilog=options.example("conselho projects worktrees remove shop 12-typo"))
@_PROJECT
@click.argument("worktree", metavar="NAME")
@_JSON
@options.place
def remove(place: Place, project: str, *, worktree: str, as_json: bool) -> None:
    """Remove a worktree in which everything is committed. Its branch stays; its card gets it anew when it needs it."""
    from conselho.cli import client  # noqa: PLC0415 - httpx is slow to import, and help needs none

    if _leads_elsewhere(worktree):
        listed = "name it as `conselho projects worktrees list` does"
        raise errors.NotFound(f"there is no worktree {worktree[:60]!r}: {listed}")
    with client.writer(place.settings()) as api:
        api.delete(named.project_path(project, "worktrees", quote(worktree, safe="")))
    print(json.dumps({"name": worktree}, ensure_ascii=False) if as_json else f"removed {worktree}")


def _leads_elsewhere(worktree: str) -> bool:
    """Whether an address with that name in it would be another one."""
    return not worktree or worktree.startswith(".") or "/" in worktree or not names.is_storable(worktree)


def _row(found: dict[str, Any]) -> list[str]:
    card = found["card"] or {"number": "-", "column": "orphan"}
    told = (found["name"], str(card["number"]), card["column"], found["branch"], found["standing"])
    return [terminal.one_line(each) for each in told]
