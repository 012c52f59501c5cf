"""`review`: what has changed since the work began, and what is to be objected to in it?

In a repository committed, staged, unstaged and new files count, as one difference. Without a repository nobody knows
what has changed, so all files are looked at, and the report says so.
"""

import re
from collections.abc import Iterator, Sequence
from functools import partial

from conselho import errors
from conselho.analyses import excuses, isolation
from conselho.analyses.broken_windows import GAVE_UP
from conselho.analyses.report import Finding, Report, Severity, left_out, more
from conselho.analyses.text import counted, shown
from conselho.maintainer import leftovers, markdown
from conselho.maintainer.leftovers import Leftover
from conselho.maintainer.tree import Tree
from conselho.projects import diffs, repositories
from conselho.projects.diffs import Difference, FileChange
from conselho.projects.git import Git

PRINTED_MAX = 100
"""Files, and findings, that are named one by one; the verdict has more findings."""

_HUNK = re.compile(r"@@ -\d+(?:,\d+)? \+(\d+)")


def review(tree: Tree, base: str | None, report: Report) -> str:
    """Print what has changed, and what was found in it; returns the summary.

    `base`: the commit at which the work began; None: the last one.

    Raises: errors.Conflict where there is no such commit; errors.Unavailable.
    """
    report.say("# Review")
    report.say("")
    if base is None and tree.git is not None:
        base = repositories.commit_of(tree.git, "HEAD")
    if tree.git is None or base is None:
        return _of_everything(tree, base, report)
    changes, said = _changes(tree, tree.git, base, report)
    _say_changes(report, changes)
    for change, name in changes:
        _look_at_name(report, change, name)
    new_lines = {name: _new_lines(change) for change, name in changes}
    _look_into(report, tree, [name for change, name in changes if _is_readable(change)], new_lines)
    return f"{said} {_objections(report)}"


def _of_everything(tree: Tree, base: str | None, report: Report) -> str:
    if base is not None:
        raise errors.Conflict(f"there is no repository here, and so no commit {shown(base, 40)} to compare with")
    report.say("There is no commit to compare with: all files were looked at.")
    _look_into(report, tree, tree.files.files, {})
    return f"{counted(len(tree.files.files), 'file')} looked at, with nothing to compare. {_objections(report)}"


def _changes(tree: Tree, git: Git, base: str, report: Report) -> tuple[list[tuple[FileChange, bytes]], str]:
    """What has changed below the directory, with its name there; and that in one sentence."""
    found = diffs.of_tree(git, base)
    changes = [
        (change, change.name.removeprefix(tree.below)) for change in found.files if change.name.startswith(tree.below)
    ]
    for nested in found.nested:
        report.say(f"Not looked into: {markdown.code(nested)}, a repository of its own.")
    if found.files_total > len(found.files):
        report.say(f"Only the first {len(found.files):,} of {found.files_total:,} changed files were looked at.")
    return changes, _totals(tree, found, changes)


def _totals(tree: Tree, found: Difference, changes: list[tuple[FileChange, bytes]]) -> str:
    since = f"since {found.base[:12]}"
    if tree.below:
        files, added = len(changes), sum(change.lines_added or 0 for change, _ in changes)
        removed = sum(change.lines_removed or 0 for change, _ in changes)
    else:
        files, added, removed = found.files_total, found.lines_added, found.lines_removed
    if not files:
        return f"Nothing has changed {since}."
    return f"{counted(files, 'file')} changed {since}: {counted(added, 'line')} added, {removed:,} removed."


def _say_changes(report: Report, changes: Sequence[tuple[FileChange, bytes]]) -> None:
    for change, name in changes[:PRINTED_MAX]:
        lines = "" if change.lines_added is None else f" +{change.lines_added:,} -{change.lines_removed:,}"
        kind = "" if change.kind == "file" else f" {change.kind}"
        report.say(f"- {change.status}{kind} {markdown.code(name)}{lines}{' (large)' if change.is_large else ''}")
    if len(changes) > PRINTED_MAX:
        report.say(f"- {more(PRINTED_MAX, len(changes))}")
    report.say("")


def _look_at_name(report: Report, change: FileChange, name: bytes) -> None:
    """What the change itself says, whatever is in the file."""
    if change.status in ("removed", "changed"):
        return
    if change.is_large:
        title = f"a file of more than {diffs.FILE_BYTES_MAX >> 20} MiB was added"
        report.add(Finding(title, Severity.WARNING, name, None, ("large", name)))
    if leftovers.is_secret_by_name(name):
        title = "a file was added whose name says that it holds secrets"
        report.add(Finding(title, Severity.WARNING, name, None, ("secret", name)))


def _is_readable(change: FileChange) -> bool:
    return change.status != "removed" and change.kind == "file" and not (change.is_large or change.is_binary)


def _new_lines(change: FileChange) -> frozenset[int] | None:
    """The lines that are new, from 1; None where that is not known, as of a patch that was cut."""
    if change.patch is None or change.is_cut:
        return None
    return frozenset(_added(change.patch))


def _added(patch: str) -> Iterator[int]:
    number, is_within = 0, False
    for line in patch.split("\n"):
        if hunk := _HUNK.match(line):
            number, is_within = int(hunk[1]), True
        elif line.startswith("diff --git "):
            is_within = False  # the headers of a second part begin with + and -, too
        elif is_within and line.startswith(("+", " ")):
            if line.startswith("+"):
                yield number
            number += 1


def _look_into(report: Report, tree: Tree, paths: list[bytes], new_lines: dict[bytes, frozenset[int] | None]) -> None:
    judge = partial(leftovers.judge, excuses.required_minor(tree.peek(b"pyproject.toml")))
    for path, found in isolation.judged(tree.readable(paths), judge):
        if found is None:
            report.say(f"let pass: {markdown.code(path)} ({GAVE_UP})")
        for leftover in found or ():
            if _counts(leftover, new_lines.get(path)):
                report.add(leftover.finding)
    for finding in report.findings[:PRINTED_MAX]:
        report.say(f"- {finding.severity}: {markdown.place(finding.file, finding.line)} {markdown.code(finding.title)}")
    if len(report.findings) > PRINTED_MAX:
        report.say(f"- {more(PRINTED_MAX, len(report.findings))}")
    if tree.files.left_out:
        report.say(f"- left out: {left_out(tree.files.left_out)}")
    report.say("")


def _counts(leftover: Leftover, new_lines: frozenset[int] | None) -> bool:
    return not leftover.is_of_a_line or new_lines is None or leftover.finding.line in new_lines


def _objections(report: Report) -> str:
    return f"{counted(len(report.findings), 'finding')}." if report.findings else "Nothing to object to."
