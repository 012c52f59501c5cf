"""How does the demo take a card through its commands, and does the user's checkout stay as it was?

The work is real, in a worktree and on a branch of the card's own: by the maintainer, which needs no model, or by an
agent CLI, where one is wanted.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conselho import errors, names
from conselho.cli import card_diffs, demo_council, named, terminal
from conselho.cli.demo_council import LABEL
from conselho.cli.follow import Execution
from conselho.maintainer import start as maintainer

if TYPE_CHECKING:
    from conselho.cli.client import Api

COMMANDS = ("/plan", "/implement", "/test", "/review")
TITLE = f"{LABEL}: mend mechanical faults"
DESCRIPTION = (
    "Find white space at the ends of lines, missing line ends, mixed line ends, imports that nobody uses and files that"
    " do not parse. Mend what can be mended without changing what the program does; name the rest."
)
FILES_SHOWN = 2  # of what a card changed; the rest is a command away


@dataclass(frozen=True, slots=True)
class Story:
    """A card that has gone as far as it could, and the executions of its commands."""

    card: dict[str, Any]
    executions: list[Execution]
    is_untouched: bool  # the user's checkout

    @property
    def has_ended_well(self) -> bool:
        """Whether all commands succeeded."""
        return [run["status"] for run in self.executions] == ["succeeded"] * len(COMMANDS)

    @property
    def has_changed_something(self) -> bool:
        """Whether its branch differs from where it began."""
        return bool(self.card["changes"] and self.card["changes"]["files"])


def play(api: "Api", root: Path, provider: str | None, out: terminal.Screen | None) -> Story:
    """Take a new card through all four commands; a command that does not succeed is the last."""
    from conselho.cli.progress import Progress, cancelled_on_interrupt  # noqa: PLC0415 - brings what help does not need

    before = standing(root)
    project = _project(api, root)
    # An agent CLI has its seat in the council already.
    agent = demo_council.slug_of(provider) if provider else demo_council.agent_of(api, _maintainer())["slug"]
    wish = {"title": TITLE, "description": DESCRIPTION, "project": project["id"], "agent": agent}
    card = api.post("/cards", wish)
    executions: list[Execution] = []
    for command in COMMANDS:
        begun = api.post(named.card_path(card["id"], "commands"), {"command": command})
        with cancelled_on_interrupt(api, [begun]):
            executions += Progress(api, [begun], out).watch()
        if executions[-1]["status"] != "succeeded":
            break
    else:
        api.post(named.card_path(card["id"], "move"), {"column": "done"})
    return Story(named.card(api, card["id"]), executions, is_untouched=standing(root) == before)


def tell(api: "Api", story: Story, conselho: str, out: terminal.Screen) -> None:
    """What the card came to, and what it changed."""
    card = story.card
    out.say()
    name = f"Card {card['number']}: {terminal.one_line(card['title'])}, in {card['project']} ({card['column']})"
    out.say(out.paint(name, "bold"))
    for run in story.executions:
        severity = terminal.severity(run["severity"], out)
        out.say(f"  {run['command']:11} {severity:8} {terminal.one_line(run['summary'] or run['error'])}")
    if card["note"]:
        out.say(f"  {terminal.one_line(card['note'])}")
    _tell_changes(api, card, out)
    kept = "as it was" if story.is_untouched else "NOT as it was: something else changed it meanwhile"
    out.say(f"The checkout is {kept}.")
    if story.has_changed_something:
        out.say(f"The work is on its branch {terminal.one_line(card['branch'])}:")
        out.say(f"  {conselho} cards diff {card['number']}")
        out.say(f"  {terminal.one_line(card['merge'])}")


def standing(root: Path) -> tuple[str, ...]:
    """What of a checkout must not change: where HEAD is, its files and index, what is stashed."""
    from conselho.projects import repositories  # noqa: PLC0415 - brings what help does not need

    git = repositories.find(root)
    if git is None:
        raise errors.Invalid(f"{root} is no top of a git repository: name that")
    asked = (
        ("rev-parse", "--symbolic-full-name", "HEAD"),
        ("rev-parse", "HEAD"),
        ("ls-files", "--stage", "-z"),
        ("status", "--porcelain", "-z", "--ignore-submodules=dirty"),
        ("stash", "list"),
    )
    return tuple(hashlib.sha256(git.tamed().run(*each)).hexdigest() for each in asked)


def _tell_changes(api: "Api", card: dict[str, Any], out: terminal.Screen) -> None:
    if not card["changes"]:
        return
    found = api.get(named.card_path(card["id"], "diff"))
    card_diffs.print_patches(found["files"][:FILES_SHOWN], out)
    more = found["files_total"] - FILES_SHOWN
    if more > 0:
        out.say(out.paint(f"and {more:,} more {'file' if more == 1 else 'files'}", "dim"))


def _project(api: "Api", root: Path) -> dict[str, Any]:
    """The project in that directory; made where there is none."""
    after: str | None = None
    while True:
        page = api.get("/projects", limit=200, **({"after": after} if after else {}))
        for each in page["items"]:
            if each["path"] == str(root.resolve()):
                found: dict[str, Any] = each
                return found
        after = page["next"]
        if after is None:
            return _new_project(api, root)


def _new_project(api: "Api", root: Path) -> dict[str, Any]:
    wish = {"path": str(root), "title": f"{LABEL}: {root.name}"[: names.TITLE_CHARACTERS_MAX]}
    made: dict[str, Any]
    try:
        made = api.post("/projects", wish)
    except errors.Conflict:  # another directory of that name is one already
        digest = hashlib.sha256(str(root).encode()).hexdigest()
        made = api.post("/projects", wish | {"slug": f"{LABEL.lower()}-{digest[:12]}"})
    return made


def _maintainer() -> demo_council.Seat:
    """The seat of the maintainer, which works wherever a card has it work."""
    from conselho.cli.run import passed_on  # noqa: PLC0415 - brings what help does not need

    agent = {
        "title": f"{LABEL}: {maintainer.TITLE}",
        "description": maintainer.DESCRIPTION,
        "argv": maintainer.argv(),
        "env": passed_on(),
        "timeout_seconds": float(maintainer.TIMEOUT_SECONDS),
    }
    return demo_council.Seat(demo_council.slug_of(maintainer.NAME), maintainer.TITLE, DESCRIPTION, "", agent)
