"""`conselho executions`: look at runs, cancel them, run them again.

Looking works whether or not a server runs. Lists show the end of each id (the beginning is a time), and that end is
enough to name one of the newest runs.
"""

import json
import re
from typing import TYPE_CHECKING, Any

import click

from conselho import errors, ids
from conselho.cli import agent_options, logs, named, options, terminal
from conselho.cli.follow import Execution
from conselho.cli.groups import Group
from conselho.cli.options import Moment, Number, Place, Text
from conselho.executions.states import Status
from conselho.providers.base import KINDS

if TYPE_CHECKING:
    from conselho.cli.client import Api

NEWEST_SEARCHED = 200
"""Runs whose id may be shortened: a page of the API."""

SUFFIX_LENGTH_MIN = 4
"""Of 200 random ends of four digits, two are alike in a quarter of all cases, and then we say so."""

RESULT_LINES_SHOWN = 20
"""The last ones; all of them are in the log."""

SEQ_MAX = 2**31 - 1
"""What both databases count lines with."""

_SUFFIX = re.compile(r"[0-9a-f-]+")

# As the server knows them, without its imports: a test compares.
SEVERITIES = ("success", "warning", "error")
ORIGINS = ("schedule", "card", "api", "cli", "retry", "import")

_FIELDS = (
    "status", "severity", "summary", "error", "reason", "waiting_for", "title", "agent", "provider", "model", "options",
    "argv", "cwd", "origin", "priority", "timeout_seconds", "idle_timeout_seconds", "exit_code", "signal", "created_at",
    "started_at", "completed_at", "cancel_requested_at", "attempt", "retry_of", "continue_from", "session", "turns",
    "input_tokens", "cached_tokens", "output_tokens", "cost_usd", "lifts_at", "worker", "unreachable",
    "log_lines", "log_bytes", "note",
)  # fmt: skip


@click.group(
    "executions",
    cls=Group,
    short_help="List, show, cancel and retry runs.",
    epilog=options.example("conselho executions list --since 2h", "conselho executions log -f 4f1c09ab"),
)
def command() -> None:
    """List, show, cancel and retry runs. An ID may be shortened to its last characters (at least 4)."""


_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@command.command(
    "list",
    epilog=options.example("conselho executions list", "conselho executions list --severity error --since 7d --json"),
)
@click.option("--status", type=click.Choice([status.value for status in Status]), help="Those with that status.")
@click.option("--severity", type=click.Choice(SEVERITIES), help="Those that came out so.")
@click.option("--origin", type=click.Choice(ORIGINS), help="Those that were asked for so.")
@click.option("--agent", metavar="A", type=Text(), help="Those of this agent.")
@click.option("--card", metavar="C", type=Text(), help="Those of this card, by its number or id.")
@click.option("--councilor", metavar="C", type=Text(), help="Those of this councilor.")
@click.option(
    "--query", "q", metavar="Q", type=Text(),
    help="Those with these words in prompt, result or error: 'deploy*', '\"build failed\"'.",
)  # fmt: skip
@click.option(
    "--since", metavar="T", type=Moment(), help="Those asked for from then on: 2h (two hours ago), 2026-11-21, …"
)
@click.option("--until", metavar="T", type=Moment(), help="Those asked for before then, written likewise.")
@click.option("--limit", metavar="N", type=Number(1, 200), default=20, help="At most so many (20).")
@click.option("--after", metavar="CURSOR", type=Text(), help="Go on where a list ended.")
@_JSON
@options.place
def list_(place: Place, *, as_json: bool, **query: Any) -> None:
    """List runs, the newest first."""
    try:
        reader = _reader(place)
    except errors.NotFound:
        page: dict[str, Any] = {"items": [], "next": None}  # no database yet: looking makes none
    else:
        with reader as api, options.by_their_names():
            page = api.get("/executions", **query | _ids(api, query))
    if as_json:
        print(json.dumps(page, ensure_ascii=False))
        return
    out, messages = terminal.output(), terminal.messages()
    if not page["items"]:
        is_filtered = any(query[name] for name in query if name != "limit")
        messages.say("no run is like that" if is_filtered else "no runs yet: try `conselho run -- make test`")
        return
    headers = ("id", "status", "severity", "title", "started", "duration")
    terminal.table(headers, [_row(execution, out) for execution in page["items"]], out)
    if page["next"]:
        messages.say(messages.paint(f"more: add --after {page['next']}", "dim"))


@command.command("show", epilog=options.example("conselho executions show 4f1c09ab"))
@click.argument("identity", metavar="ID")
@_JSON
@options.place
def show(place: Place, identity: str, *, as_json: bool) -> None:
    """Show all that is known of a run."""
    with _reader(place) as api:
        execution = api.get(f"/executions/{resolve(api, identity)}")
    if as_json:
        print(json.dumps(execution, ensure_ascii=False))
        return
    _print_execution(execution)


@command.command(
    "log",
    epilog=options.example("conselho executions log -f 4f1c09ab"),
)
@click.argument("identity", metavar="ID")
@click.option("-f", "--follow", "is_followed", is_flag=True, help="Go on until the run ends.")
@click.option("--after", metavar="SEQ", type=Number(0, SEQ_MAX), default=0, help="Only lines after this number (0).")
@click.option(
    "--kind", "kinds", metavar="K", type=click.Choice(KINDS), multiple=True,
    help=f"Only these: {', '.join(KINDS)}; again for more.",
)  # fmt: skip
@_JSON
@options.place
def log(place: Place, identity: str, *, is_followed: bool, after: int, kinds: tuple[str, ...], as_json: bool) -> None:
    """Print a run's log: every line to stdout, whatever it was written to."""
    with _reader(place) as api:
        whole = resolve(api, identity)
        logs.print_log(api, whole, is_followed=is_followed, as_json=as_json, after=after, kinds=kinds)


@command.command("cancel", epilog=options.example("conselho executions cancel 4f1c09ab"))
@click.argument("identity", metavar="ID")
@_JSON
@options.place
def cancel(place: Place, identity: str, *, as_json: bool) -> None:
    """End a run and everything it started."""
    with _writer(place) as api:
        execution = api.post(f"/executions/{resolve(api, identity)}/cancel")
    if as_json:
        print(json.dumps(execution, ensure_ascii=False))
        return
    is_over = execution["status"] == "cancelled"
    print(f"{'cancelled' if is_over else 'cancelling'} {execution['id']}")


@command.command(
    "retry", epilog=options.example("conselho executions retry 4f1c09ab", "conselho executions retry --follow 4f1c09ab")
)
@click.argument("identity", metavar="ID")
@click.option("--follow", "is_followed", is_flag=True, help="Show its log and exit with its code, as `run` does.")
@_JSON
@options.place
def retry(place: Place, identity: str, *, is_followed: bool, as_json: bool) -> int:
    """Run the same again, as a new run."""
    with _writer(place) as api:
        path = f"/executions/{resolve(api, identity)}/retry"
        if is_followed:
            from conselho.cli import attend  # noqa: PLC0415

            return attend.Attendance(api, as_json=as_json).stay(lambda: api.post(path))
        execution = api.post(path)
    print(json.dumps(execution, ensure_ascii=False) if as_json else f"started {execution['id']}")
    return 0


def _reader(place: Place) -> "Api":
    from conselho.cli import client  # noqa: PLC0415 - httpx is slow to import, and help needs none

    return client.reader(place.settings())


def _writer(place: Place) -> "Api":
    from conselho.cli import client  # noqa: PLC0415

    return client.writer(place.settings())


def resolve(api: "Api", text: str) -> str:
    """The whole id of a run that is named by it or by its end. Raises: errors.NotFound, errors.Invalid."""
    wanted = text.strip().lower()
    if ids.is_id(wanted):
        return wanted
    if len(wanted) < SUFFIX_LENGTH_MIN or not _SUFFIX.fullmatch(wanted):
        raise errors.Invalid(f"{text!r} is no id: give one, or at least the last {SUFFIX_LENGTH_MIN} characters of one")
    newest = api.get("/executions", limit=NEWEST_SEARCHED)["items"]
    found = [execution["id"] for execution in newest if execution["id"].endswith(wanted)]
    if not found:
        raise errors.NotFound(f"none of the newest {NEWEST_SEARCHED} runs ends with {wanted}: give the whole id")
    if len(found) > 1:
        raise errors.Invalid(f"{len(found)} runs end with {wanted}: give more of the id")
    return str(found[0])


def _ids(api: "Api", query: dict[str, Any]) -> dict[str, Any]:
    """What runs are kept with: a councilor's id stays with those of one that was demoted, its name does not.

    Raises: errors.NotFound.
    """
    card, councilor = query["card"], query["councilor"]
    return {
        "card": card if card is None or ids.is_id(card) else named.card(api, card)["id"],
        "councilor": councilor if councilor is None or ids.is_id(councilor) else named.councilor(api, councilor)["id"],
    }


def _row(execution: Execution, out: terminal.Screen) -> list[str]:
    title = execution["title"] or " ".join(execution["argv"] or ()) or execution["agent"]
    return [
        terminal.short_id(execution["id"], out),
        terminal.status(execution["status"], out),
        terminal.severity(execution["severity"], out),
        terminal.one_line(title),
        terminal.moment(execution["started_at"], out),
        terminal.duration(execution["duration_seconds"]),
    ]


def _print_execution(execution: Execution) -> None:
    out = terminal.output()
    width = max(map(len, _FIELDS))
    out.say(f"{'id':{width}}  {execution['id']}")
    for name in _FIELDS:
        value = execution.get(name)
        if not value and (name != "exit_code" or value is None):
            continue
        if name == "error" and value == execution["summary"]:
            continue
        out.say(f"{name:{width}}  {_value(name, value, out)}")
    if execution.get("log_purged_at"):
        out.say(f"{'log':{width}}  {logs.purged(execution, out)}")
    _print_evidence(execution.get("evidence"), width, out)
    _print_result(execution["result"], out)
    for finding in execution.get("findings") or ():
        out.say(f"{'finding':{width}}  {terminal.finding(finding, out)}")


def _print_evidence(evidence: dict[str, Any] | None, width: int, out: terminal.Screen) -> None:
    """What the severity was decided by, and what else a reader should know of that."""
    if evidence is None:
        return
    source = str(evidence["source"]).replace("_", " ")
    place = f", line {evidence['line_seq']}" if evidence.get("line_seq") else ""
    out.say(f"{'decided by':{width}}  {source}{place}: {terminal.one_line(evidence['text'])}")
    for note in evidence.get("notes") or ():
        out.say(f"{'':{width}}  {terminal.one_line(note)}")


def _print_result(result: str | None, out: terminal.Screen) -> None:
    lines = (result or "").splitlines()
    if not lines:
        return
    out.say("result")
    for line in lines[-RESULT_LINES_SHOWN:]:
        out.say(f"  {out.foreign(line)}")


def _value(name: str, value: object, out: terminal.Screen) -> str:
    match name:
        case "status":
            return terminal.status(str(value), out)
        case "severity":
            return terminal.severity(str(value), out)
        case "options" if isinstance(value, dict):
            said = terminal.one_line(agent_options.shown(value))
            return out.paint(said, "yellow" if value.get("permission_mode") == "full" else None)
        case "cost_usd" if isinstance(value, (int, float)):
            return f"{value:.4f}"
        case "argv" if isinstance(value, list):
            import shlex  # noqa: PLC0415

            return terminal.one_line(shlex.join(value))
        case _ if name.endswith("_at"):
            return terminal.moment(str(value), out)
        case _ if name.endswith("_seconds") and isinstance(value, (int, float)):
            return terminal.duration(value)
        case _:
            return terminal.one_line(str(value))
