"""How do the board and a card look on a terminal?

The board is one table, ordered by its columns. On a terminal a column's name stands before its first card, with how
many it has; in a pipe before each, so that every line says all.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from conselho import clock
from conselho.cli import command_agents, terminal
from conselho.cli.named import Card
from conselho.cli.terminal import Screen

HEADERS = ("column", "card", "title", "agent", "state", "changes", "cost")
_NONE = ("",) * (len(HEADERS) - 1)


def board(columns: Sequence[dict[str, Any]], out: Screen) -> None:
    """Print the board: each column, on a terminal also those that are empty."""
    rows: list[list[str]] = []
    for column in columns:
        name, cards = str(column["name"]), column["cards"]
        if not out.is_terminal:
            rows += [[name, *_row(card, out)] for card in cards]
            continue
        heading = f"{name} {column['total']}" if column["total"] else out.paint(name, "dim")
        first, *others = [_row(card, out) for card in cards] or [list(_NONE)]
        rows += [[heading, *first], *(["", *row] for row in others)]
    terminal.table(HEADERS, rows, out)


def listed(cards: Sequence[Card], out: Screen) -> None:
    """Print cards, one after the other."""
    terminal.table(HEADERS, [[card["column"], *_row(card, out)] for card in cards], out)


def told(card: Card, runs: Sequence[dict[str, Any]], out: Screen) -> None:
    """Print all there is to say about a card, and its runs, newest first."""
    pairs = [(name, value) for name, value in _told(card, out) if value]
    width = max(len(name) for name, _ in pairs)
    for name, value in pairs:
        out.say(f"{name:{width}}  {value}")
    for name in ("description", "plan"):
        _text(name, card[name], out)
    if runs:
        out.say()
        headers = ("command", "status", "severity", "started", "duration", "cost", "summary", "run")
        terminal.table(headers, [_run_row(run, out) for run in runs], out)


def changes(found: dict[str, Any] | None) -> str:
    """`3 files, +10 −2`; empty where nothing is known, or nothing has changed."""
    if not found or not found["files"]:
        return ""
    files = f"{found['files']:,} file{'' if found['files'] == 1 else 's'}"
    return f"{files}, +{found['lines_added']:,} −{found['lines_removed']:,}"


def cost(usd: float | None) -> str:
    """US dollars, exact enough for what a run costs."""
    return "" if usd is None else f"${usd:,.2f}" if usd >= 1 else f"${usd:.4f}"


def _row(card: Card, out: Screen) -> list[str]:
    run = card["latest_execution"]
    agent = run["agent"] if card["active_execution"] else card["agent"] or (run and run["agent"])
    return [
        str(card["number"]),
        terminal.one_line(card["title"]),
        terminal.one_line(agent),
        _state(card, out),
        changes(card["changes"]),
        cost(card["cost_usd"]),
    ]


def _state(card: Card, out: Screen) -> str:
    """What its latest run is at, or came to: `/test running 12 s`, `/plan success`, `/implement timed out`."""
    run = card["latest_execution"]
    if run is None:
        return ""
    command = terminal.one_line(run["command"])
    if card["active_execution"] is not None:
        return f"{command} {terminal.status(run['status'], out)} {_so_far(run)}".rstrip()
    if run["status"] == "succeeded" and run["severity"]:
        return f"{command} {terminal.severity(run['severity'], out)}"
    return f"{command} {terminal.status(run['status'], out)}"


def _so_far(run: dict[str, Any]) -> str:
    if run["started_at"] is None:
        return ""
    return terminal.duration(max(0.0, (clock.now() - datetime.fromisoformat(run["started_at"])).total_seconds()))


def _told(card: Card, out: Screen) -> Iterator[tuple[str, str]]:
    """Name and words of each fact; empty words are left out."""
    tokens = " and ".join(
        f"{card[f'{way}_tokens']:,} tokens {way.removesuffix('put')}"
        for way in ("input", "output")
        if card[f"{way}_tokens"] is not None
    )
    facts = {
        "card": str(card["number"]),
        "title": card["title"],
        "column": card["column"],
        "project": card["project"] or "(none: it needs one for its commands)",
        "agent": command_agents.shown(card["agent"], card["agents"]),
        "priority": str(card["priority"] or ""),
    }
    yield from ((name, terminal.one_line(value)) for name, value in facts.items())
    yield "state", _state(card, out)
    if card["active_execution"] and card["last_line"]:
        yield "last line", terminal.one_line(card["last_line"]["text"])
    yield "changes", changes(card["changes"])
    yield "cost", cost(card["cost_usd"]) + (f" ({tokens})" if tokens and card["cost_usd"] is not None else tokens)
    yield "note", out.paint(terminal.one_line(card["note"]), "yellow") if card["note"] else ""
    files = ", ".join(terminal.one_line(each["name"]) for each in card.get("attachments") or ())
    yield "attached", files
    yield from ((name, terminal.one_line(card[name])) for name in ("branch", "worktree", "commit", "merge"))
    yield "may go to", ", ".join(card["allowed_moves"])
    yield from ((name.removesuffix("_at"), terminal.moment(card[name], out)) for name in ("created_at", "updated_at"))
    yield "version", str(card["version"])
    yield "id", card["id"]


def _text(name: str, text: str | None, out: Screen) -> None:
    if text:
        out.say(f"\n{out.paint(name, 'bold')}")
        for line in text.splitlines():
            out.say(f"  {out.foreign(line)}".rstrip())


def _run_row(run: dict[str, Any], out: Screen) -> list[str]:
    return [
        terminal.one_line(run["command"]),
        terminal.status(run["status"], out),
        terminal.severity(run["severity"], out),
        terminal.moment(run["started_at"], out),
        terminal.duration(run["duration_seconds"]),
        cost(run["cost_usd"]),
        terminal.one_line(run["summary"]),
        terminal.short_id(run["id"], out),
    ]
