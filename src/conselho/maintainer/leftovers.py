"""What was left in a file that nobody meant to hand over?

Only what is sure: a program that would stop for a debugger, a private key. Python is parsed, so that a word in a string
or a comment is none; in other languages the whole line must say it.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from conselho.analyses import broken_windows, excuses, formats, languages
from conselho.analyses.report import Finding, Severity
from conselho.maintainer import meaning

_DEBUGGERS = frozenset(("pdb", "ipdb", "pudb", "wdb", "rpdb", "remote_pdb"))
_STOPS = {
    "js jsx mjs cjs ts tsx mts cts vue svelte": re.compile(rb"^[ \t]*debugger[ \t]*;?[ \t]*\r?$", re.MULTILINE),
    "rb rake": re.compile(rb"^[ \t]*(?:binding\.(?:pry|irb)|byebug)[ \t]*\r?$", re.MULTILINE),
}
_STOPS_BY_SUFFIX = {suffix.encode(): pattern for suffixes, pattern in _STOPS.items() for suffix in suffixes.split()}
_PRIVATE_KEY = re.compile(rb"^-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----[ \t]*\r?$", re.MULTILINE)
_SECRET_NAME = re.compile(
    rb"^\.env(\.(local|dev|development|prod|production|staging|test))?$|^\.(netrc|pypirc|htpasswd|pgpass)$"
    rb"|^id_(rsa|dsa|ecdsa|ed25519)$|\.(p12|pfx|kdbx|jks|keystore)$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Leftover:
    """A finding. `is_of_a_line`: it counts only where its line is new."""

    finding: Finding
    is_of_a_line: bool


def judge(requires_minor: int | None, path: bytes, data: bytes) -> list[Leftover]:
    """What is to be objected to in one file. Runs in a child process, since parsers may die of a file."""
    broken = broken_windows.judge(requires_minor, path, data).finding
    found = [Leftover(broken, is_of_a_line=False)] if broken else []
    stops = set(_stops(path, data))
    found += [
        Leftover(Finding(f"{what} was left", Severity.ERROR, path, line, ("stop", path, what)), is_of_a_line=True)
        for line, what in sorted(stops)
    ]
    severity = Severity.WARNING if excuses.is_test_data(path) else Severity.ERROR
    for match in _PRIVATE_KEY.finditer(data):
        line = data.count(b"\n", 0, match.start()) + 1
        found.append(Leftover(Finding("a private key", severity, path, line, ("key", path)), is_of_a_line=True))
    return found


def is_secret_by_name(path: bytes) -> bool:
    """Whether a file of this name usually holds secrets."""
    return _SECRET_NAME.search(languages.name(path)) is not None


def _stops(path: bytes, data: bytes) -> Iterator[tuple[int, str]]:
    """(line, what stands there) of each place that would stop the program for a debugger."""
    suffix = languages.suffix(path)
    if suffix in formats.PYTHON_SUFFIXES:
        yield from _python_stops(data)
    elif pattern := _STOPS_BY_SUFFIX.get(suffix):
        for match in pattern.finditer(data):
            yield data.count(b"\n", 0, match.start()) + 1, match[0].strip().rstrip(b";").decode()


def _python_stops(data: bytes) -> Iterator[tuple[int, str]]:
    try:
        nodes = ast.walk(meaning.tree(data))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    for node in nodes:
        match node:
            case ast.Call(func=ast.Name(id="breakpoint")):
                yield node.lineno, "breakpoint()"
            case ast.Import(names=names):
                yield from ((node.lineno, f"import {each.name}") for each in names if each.name in _DEBUGGERS)
            case ast.ImportFrom(module=str(module), level=0) if module in _DEBUGGERS:
                yield node.lineno, f"import {module}"
