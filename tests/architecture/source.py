"""What is there to be looked at? The files of the repository, and Python files with their tree and their comments."""

import ast
import fnmatch
import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "conselho"
TESTS = ROOT / "tests"

_NOQA = re.compile(r"#\s*(?:noqa|ruff|fmt|type)\b:?[\w\s,:\[\]-]*?(?: - |$)")


@dataclass(frozen=True)
class Source:
    """A Python file. `path` is relative to the package, or to the tests."""

    path: str
    text: str

    @property
    def room(self) -> str:
        """The first part of its path: the package it is in, or its own name."""
        return self.path.partition("/")[0]

    @cached_property
    def tree(self) -> ast.Module:
        """The file, parsed."""
        return ast.parse(self.text)

    @cached_property
    def reasons(self) -> dict[int, str]:
        """What the comments say, by line, without the words that are for tools."""
        readline = io.StringIO(self.text).readline
        comments = (token for token in tokenize.generate_tokens(readline) if token.type == tokenize.COMMENT)
        said = ((token.start[0], _NOQA.sub("", token.string).strip("# ")) for token in comments)
        return {line: words for line, words in said if words}

    def called(self) -> Iterator[tuple[int, str]]:
        """Every name that is called, dotted as it is written, with its line."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Call):
                yield node.lineno, dotted(node.func)

    def imported(self) -> Iterator[tuple[int, str]]:
        """Every module and every name that is imported, dotted, with its line."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from ((node.lineno, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)

    def gives_reason(self, line: int) -> bool:
        """Whether a comment stands on the line, or alone on the one before or behind it."""
        lines = self.text.splitlines()
        around = [line, *(near for near in (line - 1, line + 1) if near <= len(lines) and _is_comment(lines[near - 1]))]
        return any(near in self.reasons for near in around)


def dotted(node: ast.expr) -> str:
    """`a.b.c` of an expression; what is no name stands as an empty part."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return ""


@cache
def of_the_program() -> list[Source]:
    """The program."""
    return _below(PACKAGE)


@cache
def of_the_tests() -> list[Source]:
    """Its tests."""
    return _below(TESTS)


def files() -> list[Path]:
    """Every file that is kept in the repository or would be: all but what `.gitignore` names."""
    return sorted(_kept(ROOT, _ignored()))


def _ignored() -> list[str]:
    return [*(line.strip("/") for line in (ROOT / ".gitignore").read_text(encoding="utf-8").split()), ".git"]


def _below(directory: Path) -> list[Source]:
    paths = sorted(path for path in _kept(directory, _ignored()) if path.suffix == ".py")
    return [Source(path.relative_to(directory).as_posix(), path.read_text(encoding="utf-8")) for path in paths]


def _kept(directory: Path, ignored: list[str]) -> Iterator[Path]:
    for path in directory.iterdir():
        if any(fnmatch.fnmatch(path.name, pattern) for pattern in ignored):
            continue
        if path.is_dir():
            yield from _kept(path, ignored)
        else:
            yield path


def _is_comment(line: str) -> bool:
    return line.lstrip().startswith("#")
