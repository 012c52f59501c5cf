"""`conselho agents`: define what runs under a name, look at it, change it, try it.

A definition is for the runs that come: those there are keep what they were started with. Looking works whether or
not a server runs.
"""

import contextlib
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from conselho import errors
from conselho.agents import limits
from conselho.cli import named, options, terminal
from conselho.cli.groups import Group
from conselho.cli.named import Agent
from conselho.cli.options import Duration, Number, Place, Slug, Text

if TYPE_CHECKING:
    from conselho.cli.client import Api

Command = TypeVar("Command", bound=Callable[..., Any])

PAGE = 200
ABOUT_CHARACTERS = 60  # of what it runs, in a list

# What `set --clear` can bring back to its default: the option's word, and the field it stands for.
CLEARABLE = {
    "title": "title", "emoji": "emoji", "description": "description", "prompt": "prompt", "model": "model",
    "cwd": "cwd", "env": "env", "allow-env": "env_allow", "timeout": "timeout_seconds",
    "idle-timeout": "idle_timeout_seconds", "accept-exit": "accepted_exit_codes", "concurrency": "concurrency",
}  # fmt: skip

_SHOWN = (
    "slug", "title", "emoji", "description", "provider", "argv", "prompt", "model", "cwd", "env", "env_allow",
    "timeout_seconds", "idle_timeout_seconds", "accepted_exit_codes", "concurrency", "exclusive", "version",
    "created_at", "updated_at", "id",
)  # fmt: skip


@click.group(
    "agents",
    cls=Group,
    short_help="Define what runs under a name, and try it.",
    epilog=options.example("conselho agents add tests -- make test", "conselho agents try tests"),
)
def command() -> None:
    """Define what runs under a name, where, and how many at once; then try it."""


_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_SLUG = click.argument("slug", metavar="SLUG")


def _fields(command: Command) -> Command:
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
                "--model", metavar="M", type=Text(limits.MODEL_CHARACTERS_MAX),
                help="Which model its provider is to use.",
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
    return command


@command.command(
    "add",
    epilog=options.example(
        "conselho agents add tests --cwd . --timeout 10m -- make test",
        "conselho agents add reviewer --prompt 'Review {prompt}.' --concurrency 1 --allow-env API_KEY -- ./review.sh",
    ),
)
@click.argument("slug", metavar="SLUG", type=Slug())
@_fields
@_JSON
@options.place
def add(place: Place, slug: str, *, as_json: bool, **asked: Any) -> None:
    """Define an agent; ARGV, after --, is what it runs."""
    body = _body(**asked)
    if "argv" not in body and body.get("provider", "command") == "command":
        raise errors.Invalid(f"say what it runs, after `--`: conselho agents add {slug} -- make test")
    with _writer(place) as api, options.by_their_names():
        agent = api.post("/agents", {"slug": slug} | body)
    print(json.dumps(agent, ensure_ascii=False) if as_json else f"added {agent['slug']}")


@command.command("list", epilog=options.example("conselho agents list"))
@click.option("--limit", metavar="N", type=Number(1, PAGE), default=PAGE, help=f"At most so many ({PAGE}).")
@click.option("--after", metavar="CURSOR", type=Text(), help="Go on where a list ended.")
@_JSON
@options.place
def list_(place: Place, *, limit: int, after: str | None, as_json: bool) -> None:
    """List agents, in the order they were made."""
    try:
        with _reader(place) as api:
            page = api.get("/agents", limit=limit, after=after)
    except errors.NotFound:
        page = {"items": [], "next": None}  # no database yet: looking makes none
    if as_json:
        print(json.dumps(page, ensure_ascii=False))
        return
    out, messages = terminal.output(), terminal.messages()
    if not page["items"]:
        messages.say("no agents yet: try `conselho agents add tests -- make test`")
        return
    headers = ("slug", "title", "runs", "cwd", "at once", "timeout")
    terminal.table(headers, [_row(agent) for agent in page["items"]], out)
    if page["next"]:
        messages.say(messages.paint(f"more: add --after {page['next']}", "dim"))


@command.command("show", epilog=options.example("conselho agents show tests"))
@_SLUG
@_JSON
@options.place
def show(place: Place, slug: str, *, as_json: bool) -> None:
    """Show an agent's definition."""
    with _reader(place) as api:
        agent = named.one(api, slug)
    if as_json:
        print(json.dumps(agent, ensure_ascii=False))
        return
    out = terminal.output()
    width = max(map(len, _SHOWN))
    for name in _SHOWN:
        if agent[name] not in (None, {}, []):
            out.say(f"{name:{width}}  {_value(name, agent[name], out)}".rstrip())


@command.command(
    "set",
    epilog=options.example(
        "conselho agents set tests --timeout 20m --concurrency 1",
        "conselho agents set tests --clear cwd --shared -- make check",
    ),
)
@_SLUG
@_fields
@click.option(
    "--clear", "cleared", metavar="FIELD", type=click.Choice(tuple(CLEARABLE)), multiple=True,
    help=f"Back to the default: {', '.join(CLEARABLE)}; again for more.",
)  # fmt: skip
@_JSON
@options.place
def set_(place: Place, slug: str, *, cleared: tuple[str, ...], as_json: bool, **asked: Any) -> None:
    """Change what is given, and nothing else. --env, --allow-env and --accept-exit replace all there were.

    What --clear brings back is what a new agent has where nothing is said.
    """
    given = _body(**asked)
    for word in cleared:
        if CLEARABLE[word] in given:
            raise errors.Invalid(f"--{word} and --clear {word} say different things: leave one of them out")
    body = {CLEARABLE[word]: None for word in cleared} | given
    if not body:
        raise errors.Invalid("say what to change: `conselho agents set --help` lists it")
    with _writer(place) as api, options.by_their_names():
        agent = api.patch(named.path(slug), body)
    print(json.dumps(agent, ensure_ascii=False) if as_json else f"changed {agent['slug']}")


@command.command("remove", epilog=options.example("conselho agents remove tests"))
@_SLUG
@_JSON
@options.place
def remove(place: Place, slug: str, *, as_json: bool) -> None:
    """Forget an agent. Its runs stay, and those that are not over go on."""
    with _writer(place) as api:
        agent = named.one(api, slug)
        with contextlib.suppress(errors.NotFound):  # an answer was lost, or somebody else was quicker: it is gone
            api.delete(named.path(agent["id"]))
    print(json.dumps(agent, ensure_ascii=False) if as_json else f"removed {agent['slug']}")


@command.command("try", epilog=options.example("conselho agents try tests", "conselho agents try reviewer --prompt -"))
@_SLUG
@click.option("--prompt", metavar="TEXT", help="What it is told, at most 512 KiB; - takes stdin.")
@click.option(
    "--cwd", metavar="DIR", callback=options.directory, shell_complete=options.directories,
    help="Where it runs, this time.",
)  # fmt: skip
@_JSON
@options.place
def try_(place: Place, slug: str, *, prompt: str | None, cwd: str | None, as_json: bool) -> int:
    """Run it once, print its log and exit with its code, as `conselho run --agent SLUG` does."""
    from conselho.cli import run  # noqa: PLC0415

    settings = place.settings()
    body = run.request(run.defined(settings, slug), prompt=prompt, cwd=cwd)
    return run.start(settings, body, as_json=as_json)


def _reader(place: Place) -> "Api":
    from conselho.cli import client  # noqa: PLC0415 - httpx is slow to import, and help needs none

    return client.reader(place.settings())


def _writer(place: Place) -> "Api":
    from conselho.cli import client  # noqa: PLC0415

    return client.writer(place.settings())


def _body(
    *, argv: tuple[str, ...], prompt: str | None, variables: tuple[str, ...], allowed: tuple[str, ...],
    accepted: tuple[int, ...], **plain: Any,
) -> dict[str, Any]:  # fmt: skip
    """The fields that were given. Raises: errors.Invalid."""
    from conselho.cli import run  # noqa: PLC0415

    body = {
        **plain,
        "argv": list(argv) or None,
        "prompt": run.read_prompt(prompt),
        "env": dict(_variable(text) for text in variables) or None,
        "env_allow": list(allowed) or None,
        "accepted_exit_codes": sorted({0, *accepted}) if accepted else None,
    }
    given = (("ARGV", argv), ("--env", variables), ("--allow-env", allowed), ("--cwd", (plain["cwd"] or "",)))
    for option, texts in given:
        for text in texts:
            run.refuse_unwritable(option, text)
    said = {name: value for name, value in body.items() if value is not None}
    _check(said)
    return said


def _check(said: dict[str, Any]) -> None:
    """What the server would refuse of it, refused before there is one. Raises: errors.Invalid."""
    with options.by_their_names():
        limits.check_prompt(said.get("prompt"))
        if "argv" in said:
            limits.check_argv(options.PROVIDERS[0], said["argv"], said.get("prompt"))
        limits.check_env(said.get("env", {}))
        limits.check_env_allow(said.get("env_allow", ()))


def _variable(text: str) -> tuple[str, str]:
    name, is_given, value = text.partition("=")
    if not name or not is_given:
        raise errors.Invalid(f"--env {text!r}: write NAME=VALUE, or --allow-env {name or 'NAME'} to have it inherited")
    return name, value


def _row(agent: Agent) -> list[str]:
    title = " ".join(terminal.one_line(agent[name]) for name in ("emoji", "title") if agent[name])
    about = terminal.one_line(_command_line(agent["argv"]) if agent["argv"] else agent["prompt"])
    return [
        agent["slug"],
        title,
        about if len(about) <= ABOUT_CHARACTERS else about[: ABOUT_CHARACTERS - 1] + "…",
        terminal.one_line(agent["cwd"]),
        str(agent["concurrency"] or ""),
        terminal.duration(agent["timeout_seconds"]),
    ]


def _command_line(argv: list[str]) -> str:
    import shlex  # noqa: PLC0415

    return shlex.join(argv)


def _value(name: str, value: Any, out: terminal.Screen) -> str:
    match name:
        case "argv":
            return terminal.one_line(_command_line(value))
        case "env":
            return terminal.one_line(" ".join(f"{name}={text}" for name, text in value.items()))
        case "env_allow" | "accepted_exit_codes":
            return terminal.one_line(" ".join(map(str, value)))
        case "exclusive":
            return "yes" if value else "no"
        case "created_at" | "updated_at":
            return terminal.moment(value, out)
        case "timeout_seconds" | "idle_timeout_seconds":
            return terminal.duration(value)
        case _:
            return terminal.one_line(str(value))
