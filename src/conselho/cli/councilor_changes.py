"""How does the council change from a terminal: who joins it, is fired, rests and leaves?

A councilor fires only while a server runs. Changing something starts one in the background where there is none, which
ends soon after: whoever would otherwise wait in vain is told.
"""

import contextlib
import getpass
import json
import shlex
from typing import TYPE_CHECKING, Any

import click

from conselho import errors
from conselho.agents import limits as agent_limits
from conselho.cli import councilor_fields, named, options, terminal
from conselho.cli.named import Agent, Councilor
from conselho.cli.options import Place
from conselho.council import limits

if TYPE_CHECKING:
    from conselho.cli.client import Api

_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_NAME = click.argument("councilor", metavar="NAME")


@click.command(
    "promote",
    epilog=options.example(
        "conselho councilors promote tests --prompt 'Run the tests.' --every 30m",
        "conselho councilors promote claude --template monolithic-files --zone America/Sao_Paulo",
        "conselho councilors promote reviewer --title Quality --prompt - --cron '0 9 * * 1-5' < task.md",
    ),
)
@click.argument("agent", metavar="AGENT")
@councilor_fields.fields
@click.option(
    "--template", metavar="T", type=click.Choice(councilor_fields.TEMPLATES),
    help="Begin with this task and its schedule; `conselho councilors templates` lists them.",
)  # fmt: skip
@click.option(
    "--language", metavar="L", type=click.Choice(councilor_fields.LANGUAGES),
    help=f"Of the template: {' or '.join(councilor_fields.LANGUAGES)} (en).",
)  # fmt: skip
@click.option("--name", "slug", metavar="SLUG", type=options.Slug(), help="Its name in commands (the agent's).")
@_JSON
@options.place
def promote(
    place: Place, agent: str, *, template: str | None, language: str | None, slug: str | None, as_json: bool,
    **asked: Any,
) -> None:  # fmt: skip
    """Let AGENT do a task on a schedule. One agent may hold several tasks."""
    from conselho.cli import client, run  # noqa: PLC0415 - httpx is slow to import, and help needs none

    settings = place.settings()
    names = councilor_fields.named(asked)
    with options.by_their_names(names):
        given = councilor_fields.body(**asked)
        extra = {"slug": slug, "template": template, "language": language}
        given |= {name: value for name, value in extra.items() if value is not None}
        _complete_schedule(agent, given)
        councilor_fields.check(given)
    defined = run.defined(settings, agent)
    with options.by_their_names(names):
        _complete(defined, given)
        councilor_fields.check(given)
    with client.writer(settings) as api, options.by_their_names(names):
        made: Councilor = api.post(f"{named.path(defined['slug'])}/promote", given)
        _print_one(made, f"promoted {made['slug']}: {_when(made)}", as_json=as_json)
        _hint(api, place)


@click.command(
    "set",
    epilog=options.example(
        "conselho councilors set quality --every 2h --overlap queue",
        "conselho councilors set quality --rule 'error=^FAILED' --clear channel",
    ),
)
@_NAME
@councilor_fields.fields
@click.option(
    "--clear", "words", metavar="FIELD", type=click.Choice(tuple(councilor_fields.CLEARABLE)), multiple=True,
    help=f"Back to the default: {', '.join(councilor_fields.CLEARABLE)}; again for more.",
)  # fmt: skip
@_JSON
@options.place
def set_(place: Place, councilor: str, *, words: tuple[str, ...], as_json: bool, **asked: Any) -> None:
    """Change what is given, and nothing else. Another schedule is counted from now on.

    --context-file, --notify-on, --channel and --rule replace all there were.
    """
    names = councilor_fields.named(asked)
    with options.by_their_names(names):
        given = councilor_fields.cleared(words, councilor_fields.body(**asked))
        if not given:
            raise errors.Invalid("say what to change: `conselho councilors set --help` lists it")
        councilor_fields.check({name: value for name, value in given.items() if value is not None})
    with writer(place) as api, options.by_their_names(names):
        changed: Councilor = api.patch(named.councilor_path(councilor), given)
    _print_one(changed, f"changed {changed['slug']}: {_when(changed)}", as_json=as_json)


@click.command(
    "fire", epilog=options.example("conselho councilors fire quality", "conselho councilors fire --follow quality")
)
@_NAME
@click.option("-f", "--follow", "is_followed", is_flag=True, help="Show its log and exit with its code, as `run` does.")
@_JSON
@options.place
def fire(place: Place, councilor: str, *, is_followed: bool, as_json: bool) -> int:
    """Run it once, now, also while it is paused. Its schedule stays as it is."""
    path, body = named.councilor_path(councilor, "fire"), {"origin": "cli"}
    with writer(place) as api:
        if is_followed:
            from conselho.cli import attend  # noqa: PLC0415 - only who follows needs it

            return attend.Attendance(api, as_json=as_json).stay(lambda: api.post(path, body))
        execution = api.post(path, body)
    print(json.dumps(execution, ensure_ascii=False) if as_json else f"started {execution['id']}")
    return 0


@click.command("pause", epilog=options.example("conselho councilors pause quality"))
@_NAME
@_JSON
@options.place
def pause(place: Place, councilor: str, *, as_json: bool) -> None:
    """Let it fire no more by itself. A run that it has goes on."""
    with writer(place) as api:
        paused: Councilor = api.post(named.councilor_path(councilor, "pause"), {"by": login_name()})
    _print_one(paused, f"paused {paused['slug']}", as_json=as_json)


@click.command("resume", epilog=options.example("conselho councilors resume quality"))
@_NAME
@_JSON
@options.place
def resume(place: Place, councilor: str, *, as_json: bool) -> None:
    """Let it fire again. What was due while it was paused is not caught up."""
    with writer(place) as api:
        resumed: Councilor = api.post(named.councilor_path(councilor, "resume"))
        _print_one(resumed, f"resumed {resumed['slug']}: {_when(resumed)}", as_json=as_json)
        _hint(api, place)


@click.command("demote", epilog=options.example("conselho councilors demote quality"))
@_NAME
@_JSON
@options.place
def demote(place: Place, councilor: str, *, as_json: bool) -> None:
    """Take it out of the council. Its agent and its runs stay, and a run that it has goes on."""
    with writer(place) as api:
        found = named.councilor(api, councilor)
        with contextlib.suppress(errors.NotFound):  # an answer was lost, or somebody else was quicker: it is gone
            api.delete(named.councilor_path(found["id"]))
    _print_one(found, f"demoted {found['slug']}", as_json=as_json)


def writer(place: Place) -> "Api":
    """A server to change something through, started where there is none."""
    from conselho.cli import client  # noqa: PLC0415 - httpx is slow to import, and help needs none

    return client.writer(place.settings())


def login_name() -> str | None:
    """Who is logged in here; None where nobody knows."""
    try:
        name = getpass.getuser()
    except (OSError, KeyError):  # no variable says it, and the machine knows no such user
        return None
    return name[:100] if agent_limits.is_storable(name) else None


def _complete_schedule(agent: str, given: dict[str, Any]) -> None:
    """Say when, where only a template was named. Raises: errors.Invalid where nothing says it."""
    timing = given.setdefault("schedule", {})
    if "type" in timing:
        return
    if "template" not in given:
        raise errors.Invalid(f"say when it is to fire: conselho councilors promote {agent} --every 1h --prompt …")
    from conselho.council import templates  # noqa: PLC0415 - long texts, of use to few commands

    begun = templates.one(given["template"], given.get("language", "en"))
    timing |= {"type": str(begun.schedule_type), "value": begun.schedule_value}


def _complete(agent: Agent, given: dict[str, Any]) -> None:
    """Call it and its task as its agent and its prompt suggest, where no template does. Raises: errors.Invalid."""
    if "template" in given:
        return
    task = given.setdefault("task", {})
    if "prompt" not in task and agent["description"]:
        task["prompt"] = agent["description"][: limits.PROMPT_CHARACTERS_MAX]
    if "prompt" not in task:
        raise errors.Invalid(
            f"say what it is to do, with --prompt or --template: conselho councilors promote {agent['slug']}"
            " --prompt 'Run the tests.' --every 1h"
        )
    task.setdefault("name", councilor_fields.task_name(task["prompt"]))
    given.setdefault("title", terminal.one_line(agent["title"]) or agent["slug"])


def _print_one(councilor: Councilor, said: str, *, as_json: bool) -> None:
    print(json.dumps(councilor, ensure_ascii=False) if as_json else terminal.output().foreign(said))


def _when(councilor: Councilor) -> str:
    words = str(councilor["schedule"]["words"])
    if councilor["paused_at"]:
        return f"{words} (paused)"
    if councilor["next_at"] is None:
        return f"{words} (no moment is left)"
    return f"{words}, next {terminal.moment(councilor['next_at'], terminal.output())}"


def _hint(api: "Api", place: Place) -> None:
    """Say that nothing fires once the server has ended that was only started for this."""
    serving = api.glance("/server")
    if serving is not None and serving["kind"] == "background":
        messages = terminal.messages()
        command = shlex.join(["conselho", "serve", *place.flags()])
        messages.say(messages.paint(f"it fires while a server runs: {command}", "dim"))
