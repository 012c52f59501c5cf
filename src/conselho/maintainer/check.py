"""`test`: does the project pass its own check?

Its exit code decides. Without one, whatever can be parsed is parsed: Python is compiled in memory, nothing is run and
no `.pyc` is written.
"""

import signal
import subprocess
import sys
from collections.abc import Sequence
from functools import partial

from conselho import errors
from conselho.analyses import broken_windows, excuses, formats, isolation
from conselho.analyses.report import Finding, Report, Severity, left_out, more
from conselho.analyses.text import counted, shown
from conselho.maintainer import markdown
from conselho.maintainer.tree import Tree

PRINTED_MAX = 60
"""Lines of output; the verdict has more."""


def run(argv: Sequence[str], report: Report) -> str:
    """Run the project's check here, its output passed on as it comes; returns the summary.

    Raises: errors.Invalid for one that cannot be started.
    """
    report.say(f"$ {shown(' '.join(argv))}")
    sys.stderr.flush()
    try:
        code = subprocess.run(argv, stdin=subprocess.DEVNULL, check=False).returncode
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise errors.Invalid(f"{shown(argv[0])} cannot be started: {why}: mend the project's check") from error
    report.say("")  # Its last line may have no end, and the verdict has a line of its own.
    if code == 0:
        return "The project's check passed."
    ended = f"was ended by {_signal(-code)}" if code < 0 else f"ended with exit code {code}"
    title = f"the project's check {ended}"
    report.add(Finding(title, Severity.ERROR, b"", None, ("check",)))
    return f"The project's check failed: it {ended}."


def parse(tree: Tree, report: Report) -> str:
    """Parse what can be parsed; returns the summary."""
    minor = excuses.required_minor(tree.peek(b"pyproject.toml"))
    paths = [path for path in tree.files.files if formats.check_of(path)]
    parsed = excused = 0
    judge = partial(broken_windows.judge, minor)
    for path, judged in isolation.judged(tree.readable(paths), judge):
        parsed += 1
        report.progress(parsed, len(paths), "files parsed")
        if judged is None:
            report.say(f"let pass: {markdown.code(path)} ({broken_windows.GAVE_UP})")
        excused += judged is None or judged.excuse is not None
        if judged and judged.finding:
            report.add(judged.finding)
            if len(report.findings) <= PRINTED_MAX:
                report.say(f"{judged.finding.severity:8} {report.place(judged.finding)}  {judged.finding.title}")
    if len(report.findings) > PRINTED_MAX:
        report.say(more(PRINTED_MAX, len(report.findings)))
    if tree.files.left_out:
        report.say(f"Left out: {left_out(tree.files.left_out)}.")
    return _summary(report, parsed, excused)


def _summary(report: Report, parsed: int, excused: int) -> str:
    if parsed == excused:
        report.add(Finding("nothing could be tested", Severity.WARNING, b"", None, ("nothing",)))
        return (
            "Nothing was tested: the project has no check, and no Python, JSON, TOML or YAML file that could be parsed."
        )
    what = counted(parsed, "Python, JSON, TOML or YAML file")
    broken = len(report.findings)
    said = f"{counted(broken, 'file does', 'files do')} not parse, of {what}." if broken else f"All parse: {what}"
    if not broken:
        said += f", {excused:,} of them let pass." if excused else "."
    return f"{said} The project has no check of its own."


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
