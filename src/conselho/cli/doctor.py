"""`conselho doctor`: what this machine has and lacks, in words; exit 1 only if something keeps it from working."""

import json

import click

from conselho.cli import options, terminal
from conselho.cli.options import Place

_SIGNS = {"ok": ("✓", "green"), "warn": ("▲", "yellow"), "bad": ("✗", "red")}


@click.command(
    "doctor",
    short_help="Say what this machine has, lacks, and what that means.",
    epilog=options.example("conselho doctor", "conselho doctor --data-dir /var/lib/conselho --json"),
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@options.place
def command(place: Place, *, as_json: bool) -> int:
    """Look at this machine and say what it has, what it lacks and what that means; exit 1 if something is bad."""
    settings = place.settings()
    from conselho.cli import checks  # noqa: PLC0415

    out = terminal.output()
    answers = []
    for answer in checks.all_of(settings):
        answers.append(answer)
        if not as_json:
            symbol, style = _SIGNS[answer.word]
            word = f"{symbol} {answer.word:4}" if out.is_terminal else f"{answer.word:4}"
            out.say(f"{out.paint(word, style)}  {answer.name:14}  {terminal.one_line(answer.sentence)}")
    if as_json:
        print(json.dumps([answer.as_dict() for answer in answers], ensure_ascii=False))
    return 1 if any(answer.word == "bad" for answer in answers) else 0
