"""`conselho demo`: a council of real analyses over a real git repository, and a card that goes through its commands.

Each analysis is an agent and a councilor like any other: fired at once, and then by its schedule while a server runs;
its runs are logged, judged and kept, and what they find is compared. What is wrong with the repository is said before
anything is started.
"""

import contextlib
import json
import os
import shlex
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from conselho import errors
from conselho.cli import councilor_reports, demo_card, demo_council, options, terminal
from conselho.cli.follow import Execution
from conselho.cli.named import Councilor
from conselho.cli.options import Place

if TYPE_CHECKING:
    from conselho.cli.client import Api
    from conselho.settings import Settings

DEFAULT_DATA_DIR = ".demo"

FINDINGS_SHOWN = 3
"""Of each analysis; the rest is a command away."""

EXIT_INTERRUPTED = 130


@click.command(
    "demo",
    short_help="Run real analyses over a git repository.",
    epilog=options.example("conselho demo", "conselho demo --repo ~/src/project --once"),
)
@click.option(
    "--repo", metavar="PATH", default=".", shell_complete=options.directories,
    help="The git repository (the current directory).",
)  # fmt: skip
@click.option("--once", is_flag=True, help="Do not leave a server running.")
@click.option(
    "--agent",
    "provider",
    metavar="NAME",
    type=click.Choice(demo_council.AGENT_CLIS),
    help=f"Who works on the card, and sits in the council to read: {', '.join(demo_council.AGENT_CLIS)}.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the finished runs and the councilors as JSON.")
@options.place
def command(place: Place, *, repo: str, once: bool, provider: str | None, as_json: bool) -> int:
    """Run real analyses over a git repository, take a card through its commands, and let the analyses go on.

    The card's work lies on a branch of its own; your checkout is not touched. Exit 0 if every run succeeded, whatever
    it found. The data is kept in ./.demo unless said otherwise.
    """
    if provider is not None:
        demo_council.check_agent_cli(provider)
    top, root = _repository(repo)
    place = _own_place(place)
    settings = place.settings()
    out = terminal.output()
    from conselho.cli import client, listener  # noqa: PLC0415

    is_ours = not listener.answers(settings)
    with client.writer(settings) as api, contextlib.ExitStack() as at_the_end:
        if is_ours:
            at_the_end.callback(_stop, api, settings)  # also where something goes wrong: it would fire for ever
        if not as_json:
            out.say(f"Analysing {out.foreign(str(root))}")
        councilors = _seated(api, root, provider)
        executions = _run_all(api, councilors, None if as_json else out)
        stories = _played(api, top, settings.data_dir, provider, None if as_json else out)
        reports = demo_council.reports(api, councilors)
        if as_json:
            _print_json(root, executions, reports, stories)
        else:
            _report(executions, reports, place, out)
            for story in stories:
                demo_card.tell(api, story, _program(place), out)
        if not once:
            at_the_end.pop_all()
    if is_ours and not once:
        _serve(settings)
    all_of_them = [*executions, *(run for story in stories for run in story.executions)]
    is_well = all(execution["status"] == "succeeded" for execution in all_of_them)
    return 0 if is_well and all(story.is_untouched for story in stories) else 1


def _repository(repo: str) -> tuple[Path, Path]:
    """The top of the repository, and the directory in it that is analysed.

    Raises: errors.Invalid saying why this path cannot be.
    """
    from conselho.analyses import git, repository  # noqa: PLC0415

    try:
        opened = repository.open_at(repo)
    except repository.UnusableError as error:
        raise errors.Invalid(str(error)) from error
    except (git.GitMissingError, git.GitFailedError) as error:
        raise errors.ConselhoError(str(error)) from error
    return opened.root, opened.root / os.fsdecode(opened.below)


def _own_place(place: Place) -> Place:
    """A demo does not mix with the data of daily work unless it is told to."""
    if place.data_dir or "CONSELHO_DATA_DIR" in os.environ or "CONSELHO_DATA_DIR_FILE" in os.environ:
        return place
    made = Path(os.path.abspath(DEFAULT_DATA_DIR))  # noqa: PTH100 - links are left alone
    made.mkdir(mode=0o700, exist_ok=True)
    ignored = made / ".gitignore"
    if not ignored.exists():
        ignored.write_text("*\n", encoding="utf-8")  # also of a repository that it lies in
    return Place(str(made), place.database_url)


def _seated(api: "Api", root: Path, provider: str | None) -> list[Councilor]:
    from conselho.analyses import catalog  # noqa: PLC0415

    seats = [demo_council.of_analysis(analysis, root) for analysis in catalog.ALL]
    if provider is not None:
        seats.append(demo_council.of_agent_cli(provider, root))
    return [demo_council.seat(api, each) for each in seats]


def _run_all(api: "Api", councilors: list[Councilor], out: terminal.Screen | None) -> list[Execution]:
    from conselho.cli.progress import Progress, cancelled_on_interrupt  # noqa: PLC0415

    started: list[Execution] = []
    with cancelled_on_interrupt(api, started):
        for councilor in councilors:
            started.append(demo_council.fire(api, councilor))  # noqa: PERF401 - those that began are to be known
        return Progress(api, started, out).watch()


def _played(
    api: "Api", top: Path, data_dir: Path, provider: str | None, out: terminal.Screen | None
) -> list[demo_card.Story]:
    """A card of the repository; where that has nothing to mend, another one of a repository made for practice."""
    from conselho.cli import demo_practice  # noqa: PLC0415 - brings what help does not need

    stories = [demo_card.play(api, top, provider, out)]
    if stories[0].has_ended_well and not stories[0].has_changed_something:
        stories.append(demo_card.play(api, demo_practice.repository(data_dir), provider, out))
    return stories


def _print_json(
    root: Path, executions: list[Execution], reports: list[dict[str, Any]], stories: list[demo_card.Story]
) -> None:
    councilors = [report["councilor"] for report in reports]
    cards = [
        story.card | {"executions": story.executions, "checkout_untouched": story.is_untouched} for story in stories
    ]
    told = {"repository": str(root), "executions": executions, "councilors": councilors, "cards": cards}
    print(json.dumps(told, ensure_ascii=False), flush=True)


def _report(executions: list[Execution], reports: list[dict[str, Any]], place: Place, out: terminal.Screen) -> None:
    headers = ("analysis", "severity", "summary", "findings", "duration", "success", "next")
    rows = [_row(execution, report, out) for execution, report in zip(executions, reports, strict=True)]
    out.say()
    terminal.table(headers, rows, out)
    for execution in executions:
        _show_findings(execution, out)
    worst = min(
        range(len(executions)),
        key=lambda each: ("error", "warning", "success").index(executions[each]["severity"] or "success"),
    )
    conselho = _program(place)
    out.say()
    out.say(f"While a server runs, each fires again: {_when(reports)}.")
    out.say("Look further:")
    out.say(f"  {conselho} councilors list")
    out.say(f"  {conselho} councilors report {reports[worst]['councilor']['slug']}")
    out.say(f"  {conselho} executions log {executions[worst]['id'][-terminal.SHORT_ID_LENGTH :]}")


def _when(reports: list[dict[str, Any]]) -> str:
    """When they fire: the analyses alike, an agent CLI seldom."""
    first, last = (report["councilor"]["schedule"]["words"] for report in (reports[0], reports[-1]))
    return first if first == last else f"{first}, and {terminal.one_line(reports[-1]['councilor']['title'])} {last}"


def _row(execution: Execution, report: dict[str, Any], out: terminal.Screen) -> list[str]:
    found = str(len(execution["findings"] or ()))
    new = demo_council.new_findings(report, execution)
    return [
        terminal.one_line(execution["title"]),
        terminal.severity(execution["severity"], out),
        terminal.one_line(execution["summary"] or execution["error"]),
        f"{found}, {new} new" if new else found,
        terminal.duration(execution["duration_seconds"]),
        councilor_reports.share(report["success_rate"]),
        terminal.moment(report["next_at"], out),
    ]


def _show_findings(execution: Execution, out: terminal.Screen) -> None:
    findings: list[dict[str, Any]] = execution["findings"] or []
    if not findings:
        return
    out.say()
    out.say(out.paint(terminal.one_line(execution["title"]), "bold"))
    for finding in findings[:FINDINGS_SHOWN]:
        out.say(f"  {terminal.finding(finding, out)}")
    if len(findings) > FINDINGS_SHOWN:
        out.say(out.paint(f"  and {len(findings) - FINDINGS_SHOWN} more", "dim"))


def _program(place: Place) -> str:
    """How this program is called from here, so that what we print can be copied."""
    called = Path(sys.argv[0])
    if called.name != "conselho":
        words = [sys.executable, "-m", "conselho"]
    elif shutil.which("conselho") == str(called):
        words = ["conselho"]
    else:
        words = [_relative(str(called))]
    if place.data_dir:
        words += ["--data-dir", _relative(place.data_dir)]
    return shlex.join(words)


def _relative(path: str) -> str:
    shorter = os.path.relpath(path)
    return path if shorter.startswith("..") or "/" not in path else shorter


def _stop(api: "Api", settings: "Settings") -> None:
    from conselho.cli import background  # noqa: PLC0415

    api.tell_to_stop()
    background.await_end(settings)


def _serve(settings: "Settings") -> None:
    from conselho.server import serving  # noqa: PLC0415

    def announce(greeting: serving.Greeting) -> None:
        print(f"\n{greeting.sentence}\nCtrl-C ends it.", file=sys.stderr, flush=True)

    try:
        serving.serve(settings, "serve", announce)
    except errors.AddressTaken:
        # Somebody who tries the demo need not care for ports.
        serving.serve(settings.model_copy(update={"port": 0}), "serve", announce)
