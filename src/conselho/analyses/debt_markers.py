"""Which promises are in the comments, how old are they and whose?

FIXME and XXX say that something is wrong now: a warning at any age. TODO and HACK say "later": a warning
when later has not come for a while; younger ones are shown, but they are somebody's work and no finding. A
date that cannot be known (the bounds of blame) counts as old.
"""

import sys
import time
from dataclasses import dataclass

from conselho.analyses import blame, comments, languages, program
from conselho.analyses.blame import Lines, Origin
from conselho.analyses.comments import Marker
from conselho.analyses.report import Finding, Severity, more
from conselho.analyses.text import age, counted, shown

PATIENCE_DAYS = 30
"""About two iterations: what was put off this long has no place in anyone's plan."""

BLAME_SECONDS = 30
"""For all files together; most repositories need a few."""

PRINTED_MAX = 60
"""Lines of output; the verdict has more."""

TEXT_LENGTH_MAX = 90
AUTHOR_LENGTH_MAX = 18
DAY_SECONDS = 86_400
_WRONG_NOW = ("FIXME", "XXX")


@dataclass(frozen=True)
class Debt:
    """A marker and its age in days; None where it is not known."""

    path: bytes
    marker: Marker
    author: str
    days: int | None

    @property
    def title(self) -> str:
        """`TODO: what it says`."""
        text = shown(self.marker.text, TEXT_LENGTH_MAX) or "(says nothing)"
        return f"{self.marker.word}{'' if text.startswith('(') else ':'} {text}"

    @property
    def aged(self) -> str:
        """Its age in words."""
        return "age unknown" if self.days is None else age(self.days)


def main() -> int:
    """Run it as a program."""
    parser = program.parser("debt_markers", "--patience-days 90 ~/src/shop")
    parser.add_argument(
        "--patience-days",
        type=program.natural,
        default=PATIENCE_DAYS,
        metavar="N",
        help="a TODO or HACK older than this is a finding (default: %(default)s, about two iterations)",
    )
    parser.add_argument(
        "--blame-seconds",
        type=program.natural,
        default=BLAME_SECONDS,
        metavar="N",
        help="time for asking git who wrote the lines; without it ages stay unknown (default: %(default)s)",
    )
    return program.run(parser, analyse)


def analyse(work: program.Work) -> str:
    """Print the markers, the oldest first, keep those that are due; returns the summary."""
    debts = _aged(work, _found(work))
    due = [debt for debt in debts if _is_due(debt, work.options.patience_days)]
    for debt in debts[:PRINTED_MAX]:
        author = shown(debt.author, AUTHOR_LENGTH_MAX)
        place = f"{shown(debt.path)}:{debt.marker.line}"
        work.report.say(f"{debt.aged:>11}  {author:{AUTHOR_LENGTH_MAX}}  {place}  {debt.title}")
    if len(debts) > PRINTED_MAX:
        work.report.say(more(PRINTED_MAX, len(debts)))
    for debt in due:
        title = f"{debt.title} ({', '.join(filter(None, (debt.aged, debt.author)))})"
        key = (debt.marker.word.lower(), debt.path, debt.marker.text)
        work.report.add(Finding(title, Severity.WARNING, debt.path, debt.marker.line, key))
    if work.repository.shallow:
        work.report.say("This clone is shallow: lines older than its first commit seem as young as that.")
    return _summary(work, debts, due)


def _found(work: program.Work) -> list[tuple[bytes, Marker, bytes]]:
    """(path, marker, the line it is on) of every marker."""
    found: list[tuple[bytes, Marker, bytes]] = []
    for number, path in enumerate(work.repository.files):
        work.report.progress(number, len(work.repository.files), "files read")
        if languages.is_foreign(path) or not comments.has_comments(path):
            continue
        data = work.repository.read(path)
        if data is None or languages.is_generated(data):
            continue
        if markers := comments.markers(path, data):
            lines = data.split(b"\n")
            found += [(path, marker, lines[marker.line - 1].strip()) for marker in markers]
    return found


def _aged(work: program.Work, found: list[tuple[bytes, Marker, bytes]]) -> list[Debt]:
    paths = dict.fromkeys(path for path, _, _ in found)
    origins = blame.origins(
        work.repository.root,
        paths,
        seconds=work.options.blame_seconds,
        progress=lambda done, total: work.report.progress(done, total, "files blamed"),
    )
    now = time.time()
    debts = [_debt(path, marker, line, origins.get(path), now) for path, marker, line in found]
    unknown = sum(debt.days is None for debt in debts)
    if unknown:
        work.report.say(f"{counted(unknown, 'age')} unknown: git blame failed or was stopped at its bounds.")
    return sorted(debts, key=lambda debt: (-(debt.days or 0), debt.days is None, debt.path, debt.marker.line))


def _debt(path: bytes, marker: Marker, line: bytes, lines: Lines | None, now: float) -> Debt:
    if lines is None:
        return Debt(path, marker, "", None)
    same = lines.get(line)
    origin = same.popleft() if same else Origin("not committed", int(now))
    return Debt(path, marker, origin.author, max(0, int(now - origin.at) // DAY_SECONDS))


def _is_due(debt: Debt, patience_days: int) -> bool:
    return debt.marker.word in _WRONG_NOW or debt.days is None or debt.days > patience_days


def _summary(work: program.Work, debts: list[Debt], due: list[Debt]) -> str:
    if not debts:
        return f"No TODO, FIXME, HACK or XXX in the comments of {counted(len(work.repository.files), 'file')}."
    files = counted(len({debt.path for debt in debts}), "file")
    oldest = debts[0]
    young = counted(len(debts) - len(due), "young one is", "young ones are")
    patience = counted(work.options.patience_days, "day")
    return (
        f"{counted(len(debts), 'marker')} in {files}; the oldest: {oldest.aged}, "
        f"{shown(oldest.path)}:{oldest.marker.line}."
        + (f" {young} no finding (TODO and HACK up to {patience})." if len(debts) > len(due) else "")
    )


if __name__ == "__main__":
    sys.exit(main())
