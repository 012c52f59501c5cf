"""`plan`: what is mechanically wrong, what would `implement` do about it, and what is left to a person?

Nothing is changed. What does not parse is an error; what can be mended by itself is a warning.
"""

from collections import Counter
from dataclasses import dataclass, field

from conselho.analyses.broken_windows import GAVE_UP
from conselho.analyses.report import Finding, Report, Severity, left_out, more
from conselho.analyses.text import counted
from conselho.maintainer import markdown, survey
from conselho.maintainer.judging import Judged
from conselho.maintainer.survey import Survey
from conselho.maintainer.tree import Tree
from conselho.maintainer.whitespace import Kind

PRINTED_MAX = 60
"""Lines of each list; the verdict has more."""


@dataclass
class Found:
    """What was found: faults by file, what does not parse, and what was let pass, counted by reason."""

    faults: dict[bytes, dict[Kind, tuple[int, ...]]] = field(default_factory=dict)
    broken: list[Finding] = field(default_factory=list)
    excused: Counter[str] = field(default_factory=Counter)


def plan(tree: Tree, report: Report) -> str:
    """Print the plan and keep its findings; returns the summary. Raises: errors.Conflict, errors.Unavailable."""
    begun = survey.begun(tree)
    found = Found()
    for path, judged in survey.judged(begun, report, mending=False):
        _take(found, begun, path, judged)
    faults = sorted(found.faults.items())
    broken = sorted(found.broken, key=lambda finding: finding.file)
    for finding in broken:
        report.add(finding)
    for path, lines_by_kind in faults:
        for kind, lines in lines_by_kind.items():
            report.add(Finding(title(kind, lines), Severity.WARNING, path, lines[0], (kind.name.lower(), path)))
    report.say("# Plan")
    _say_faults(report, faults)
    _say_broken(report, broken)
    _say_rest(report, begun, found)
    return _summary(begun, faults, broken)


def title(kind: Kind, lines: tuple[int, ...]) -> str:
    """`trailing white space in 3 lines`."""
    if kind in (Kind.TRAILING_SPACE, Kind.LINE_ENDS):
        return f"{kind} in {counted(len(lines), 'line')}"
    return str(kind) if len(lines) == 1 else f"{kind} ({len(lines):,})"


def _take(found: Found, begun: Survey, path: bytes, judged: Judged | None) -> None:
    if judged is None:
        found.excused[GAVE_UP] += 1
    elif judged.broken:
        found.broken.append(judged.broken)
    elif judged.excuse:
        found.excused[judged.excuse] += 1
    else:
        lines = {kind: numbers for kind, numbers in judged.lines.items() if numbers}
        for kind in (Kind.UNSORTED_IMPORTS, Kind.UNUSED_IMPORTS):
            if numbers := tuple(fault.line for fault in begun.imports.get(path, ()) if fault.kind is kind):
                lines[kind] = numbers
        if lines:
            found.faults[path] = lines


def _say_faults(report: Report, faults: list[tuple[bytes, dict[Kind, tuple[int, ...]]]]) -> None:
    report.say("")
    report.say("## What implement will change")
    report.say("")
    if not faults:
        report.say("Nothing.")
        return
    report.say("| fault | places | files |")
    report.say("|---|---|---|")
    for kind in Kind:
        places = [lines[kind] for _, lines in faults if kind in lines]
        if places:
            report.say(f"| {kind} | {sum(map(len, places)):,} | {len(places):,} |")
    report.say("")
    entries = [(path, kind, lines) for path, by_kind in faults for kind, lines in by_kind.items()]
    for path, kind, lines in entries[:PRINTED_MAX]:
        where = f" (lines {markdown.numbers(lines)})" if len(lines) > 1 else ""
        report.say(f"- {markdown.place(path, lines[0])} {kind}{where}")
    if len(entries) > PRINTED_MAX:
        report.say(f"- {more(PRINTED_MAX, len(entries))}")


def _say_broken(report: Report, broken: list[Finding]) -> None:
    if not broken:
        return
    report.say("")
    report.say("## Left to a person")
    report.say("")
    for finding in broken[:PRINTED_MAX]:
        report.say(f"- {markdown.place(finding.file, finding.line)} {markdown.code(finding.title)}")
    if len(broken) > PRINTED_MAX:
        report.say(f"- {more(PRINTED_MAX, len(broken))}")


def _say_rest(report: Report, begun: Survey, found: Found) -> None:
    report.say("")
    report.say("## Looked at")
    report.say("")
    mended = counted(len(begun.wishes), "file is", "files are")
    report.say(f"- {counted(begun.read, 'text file')}; {mended} of a kind whose white space is mended")
    if begun.not_asked:
        report.say(f"- imports were not looked at: {begun.not_asked}")
    for reason, count in found.excused.most_common():
        report.say(f"- let pass: {counted(count, 'file')} ({reason})")
    if begun.tree.files.left_out:
        report.say(f"- left out: {left_out(begun.tree.files.left_out)}")
    report.say("")


def _summary(
    begun: Survey, faults: list[tuple[bytes, dict[Kind, tuple[int, ...]]]], broken: list[Finding]
) -> str:  # fmt: skip
    looked = counted(begun.read, "text file")
    if not faults and not broken:
        return f"Nothing to be mended in {looked}."
    count = sum(len(lines) for _, by_kind in faults for lines in by_kind.values())
    parts = []
    if count:
        parts.append(f"{counted(count, 'fault')} in {counted(len(faults), 'file')} that implement mends")
    if broken:
        parts.append(f"{counted(len(broken), 'file')} left to a person")
    return f"{', '.join(parts)}; {looked} looked at."
