"""Which files are changed again and again, although they are large?

Change alone is no problem, nor is size: together they are where the next mistake is made. The score is
commits times lines; a file is a warning when it passes both thresholds. Only source code that people wrote
is ranked.
"""

import sys
import time
from dataclasses import dataclass

from conselho.analyses import history, languages, program
from conselho.analyses.history import Changes, History
from conselho.analyses.report import Finding, Severity
from conselho.analyses.text import counted, shown

MONTHS = 12
"""Older changes say how a file became what it is, not where work goes on."""

MONTH_DAYS = 30.44
DAY_SECONDS = 86_400

COMMITS_MAX = 20
"""In twelve months one change every two and a half weeks: someone always has it open."""

LINES_MAX = 300
"""About six screens: below it a file that changes often is still easy to change."""

RANKED_COMMITS_MIN = 2
"""A file written once and left alone is no spot."""

RANKED_MAX = 15
"""Lines of output: nobody starts with the sixteenth."""

AUTHORS_NAMED = 3


@dataclass(frozen=True)
class Spot:
    """A file of today, its length and its changes."""

    path: bytes
    lines: int
    changes: Changes

    @property
    def score(self) -> int:
        """What it is ranked by."""
        return self.changes.commits * self.lines


def main() -> int:
    """Run it as a program."""
    parser = program.parser("hot_spots", "--months 3 ~/src/shop")
    parser.add_argument(
        "--months",
        type=program.natural,
        default=MONTHS,
        metavar="N",
        help="how far to look back, 0 for all of history (default: %(default)s)",
    )
    parser.add_argument(
        "--commits",
        type=program.natural,
        default=COMMITS_MAX,
        metavar="N",
        help="a file changed by this many commits is a warning if it is large too (default: %(default)s)",
    )
    parser.add_argument(
        "--lines",
        type=program.natural,
        default=LINES_MAX,
        metavar="N",
        help="and it is large from this many lines (default: %(default)s, about six screens)",
    )
    return program.run(parser, analyse)


def analyse(work: program.Work) -> str:
    """Print the ranking, keep what passes both thresholds; returns the summary."""
    months = work.options.months
    since = int(time.time() - months * MONTH_DAYS * DAY_SECONDS) if months else None
    known = history.read(work.repository, since, lambda commits: work.report.progress(commits, None, "commits read"))
    period = f"in the last {counted(months, 'month')}" if months else "in all of history"
    if not known.commits:
        return f"No commit {period}."
    people = counted(len(known.authors), "person", "people")
    work.report.say(f"{counted(known.commits, 'commit')} by {people} {period}.")
    _say_limits(work, known)
    spots = _ranked(work, known)
    _print(work, spots, len(known.authors))
    hot = [spot for spot in spots if _is_hot(work, spot)]
    for spot in hot:
        work.report.add(_finding(spot, period))
    if not hot:
        changed = counted(len(spots), "source file")
        return f"No file is both large and changed often ({changed} changed more than once {period})."
    return (
        f"{counted(len(hot), 'hot spot')} {period}, first {shown(hot[0].path)}: "
        f"{counted(hot[0].changes.commits, 'commit')} on {counted(hot[0].lines, 'line')}."
    )


def _say_limits(work: program.Work, known: History) -> None:
    if known.mass_edits:
        what = counted(known.mass_edits, "mass edit is", "mass edits are")
        work.report.say(f"{what} not counted (over {history.FILES_IN_COMMIT_MAX} files in one commit).")
    if not known.whole:
        work.report.say(f"Stopped after {history.SECONDS_MAX:.0f} seconds: older commits are not counted.")
    if work.repository.shallow:
        work.report.say("This clone is shallow: its older commits are not here to be counted.")


def _ranked(work: program.Work, known: History) -> list[Spot]:
    spots = []
    for path in work.repository.files:
        changes = known.files.get(path)
        if changes is None or changes.commits < RANKED_COMMITS_MIN:
            continue
        if languages.language(path) is None or languages.is_foreign(path):
            continue
        data = work.repository.read(path)
        if data is not None and not languages.is_generated(data):
            spots.append(Spot(path, data.count(b"\n"), changes))
    return sorted(spots, key=lambda spot: (-spot.score, spot.path))


def _print(work: program.Work, spots: list[Spot], people: int) -> None:
    if not spots:
        return
    work.report.say("commits   lines    added  deleted  file")
    for spot in spots[:RANKED_MAX]:
        changes = spot.changes
        work.report.say(
            f"{changes.commits:7,} {spot.lines:7,} {changes.added:+8,} {-changes.deleted:8,}  "
            f"{shown(spot.path)}{_authors(changes) if people > 1 else ''}"
        )
    if len(spots) > RANKED_MAX:
        work.report.say(f"… and {counted(len(spots) - RANKED_MAX, 'file')} with less")


def _authors(changes: Changes) -> str:
    """` (Ana 60%, Bruno 25%, 4 others)`."""
    if len(changes.authors) == 1:
        return f" ({next(iter(changes.authors))})"
    named = changes.authors.most_common(AUTHORS_NAMED)
    words = [f"{name} {round(100 * commits / changes.commits)}%" for name, commits in named]
    others = len(changes.authors) - len(named)
    return f" ({', '.join([*words, *([counted(others, 'other')] if others else [])])})"


def _is_hot(work: program.Work, spot: Spot) -> bool:
    options = work.options
    return bool(spot.changes.commits >= options.commits and spot.lines >= options.lines)


def _finding(spot: Spot, period: str) -> Finding:
    people = counted(len(spot.changes.authors), "person", "people")
    commits = counted(spot.changes.commits, "commit")
    title = f"changed by {commits} of {people} {period}, {spot.lines:,} lines long"
    return Finding(title, Severity.WARNING, spot.path, None, ("file", spot.path))


if __name__ == "__main__":
    sys.exit(main())
