"""`conselho run`: start one command through the server, show its log, exit with its code.

What is wrong with the request is said before anything is started or written. A command gets something of the
caller's surroundings, an agent nothing that was not asked for: it runs alike whoever starts it.
"""

import json
import os
import sys
from typing import TYPE_CHECKING, Any

import click

from conselho import errors
from conselho.agents import limits
from conselho.cli import agent_options, named, options
from conselho.cli.options import Duration, Number, Place, Text

if TYPE_CHECKING:
    from conselho.settings import Settings

PRIORITY_MAX = 1000  # as the server knows it, without its imports: a test compares

# What a command finds of the caller's environment: where programs are and how text is written. Everything else
# would make a run depend on the shell it was started from. No TERM: there is no terminal on the other side.
_PASSED = ("PATH", "VIRTUAL_ENV", "LANG", "TZ", "NO_COLOR")
_PASSED_PREFIX = "LC_"


@click.command(
    "run",
    short_help="Run a command, show its log, exit with its code.",
    context_settings={"allow_interspersed_args": False},
    epilog=options.example(
        "conselho run -- make test",
        "conselho run --timeout 10m --exclusive --title Tests -- make test",
        "git diff | conselho run --prompt - -- wc -l",
        "conselho run --agent reviewer --prompt 'look at main.py'",
        "conselho run --provider claude --mode plan --prompt 'Audit this repository' --cwd .",
        "conselho run --continue 4f1c09ab --prompt 'And the tests?'",
    ),
)
@click.option("--agent", metavar="NAME", help="Run this agent; what else is said here wins over its definition.")
@click.option(
    "--provider",
    metavar="P",
    type=click.Choice(options.PROVIDERS),
    help=f"How the run is spoken to: {', '.join(options.PROVIDERS)} (command).",
)
@agent_options.fields
@click.option(
    "--continue", "continue_from", metavar="ID", type=Text(),
    help="Go on with the conversation of that run, which may be named by the end of its id.",
)  # fmt: skip
@click.option(
    "--cwd", metavar="DIR", callback=options.directory, shell_complete=options.directories,
    help="Where it runs (the agent's directory, or the current one).",
)  # fmt: skip
@click.option("--timeout", "timeout_seconds", type=Duration(), metavar="S", help="End it after 90, 90s, 5m, 2h, 7d.")
@click.option(
    "--idle-timeout", "idle_timeout_seconds", type=Duration(), metavar="S", help="End it when silent so long."
)
@click.option("--prompt", metavar="TEXT", help="What it reads on stdin, at most 512 KiB; - takes ours.")
@click.option("--env", "variables", metavar="NAME[=VALUE]", multiple=True, help="Give it a variable; again for more.")
@click.option(
    "--exclusive", is_flag=True, default=None, help="Alone in its directory: wait until nothing else runs there."
)
@click.option("--title", metavar="T", type=Text(limits.TITLE_CHARACTERS_MAX), help="What lists call it.")
@click.option(
    "--accept-exit", "accepted", metavar="CODE", type=Number(0, 255), multiple=True,
    help="An exit code that is good, beside 0; again for more.",
)  # fmt: skip
@click.option(
    "--priority", metavar="N", type=Number(-PRIORITY_MAX, PRIORITY_MAX), default=0, help="Higher ones start first (0)."
)
@click.option("--detach", is_flag=True, help="Do not wait: print one line, whose last word is the id.")
@click.option("--json", "as_json", is_flag=True, help="Print log lines, then the execution, as JSON.")
@click.argument("argv", nargs=-1, type=click.UNPROCESSED)
@options.place
def command(place: Place, *, agent: str | None, detach: bool, as_json: bool, **asked: Any) -> int:
    """Run ARGV, or an agent CLI, through the server, print its log as it comes and exit with its code.

    124: timed out. 125: lost. 126, 127: not executable, not found. 128+n: signal n. 130: cancelled, as Ctrl-C does.
    """
    settings = place.settings()
    if agent is not None and asked["continue_from"] is not None:
        raise errors.Invalid("--continue takes the agent of that run: leave --agent out")
    asked["options"] = agent_options.taken(asked)
    definition = None if agent is None else defined(settings, agent)
    body = request(definition, **asked)
    if "continue_from" in body:
        body["continue_from"] = _whole_id(settings, body["continue_from"])
    return start(settings, body, detach=detach, as_json=as_json)


def start(settings: "Settings", body: dict[str, Any], *, detach: bool = False, as_json: bool = False) -> int:
    """Have it run, and stay with it unless `detach`; returns the exit code."""
    from conselho.cli import attend, client  # noqa: PLC0415 - nothing of it is needed to refuse

    with client.writer(settings) as api:
        if detach:
            print_detached(api.post("/executions", body), as_json)
            return 0
        return attend.Attendance(api, as_json=as_json).stay(lambda: api.post("/executions", body))


def defined(settings: "Settings", name: str) -> dict[str, Any]:
    """The agent of that slug or id. Raises: errors.Invalid where there is none."""
    from conselho.cli import client  # noqa: PLC0415

    try:
        try:
            with client.reader(settings) as api:
                return named.one(api, name)
        except errors.SchemaOlder:  # nobody serves; the server that is started now brings the database up to date
            with client.writer(settings) as api:
                return named.one(api, name)
    except errors.NotFound:
        raise errors.Invalid(named.absent(name)) from None


def request(
    agent: dict[str, Any] | None = None, *, argv: tuple[str, ...] = (), provider: str | None = None,
    cwd: str | None = None, prompt: str | None = None, variables: tuple[str, ...] = (),
    accepted: tuple[int, ...] = (), **plain: Any,
) -> dict[str, Any]:  # fmt: skip
    """The body of the request. Raises: errors.Invalid."""
    is_new = plain.get("continue_from") is None
    if agent is None and is_new:
        _refuse_nothing(argv, provider, prompt)
    if cwd is None and is_new and (agent is None or agent["cwd"] is None):
        cwd = here()
    good = (0,) if agent is None else agent["accepted_exit_codes"]
    body = {
        "agent": agent and agent["slug"],
        "provider": provider,
        "argv": list(argv) or None,
        "prompt": read_prompt(prompt),
        "cwd": cwd,
        "env": _environment(variables, passed_on() if agent is None and is_new else {}),
        "accepted_exit_codes": sorted({*good, *accepted}) if accepted else None,
        "origin": "cli",
        **plain,
    }
    for argument in argv:
        refuse_unwritable("ARGV", argument)
    refuse_unwritable("--cwd", cwd or "")
    said = {name: value for name, value in body.items() if value is not None}
    if is_new:  # else the server alone knows what it goes on with
        _check(said, agent or {})
    return said


def _refuse_nothing(argv: tuple[str, ...], provider: str | None, prompt: str | None) -> None:
    """Raises: errors.Invalid where nothing is said that could be run."""
    if provider in {None, "command"} and not argv:
        raise errors.Invalid("say what to run, after `--`: conselho run -- make test")
    if provider not in {None, "command"} and prompt is None:
        raise errors.Invalid(f"say what it is to do: conselho run --provider {provider} --prompt 'Look for mistakes'")


def _check(said: dict[str, Any], agent: dict[str, Any]) -> None:
    """What the server would refuse, refused before there is one. Raises: errors.Invalid."""
    from conselho.agents import prompts, tasks  # noqa: PLC0415 - help needs none of it
    from conselho.executions import request as wish  # noqa: PLC0415

    is_same = said.get("provider") in {None, agent.get("provider")}
    names = ("provider", "argv", "cwd", "model") if is_same else ("cwd",)
    meant = {"provider": "command"} | {name: agent[name] for name in names if agent.get(name) is not None} | said
    with options.by_their_names(agent_options.REFUSALS):
        meant["options"] = tasks.merged(agent.get("options") if is_same else None, said.get("options"))
        meant["prompt"] = prompts.filled(agent.get("prompt"), said.get("prompt"))
        wish.checked(wish.Request(**meant))


def _whole_id(settings: "Settings", text: str) -> str:
    """The id of the run that is named so. Raises: errors.NotFound, errors.Invalid."""
    from conselho.cli import client, executions  # noqa: PLC0415

    with client.reader(settings) as api:
        return executions.resolve(api, text)


def here() -> str:
    """The current directory. Raises: errors.Invalid where it was removed."""
    try:
        return os.getcwd()  # noqa: PTH109 - the same
    except FileNotFoundError:
        raise errors.Invalid("the current directory was removed: go to another or give --cwd") from None


def read_prompt(given: str | None, option: str = "--prompt", bytes_max: int = limits.PROMPT_BYTES_MAX) -> str | None:
    """The text itself, or for `-` what stands on stdin. Raises: errors.Invalid."""
    if given != "-":
        text = given
    else:
        # One byte more than is allowed is enough to refuse: stdin may never end.
        data = sys.stdin.buffer.read(bytes_max + 1)
        text = data.decode("utf-8", "surrogateescape") if len(data) <= bytes_max else "-" * len(data)
    if text is None:
        return None
    if len(text.encode("utf-8", "surrogateescape")) > bytes_max:
        raise errors.Invalid(f"{option} is over {bytes_max // 1024} KiB: put it in a file and name that")
    refuse_unwritable(option, text)
    return text


def passed_on() -> dict[str, str]:
    """What a run gets of our environment."""
    return {
        name: value
        for name, value in os.environ.items()
        if (name in _PASSED or name.startswith(_PASSED_PREFIX)) and limits.is_storable(value)
    }


def _environment(variables: tuple[str, ...], passed: dict[str, str]) -> dict[str, str]:
    for variable in variables:
        name, is_given, value = variable.partition("=")
        if not name:
            raise errors.Invalid(f"--env {variable!r} names no variable: write NAME=VALUE, or NAME to pass ours on")
        if not is_given and name not in os.environ:
            raise errors.Invalid(f"--env {name}: it is not set here; write {name}=VALUE")
        passed[name] = value if is_given else os.environ[name]
        refuse_unwritable("--env", f"{name}={passed[name]}")
    return passed


def refuse_unwritable(option: str, text: str) -> None:
    """Raises: errors.Invalid for what JSON or the databases cannot hold."""
    if not limits.is_storable(text):
        raise errors.Invalid(
            f"{option}: {text[:60]!r} is not UTF-8 text, or holds a NUL: put it in a file and name that"
        )


def print_detached(execution: dict[str, Any], as_json: bool) -> None:
    """Say that it was accepted, with its id as the last word."""
    if as_json:
        print(json.dumps(execution, ensure_ascii=False))
        return
    print(f"started {execution['id']}")
