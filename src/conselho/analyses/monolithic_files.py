"""Which files and functions are too long?

Only source code that people wrote: generated and vendored files, prose and data are left alone. Long is a
warning, never an error: the code works, it is just hard to change.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial

from conselho.analyses import isolation, languages, program
from conselho.analyses.functions import Function, braced_functions, python_functions
from conselho.analyses.report import Finding, Severity, more
from conselho.analyses.text import counted

FILE_LINES_MAX = 500
"""About ten screens: beyond it people search instead of reading."""

FUNCTION_LINES_MAX = 80
"""Two screens: beyond it the start is forgotten at the end."""

PRINTED_MAX = 40
"""Lines of output; the verdict has more."""


@dataclass
class Measured:
    """What was too long, and how much was looked at."""

    files: list[tuple[int, bytes]] = field(default_factory=list)
    functions: list[tuple[Function, bytes]] = field(default_factory=list)
    read: int = 0
    unparsed: int = 0


def main() -> int:
    """Run it as a program."""
    parser = program.parser("monolithic_files", "--file-lines 400 ~/src/shop")
    parser.add_argument(
        "--file-lines",
        type=program.natural,
        default=FILE_LINES_MAX,
        metavar="N",
        help="a file may have this many lines (default: %(default)s, about ten screens)",
    )
    parser.add_argument(
        "--function-lines",
        type=program.natural,
        default=FUNCTION_LINES_MAX,
        metavar="N",
        help="a function may have this many lines, docstring aside (default: %(default)s, two screens)",
    )
    return program.run(parser, analyse)


def analyse(work: program.Work) -> str:
    """Print and keep what is too long, the longest first; returns the summary."""
    measured = _measure(work)
    findings = [*_long_files(work, measured), *_long_functions(work, measured)]
    for number, finding in enumerate(findings):
        work.report.add(finding)
        if number < PRINTED_MAX:
            work.report.say(f"{finding.severity:8} {work.report.place(finding)}  {finding.title}")
    if len(findings) > PRINTED_MAX:
        work.report.say(more(PRINTED_MAX, len(findings)))
    if measured.unparsed:
        what = counted(measured.unparsed, "Python file does", "Python files do")
        work.report.say(f"{what} not parse: their functions were not measured (broken_windows says why).")
    return _summary(work, measured)


def _measure(work: program.Work) -> Measured:
    measured = Measured()
    find = partial(_long_functions_of, work.options.function_lines)
    for path, functions in isolation.judged(_source_files(work, measured), find):
        if functions is None:
            measured.unparsed += 1
        else:
            measured.functions += [(function, path) for function in functions]
    measured.files.sort(key=lambda found: (-found[0], found[1]))
    measured.functions.sort(key=lambda found: (-found[0].lines, found[1], found[0].line))
    return measured


def _source_files(work: program.Work, measured: Measured) -> Iterator[tuple[bytes, bytes]]:
    """(path, data) of the files that may hold long functions, while counting and measuring all of them."""
    for number, path in enumerate(work.repository.files):
        work.report.progress(number, len(work.repository.files), "files read")
        if languages.language(path) is None or languages.is_foreign(path):
            continue
        data = work.repository.read(path)
        if data is None or languages.is_generated(data):
            continue
        measured.read += 1
        lines = len(data.splitlines())
        if lines > work.options.file_lines:
            measured.files.append((lines, path))
        if lines > work.options.function_lines:
            yield path, data


def _long_functions_of(longest: int, path: bytes, data: bytes) -> list[Function] | None:
    """None when the file does not parse."""
    language = languages.language(path) or ""
    try:
        if language == "python":
            functions = python_functions(data)
        else:
            functions = braced_functions(data.decode(errors="replace"), language)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return [function for function in functions if function.lines > longest]


def _long_files(work: program.Work, measured: Measured) -> list[Finding]:
    most = work.options.file_lines
    return [
        Finding(f"file of {lines:,} lines ({most:,} at most)", Severity.WARNING, path, 1, ("file", path))
        for lines, path in measured.files
    ]


def _long_functions(work: program.Work, measured: Measured) -> list[Finding]:
    most = work.options.function_lines
    return [
        Finding(
            f"{function.name} has {function.lines:,} lines ({most:,} at most)",
            Severity.WARNING,
            path,
            function.line,
            ("function", path, function.name),
        )
        for function, path in measured.functions
    ]


def _summary(work: program.Work, measured: Measured) -> str:
    read = counted(measured.read, "source file")
    if not measured.files and not measured.functions:
        return (
            f"No file is longer than {work.options.file_lines:,} lines and no function longer than "
            f"{work.options.function_lines:,}, in {read}."
        )
    found = len(measured.files) + len(measured.functions)
    long = [(len(measured.files), "file"), (len(measured.functions), "function")]
    what = " and ".join(counted(count, word) for count, word in long if count)
    return f"{what} {'is' if found == 1 else 'are'} too long ({read} measured)."


if __name__ == "__main__":
    sys.exit(main())
