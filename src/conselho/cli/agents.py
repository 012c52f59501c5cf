"""`conselho agents`: define what runs under a name, look at it, change it, try it.

A definition is for the runs that come: those there are keep what they were started with. Looking works whether or
not a server runs.
"""

import contextlib
import json
from typing import TYPE_CHECKING, Any

import click

from conselho import errors
from conselho.agents import limits
from conselho.analyses import catalog
from conselho.cli import agent_fields, agent_options, named, options, terminal
from conselho.cli.groups import Group
from conselho.cli.named import Agent
from conselho.cli.options import Number, Place, Slug, Text
from conselho.maintainer import start as maintainer

if TYPE_CHECKING:
    from conselho.cli.client import Api

PAGE = 200
CHECK_PROMPT = "This is a check whether you can be reached. Answer with the one word: ready. Use no tools."
ABOUT_CHARACTERS = 60  # of what it runs, in a list

_SHOWN = (
    "slug", "title", "emoji", "description", "provider", "argv", "prompt", "model", "options", "cwd", "env",
    "env_allow", "timeout_seconds", "idle_timeout_seconds", "accepted_exit_codes", "concurrency", "exclusive",
    "version", "created_at", "updated_at", "id",
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


@command.command(
    "add",
    epilog=options.example(
        "conselho agents add tests --cwd . --timeout 10m -- make test",
        "conselho agents add reviewer --prompt 'Review {prompt}.' --concurrency 1 --allow-env API_KEY -- ./review.sh",
        "conselho agents add debts --analysis debt_markers --cwd ~/src/shop",
        "conselho agents add maintainer --maintainer",
        "conselho agents add auditor --provider claude --mode edit --allow-tool 'Bash(make test)' --max-turns 30",
    ),
)
@click.argument("slug", metavar="SLUG", type=Slug())
@agent_fields.fields
@click.option(
    "--analysis", metavar="NAME", type=click.Choice([each.name for each in catalog.ALL]),
    help=f"In place of ARGV: analyse --cwd (this directory), with {', '.join(each.name for each in catalog.ALL)}.",
)  # fmt: skip
@click.option(
    "--maintainer", "is_maintainer", is_flag=True,
    help=f"Before ARGV: {', '.join(maintainer.COMMANDS)}; without ARGV, what the card's command says.",
)  # fmt: skip
@_JSON
@options.place
def add(
    place: Place, slug: str, *, analysis: str | None, is_maintainer: bool, as_json: bool, **asked: Any
) -> None:  # fmt: skip
    """Define an agent; ARGV, after --, is what it runs.

    With --analysis it runs one that is built in and needs no model, over the directory that is given now. With
    --maintainer it mends mechanical faults, tests and reviews without a model, in the directory that each run is given.
    """
    body = _body(**_built_in(analysis, asked, is_maintainer=is_maintainer))
    _check_whole(body)
    if "argv" not in body and body.get("provider", "command") == "command":
        raise errors.Invalid(f"say what it runs, after `--`: conselho agents add {slug} -- make test")
    with _writer(place) as api, options.by_their_names(agent_options.REFUSALS):
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
@agent_fields.fields
@click.option(
    "--clear", "cleared", metavar="FIELD", type=click.Choice(tuple(agent_fields.CLEARABLE)), multiple=True,
    help=f"Back to the default: {', '.join(agent_fields.CLEARABLE)}; again for more.",
)  # fmt: skip
@_JSON
@options.place
def set_(place: Place, slug: str, *, cleared: tuple[str, ...], as_json: bool, **asked: Any) -> None:
    """Change what is given, and nothing else. --env, --allow-env and --accept-exit replace all there were.

    What --clear brings back is what a new agent has where nothing is said.
    """
    body = agent_fields.cleared(_body(**asked), cleared)
    if not body:
        raise errors.Invalid("say what to change: `conselho agents set --help` lists it")
    with _writer(place) as api, options.by_their_names(agent_options.REFUSALS):
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
    """Run it once, print its log and exit with its code, as `conselho run --agent SLUG` does.

    An agent CLI is asked for one word, unless --prompt says what else: so it is seen whether it answers.
    """
    from conselho.cli import run  # noqa: PLC0415 - brings what help does not need

    settings = place.settings()
    agent, title = run.defined(settings, slug), None
    if prompt is None and agent["provider"] != "command":
        prompt, title = CHECK_PROMPT, f"Try {agent['slug']}"
    body = run.request(agent, prompt=prompt, cwd=cwd, title=title)
    return run.start(settings, body, as_json=as_json)


def _reader(place: Place) -> "Api":
    from conselho.cli import client  # noqa: PLC0415 - httpx is slow to import, and help needs none

    return client.reader(place.settings())


def _writer(place: Place) -> "Api":
    from conselho.cli import client  # noqa: PLC0415 - httpx is slow to import, and help needs none

    return client.writer(place.settings())


def _built_in(analysis: str | None, asked: dict[str, Any], *, is_maintainer: bool) -> dict[str, Any]:
    """What is asked for, and what is not said of one that is built in. Raises: errors.Invalid."""
    if analysis is not None and is_maintainer:
        raise errors.Invalid("--analysis and --maintainer say different things: leave one of them out")
    if is_maintainer:
        known = {
            "argv": tuple(maintainer.argv(*asked["argv"])),
            "title": maintainer.TITLE,
            "description": maintainer.DESCRIPTION,
            "timeout_seconds": float(maintainer.TIMEOUT_SECONDS),
        }
        return asked | {field: value for field, value in known.items() if field == "argv" or not asked[field]}
    return asked if analysis is None else _analysing(analysis, asked)


def _analysing(name: str, asked: dict[str, Any]) -> dict[str, Any]:
    """What is asked for, and from the catalog what is not said. Raises: errors.Invalid."""
    from conselho.cli import run  # noqa: PLC0415 - brings what help does not need

    if asked["argv"]:
        raise errors.Invalid("--analysis and ARGV say different things: leave one of them out")
    found, cwd = catalog.find(name), asked["cwd"] or run.here()
    known = {
        "argv": tuple(found.argv(cwd)),
        "cwd": cwd,
        "title": found.title,
        "description": found.description,
        "timeout_seconds": float(found.timeout_seconds),
    }
    return asked | {field: value for field, value in known.items() if not asked[field]}


def _body(
    *, argv: tuple[str, ...], prompt: str | None, variables: tuple[str, ...], allowed: tuple[str, ...],
    accepted: tuple[int, ...], **plain: Any,
) -> dict[str, Any]:  # fmt: skip
    """The fields that were given. Raises: errors.Invalid."""
    from conselho.cli import run  # noqa: PLC0415 - brings what help does not need

    given_options = agent_options.taken(plain)
    body = {
        **plain,
        "options": given_options,
        "argv": list(argv) or None,
        "prompt": run.read_prompt(prompt),
        "env": dict(_variable(text) for text in variables) or None,
        "env_allow": list(allowed) or None,
        "accepted_exit_codes": sorted({0, *accepted}) if accepted else None,
    }
    given = (("--cwd", (plain["cwd"] or "",)), ("ARGV", argv), ("--env", variables), ("--allow-env", allowed))
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
            limits.check_argv("command", said["argv"], said.get("prompt"))
        limits.check_env(said.get("env", {}))
        limits.check_env_allow(said.get("env_allow", ()))


def _check_whole(said: dict[str, Any]) -> None:
    """What a provider would refuse of a new agent. Raises: errors.Invalid."""
    from conselho.agents import tasks  # noqa: PLC0415 - brings what help does not need

    with options.by_their_names(agent_options.REFUSALS):
        if said.get("provider", "command") != "command":
            tasks.check(
                said["provider"],
                argv=said.get("argv", ()),
                prompt=said.get("prompt") or tasks.TOLD_LATER,
                model=said.get("model"),
                given=said.get("options"),
            )


def _variable(text: str) -> tuple[str, str]:
    name, is_given, value = text.partition("=")
    if not name or not is_given:
        raise errors.Invalid(f"--env {text!r}: write NAME=VALUE, or --allow-env {name or 'NAME'} to have it inherited")
    return name, value


def _row(agent: Agent) -> list[str]:
    title = " ".join(terminal.one_line(agent[name]) for name in ("emoji", "title") if agent[name])
    told = " ".join(filter(None, (agent["provider"], agent["model"]))) + (
        f": {agent['prompt']}" if agent["prompt"] else ""
    )
    about = terminal.one_line(_command_line(agent["argv"]) if agent["argv"] else told)
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
        case "options":
            return terminal.one_line(agent_options.shown(value))
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
