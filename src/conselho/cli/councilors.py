"""`conselho councilors`: give agents tasks on a schedule, and see how they stand.

Looking works whether or not a server runs; schedules and templates are explained without one.
"""

import dataclasses
import json
from typing import TYPE_CHECKING, Any

import click

from conselho import errors
from conselho.cli import councilor_changes, councilor_fields, councilor_reports, named, options, terminal
from conselho.cli.groups import Group
from conselho.cli.named import Councilor
from conselho.cli.options import Number, Place, Text
from conselho.cli.terminal import Screen

if TYPE_CHECKING:
    from conselho.cli.client import Api

PAGE = 200
SLOTS_SHOWN = 20


@click.group(
    "councilors",
    cls=Group,
    short_help="Give agents tasks on a schedule, and see how they stand.",
    epilog=options.example(
        "conselho councilors promote tests --prompt 'Run the tests.' --every 30m", "conselho councilors list"
    ),
)
def command() -> None:
    """Give agents tasks on a schedule, and see how they stand. They fire while a server runs."""


_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_NAME = click.argument("councilor", metavar="NAME")

for _each in (
    councilor_changes.promote,
    councilor_changes.set_,
    councilor_changes.fire,
    councilor_changes.pause,
    councilor_changes.resume,
    councilor_changes.demote,
    councilor_reports.report,
    councilor_reports.findings,
    councilor_reports.acknowledge,
    councilor_reports.recount,
):
    command.add_command(_each)


@command.command("list", epilog=options.example("conselho councilors list", "conselho councilors list --agent tests"))
@click.option("--agent", metavar="A", type=Text(), help="Those of this agent.")
@click.option("--paused/--active", default=None, help="Only those that are paused, or only the others.")
@click.option("--limit", metavar="N", type=Number(1, PAGE), default=PAGE, help=f"At most so many ({PAGE}).")
@click.option("--after", metavar="CURSOR", type=Text(), help="Go on where a list ended.")
@_JSON
@options.place
def list_(place: Place, *, as_json: bool, paused: bool | None, **query: Any) -> None:
    """List councilors, in the order they were promoted."""
    try:
        reader = _reader(place)
    except errors.NotFound:
        page: dict[str, Any] = {"items": [], "next": None}  # no database yet: looking makes none
    else:
        with reader as api, options.by_their_names():
            page = api.get("/councilors", **query, paused=None if paused is None else str(paused).lower())
    if as_json:
        print(json.dumps(page, ensure_ascii=False))
        return
    out, messages = terminal.output(), terminal.messages()
    if not page["items"]:
        is_filtered = paused is not None or query["agent"] or query["after"]
        empty = "no councilors yet: try `conselho councilors promote AGENT --every 1h --prompt 'Run the tests.'`"
        messages.say("no councilor is like that" if is_filtered else empty)
        return
    headers = ("name", "title", "schedule", "next", "last", "success")
    terminal.table(headers, [_row(councilor, out) for councilor in page["items"]], out)
    if page["next"]:
        messages.say(messages.paint(f"more: add --after {page['next']}", "dim"))


@command.command("show", epilog=options.example("conselho councilors show quality"))
@_NAME
@_JSON
@options.place
def show(place: Place, councilor: str, *, as_json: bool) -> None:
    """Show what a councilor does, when, and how it stands."""
    with _reader(place) as api:
        found = named.councilor(api, councilor)
    if as_json:
        print(json.dumps(found, ensure_ascii=False))
        return
    out = terminal.output()
    lines = [(name, value) for name, value in _told(found, out) if value]
    width = max(len(name) for name, _ in lines)
    for name, value in lines:
        out.say(f"{name:{width}}  {value}")


@command.command("slots", epilog=options.example("conselho councilors slots quality"))
@_NAME
@click.option(
    "--limit", metavar="N", type=Number(1, PAGE), default=SLOTS_SHOWN, help=f"At most so many ({SLOTS_SHOWN})."
)
@click.option("--after", metavar="CURSOR", type=Text(), help="Go on where a list ended.")
@_JSON
@options.place
def slots(place: Place, councilor: str, *, limit: int, after: str | None, as_json: bool) -> None:
    """List what became of its moments: fired, skipped or missed, and why."""
    with _reader(place) as api, options.by_their_names():
        page = api.get(named.councilor_path(councilor, "slots"), limit=limit, after=after)
    if as_json:
        print(json.dumps(page, ensure_ascii=False))
        return
    out, messages = terminal.output(), terminal.messages()
    if not page["items"]:
        messages.say("none of its moments has come yet")
        return
    terminal.table(("moment", "what", "why", "run"), [_slot_row(slot, out) for slot in page["items"]], out)
    if page["next"]:
        messages.say(messages.paint(f"more: add --after {page['next']}", "dim"))


@command.command(
    "preview",
    epilog=options.example(
        "conselho councilors preview --cron '0 9 * * 1' --zone America/Sao_Paulo",
        "conselho councilors preview --every 90m",
    ),
)
@councilor_fields.schedule
@_JSON
def preview(*, as_json: bool, **asked: Any) -> None:
    """Say what a schedule means, and its next five moments. Nothing is kept."""
    with options.by_their_names(councilor_fields.named(asked)):
        given = councilor_fields.moments(**asked)
        if "type" not in given:
            raise errors.Invalid("say when: conselho councilors preview --every 90m")
        from conselho.council import schedule_routes  # noqa: PLC0415 - what the server answers, without one
        from conselho.council.schedule_schemas import ScheduleFields  # noqa: PLC0415 - the same

        told = schedule_routes.preview(ScheduleFields.model_validate(given)).model_dump(mode="json")
    if as_json:
        print(json.dumps(told, ensure_ascii=False))
        return
    out = terminal.output()
    out.say(told["words"])
    for moment in told["moments"]:
        out.say(f"  {moment['local']}")


@command.command("templates", epilog=options.example("conselho councilors templates --language pt"))
@click.option(
    "--language", metavar="L", type=click.Choice(councilor_fields.LANGUAGES), default="en",
    help=f"{' or '.join(councilor_fields.LANGUAGES)} (en).",
)  # fmt: skip
@_JSON
def templates(*, language: str, as_json: bool) -> None:
    """List ready tasks to begin with."""
    from conselho.council import templates as ready  # noqa: PLC0415 - long texts, of use to few commands

    found = ready.listed(language)
    if as_json:
        print(json.dumps({"items": [dataclasses.asdict(each) for each in found]}, ensure_ascii=False))
        return
    rows = [(each.name, each.title, each.schedule_value, each.description) for each in found]
    terminal.table(("name", "title", "cron", "what it does"), rows, terminal.output())


def _reader(place: Place) -> "Api":
    from conselho.cli import client  # noqa: PLC0415 - httpx is slow to import, and help needs none

    return client.reader(place.settings())


def _row(councilor: Councilor, out: Screen) -> list[str]:
    last = councilor["last"] or {}
    return [
        councilor["slug"],
        terminal.one_line(councilor["title"]),
        terminal.one_line(councilor["schedule"]["words"]),
        _next(councilor, out),
        terminal.severity(last.get("severity"), out),
        councilor_reports.share(councilor["stats"]["success_rate"]),
    ]


def _next(councilor: Councilor, out: Screen) -> str:
    if councilor["paused_at"]:
        return out.paint("paused", "yellow")
    return terminal.moment(councilor["next_at"], out)


def _slot_row(slot: dict[str, Any], out: Screen) -> list[str]:
    state = slot["state"]
    if slot["is_manual"]:
        state += " by hand"
    if slot["is_caught_up"]:
        state += " late"
    until = f" to {terminal.moment(slot['until'], out)}" if slot["until"] else ""
    return [
        terminal.moment(slot["moment"], out) + until,
        state,
        terminal.one_line(slot["reason"]),
        terminal.short_id(slot["execution_id"], out) if slot["execution_id"] else "",
    ]


def _told(councilor: Councilor, out: Screen) -> list[tuple[str, str]]:
    """Name and words of all there is to show; empty words are left out."""
    task, timing, told, stats = (councilor[name] for name in ("task", "schedule", "notifications", "stats"))
    window = timing["start_window_seconds"]
    who = f" by {terminal.one_line(councilor['paused_by'])}" if councilor["paused_by"] else ""
    ends = " ".join(word for word in councilor_fields.SEVERITIES if told[f"on_{word}"])
    paused = terminal.moment(councilor["paused_at"], out)
    pairs = [
        ("name", councilor["slug"]),
        ("title", councilor["title"]),
        ("display name", councilor["display_name"]),
        ("agent", councilor["agent"] or "(removed)"),
        ("task", task["name"]),
        ("prompt", task["prompt"]),
        ("reads first", " ".join(task["context_files"])),
        ("answers with", task["output_format"]),
        ("schedule", f"{timing['words']} ({timing['type']} {timing['value']}, {timing['timezone']})"),
        ("next", terminal.moment(councilor["next_at"], out)),
        ("paused", paused and paused + who),
        ("overlap", timing["overlap"]),
        ("catch up", timing["catch_up"] + (f", {timing['catch_up_max']}" if timing["catch_up"] == "all" else "")),
        ("start window", terminal.duration(window)),
        ("jitter", terminal.duration(timing["jitter_seconds"] or None)),
        ("tells of", f"{ends} ({' '.join(told['channels'])})" if ends else "nothing"),
    ]
    pairs += [("rule", f"{rule['severity']}={rule['pattern']}") for rule in councilor["severity_rules"]]
    pairs += [
        ("avatar", councilor["avatar_url"]),
        ("color", councilor["color"]),
        ("runs", str(stats["total"] or "")),
        ("findings", str(councilor["findings"] or "")),
        ("success", councilor_reports.share(stats["success_rate"])),
        ("promoted", terminal.moment(councilor["created_at"], out)),
        ("version", str(councilor["version"])),
        ("id", councilor["id"]),
    ]
    lines = [(name, terminal.one_line(value)) for name, value in pairs]
    return [*lines, *_last(councilor["last"], out)]


def _last(last: dict[str, Any] | None, out: Screen) -> list[tuple[str, str]]:
    if last is None:
        return []
    ended = terminal.moment(last["completed_at"], out)
    return [
        ("last", f"{terminal.severity(last['severity'], out)} {ended}".strip()),
        ("last run", terminal.short_id(last["execution_id"], out)),
        ("streak", councilor_reports.streak(last)),
    ]
