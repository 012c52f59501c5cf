"""`conselho cards plan|implement|test|review`: give a card a command, show its log, exit with its code.

When its run has ended, what it did is committed and compared by the server: that is waited for, so that whoever gives
the next command, or merges, finds it done.
"""

import time
from typing import TYPE_CHECKING, Any

import click

from conselho import clock
from conselho.cards.columns import Command
from conselho.cli import card_changes, card_numbers, card_views, named, options, terminal
from conselho.cli.named import Card
from conselho.cli.options import Duration, Place, Text

if TYPE_CHECKING:
    from conselho.cli.client import Api

MESSAGE_BYTES_MAX = 64 * 1024  # as the server knows it, without its imports: a test compares
MODEL_CHARACTERS_MAX = 100

SETTLED_SECONDS = 60.0
"""What a run did is committed and compared within seconds; a repository of gigabytes takes longer, and goes on so."""

LOOK_SECONDS = 0.2
"""Between looks whether it is."""

_ABOUT = {
    Command.PLAN: "Have a plan made for a card, which is kept with it.",
    Command.IMPLEMENT: "Have a card implemented, by its plan if it has one.",
    Command.TEST: "Have what was done for a card tested.",
    Command.REVIEW: "Have what was done for a card reviewed.",
}
_EXAMPLES = {
    Command.PLAN: ("conselho cards plan 12", "conselho cards plan 12 'What about the older clients?'"),
    Command.IMPLEMENT: (
        "conselho cards implement 12",
        "conselho cards implement 12 'Use the parser that is there.' --agent claude --timeout 1h",
        "conselho cards implement --detach 12",
    ),
    Command.TEST: ("conselho cards test 12", "conselho cards test 12 --agent tests --json"),
    Command.REVIEW: ("conselho cards review 12", "conselho cards review 12 - < what-to-look-at.md"),
}
_HOW = """

The card moves to the column of that name. MESSAGE is said with the command, - takes stdin; given again with one, an
agent CLI goes on with its conversation. Prints the log as it comes and exits with the run's code, as `run` does.
"""


def order(command: Command) -> click.Command:
    """What gives that command."""

    @click.command(command.word, help=_ABOUT[command] + _HOW, epilog=options.example(*_EXAMPLES[command]))
    @card_numbers.argument
    @click.argument("message", required=False)
    @click.option("--agent", metavar="A", type=Text(), help="Who is to do it (as the card or its project says).")
    @click.option("--model", metavar="M", type=Text(MODEL_CHARACTERS_MAX), help="Which model an agent CLI is to use.")
    @click.option(
        "--timeout", "timeout_seconds", type=Duration(), metavar="S", help="End it after 90, 90s, 5m, 2h, 7d."
    )
    @click.option("--detach", is_flag=True, help="Do not wait: print one line, whose last word is the id.")
    @click.option("--json", "as_json", is_flag=True, help="Print log lines, then the execution, as JSON.")
    @options.place
    def give(place: Place, card: str, *, message: str | None, detach: bool, as_json: bool, **asked: Any) -> int:
        from conselho.cli import attend, run  # noqa: PLC0415 - brings what help does not need

        text = run.read_prompt(message, "MESSAGE", MESSAGE_BYTES_MAX)
        body = {"command": str(command), "message": text, **asked}
        path = named.card_path(card, "commands")
        with card_changes.writer(place) as api, options.by_their_names({"message": "MESSAGE"}):
            if detach:
                run.print_detached(api.post(path, body), as_json)
                return 0
            code = attend.Attendance(api, as_json=as_json).stay(lambda: api.post(path, body))
            settled = _settled(api, card)
            if settled is not None and not as_json:
                _say(api, settled, command)
        return code

    return give


def _settled(api: "Api", name: str) -> Card | None:
    """The card once what its run did is kept; None where that goes on, or nobody says it."""
    until = clock.monotonic() + SETTLED_SECONDS
    while True:
        card: Card | None = api.glance(named.card_path(name))
        if card is not None and card["active_execution"] is not None:
            return None  # it was left to the server, or somebody has given it another command
        if card is not None and card["is_settled"]:
            return card
        if clock.monotonic() > until:
            messages = terminal.messages()
            messages.say(f"what it did is still being kept: look with `conselho cards show {name}`")
            return None
        time.sleep(LOOK_SECONDS)  # the log says when a run has ended, and not when its work is kept


def _say(api: "Api", card: Card, command: Command) -> None:
    """What has come of it."""
    messages, run = terminal.messages(), card["latest_execution"]
    found = card_views.changes(card["changes"])
    for finding in _findings(api, run["id"]) if command.judges else ():
        messages.say(terminal.finding(finding, messages))
    if command is Command.PLAN and run["status"] == "succeeded" and card["plan"]:
        messages.say(f"its plan is kept: `conselho cards show {card['number']}`")
    if found:
        messages.say(f"{found} on {card['branch']}: `conselho cards diff {card['number']}`")
    elif command is Command.IMPLEMENT and run["status"] == "succeeded" and card["changes"]:
        messages.say("it has changed nothing")
    if card["note"]:
        messages.say(messages.paint(terminal.one_line(card["note"]), "yellow"))
    if command is Command.REVIEW and run["status"] == "succeeded":
        card_changes.say_merge(card)


def _findings(api: "Api", execution_id: str) -> list[dict[str, Any]]:
    return (api.glance(f"/executions/{execution_id}") or {}).get("findings") or []
