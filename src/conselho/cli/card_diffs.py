"""`conselho cards diff`: what has a card changed, as a patch or summed up?

A pipe gets the patch as git made it, so that it can be applied. On a terminal lines have colour, and what would steer
it is spelled out: an escape in a diff is something to be seen.
"""

import json
import re
from typing import Any

import click

from conselho.cli import card_numbers, card_views, named, options, terminal
from conselho.cli.options import Place
from conselho.cli.terminal import Screen

REPLACED = "\ufffd"  # stands for what was no UTF-8
_STYLES = {"+": "green", "-": "red", "@": "cyan"}
_HEADINGS = ("diff --git ", "index ", "--- ", "+++ ", "old mode ", "new mode ", "new file mode ", "deleted file mode ")
# All controls but the tab, and what turns the direction of writing or cannot be seen.
_HIDDEN = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")


@click.command(
    "diff",
    epilog=options.example(
        "conselho cards diff 12", "conselho cards diff 12 --stat --now", "conselho cards diff 12 > card.patch"
    ),
)
@card_numbers.argument
@click.option("--stat", is_flag=True, help="Only which files, and how many lines of each.")
@click.option("--now", is_flag=True, help="As it is at this moment, and not when its last run ended.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@options.place
def diff(place: Place, card: str, *, stat: bool, now: bool, as_json: bool) -> None:
    """Print what a card has changed since its branch began: committed, staged, changed and new files."""
    from conselho.cli import client  # noqa: PLC0415 - httpx is slow to import, and help needs none

    with client.reader(place.settings()) as api:
        found = api.get(named.card_path(card, "diff"), now=str(now).lower())
    if as_json:
        print(json.dumps(found, ensure_ascii=False))
        return
    messages = terminal.messages()
    if not found["files"]:
        messages.say("it has changed nothing")
        return
    if stat:
        _sum_up(found, terminal.output())
    else:
        print_patches(found["files"], terminal.output())
    if found["files_total"] > len(found["files"]):
        messages.say(f"and {found['files_total'] - len(found['files']):,} more files, of which no more is kept")
    if found["nested"]:
        messages.say(f"not looked into, as repositories of their own: {', '.join(map(visible, found['nested']))}")


def print_patches(files: list[dict[str, Any]], out: Screen) -> None:
    """The patches, and what is said of those that are not whole: beside them, where a pipe gets them."""
    messages = terminal.messages()
    for each in files:
        why_not = _why_not_shown(each, out)
        if why_not is not None:
            messages.say(f"{_path(each)}: {each['status']}, {why_not}, not shown")
            continue
        is_content = False
        for line in each["patch"].removesuffix("\n").split("\n"):
            is_content = (is_content or line.startswith("@@")) and not line.startswith("diff --git ")
            out.say(_shown(line, out, is_content=is_content))
        if each["is_cut"]:
            messages.say(f"{_path(each)}: there is more of it than is kept; git shows it on the card's branch")


def _why_not_shown(change: dict[str, Any], out: Screen) -> str | None:
    """A pipe gets what git can apply, and nothing else: half a patch would spoil all others."""
    if not change["patch"]:
        return _why_not_counted(change)
    if out.is_terminal:
        return None
    if change["is_cut"]:
        return "too long to be kept whole"
    return "not all of it UTF-8" if REPLACED in change["patch"] else None


def visible(line: str) -> str:
    r"""A line with what cannot be seen spelled out: `\x1b`, `\u202e`."""
    return _HIDDEN.sub(lambda hidden: hidden[0].encode("unicode_escape").decode("ascii"), line)


def _sum_up(found: dict[str, Any], out: Screen) -> None:
    rows = [[_path(each), each["status"], *_counts(each, out)] for each in found["files"]]
    terminal.table(("file", "what", "added", "removed"), rows, out)
    total = {"files": found["files_total"]} | {name: found[name] for name in ("lines_added", "lines_removed")}
    out.say(card_views.changes(total))


def _path(change: dict[str, Any]) -> str:
    path = visible(change["path"])
    return f"{visible(change['old_path'])} -> {path}" if change["old_path"] else path


def _counts(change: dict[str, Any], out: Screen) -> tuple[str, str]:
    if change["lines_added"] is None:
        return (_why_not_counted(change), "")
    return (
        out.paint(f"+{change['lines_added']:,}", "green"),
        out.paint(f"−{change['lines_removed']:,}", "red"),
    )


def _why_not_counted(change: dict[str, Any]) -> str:
    return "large" if change["is_large"] else "binary" if change["is_binary"] else str(change["kind"])


def _shown(line: str, out: Screen, *, is_content: bool) -> str:
    if not out.is_terminal:
        return line
    of_heading = "bold" if line.startswith(_HEADINGS) else "dim"
    return out.paint(visible(line), _STYLES.get(line[:1]) if is_content else of_heading)
