"""`implement`: mend what `plan` names, file by file.

Each file is replaced whole; what somebody else changed meanwhile is left to the next run. A second run finds nothing.
"""

from collections import Counter

from conselho.analyses.report import Finding, Report, Severity
from conselho.analyses.text import counted
from conselho.maintainer import markdown, replacing, survey
from conselho.maintainer.judging import Judged
from conselho.maintainer.plan import title
from conselho.maintainer.survey import Survey
from conselho.maintainer.tree import Tree
from conselho.maintainer.whitespace import Kind


def implement(tree: Tree, report: Report) -> str:
    """Mend, and print each file that was changed; returns the summary. Raises: errors.Conflict, errors.Unavailable."""
    begun = survey.begun(tree)
    told: Counter[str] = Counter()
    for path, judged in survey.judged(begun, report, mending=True):
        if judged is not None and judged.broken:
            told["broken"] += 1
        if judged is None or judged.after is None:
            continue
        lines = _mended(begun, path, judged)
        why_not = replacing.replace(begun.here, path, judged.digest, judged.after)
        if why_not:
            report.say(f"left {markdown.code(path)}: {why_not}")
            report.add(Finding(f"not mended: {why_not}", Severity.WARNING, path, None, ("not mended", path)))
            continue
        told["files"] += 1
        told["faults"] += sum(map(len, lines.values()))
        what = ", ".join(title(kind, numbers) for kind, numbers in lines.items())
        report.say(f"changed {markdown.code(path)}: {what}")
    return _summary(begun, told, len(report.findings))


def _mended(begun: Survey, path: bytes, judged: Judged) -> dict[Kind, tuple[int, ...]]:
    lines = dict(judged.lines)
    if judged.has_fixed_imports:
        for fault in begun.imports[path]:
            lines[fault.kind] = (*lines.get(fault.kind, ()), fault.line)
    return lines


def _summary(begun: Survey, told: Counter[str], left: int) -> str:
    if told["files"]:
        said = f"Mended {counted(told['faults'], 'fault')} in {counted(told['files'], 'file')}."
    else:
        said = f"Nothing was changed in {counted(begun.read, 'text file')}."
    if left:
        said += f" {counted(left, 'file')} could not be mended."
    if told["broken"]:
        said += f" Left to a person, since they do not parse: {counted(told['broken'], 'file')}."
    return said
