"""`conselho projects`: name the directories that cards are worked on in. Their worktrees are in `worktrees.py`.

Looking works whether or not a server runs.
"""

import contextlib
import json
import os
from typing import TYPE_CHECKING, Any

import click

from conselho import errors, names
from conselho.cli import command_agents, named, options, terminal, worktrees
from conselho.cli.groups import Group
from conselho.cli.options import Number, Place, Slug, Text

if TYPE_CHECKING:
    from conselho.cli.client import Api

Project = dict[str, Any]

PAGE = 200
BRANCH_CHARACTERS_MAX = 200
CLEARABLE = {"title": "title", "branch": "default_branch", "check": "check_argv"} | {
    word: word for word in command_agents.CLEARABLE
}

_OPTIONS = {
    "path": "PATH", "default_branch": "--branch", "slug": "--slug", "agents": "--agent", "check_argv": "--check",
}  # fmt: skip
_SHOWN = (
    "slug", "title", "path", "is_repository", "default_branch", "may_use_own_commands", "agent", "check_argv",
    "version", "created_at", "updated_at", "id",
)  # fmt: skip


def _words(_context: click.Context, _parameter: click.Parameter, value: str | None) -> list[str] | None:
    """A command as its words, parted as a shell would."""
    if value is None:
        return None
    import shlex  # noqa: PLC0415 - few commands are told one

    try:
        words = shlex.split(value)
    except ValueError as error:
        raise click.BadParameter(f"{value[:60]!r}: {str(error).lower()}") from error
    if not words:
        raise click.BadParameter("it is empty: leave it out, or --clear check")
    return words


@click.group(
    "projects",
    cls=Group,
    short_help="Name the directories that cards are worked on in.",
    epilog=options.example("conselho projects add ~/src/shop", "conselho projects list"),
)
def command() -> None:
    """Name the directories that cards are worked on in: git repositories, or plain ones.

    In a repository each card gets a worktree and a branch of its own; your checkout stays as it is.
    """


command.add_command(worktrees.command)

_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_NAME = click.argument("name", metavar="NAME")
_TITLE = click.option("--title", metavar="T", type=Text(names.TITLE_CHARACTERS_MAX), help="What people call it.")
_BRANCH = click.option(
    "--branch", "default_branch", metavar="B", type=Text(BRANCH_CHARACTERS_MAX),
    help="Where the branches of cards begin (found out).",
)  # fmt: skip
_OWN = click.option(
    "--own-commands/--no-own-commands", "may_use_own_commands", default=None,
    help="Whether its own files of commands win; who writes them instructs agents (no).",
)  # fmt: skip
_CHECK = click.option(
    "--check", "check_argv", metavar="COMMAND", type=Text(), callback=_words,
    help="Its own check command, say 'make check', for whoever is given /test. No shell reads it.",
)  # fmt: skip


@command.command(
    "add",
    epilog=options.example(
        "conselho projects add", "conselho projects add ~/src/shop --branch main --agent claude --check 'make check'"
    ),
)
@click.argument("path", metavar="[PATH]", default=".", callback=options.directory, shell_complete=options.directories)
@click.option("--slug", metavar="S", type=Slug(), help="Its name in commands (as its directory is called).")
@_TITLE
@_BRANCH
@_OWN
@command_agents.fields
@_CHECK
@_JSON
@options.place
def add(place: Place, path: str, *, as_json: bool, **asked: Any) -> None:
    """Make a project of the directory PATH, or of this one."""
    _refuse_unwritable(path)
    agents = command_agents.taken(asked)
    body = {"path": path} | _given(asked) | ({"agents": agents} if agents else {})
    with _writer(place) as api, options.by_their_names(_OPTIONS):
        project = api.post("/projects", body)
    _say("added", project, as_json=as_json)


@command.command("list", epilog=options.example("conselho projects list"))
@click.option("--limit", metavar="N", type=Number(1, PAGE), default=PAGE, help=f"At most so many ({PAGE}).")
@click.option("--after", metavar="CURSOR", type=Text(), help="Go on where a list ended.")
@_JSON
@options.place
def list_(place: Place, *, limit: int, after: str | None, as_json: bool) -> None:
    """List projects, in the order they were made."""
    try:
        with _reader(place) as api:
            page = api.get("/projects", limit=limit, after=after)
    except errors.NotFound:
        page = {"items": [], "next": None}  # no database yet: looking makes none
    if as_json:
        print(json.dumps(page, ensure_ascii=False))
        return
    messages = terminal.messages()
    if not page["items"]:
        messages.say("no projects yet: try `conselho projects add` in a repository")
        return
    terminal.table(("slug", "title", "branch", "path"), [_row(each) for each in page["items"]], terminal.output())
    if page["next"]:
        messages.say(messages.paint(f"more: add --after {page['next']}", "dim"))


@command.command("show", epilog=options.example("conselho projects show shop"))
@_NAME
@_JSON
@options.place
def show(place: Place, name: str, *, as_json: bool) -> None:
    """Show a project."""
    with _reader(place) as api:
        found = api.get(named.project_path(name))
    if as_json:
        print(json.dumps(found, ensure_ascii=False))
        return
    out = terminal.output()
    width = max(map(len, _SHOWN))
    for field in _SHOWN:
        value = command_agents.shown(found["agent"], found["agents"]) if field == "agent" else found[field]
        if value not in (None, ""):
            out.say(f"{field:{width}}  {_value(field, value, out)}")


@command.command(
    "set",
    epilog=options.example(
        "conselho projects set shop --title 'The shop' --own-commands",
        "conselho projects set shop --review-agent claude --check 'make check' --clear branch",
    ),
)
@_NAME
@_TITLE
@click.option(
    "--path", metavar="DIR", callback=options.directory, shell_complete=options.directories,
    help="Where it is now; the same one is looked at again.",
)  # fmt: skip
@_BRANCH
@_OWN
@command_agents.fields
@_CHECK
@click.option(
    "--clear", "cleared", metavar="FIELD", type=click.Choice(tuple(CLEARABLE)), multiple=True,
    help=f"Back to the default: {', '.join(CLEARABLE)}; again for more.",
)  # fmt: skip
@_JSON
@options.place
def set_(place: Place, name: str, *, cleared: tuple[str, ...], as_json: bool, **asked: Any) -> None:
    """Change what is given, and nothing else."""
    agents = command_agents.taken(asked)
    body = _given(asked)
    for word in cleared:
        if body.get(CLEARABLE[word]) is not None:
            raise errors.Invalid(f"--{word} and --clear {word} say different things: leave one of them out")
        if not word.endswith("-agent"):
            body[CLEARABLE[word]] = None
    is_about_agents = command_agents.is_said(agents, cleared)
    if not body and not is_about_agents:
        raise errors.Invalid("say what to change: `conselho projects set --help` lists it")
    _refuse_unwritable(body.get("path", ""))
    path = named.project_path(name)
    with _writer(place) as api, options.by_their_names(_OPTIONS | {"path": "--path"}):
        if is_about_agents:
            body |= command_agents.merged(api.get(path), agents, cleared)
        project = api.patch(path, body)
    _say("changed", project, as_json=as_json)


@command.command("remove", epilog=options.example("conselho projects remove shop"))
@_NAME
@_JSON
@options.place
def remove(place: Place, name: str, *, as_json: bool) -> None:
    """Forget a project whose cards are archived and have no worktrees. Its directory stays, with their branches."""
    with _writer(place) as api:
        project = api.get(named.project_path(name))
        with contextlib.suppress(errors.NotFound):  # an answer was lost, or somebody else was quicker: it is gone
            api.delete(named.project_path(project["id"]))
    _say("removed", project, as_json=as_json)


def _reader(place: Place) -> "Api":
    from conselho.cli import client  # noqa: PLC0415 - httpx is slow to import, and help needs none

    return client.reader(place.settings())


def _writer(place: Place) -> "Api":
    from conselho.cli import client  # noqa: PLC0415 - httpx is slow to import, and help needs none

    return client.writer(place.settings())


def _refuse_unwritable(path: str) -> None:
    if not names.is_storable(path):
        raise errors.Invalid(f"PATH {os.fsencode(path)!r} is no UTF-8, and cannot be kept: rename it")


def _given(asked: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in asked.items() if value is not None}


def _say(what: str, project: Project, *, as_json: bool) -> None:
    print(json.dumps(project, ensure_ascii=False) if as_json else f"{what} {project['slug']}")


def _row(project: Project) -> list[str]:
    branch = (project["default_branch"] or "HEAD") if project["is_repository"] else "no repository"
    return [
        project["slug"],
        terminal.one_line(project["title"]),
        terminal.one_line(branch),
        terminal.one_line(project["path"]),
    ]


def _value(name: str, value: Any, out: terminal.Screen) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        import shlex  # noqa: PLC0415 - few projects have one

        return terminal.one_line(shlex.join(value))
    return terminal.moment(value, out) if name.endswith("_at") else terminal.one_line(str(value))
