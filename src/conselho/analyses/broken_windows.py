"""What is broken and lies open for everyone to see?

A file that cannot be read by its own tools, or a merge that was committed unfinished, is an error: it fails
whoever touches it next. One finding a file: a conflict is the cause of the fault it makes. In a file that
parses nothing is in conflict; what looks like it is text in a string. YAML alone could take the marks for
text, so it is looked at.
"""

import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial

from conselho.analyses import excuses, formats, isolation, languages, program
from conselho.analyses.conflicts import conflict_lines
from conselho.analyses.report import Finding, Severity, more
from conselho.analyses.text import counted

PRINTED_MAX = 60
"""Lines of output; the verdict has more."""

GAVE_UP = f"its parser crashed or took longer than {isolation.FILE_SECONDS_MAX} seconds"

_MARKDOWN = (b"md", b"markdown", b"mdx")
_YAML = (b"yaml", b"yml")
_FORMATS = {b"py": "Python", b"pyi": "Python", b"toml": "TOML", b"yaml": "YAML", b"yml": "YAML"}


@dataclass(frozen=True)
class Judgement:
    """Of one file: what is wrong, or why what is wrong is let pass; nothing of either is well."""

    finding: Finding | None = None
    excuse: str | None = None


@dataclass
class Looked:
    """How much was looked at, and what was let pass, counted by reason."""

    read: int = 0
    parsed: int = 0
    excused: Counter[str] = field(default_factory=Counter)


def main() -> int:
    """Run it as a program."""
    return program.run(program.parser("broken_windows", "~/src/shop"), analyse)


def analyse(work: program.Work) -> str:
    """Print and keep what is broken, in the order of the files; returns the summary."""
    looked = Looked()
    pyproject = b"pyproject.toml"
    requires_minor = excuses.required_minor(
        work.repository.read(pyproject) if pyproject in work.repository.files else None
    )
    for _, judgement in isolation.judged(_files(work, looked), partial(judge, requires_minor)):
        if judgement is None:
            looked.excused[GAVE_UP] += 1
        elif judgement.finding:
            _tell(work, judgement.finding)
        elif judgement.excuse:
            looked.excused[judgement.excuse] += 1
    _say_excuses(work, looked)
    return _summary(work, looked)


def judge(requires_minor: int | None, path: bytes, data: bytes) -> Judgement:
    """One file. `requires_minor`: the Python 3 that the project asks for."""
    check = formats.check_of(path)
    fault = check(data) if check else None
    conflicts = _conflicts(path, data) if fault or check is None or languages.suffix(path) in _YAML else []
    if conflicts:
        if excuses.is_test_data(path):
            return Judgement(excuse=excuses.TEST_DATA)
        title = f"{counted(len(conflicts), 'merge conflict')} left in the file"
        return Judgement(Finding(title, Severity.ERROR, path, conflicts[0], ("conflict", path)))
    if fault is None:
        return Judgement()
    if reason := excuses.excuse(path, data, requires_minor):
        return Judgement(excuse=reason)
    kind = _FORMATS.get(languages.suffix(path), "JSON")
    fails = f"does not compile with Python {formats.PYTHON}" if kind == "Python" else f"is no valid {kind}"
    title = f"{fails}: {fault.reason}"
    return Judgement(Finding(title, Severity.ERROR, path, fault.line, (kind.lower(), path)))


def _conflicts(path: bytes, data: bytes) -> list[int]:
    return conflict_lines(data, fenced=languages.suffix(path) in _MARKDOWN)


def _files(work: program.Work, looked: Looked) -> Iterator[tuple[bytes, bytes]]:
    for number, path in enumerate(work.repository.files):
        work.report.progress(number, len(work.repository.files), "files read")
        data = work.repository.read(path)
        if data is not None:
            looked.read += 1
            looked.parsed += formats.check_of(path) is not None
            yield path, data


def _tell(work: program.Work, finding: Finding) -> None:
    work.report.add(finding)
    if len(work.report.findings) <= PRINTED_MAX:
        work.report.say(f"{finding.severity:8} {work.report.place(finding)}  {finding.title}")


def _say_excuses(work: program.Work, looked: Looked) -> None:
    if len(work.report.findings) > PRINTED_MAX:
        work.report.say(more(PRINTED_MAX, len(work.report.findings)))
    for reason, count in looked.excused.most_common():
        work.report.say(f"Let pass: {counted(count, 'file')} ({reason}).")


def _summary(work: program.Work, looked: Looked) -> str:
    broken = len(work.report.findings)
    parsed = counted(looked.parsed, "Python, JSON, TOML or YAML file")
    if not broken:
        return f"Nothing is broken in {counted(looked.read, 'file')}, {parsed} among them."
    return f"{counted(broken, 'file is', 'files are')} broken, of {counted(looked.read, 'file')} ({parsed})."


if __name__ == "__main__":
    sys.exit(main())
