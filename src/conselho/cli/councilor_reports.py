"""How is a councilor doing, as a terminal tells it? Its latest runs, its numbers, and what became of its findings."""

import json
import re
from typing import TYPE_CHECKING, Any

import click

from conselho import errors, ids
from conselho.cli import councilor_changes, named, options, terminal
from conselho.cli.options import Number, Place, Text
from conselho.cli.terminal import Screen

if TYPE_CHECKING:
    from conselho.cli.client import Api

PAGE = 200
RUNS_MAX = 100
RUNS_SHOWN = 10
FINDINGS_SHOWN = 20

RECOUNT_SECONDS = 3_600.0
"""For all executions to be read; a million take some minutes."""

SUFFIX_LENGTH_MIN = 4
"""Of a finding's id, as of a run's."""

STATES = ("open", "acknowledged", "resolved", "regressed")  # as the server knows them: a test compares

_DIFFERENCE = ("scope", "name", "day", "kept", "counted")
_CHANGES = {"new": "yellow", "remaining": None, "gone": "green"}
_SUFFIX = re.compile(r"[0-9a-f-]+")

_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_NAME = click.argument("councilor", metavar="NAME")


@click.command(
    "report", epilog=options.example("conselho councilors report quality", "conselho councilors report quality --json")
)
@_NAME
@click.option(
    "--limit", metavar="N", type=Number(1, RUNS_MAX), default=RUNS_SHOWN,
    help=f"At most so many of its runs ({RUNS_SHOWN}).",
)  # fmt: skip
@_JSON
@options.place
def report(place: Place, councilor: str, *, limit: int, as_json: bool) -> None:
    """Show its latest runs, its numbers, and which findings are new, remain and are gone."""
    with _reader(place) as api:
        told = api.get(named.councilor_path(councilor, "report"), limit=limit)
    if as_json:
        print(json.dumps(told, ensure_ascii=False))
        return
    out = terminal.output()
    _print_head(told, out)
    if not told["executions"]:
        terminal.messages().say(f"no runs yet: try `conselho councilors fire {told['councilor']['slug']}`")
        return
    _print_numbers(told, out)
    out.say()
    headers = ("run", "status", "severity", "summary", "started", "duration")
    terminal.table(headers, [_run_row(execution, out) for execution in told["executions"]], out)
    _print_changes(told["findings"], out)


@click.command(
    "findings",
    epilog=options.example(
        "conselho councilors findings quality --state open", "conselho councilors acknowledge quality 4f1c09ab"
    ),
)
@_NAME
@click.option("--state", type=click.Choice(STATES), help="Those that are so.")
@click.option(
    "--limit", metavar="N", type=Number(1, PAGE), default=FINDINGS_SHOWN, help=f"At most so many ({FINDINGS_SHOWN})."
)
@click.option("--after", metavar="CURSOR", type=Text(), help="Go on where a list ended.")
@_JSON
@options.place
def findings(place: Place, councilor: str, *, as_json: bool, **query: Any) -> None:
    """List what its runs have found, each once, the last one first."""
    with _reader(place) as api, options.by_their_names():
        page = api.get(named.councilor_path(councilor, "findings"), **query)
    if as_json:
        print(json.dumps(page, ensure_ascii=False))
        return
    out, messages = terminal.output(), terminal.messages()
    if not page["items"]:
        messages.say("no finding is like that" if query["state"] or query["after"] else "its runs have found nothing")
        return
    headers = ("id", "state", "severity", "where", "title", "runs", "last seen")
    terminal.table(headers, [_finding_row(known, out) for known in page["items"]], out)
    if page["next"]:
        messages.say(messages.paint(f"more: add --after {page['next']}", "dim"))


@click.command("recount", epilog=options.example("conselho councilors recount", "conselho councilors recount --repair"))
@click.option("--repair", is_flag=True, help="Set right what differs.")
@_JSON
@options.place
def recount(place: Place, *, repair: bool, as_json: bool) -> int:
    """Compare what is kept of runs (totals, rates, days, streaks) with the runs. Exit 1 if it differs and stays so."""
    with councilor_changes.writer(place) as api:
        told = api.post("/stats/recount", {"repair": repair}, timeout_seconds=RECOUNT_SECONDS)
    if as_json:
        print(json.dumps(told, ensure_ascii=False))
    else:
        _print_differences(told)
    return 0 if told["repaired"] or not told["total"] else 1


@click.command("acknowledge", epilog=options.example("conselho councilors acknowledge quality 4f1c09ab"))
@_NAME
@click.argument("finding", metavar="FINDING")
@_JSON
@options.place
def acknowledge(place: Place, councilor: str, finding: str, *, as_json: bool) -> None:
    """Say that a finding is known. FINDING is its id, or the last characters of it (at least 4)."""
    with councilor_changes.writer(place) as api:
        identity = _resolve(api, councilor, finding)
        path = named.councilor_path(councilor, "findings", identity, "acknowledge")
        known = api.post(path, {"by": councilor_changes.login_name()})
    said = f"acknowledged {terminal.one_line(known['title'])}"
    print(json.dumps(known, ensure_ascii=False) if as_json else said)


def share(rate: float | None) -> str:
    """A rate in percent; empty where there is nothing to tell it of."""
    return "" if rate is None else f"{rate:.0%}"


def streak(last: dict[str, Any] | None) -> str:
    """How many of its runs in a row ended like the last one."""
    if last is None or last["streak"] < 2 or last["streak_severity"] is None:
        return ""
    return f"{last['streak']} in a row: {last['streak_severity']}"


def _reader(place: Place) -> "Api":
    from conselho.cli import client  # noqa: PLC0415 - httpx is slow to import, and help needs none

    return client.reader(place.settings())


def _print_head(told: dict[str, Any], out: Screen) -> None:
    councilor = told["councilor"]
    title = terminal.one_line(councilor["title"])
    out.say(f"{out.paint(title, 'bold')} ({councilor['slug']}): {terminal.one_line(councilor['task']['name'])}")
    words = terminal.one_line(councilor["schedule"]["words"])
    if councilor["paused_at"]:
        out.say(f"{words}, paused since {terminal.moment(councilor['paused_at'], out)}")
    else:
        following = f"next {terminal.moment(told['next_at'], out)}" if told["next_at"] else "no moment is left"
        out.say(f"{words}, {following}")


def _print_numbers(told: dict[str, Any], out: Screen) -> None:
    stats = told["stats"]
    cost = stats["cost_usd"]
    pairs = (
        ("runs", str(stats["total"])),
        ("success", share(told["success_rate"])),
        ("warnings", str(stats["warning"] or "")),
        ("errors", str(stats["error"] or "")),
        ("half within", terminal.duration(stats["p50_seconds"])),
        ("95 % within", terminal.duration(stats["p95_seconds"])),
        ("cost", "" if cost is None else f"{cost:.2f} USD"),
    )
    numbers = [f"{name} {value}" for name, value in pairs if value]
    out.say(", ".join([*numbers, *filter(None, [streak(told["councilor"]["last"])])]))


def _print_changes(changes: dict[str, Any], out: Screen) -> None:
    counts = ", ".join(f"{changes[word]['total']} {word}" for word in _CHANGES if changes[word]["total"])
    if not counts:
        return
    out.say()
    out.say(f"findings: {counts}")
    for word, style in _CHANGES.items():
        for known in changes[word]["items"][:FINDINGS_SHOWN]:
            out.say(f"  {out.paint(f'{word:9}', style)}  {terminal.finding(known, out)}")
        if changes[word]["total"] > FINDINGS_SHOWN:
            out.say(out.paint(f"  and {changes[word]['total'] - FINDINGS_SHOWN} more {word}", "dim"))


def _run_row(execution: dict[str, Any], out: Screen) -> list[str]:
    return [
        terminal.short_id(execution["id"], out),
        terminal.status(execution["status"], out),
        terminal.severity(execution["severity"], out),
        terminal.one_line(execution["summary"] or execution["error"] or execution["waiting_for"]),
        terminal.moment(execution["started_at"], out),
        terminal.duration(execution["duration_seconds"]),
    ]


def _finding_row(known: dict[str, Any], out: Screen) -> list[str]:
    where = terminal.one_line(known["file"])
    return [
        terminal.short_id(known["id"], out),
        known["state"],
        terminal.severity(known["severity"], out),
        f"{where}:{known['line']}" if where and known["line"] else where,
        terminal.one_line(known["title"]),
        str(known["count"]),
        terminal.moment(known["last_seen_at"], out),
    ]


def _print_differences(told: dict[str, Any]) -> None:
    out, messages = terminal.output(), terminal.messages()
    if not told["total"]:
        out.say("what is kept is what the runs say")
        return
    rows = [
        [terminal.one_line(str(each[name] if each[name] is not None else "")) for name in _DIFFERENCE]
        for each in told["differences"]
    ]
    terminal.table(_DIFFERENCE, rows, out)
    if told["total"] > len(rows):
        messages.say(f"and {told['total'] - len(rows)} more")
    one = told["total"] == 1
    number = "1 number" if one else f"{told['total']} numbers"
    if told["repaired"]:
        messages.say(f"{number} {'was' if one else 'were'} set right")
    else:
        command = "conselho councilors recount --repair"
        messages.say(f"{number} differ{'s' if one else ''}: set {'it' if one else 'them'} right with `{command}`")


def _resolve(api: "Api", councilor: str, text: str) -> str:
    """The whole id of a finding that is named by it or by its end. Raises: errors.NotFound, errors.Invalid."""
    wanted = text.strip().lower()
    if ids.is_id(wanted):
        return wanted
    if len(wanted) < SUFFIX_LENGTH_MIN or not _SUFFIX.fullmatch(wanted):
        raise errors.Invalid(f"{text!r} is no id: give one, or at least the last {SUFFIX_LENGTH_MIN} characters of one")
    newest = api.get(named.councilor_path(councilor, "findings"), limit=PAGE)["items"]
    found = [known["id"] for known in newest if known["id"].endswith(wanted)]
    if not found:
        raise errors.NotFound(f"none of the last {PAGE} findings of {councilor} ends with {wanted}: give the whole id")
    if len(found) > 1:
        raise errors.Invalid(f"{len(found)} findings end with {wanted}: give more of the id")
    return str(found[0])
